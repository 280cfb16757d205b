"""Every SQL text that a verb uses, with the index it relies on (pinned by tests/store/sqlite/test_statements.py)."""

from __future__ import annotations

from functools import lru_cache

from asyncjobs.job import PRIORITIES, PRIORITY_STEP, State
from asyncjobs.store.base import ACTS_KEPT, HISTORY_STEP, HOUR
from asyncjobs.store.sqlite.rows import COLUMNS, EXTENDED, INSERTED

# the unique index on id
JOB_BY_ID = f"SELECT {COLUMNS} FROM jobs WHERE id = ?"
SEQ_AND_JOB = f"SELECT seq, {COLUMNS} FROM jobs WHERE id = ?"
WHEN_INSERTED = "SELECT seq, enqueued_at FROM jobs WHERE id = ?"


def _values(columns: str) -> str:
    return f"({', '.join('?' * len(columns.split(', ')))})"


INSERT = f"INSERT INTO jobs ({INSERTED}) VALUES {_values(INSERTED)}"
INSERT_NEW = f"{INSERT} ON CONFLICT DO NOTHING"
INSERT_EXTENDED = f"INSERT INTO jobs ({EXTENDED}) VALUES {_values(EXTENDED)} ON CONFLICT DO NOTHING"

# jobs_unique
LET_GO = "UPDATE jobs SET unique_key = NULL WHERE seq IN (SELECT value FROM json_each(?))"
WAITING_HOLDER = """
SELECT seq, key, queue, hold FROM jobs
WHERE unique_key = ? AND unique_key IS NOT NULL AND state < 2 AND state = 0 AND attempt = 0 AND token = 0 AND name = ?
"""
REPLACE = """
UPDATE jobs SET args = ?, meta = ?, priority = ?, policy = ?, key = ?, run_at = ?, scheduled_at = coalesce(?, enqueued_at), expires_at = ?, hold = ?
WHERE seq = ?
"""
HOLDER = "SELECT id FROM jobs WHERE unique_key = ? AND unique_key IS NOT NULL AND state < 2"

# Many rows come as one, a JSON array of arrays: the driver lets go of the interpreter for each row that it fetches, and has it
# back when the event loop next rests.

# jobs_claimable: one seek a priority; the first row that is not due, or is one too many, tells when to ask again
_CLAIMABLE = """
SELECT * FROM (
    SELECT {priority} AS priority, seq, run_at, name, iif(key IS NULL, NULL, json_array(key, policy)) AS keyed FROM jobs
    WHERE queue = :queue AND priority = {priority} AND state = 0 AND hold = 0 ORDER BY run_at, seq LIMIT :limit
)
"""
CLAIMABLE = f"""
SELECT json_group_array(json_array(priority, seq, run_at, name, keyed))
FROM ({" UNION ALL ".join(_CLAIMABLE.format(priority=priority) for priority in PRIORITIES)})
"""
CLAIMABLE_BUT = """
SELECT seq, run_at, name, iif(key IS NULL, NULL, json_array(key, policy)) FROM jobs
WHERE queue = ? AND priority = ? AND state = 0 AND hold = 0 AND name NOT IN (SELECT value FROM json_each(?))
ORDER BY run_at, seq LIMIT ?
"""
OLDEST = "SELECT min(run_at) FROM jobs WHERE queue = ? AND priority = ? AND state = 0 AND hold = 0"
SCHEDULED = """
SELECT count(*) FROM (
    SELECT 1 FROM jobs WHERE queue = ? AND priority = ? AND state = 0 AND hold = 0 AND run_at > ? LIMIT ?
)
"""
# When a queued job is due once the clock was set back to :now; an attempt's record is [number, outcome, runner, start, end, error].
# With attempt 0 after an end that gives none back it was requeued, and due at once.
_DUE_NOW = "token = 0 OR (attempt = 0 AND json_extract(attempts, '$[#-1][1]') NOT IN ('snoozed', 'released', 'lost'))"
_AGAIN = f"""
run_at = CASE WHEN {_DUE_NOW} THEN :now ELSE min(run_at, :now + max(run_at - json_extract(attempts, '$[#-1][4]'), 0)) END
"""
_NOT_SET = "run_at > :now AND (token > 0 OR scheduled_at = enqueued_at)"  # for a time of its own
MAKE_DUE = f"""
UPDATE jobs SET {_AGAIN} WHERE state = 0 AND queue = :queue AND priority = :priority AND hold = 0 AND {_NOT_SET}
"""
# jobs_held: they must not wait either, once nothing holds them
HELD_KEYS = "SELECT DISTINCT key FROM jobs WHERE state = 0 AND hold = 3 AND hold <> 0"
MAKE_HELD_DUE = f"UPDATE jobs SET {_AGAIN} WHERE state = 0 AND hold IN (1, 2, 3, 4) AND hold <> 0 AND {_NOT_SET}"

