#!/bin/bash
# One venv per peer under $PEERBENCH_ROOT/venvs, all of one Python: $PYTHON, else the newest of 3.13, 3.12 and python3 that runs (oban
# needs 3.12). Run again, it upgrades; with another Python, it makes them anew.
#   setup.sh [VENV ...]     only these; all of them by default
# A venv's name is the one that catalogue.py gives its peer. The packages of a venv may be pinned in the lines below.
set -u
newest_python() { for python in python3.13 python3.12 python3; do "$python" -c "" 2>/dev/null && { echo "$python"; return; }; done; }
version() { "$1" -c "import platform; print(platform.python_version())" 2>/dev/null; }

PYTHON=${PYTHON:-$(newest_python)}
ROOT=${PEERBENCH_ROOT:-${TMPDIR:-/tmp}/asyncjobs-peers}
CHECKOUT=$(cd "$(dirname "$0")/../../.." && pwd)
WANTED=" $* " # "  " when none is given
FAILED=0
WEB=(starlette "uvicorn[standard]" aiosqlite) # what w5 serves with, the same in every venv
mkdir -p "$ROOT/venvs" "$ROOT/logs"

venv() { # NAME PACKAGE...
  local name=$1 python=$ROOT/venvs/$1/bin/python log=$ROOT/logs/pip-$1.log
  shift
  [[ $WANTED == "  " || $WANTED == *" $name "* ]] || return
  [ "$(version "$python")" = "$(version "$PYTHON")" ] || "$PYTHON" -m venv --clear "$ROOT/venvs/$name" || { FAILED=1; return; }
  if "$python" -m pip install -q -U "$@" "${WEB[@]}" >"$log" 2>&1; then
    echo "$name: ready"
  else
    echo "$name: FAILED, see $log"
    FAILED=1
  fi
}

venv asyncjobs -e "$CHECKOUT"
venv base
venv huey huey
venv saq "saq[redis,postgres,hiredis]" "psycopg[binary,pool]"
venv arq arq
venv taskiq taskiq taskiq-redis
venv procrastinate procrastinate "psycopg[binary,pool]"
venv oban oban
venv pgqueuer "pgqueuer[asyncpg]"
venv streaq streaq
venv dbos dbos pysqlite3-binary # its SQLite schema needs SQLite 3.42; Debian 12 has 3.40
venv docket pydocket
venv aps4 "apscheduler==4.0.0a6" sniffio "sqlalchemy[asyncio]" asyncpg
exit $FAILED
