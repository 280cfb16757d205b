"""Databases of the PostgreSQL that servers.sh starts, made and asked with psql, which every peer's venv can do."""

from __future__ import annotations

import subprocess

PORT = 55432  # servers.sh has it too


def url(database: str) -> str:
    return f"postgresql://postgres@127.0.0.1:{PORT}/{database}"


def fresh(database: str) -> str:
    """Make it anew, whoever is connected; its URL."""
    _psql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
    _psql("postgres", f'CREATE DATABASE "{database}"')
    return url(database)


def execute(database: str, sql: str) -> str:
    """What psql prints: rows as lines, fields with | between them. Raises RuntimeError with PostgreSQL's reason."""
    return _psql(database, sql)


def rest(database: str) -> None:
    """Do now what autovacuum and the checkpointer would do in the midst of a measurement."""
    _psql(database, "VACUUM ANALYZE")
    _psql(database, "CHECKPOINT")


def _psql(database: str, sql: str) -> str:
    command = ["psql", "-X", "-qtA", "-v", "ON_ERROR_STOP=1", "-d", url(database), "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = " ".join(done.stderr.split())
        raise RuntimeError(f"{sql[:60]!r} on port {PORT} failed ({reason}); is `servers.sh start` done?")
    return done.stdout.strip()