# the primary key; STARTED answers in no order, so the caller sorts
START = """
UPDATE jobs SET state = 1, attempt = attempt + 1, token = max(token + 1, ?), runner = ?, started_at = ?
WHERE seq IN (SELECT value FROM json_each(?))
"""
STARTED = f"""
SELECT json_group_array(
    CASE WHEN length(args) + length(meta) + ifnull(length(attempts), 0) > :large THEN seq ELSE json_array(seq, {COLUMNS}) END
)
FROM jobs WHERE seq IN (SELECT value FROM json_each(:seqs))
"""
STARTED_LARGE = f"SELECT seq, {COLUMNS} FROM jobs WHERE seq IN (SELECT value FROM json_each(?))"
HOLD = "UPDATE jobs SET hold = ? WHERE seq IN (SELECT value FROM json_each(?))"
TAKEN = "SELECT seq, state, token, attempt, queue, name, runner, started_at, cancel_requested, error, attempts, key FROM jobs WHERE id = ?"
FINISH = """
UPDATE jobs SET state = ?, queue = ?, run_at = coalesce(?, run_at), attempt = ?, crashes = ?, hold = ?, cancel_requested = 0,
    finished_at = ?, result = ?, error = ?, attempts = ?, progress = coalesce(?, progress)
WHERE seq = ?
"""
# the unique index on id, then the primary key: FINISH for what nearly every job comes to, a first attempt that succeeds
SUCCEEDING = """
SELECT json_group_array(json_array(json_extract(value, '$[0]'), seq, queue, name, started_at, jobs.key))
FROM json_each(:ends) CROSS JOIN jobs ON jobs.id = json_extract(value, '$[1]')
WHERE token = json_extract(value, '$[2]') AND state = 1 AND attempts IS NULL
"""
SUCCEED = """
UPDATE jobs SET state = 2, crashes = 0, hold = 0, cancel_requested = 0, finished_at = :now, error = NULL,
    result = json_extract(value, '$[1]'), attempts = json_array(json_array(attempt, 'succeeded', runner, started_at, :now, NULL))
FROM json_each(:ends) WHERE seq = json_extract(value, '$[0]')
"""
CANCEL_QUEUED = "UPDATE jobs SET state = 4, hold = 0, finished_at = ?, error = coalesce(?, error) WHERE seq = ?"
CANCEL_RUNNING = "UPDATE jobs SET cancel_requested = 1 WHERE seq = ?"
TO_CANCEL = "SELECT seq, state, queue, name, attempt, hold, key, unique_key FROM jobs WHERE id = ?"
REQUEUE = """
UPDATE jobs SET state = 0, run_at = ?, attempt = 0, crashes = 0, result = NULL, error = NULL, progress = NULL, finished_at = NULL,
    expires_at = NULL
WHERE seq = ?
"""
ABANDON = "UPDATE jobs SET crashes = ? WHERE id = ? AND token = ? AND state = 1"
NOTE = "UPDATE jobs SET progress = ? WHERE id = ? AND token = ? AND state = 1"

# jobs_expiring
EXPIRED = """
SELECT seq, id, queue, name, attempt, hold, key FROM jobs
WHERE state = 0 AND expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?
"""

