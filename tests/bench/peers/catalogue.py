"""Who is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

WITHOUT_DEPTH = ("w1", "w2", "w3", "w4", "w5")
ALL = (*WITHOUT_DEPTH, "w6")

SQLITE = "on disk (SQLite)"
POSTGRES = "on disk (PostgreSQL)"
LOG = "on disk (Redis's log)"
MEMORY = "in Redis's memory"
NOWHERE = "in the process's memory"


@dataclass(frozen=True, slots=True)
class Peer:
    """One row of the tables.

    venv: as setup.sh names it. adapter: `module:Class` in adapters/. packages: whose versions are told. stored: where a job is
    when its enqueue has returned. jobs: how many w3 drains, a few seconds' worth. concurrency: jobs at once; the peer's best
    for a job that does nothing, or 50.
    """

    name: str
    venv: str
    adapter: str
    packages: tuple[str, ...]
    stored: str
    jobs: int
    workloads: tuple[str, ...] = WITHOUT_DEPTH
    concurrency: int = 50
    settings: Mapping[str, str] = field(default_factory=dict)


_SAQ = ("saq", "on_saq_redis:OnSaqRedis", ("saq",))
_ARQ = ("arq", "on_arq:OnArq", ("arq",))
_TASKIQ = ("taskiq", "on_taskiq:OnTaskiq", ("taskiq", "taskiq-redis"))
_STREAQ = ("streaq", "on_streaq:OnStreaq", ("streaq",))
_HUEY = ("huey", "on_huey:OnHuey", ("huey",))
_DBOS = ("dbos", "on_dbos:OnDbos", ("dbos",))
_DOCKET = ("docket", "on_docket:OnDocket", ("pydocket",))
_APS4 = ("aps4", "on_aps4:OnAps4", ("apscheduler",))

# w6 wants 200,000 stored jobs: only whom a fill takes seconds. huey drains fastest with one thread.
PEERS = (
    Peer("asyncjobs", "asyncjobs", "ours:OurJobs", ("asgi-asyncjobs",), SQLITE, 60_000, ALL, concurrency=100),
    Peer("memory-floor", "base", "in_memory:InMemory", ("starlette",), NOWHERE, 100_000),
    Peer("huey", *_HUEY, SQLITE, 6_000, ALL, concurrency=1),
    Peer("saq", *_SAQ, MEMORY, 3_000),
    Peer("arq", *_ARQ, MEMORY, 4_000, concurrency=100),
    Peer("taskiq", *_TASKIQ, MEMORY, 4_000),
    Peer(
        "procrastinate", "procrastinate", "on_procrastinate:OnProcrastinate", ("procrastinate", "psycopg"), POSTGRES, 2_000, ALL
    ),
    Peer("oban", "oban", "on_oban:OnOban", ("oban",), POSTGRES, 8_000, ALL),
    Peer("pgqueuer", "pgqueuer", "on_pgqueuer:OnPgQueuer", ("pgqueuer", "asyncpg"), POSTGRES, 10_000, ALL),
    Peer("streaq", *_STREAQ, MEMORY, 3_000),
    Peer("saq-postgres", "saq", "on_saq_postgres:OnSaqPostgres", ("saq",), POSTGRES, 1_000),
    Peer("dbos-sqlite", *_DBOS, SQLITE, 600),
    Peer("dbos-postgres", *_DBOS, POSTGRES, 800, settings={"store": "postgres"}),
    Peer("docket", *_DOCKET, MEMORY, 1_500),
    Peer("docket-memory", *_DOCKET, NOWHERE, 1_500, settings={"memory": "1"}),
    Peer("aps4-sqlite", *_APS4, SQLITE, 300),
    Peer("aps4-postgres", *_APS4, POSTGRES, 500, settings={"store": "postgres"}),
    # The same with their durability raised or lowered.
    Peer("saq-always", *_SAQ, LOG, 2_000, settings={"aof": "always"}),
    Peer("arq-always", *_ARQ, LOG, 3_000, concurrency=100, settings={"aof": "always"}),
    Peer("taskiq-always", *_TASKIQ, LOG, 2_000, settings={"aof": "always"}),
    Peer("taskiq-list", *_TASKIQ, MEMORY, 4_000, settings={"broker": "list"}),
    Peer("streaq-always", *_STREAQ, LOG, 2_000, settings={"aof": "always"}),
    Peer("huey-nosync", *_HUEY, "in SQLite's log, not synced", 8_000, concurrency=1, settings={"fsync": "0"}),
    # The same looking for work a hundred times a second, where the default caps w4, and the drain of some.
    Peer("huey-fastpoll", *_HUEY, SQLITE, 6_000, ("w4",), concurrency=1, settings={"max_delay": "0.01"}),
    Peer("arq-fastpoll", *_ARQ, MEMORY, 2_000, ("w3", "w4"), settings={"poll_delay": "0.01"}),
    Peer("docket-fastpoll", *_DOCKET, MEMORY, 2_000, ("w3", "w4"), settings={"check": "0.01"}),
    Peer("dbos-fastpoll", *_DBOS, SQLITE, 600, ("w3", "w4"), concurrency=200, settings={"poll": "0.01"}),
)
CORE = tuple(peer.name for peer in PEERS[:9])


class UnknownPeer(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"No peer is called {name!r}; there are {', '.join(peer.name for peer in PEERS)}.")


def chosen(names: Iterable[str]) -> list[Peer]:
    """In the order given; "all" stands for every one. Raises UnknownPeer."""
    by_name = {peer.name: peer for peer in PEERS}
    wanted: dict[str, Peer] = {}
    for name in names:
        if name != "all" and name not in by_name:
            raise UnknownPeer(name)
        for peer in PEERS if name == "all" else (by_name[name],):
            wanted[peer.name] = peer
    return list(wanted.values())
