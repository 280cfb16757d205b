#!/bin/bash
# PostgreSQL and three Redis of the benchmark's own, on loopback and ports that nobody else should have.
#   servers.sh start | stop | status
# 55432 PostgreSQL, its default durability · Redis 56379 without a log, 56380 synced each second, 56381 synced at each write.
# The ports stand in stores/postgres.py and stores/redis.py too. As root, PostgreSQL runs as the user postgres, who must be able to
# reach $PEERBENCH_ROOT.
set -u
ROOT=${PEERBENCH_ROOT:-${TMPDIR:-/tmp}/asyncjobs-peers}
PGBIN=${PGBIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)}
PGDATA=$ROOT/postgres/data
PG_PORT=55432
REDIS_PORTS="56379 56380 56381"

as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }

make_cluster() {
  mkdir -p "$ROOT/postgres"
  [ "$(id -u)" != 0 ] || chown postgres: "$ROOT/postgres"
  as_postgres "$PGBIN/initdb" -D "$PGDATA" -U postgres -A trust --locale=C.UTF-8 -E UTF8 >"$ROOT/logs/initdb.log" 2>&1 ||
    { cat "$ROOT/logs/initdb.log"; exit 1; }
  # Durability stays as it comes; 200 connections, since some peers open one for each slot.
  printf '%s\n' "port = $PG_PORT" "listen_addresses = '127.0.0.1'" "unix_socket_directories = '$ROOT/postgres'" \
    "max_connections = 200" | as_postgres tee -a "$PGDATA/postgresql.conf" >/dev/null
}

start_postgres() {
  as_postgres test -d "$ROOT" || { echo "the user postgres can't reach $ROOT: set PEERBENCH_ROOT to a folder that it can"; exit 1; }
  as_postgres test -f "$PGDATA/PG_VERSION" || make_cluster
  as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" status >/dev/null && { echo "PostgreSQL on $PG_PORT: up already"; return; }
  as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -l "$ROOT/postgres/log" -w start >/dev/null || { tail -3 "$ROOT/postgres/log"; exit 1; }
  echo "PostgreSQL on $PG_PORT: up"
}

start_redis() { # PORT APPENDONLY APPENDFSYNC
  local folder=$ROOT/redis/$1
  mkdir -p "$folder"
  redis_is_ours "$1" && { echo "Redis on $1: up already"; return; }
  redis-server --port "$1" --bind 127.0.0.1 --dir "$folder" --save "" --appendonly "$2" --appendfsync "$3" \
    --daemonize yes --pidfile "$folder/pid" --logfile "$folder/log" >/dev/null
  for _ in $(seq 50); do redis_is_ours "$1" && { echo "Redis on $1: up"; return; }; sleep 0.1; done
  echo "Redis on $1: did not start"; tail -3 "$folder/log"; exit 1
}

# The pid file alone may be an old one, the port alone somebody else's.
redis_is_ours() { [ -f "$ROOT/redis/$1/pid" ] && redis-cli -p "$1" info server 2>/dev/null | grep -q "^process_id:$(cat "$ROOT/redis/$1/pid")"; }

stop() {
  as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -m fast -w stop
  for port in $REDIS_PORTS; do redis_is_ours "$port" && redis-cli -p "$port" shutdown nosave && echo "Redis on $port: stopped"; done
  return 0
}

status() {
  "$PGBIN/pg_isready" -h 127.0.0.1 -p "$PG_PORT"
  for port in $REDIS_PORTS; do redis_is_ours "$port" && echo "Redis on $port: up" || echo "Redis on $port: down"; done
}

mkdir -p "$ROOT/logs" "$ROOT/redis"
case ${1:-status} in
  start) start_postgres; start_redis 56379 no everysec; start_redis 56380 yes everysec; start_redis 56381 yes always ;;
  stop) stop ;;
  status) status ;;
  *) echo "servers.sh start | stop | status"; exit 2 ;;
esac