# jobs_held
ALONE = "SELECT seq, run_at, priority, queue, name, key, policy FROM jobs WHERE state = 0 AND hold = 2 AND hold <> 0 LIMIT 1000"
ANY_UNROUTABLE = "SELECT 1 FROM jobs WHERE state = 0 AND hold = 1 AND hold <> 0 LIMIT 1"
UNKNOWN_TASKS = """
SELECT name, count(*) FROM (SELECT name FROM jobs WHERE state = 0 AND hold = 1 AND hold <> 0 LIMIT ?) GROUP BY name
"""
_UNHOLD = """
UPDATE jobs SET hold = 0 WHERE seq IN (
    SELECT seq FROM jobs WHERE state = 0 AND hold = {hold} AND hold <> 0 AND name IN (SELECT value FROM json_each(:tasks)){queues} LIMIT :limit
) RETURNING queue
"""
UNHOLD_KNOWN = _UNHOLD.format(hold=1, queues=" AND queue IN (SELECT value FROM json_each(:queues))")
UNHOLD_RESUMED = _UNHOLD.format(hold=4, queues="")

# jobs_keyed; how many of one key come before a new one of this queue: those that run anywhere, and of those that are due there and
# not held as many as matter. before: the claim order of the new one
_DUE_OF_KEY = """
(SELECT count(*) FROM (
    SELECT 1 FROM jobs WHERE key = :key AND state = 0 AND hold = 0 AND queue = :queue AND priority = {priority}
        AND run_at <= min(:now, :before - {step}) LIMIT :limit
))
"""
KEY_TAKEN = f"""
SELECT (SELECT count(*) FROM jobs WHERE key = :key AND state = 1) + {
    " + ".join(_DUE_OF_KEY.format(priority=p, step=p * PRIORITY_STEP) for p in PRIORITIES)
}
"""
KEYS_RUNNING = """
SELECT value, (SELECT count(*) FROM jobs WHERE jobs.key = value AND state = 1) FROM json_each(?)
"""
KEY_HELD = "SELECT policy FROM jobs WHERE key = ? AND state = 0 AND hold = 3 LIMIT 1"
# The queues in which a key holds jobs, one seek each, however many those are.
_NEXT_QUEUE = "SELECT min(queue) FROM jobs WHERE key = :key AND state = 0 AND hold = 3"
KEY_HELD_IN = f"""
WITH RECURSIVE found (name) AS (
    {_NEXT_QUEUE} UNION ALL SELECT ({_NEXT_QUEUE} AND queue > found.name) FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL
"""
_FIRST_OF_KEY = """
SELECT * FROM (
    SELECT run_at + {step} AS place, seq, hold FROM jobs
    WHERE key = :key AND state = 0 AND hold = {hold} AND queue = :queue AND priority = {priority}{due}
    ORDER BY run_at, seq LIMIT :limit
)
"""
FIRST_OF_KEY = " UNION ALL ".join(
    _FIRST_OF_KEY.format(hold=hold, due=due, priority=p, step=p * PRIORITY_STEP)
    for hold, due in ((0, " AND run_at <= :now"), (3, ""))
    for p in PRIORITIES
)

# jobs_running, of which all are few
LONGEST_RUNNING = f"SELECT {COLUMNS} FROM jobs WHERE state = 1 ORDER BY started_at, seq LIMIT ?"
RUNNING_IN = "SELECT id, runner FROM jobs WHERE state = 1 AND queue = ? ORDER BY started_at, seq"
# jobs_claimable
AHEAD = """
SELECT count(*) FROM (
    SELECT 1 FROM jobs WHERE queue = ? AND priority = ? AND state = 0 AND hold = 0 AND (run_at, seq) < (?, ?) AND run_at <= ? LIMIT ?
)
"""
# jobs_keyed
KEY_RUNS = "SELECT id FROM jobs WHERE key = ? AND state = 1 AND id <> ? ORDER BY seq"
KEY_DUE = """
SELECT id, run_at, seq FROM jobs WHERE key = ? AND state = 0 AND hold = 0 AND queue = ? AND priority = ? AND run_at <= ? AND id <> ? ORDER BY run_at, seq LIMIT ?
"""

# jobs_running
HELD = "SELECT id, token, cancel_requested FROM jobs WHERE state = 1 AND runner = ?"
RUNNING = "SELECT runner, queue, count(*) FROM jobs WHERE state = 1 GROUP BY runner, queue"
RUNNING_RUNNERS = "SELECT DISTINCT runner FROM jobs WHERE state = 1"
ORPHANS = f"SELECT {COLUMNS} FROM jobs WHERE state = 1 AND runner IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"

# the primary key: the last of so many jobs below
BELOW = "SELECT seq FROM jobs WHERE seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ? - 1"

