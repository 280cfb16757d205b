"""The faults that the app must live through, and the tests that prove each: the whole app first, single parts after.

`app` names tests against a real server; `parts` those that ask one part about more cases than a server is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Tests = Mapping[str, tuple[str, ...]]  # file below tests/ → its tests

DISK = "crash/faults/test_disk.py"
DATABASE = "crash/faults/test_database.py"
TIME = "crash/faults/test_time.py"
JOBS = "crash/faults/test_jobs.py"
PROCESS = "crash/faults/test_process.py"
LOOPS = "crash/faults/test_loops.py"
CLIENTS = "crash/faults/test_clients.py"
WRITER = "store/sqlite/test_writer.py"
LIVENESS = "store/sqlite/test_liveness.py"
CLOCK_STEP = "store/contract/test_clock_step.py"
ENDS = "runner/test_attempts_end.py"
RUNNER_LOOPS = "runner/test_loops.py"


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    app: Tests
    parts: Tests = field(default_factory=dict)


FAULTS: tuple[Fault, ...] = (
    # --- the disk
    Fault(
        "disk full",
        {DISK: ("test_a_disk_that_fills_up",)},
        {
            WRITER: (
                "test_a_full_disk_is_full_and_the_same_insert_succeeds_when_there_is_space",
                "test_what_was_committed_before_the_disk_filled_up_is_acknowledged",
                "test_registering_on_a_full_disk_is_full_and_works_when_there_is_space",
            ),
            RUNNER_LOOPS: ("test_outcomes_wait_in_memory_while_the_store_fails_and_land_when_it_is_back",),
        },
    ),
    Fault(
        "disk full at the start",
        {DISK: ("test_a_start_on_a_full_disk_is_degraded_until_there_is_room",)},
        {
            WRITER: (
                "test_a_store_that_is_opened_on_a_full_disk_is_full_and_opens_when_there_is_space",
                "test_a_store_that_can_have_no_log_on_a_full_disk_is_full_and_opens_when_there_is_space",
            ),
        },
    ),
    Fault(
        "I/O error",
        {DISK: ("test_writes_that_the_system_refuses",)},
        {
            WRITER: (
                "test_after_an_io_error_the_database_is_reopened_and_the_batch_done_again",
                "test_what_an_io_error_had_stored_after_all_is_not_stored_twice",
                "test_an_insert_that_fails_again_after_an_io_error_is_unknown_by_its_ids",
                "test_a_database_that_cannot_be_reopened_is_unavailable_until_it_can",
            ),
        },
    ),
    Fault(
        "read-only while running",
        {DISK: ("test_a_file_that_may_only_be_read_when_an_error_has_it_reopened",)},
        {WRITER: ("test_a_connection_that_may_not_write_says_so",)},
    ),
    Fault("read-only at the start", {DISK: ("test_a_start_where_nothing_may_be_written_is_refused_in_a_sentence",)}),
    # --- the database
    Fault(
        "locked by a stranger for longer than the busy timeout",
        {
            DATABASE: (
                "test_a_stranger_who_holds_the_lock_for_longer_than_we_wait",
                "test_a_start_while_a_stranger_holds_the_lock_is_degraded_until_he_lets_go",
                "test_a_shutdown_while_a_stranger_holds_the_lock_ends_in_time",
            ),
        },
        {WRITER: ("test_a_stranger_who_holds_the_lock_makes_it_unavailable_until_he_lets_go",)},
    ),
    Fault(
        "database deleted",
        {DATABASE: ("test_a_database_that_is_deleted_is_never_written_to_again",)},
        {WRITER: ("test_a_file_that_was_removed_acknowledges_nothing",)},
    ),
    Fault(
        "database moved away and put back",
        {DATABASE: ("test_a_database_that_is_moved_away_and_put_back",)},
        {WRITER: ("test_a_file_that_is_put_back_is_used_again",)},
    ),
    Fault(
        "database replaced underneath",
        {DATABASE: ("test_a_database_that_is_replaced_underneath_and_put_back",)},
        {
            WRITER: (
                "test_a_file_that_was_replaced_acknowledges_nothing",
                "test_a_file_that_was_replaced_is_not_taken_for_ours_after_an_io_error",
            ),
        },
    ),
    Fault("log removed underneath", {DATABASE: ("test_a_log_that_is_removed_underneath_takes_nothing_with_it",)}),
    # --- time
    Fault(
        "clock set by a day, forward and back",
        {
            TIME: (
                "test_a_step_of_a_day_leaves_what_runs_and_what_is_due_alone",
                "test_a_timeout_is_kept_over_a_step_forward",
                "test_a_retry_comes_when_it_was_to_come_over_a_step_back",
                "test_what_waits_for_later_is_due_when_the_clock_says_so",
            ),
        },
        {CLOCK_STEP: ("test_jobs_that_were_due_at_once_stay_due_when_the_clock_is_set_back", "test_a_second_step_is_one_again")},
    ),
    Fault(
        "clock set back while the process is down",
        {TIME: ("test_a_step_back_while_the_process_is_down", "test_a_crash_and_a_step_back_before_the_next_start")},
    ),
    Fault(
        "suspend",
        {
            TIME: (
                "test_a_stopped_process_keeps_its_jobs_and_goes_on_with_them",
                "test_a_process_that_stands_still_with_the_lock_is_waited_for",
            )
        },
        {LIVENESS: ("test_a_stopped_process_is_alive",)},
    ),
    # --- jobs
    Fault(
        "a job that blocks the loop",
        {JOBS: ("test_a_job_that_blocks_the_loop_is_named_and_hurts_no_other_process",)},
        {RUNNER_LOOPS: ("test_a_job_that_blocks_the_loop_is_named",)},
    ),
    Fault(
        "a job that ignores its cancellation",
        {
            JOBS: ("test_a_job_that_ignores_its_cancellation_keeps_its_slot_and_no_other",),
            "crash/test_shutdown.py": ("test_a_job_that_never_ends_does_not_keep_the_process",),
        },
        {ENDS: ("test_a_job_that_ignores_cancellation_keeps_its_slot_and_a_replacement_opens",)},
    ),
    Fault(
        "a job that raises SystemExit, KeyboardInterrupt, a bare BaseException, GeneratorExit, its own CancelledError",
        {JOBS: ("test_whatever_a_job_raises_is_its_own_failure",)},
        {
            ENDS: (
                "test_whatever_a_job_raises_is_its_own_failure_and_is_tried_again",
                "test_whatever_a_def_job_raises_is_its_own_failure",
                "test_an_exception_that_cannot_be_put_into_words_is_a_failure",
                "test_a_result_whose_encoding_ends_the_process_is_a_failure",
            ),
        },
    ),
    Fault(
        "a job that raises its own TimeoutError",
        {JOBS: ("test_a_timeout_of_ours_is_told_apart_from_one_of_its_own",)},
        {ENDS: ("test_a_timeout_is_told_apart_from_a_timeout_error_inside",)},
    ),
    Fault("a job that recurses to death", {JOBS: ("test_a_job_that_recurses_to_death_fails",)}),
    Fault(
        "a job that returns 100 MB",
        {JOBS: ("test_a_result_of_100_mb_is_not_kept_and_fails_nothing",)},
        {ENDS: ("test_a_result_above_the_limit_is_dropped_with_a_note",)},
    ),
    Fault("a job that is given 100 MB", {JOBS: ("test_arguments_of_100_mb_are_refused_to_the_caller",)}),
    # --- the process
    Fault(
        "a job that kills its process every time",
        {
            PROCESS: ("test_a_job_that_kills_its_process_every_time_is_found_out",),
            "crash/test_poison.py": ("test_a_poison_job_ends_failed_and_its_neighbours_succeed",),
        },
        {RUNNER_LOOPS: ("test_a_suspect_runs_alone_and_the_others_wait_for_it",)},
    ),
    Fault(
        "os.fork in the app",
        {
            PROCESS: (
                "test_a_forked_child_that_enqueues_is_told",
                "test_a_child_that_outlives_its_parent_keeps_none_of_its_jobs",
                "test_a_server_with_a_forked_child_ends_when_asked",
            ),
        },
        {
            LIVENESS: ("test_a_forked_grandchild_does_not_keep_a_dead_runner_alive",),
            "test_bad_input.py": ("test_use_in_a_forked_child_is_refused_and_the_parent_goes_on",),
        },
    ),
    Fault("a second Ctrl+C", {PROCESS: ("test_a_second_ctrl_c_ends_the_process",)}),
    Fault(
        "a thread that never returns at shutdown",
        {
            "crash/test_shutdown.py": ("test_a_job_that_never_ends_does_not_keep_the_process",),
            PROCESS: ("test_a_second_ctrl_c_ends_the_process",),
        },
    ),
    Fault(
        "no descriptor left",
        {PROCESS: ("test_without_a_descriptor_left_what_is_connected_is_served_and_jobs_run",)},
        {LIVENESS: ("test_registering_without_a_descriptor_left_may_be_tried_again",)},
    ),
    # --- the runner
    Fault(
        "a loop of the runner that crashes",
        {LOOPS: ("test_a_loop_that_crashes_is_started_again",)},
        {
            RUNNER_LOOPS: (
                "test_a_crashed_loop_is_started_again_and_named",
                "test_a_bug_while_outcomes_are_written_loses_none",
            ),
        },
    ),
    # --- clients
    Fault(
        "a client that disconnects while the handler awaits enqueue",
        {CLIENTS: ("test_a_client_that_goes_away_leaves_a_whole_job_that_runs_once",)},
        {WRITER: ("test_a_cancelled_waiters_insert_is_there",)},
    ),
)
