"""DESIGN §6 lists the contract's clauses; here is where each is tested."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent

CLAUSES: dict[str, dict[str, list[str]]] = {
    "durable on return": {
        "test_insert": ["test_insert_is_seen_by_every_handle_when_it_returns", "test_insert_survives_its_handle"],
        "test_claim": ["test_a_claim_counts_the_attempt_before_it_returns"],
        "test_finish": [
            "test_a_finish_is_seen_by_every_handle_when_it_returns",
            "test_a_retry_is_seen_by_every_handle_when_it_returns",
        ],
        "test_cancel_and_requeue": [
            "test_a_queued_job_is_cancelled_at_once",
            "test_requeue_is_seen_by_every_handle_when_it_returns",
        ],
        "test_survives_nothing": ["test_a_job_that_survives_nothing_goes_with_the_next_commit"],
    },
    "insert idempotent": {
        "test_insert": [
            "test_insert_is_idempotent_by_id",
            "test_an_id_stays_taken_when_its_job_has_ended",
            "test_of_one_id_twice_in_a_batch_the_first_wins",
        ],
    },
    "unique scopes": {
        "test_insert": [
            "test_a_taken_unique_key_answers_with_its_holder",
            "test_unique_holds_over_queues_and_tasks",
            "test_unique_holds_while_queued_running_and_retrying",
            "test_unique_ends_with_success",
            "test_unique_ends_with_failure",
            "test_unique_ends_with_cancellation",
        ],
        "test_cancel_and_requeue": ["test_requeue_holds_its_unique_key_again"],
    },
    "batch atomic": {
        "test_insert": [
            "test_a_batch_is_seen_whole_or_not_at_all",
            "test_a_cancelled_caller_leaves_the_whole_batch_behind",
            "test_a_batch_with_conflicts_stores_the_rest",
        ],
    },
    "claim exclusive across runners": {
        "test_claim": ["test_a_claim_is_exclusive_across_runners", "test_no_claim_takes_what_runs_or_has_ended"],
    },
    "claim order": {
        "test_claim": [
            "test_jobs_are_claimed_in_order_of_insertion",
            "test_jobs_are_claimed_in_order_of_run_at",
            "test_a_step_of_priority_is_worth_a_minute",
            "test_at_equal_rank_insertion_decides_over_priorities",
            "test_one_order_over_all_wanted_queues",
        ],
    },
    "claim respects run_at, pause, limits": {
        "test_claim": [
            "test_a_claim_respects_run_at",
            "test_each_queue_gives_up_to_what_is_wanted_of_it",
            "test_a_want_of_nothing_takes_nothing",
        ],
        "test_pause": ["test_nothing_is_claimed_from_a_paused_queue_in_any_process", "test_a_pause_holds_over_restarts"],
        "test_alone": ["test_claim_never_takes_it", "test_claim_alone_takes_one"],
        "test_unroutable": ["test_a_due_job_that_nobody_knows_is_held_and_burns_no_attempt"],
        "test_limits": [
            "test_no_more_run_at_once_than_may_in_all_processes_together",
            "test_many_claims_in_flight_do_not_exceed_it",
            "test_a_limit_counts_what_the_dead_still_hold_until_it_is_settled",
            "test_no_more_start_than_the_rate_has_room_for_in_all_processes_together",
            "test_a_rate_goes_on_where_it_was_after_a_restart",
            "test_a_rate_over_half_a_minute_is_kept_to_a_hundredth",
        ],
        "test_keys": [
            "test_of_one_key_one_runs_at_a_time_and_other_keys_pass",
            "test_the_end_of_one_lets_the_next_go_in_claim_order",
            "test_any_end_of_an_attempt_makes_room",
            "test_many_claims_in_flight_take_one_of_each_key",
            "test_a_key_that_a_dead_process_holds_is_free_when_its_job_is_taken_over",
            "test_one_that_is_cancelled_while_it_waits_makes_room",
            "test_a_scheduled_job_takes_no_place_before_it_is_due",
        ],
    },
    "one fire for each time": {
        "test_timetable": [
            "test_a_fire_inserts_its_jobs_and_moves_on_in_one_change",
            "test_of_processes_that_fire_for_the_same_time_one_does",
            "test_a_fire_of_what_was_changed_meanwhile_is_void",
            "test_put_takes_the_place_of_the_version_that_it_names_alone",
            "test_what_is_declared_as_before_stays_as_it_was_changed",
            "test_no_version_comes_twice",
            "test_beat_tells_of_every_change",
        ],
    },
    "attempt and token grow by one": {
        "test_claim": [
            "test_attempt_grows_by_one_with_each_claim_and_token_grows",
            "test_a_given_back_attempt_is_counted_again_and_the_token_still_grows",
            "test_tokens_grow_over_reopening_and_handles",
            "test_every_open_begins_above_all_tokens_given_before",
        ],
    },
    "finish fenced": {
        "test_finish": [
            "test_a_finish_with_an_old_token_changes_nothing",
            "test_a_finish_with_a_token_that_never_was_changes_nothing",
        ],
    },
    "finish idempotent": {
        "test_finish": [
            "test_a_finish_is_idempotent",
            "test_the_end_of_a_retried_attempt_is_recorded_once",
            "test_of_many_finishes_in_flight_one_applies",
        ],
    },
    "lost never raises": {
        "test_finish": ["test_a_lost_finish_never_raises", "test_a_finish_of_a_pruned_job_is_lost"],
    },
    "cancel beats retry": {"test_finish": ["test_cancel_beats_retry"]},
    "success beats cancel": {"test_finish": ["test_success_beats_cancel"]},
    "beat reports held and cancels": {
        "test_beat_and_orphans": [
            "test_beat_reports_held_attempts",
            "test_beat_reports_cancels",
            "test_beat_reports_paused_queues",
        ],
    },
    "orphans only on proof": {
        "test_beat_and_orphans": [
            "test_there_are_no_orphans_without_proof",
            "test_what_a_dead_runner_ran_is_an_orphan",
            "test_what_a_retired_runner_ran_is_an_orphan",
            "test_closing_a_handle_is_no_proof_of_death",
            "test_age_is_no_proof_of_death",
        ],
    },
    "requeue keeps the token": {"test_cancel_and_requeue": ["test_requeue_keeps_the_token_and_the_attempts"]},
    "prune never touches live jobs": {"test_prune": ["test_prune_never_touches_live_jobs"]},
    "pages neither skip nor repeat under inserts": {
        "test_reads": ["test_pages_neither_skip_nor_repeat_while_jobs_are_inserted"],
    },
    "counters equal a recount, history the test's own ledger": {
        "test_stats_and_history": ["test_counters_equal_a_recount_and_history_the_ledger"],
    },
    "hostile text survives unchanged": {
        "test_hostile_text": [
            "test_arguments_meta_and_results_survive_unchanged",
            "test_errors_survive_unchanged",
            "test_progress_notes_survive_unchanged",
            "test_printable_names_and_keys_survive_unchanged",
        ],
    },
    "only the three errors escape": {
        "test_errors": [
            "test_every_verb_says_closed_before_open",
            "test_every_verb_says_closed_after_close",
            "test_strange_text_in_a_question_is_only_unknown",
            "test_empty_batches_are_no_error",
        ],
    },
}


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_clause_has_its_tests(clause: str) -> None:
    for file, names in CLAUSES[clause].items():
        tree = ast.parse((HERE / f"{file}.py").read_text())
        there = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        assert set(names) <= there, f"{clause!r} names tests that {file}.py doesn't have: {sorted(set(names) - there)}"