# jobs_ended
OLD = "SELECT seq, queue FROM jobs WHERE state = ? AND state >= 2 AND finished_at < ? ORDER BY finished_at LIMIT ?"
# jobs_ended
FAILED = "SELECT name, error, finished_at FROM jobs WHERE state = 3 AND state >= 2 ORDER BY finished_at DESC, seq DESC LIMIT ?"
DELETE = "DELETE FROM jobs WHERE seq IN (SELECT value FROM json_each(?))"

_ENDED = "SELECT seq FROM jobs INDEXED BY jobs_ended WHERE state = {number} AND state >= 2"
OF_STATE = {  # all of them, by an index that holds no others
    State.QUEUED: "SELECT seq FROM jobs INDEXED BY jobs_claimable WHERE state = 0 AND hold = 0 UNION ALL "
    "SELECT seq FROM jobs INDEXED BY jobs_held WHERE state = 0 AND hold <> 0",
    State.RUNNING: "SELECT seq FROM jobs INDEXED BY jobs_running WHERE state = 1",
    State.SUCCEEDED: _ENDED.format(number=2),
    State.FAILED: _ENDED.format(number=3),
    State.CANCELLED: _ENDED.format(number=4),
}

COUNT = """
INSERT INTO counters (queue, key, n) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
FROM json_each(?) WHERE true ON CONFLICT DO UPDATE SET n = n + excluded.n
"""
RECORD = f"""
INSERT INTO history (at, queue, task, metric, bucket, n) SELECT {", ".join(f"json_extract(value, '$[{at}]')" for at in range(6))}
FROM json_each(?) WHERE true ON CONFLICT DO UPDATE SET n = n + excluded.n
"""

# the primary key; jobs that the counters don't know of yet: all of them are queued, and none has ever been anything else
_NOT_COUNTED = "seq > (SELECT n FROM counters WHERE queue = '' AND key = 'counted')"
NOT_COUNTED = f"""
SELECT queue, name, enqueued_at - enqueued_at % {HISTORY_STEP} AS at, count(*), max(seq) FROM jobs WHERE {_NOT_COUNTED} GROUP BY queue, name, at
"""
# the primary key, a stretch of it
HISTORY = """
SELECT at, queue, task, metric, bucket, n FROM hours WHERE at >= :since AND at < :until
UNION ALL SELECT at, queue, task, metric, bucket, n FROM history WHERE at >= :since AND at < :until
"""
HISTORY_IN_STEPS = f"SELECT at - at % :step AS begin, queue, task, metric, bucket, sum(n) FROM ({HISTORY}) GROUP BY begin, queue, task, metric, bucket"
OLDEST_MINUTE = "SELECT min(at) FROM history"
NEWEST_MINUTE = "SELECT max(at) FROM history"
TO_HOURS = f"""
INSERT INTO hours (at, queue, task, metric, bucket, n)
SELECT at - at % {HOUR} AS begin, queue, task, metric, bucket, sum(n) FROM history WHERE at < ? GROUP BY begin, queue, task, metric, bucket
ON CONFLICT DO UPDATE SET n = n + excluded.n
"""
FORGET_MINUTES = "DELETE FROM history WHERE at < ?"
FORGET_HOURS = "DELETE FROM hours WHERE at < ?"
ALL_COUNTED = "UPDATE counters SET n = ? WHERE queue = '' AND key = 'counted'"
COUNTERS = "SELECT queue, key, n FROM counters WHERE queue <> ''"
COUNT_OF_STATE = "SELECT coalesce(sum(n), 0) FROM counters WHERE key = ? AND queue <> ''"
COUNTED_QUEUES = "SELECT DISTINCT queue FROM counters WHERE queue <> ''"

REGISTER = """
INSERT INTO runners (id, pid, host, version, started_at, boot_id, pid_started, queues, tasks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET pid = excluded.pid, host = excluded.host, version = excluded.version, started_at = excluded.started_at,
    boot_id = excluded.boot_id, pid_started = excluded.pid_started, queues = excluded.queues, tasks = excluded.tasks
"""
RUNNERS = "SELECT id, pid, host, version, started_at, queues, tasks, condition FROM runners"
REPORT = "UPDATE runners SET condition = ? WHERE id = ?"
PROCESSES = "SELECT id, pid, boot_id, pid_started FROM runners"
DUE = """
SELECT count(*) FROM (
    SELECT 1 FROM jobs WHERE queue = ? AND priority = ? AND state = 0 AND hold = 0 AND run_at <= ? LIMIT ?
)
"""

SCHEDULES = (
    "SELECT name, times, job, next_at, catch_up, jitter, declared, paused, fired, last_at, last_job, version FROM schedules"
)
SCHEDULE = f"{SCHEDULES} WHERE name = ?"
KEEP_SCHEDULE = """
INSERT INTO schedules (name, times, job, next_at, catch_up, jitter, declared, paused, fired, last_at, last_job, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET times = excluded.times, job = excluded.job, next_at = excluded.next_at, catch_up = excluded.catch_up,
    jitter = excluded.jitter, declared = excluded.declared, paused = excluded.paused, fired = excluded.fired,
    last_at = excluded.last_at, last_job = excluded.last_job, version = excluded.version
"""
REMOVE_SCHEDULE = "DELETE FROM schedules WHERE name = ?"
NEXT_VERSION = "UPDATE counters SET n = n + 1 WHERE queue = '' AND key = 'schedules' RETURNING n"
LAST_VERSION = "SELECT n FROM counters WHERE queue = '' AND key = 'schedules'"

TAKER = "SELECT id FROM taken_keys WHERE key = ? AND until > ? AND since <= ?"
TAKE = """
INSERT INTO taken_keys (key, id, until, since) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET id = excluded.id, until = excluded.until, since = excluded.since
"""
FREE = "DELETE FROM taken_keys WHERE until <= ?"

QUEUED_OF = "SELECT n FROM counters WHERE queue = ? AND key = 'queued'"
RUNNING_OF = "SELECT n FROM counters WHERE queue = ? AND key = 'running'"
SPENT = "SELECT spent_to FROM rates WHERE queue = ?"
SPEND = "INSERT INTO rates VALUES (?, ?) ON CONFLICT DO UPDATE SET spent_to = excluded.spent_to"

KEPT_LIMITS = "SELECT queue, limits FROM kept_limits"
ACT = "INSERT INTO acts (at, said, n) VALUES (?, ?, ?)"
FORGET_ACTS = f"DELETE FROM acts WHERE seq <= (SELECT max(seq) FROM acts) - {ACTS_KEPT}"
ACTS = "SELECT at, said, n FROM acts ORDER BY seq DESC LIMIT ?"
KEEP_LIMITS = "INSERT INTO kept_limits VALUES (?, ?) ON CONFLICT DO UPDATE SET limits = excluded.limits"
DROP_LIMITS = "DELETE FROM kept_limits WHERE queue = ?"
PAUSED = "SELECT queue FROM pauses WHERE paused"
PAUSED_TASKS = "SELECT task FROM task_pauses WHERE paused"
RESUMED_TASKS = "SELECT task FROM task_pauses WHERE NOT paused"
PAUSES = "SELECT queue, paused, changed_at, said FROM pauses"
TASK_PAUSES = "SELECT task, changed_at, said FROM task_pauses WHERE paused"
PAUSE = """
INSERT INTO pauses (queue, paused, changed_at, said) VALUES (?, 1, ?, ?)
ON CONFLICT DO UPDATE SET paused = 1, changed_at = excluded.changed_at, said = excluded.said
"""
PAUSE_TASK = """
INSERT INTO task_pauses (task, paused, changed_at, said) VALUES (?, 1, ?, ?)
ON CONFLICT DO UPDATE SET paused = 1, changed_at = excluded.changed_at, said = excluded.said
"""
RESUME = "UPDATE pauses SET paused = 0, changed_at = ? WHERE queue = ?"
RESUME_TASK = "UPDATE task_pauses SET paused = 0, changed_at = ? WHERE task = ?"
FORGET_RESUMED = "DELETE FROM task_pauses WHERE task = ? AND NOT paused"


@lru_cache(maxsize=64)
def insert_many(columns: str, places: int) -> str:
    """INSERT of so many rows at most, of INSERTED or EXTENDED; how many it is comes last."""
    return f"INSERT INTO jobs ({columns}) SELECT * FROM (VALUES {', '.join([_values(columns)] * places)}) LIMIT ?"
