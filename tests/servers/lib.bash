# What the server scripts have in common. Each of them is called as
#
#   NAME start DIR     starts a private server whose data, socket and log lie in DIR; prints an `export` with its URL
#   NAME stop DIR      stops it
#   NAME kill DIR      SIGKILLs it, with all its processes
#   NAME restart DIR   starts it again on the same port, after a stop or a kill
#
# and defines: account (the unprivileged user to run as when root), prepare, run (in the foreground), ready (asked through
# the socket, for somebody else may answer at the port), url, variable.
#
# With TOWER_TOKENS_SERVERS_SYNC=no a server writes as ever and waits for no disk. What it has written is the system's then:
# it outlives a SIGKILL of the server, which is all that tests do to one, and no loss of power. What measures how long a
# write takes leaves it out.
#
# A server listens on 127.0.0.1 and on a socket in DIR, asks for no password and holds nothing but tests.
set -euo pipefail
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")

is_synced() { [ "${TOWER_TOKENS_SERVERS_SYNC:-yes}" != no ]; }

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "$program is missing: install the Debian package $package"
    done
}

# Servers refuse to run as root, or should not.
as_account() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="$account" --regid="$account" --init-groups "$@"
    else
        "$@"
    fi
}

# The same in the place of this shell, so that the server's id is the one in server.pid.
exec_as_account() {
    if [ "$(id -u)" = 0 ]; then
        exec setpriv --reuid="$account" --regid="$account" --init-groups "$@"
    else
        exec "$@"
    fi
}

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null || { echo "$port"; return; }
    done
}

# A process that has ended is there until its parent collects its status, which may never happen: state Z.
is_running() {
    local pid stat
    pid=$(cat "$directory/server.pid" 2>/dev/null) || return 1
    stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
    [[ ${stat##*) } != Z* ]]
}

# A session of its own, so that a Ctrl-C at the terminal reaches the trap that stops the server and not the server.
launch() {
    port=$(cat "$directory/port")
    rm -f "$directory/server.pid"
    (
        cd "$directory" || exit
        exec setsid bash -c 'echo $$ >"$1/server.pid"; shift; exec "$@"' - "$directory" \
            "$self" run "$directory" </dev/null >>"$directory/server.log" 2>&1
    ) &
    disown
    local waited
    for ((waited = 0; waited < 600; waited++)); do
        if ready >/dev/null 2>&1; then return 0; fi
        # On a busy machine it may take a while until there is an id at all.
        if [ -e "$directory/server.pid" ] && ! is_running; then return 1; fi
        sleep 0.1
    done
    signal KILL
    await_end
    return 1
}

start() {
    [ ! -e "$directory/port" ] || fail "$directory holds a server already"
    mkdir -p "$directory"
    if [ "$(id -u)" = 0 ]; then chown "$account" "$directory"; fi
    # A process of its own, for bash goes on after a failure inside of a condition.
    "$self" prepare "$directory" >>"$directory/server.log" 2>&1 || fail "cannot prepare a server: $(tail -n 5 "$directory/server.log")"
    local attempt
    for attempt in 1 2 3 4 5; do
        free_port >"$directory/port"
        if launch; then
            printf 'export %s=%s\n' "$variable" "$(url)"
            return 0
        fi
    done
    fail "the server does not start: $(tail -n 5 "$directory/server.log")"
}

restart() {
    stop
    local attempt
    # After a kill a server's own processes may need a moment to be gone.
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        if launch; then return 0; fi
        sleep 0.3
    done
    fail "the server does not start again: $(tail -n 5 "$directory/server.log")"
}

signal() {
    local pid
    pid=$(cat "$directory/server.pid" 2>/dev/null) || return 0
    # Its children first: a database's workers outlive their parent for a moment, and hold its files.
    if [ "$1" = KILL ]; then
        kill -STOP "$pid" 2>/dev/null || true
        pkill -KILL -P "$pid" 2>/dev/null || true
    fi
    kill -"$1" "$pid" 2>/dev/null || true
}

await_end() {
    local waited
    for ((waited = 0; waited < 300; waited++)); do
        is_running || return 0
        sleep 0.1
    done
    signal KILL
}

stop() {
    signal "${stop_signal:-TERM}"
    await_end
}

main() {
    [ $# = 2 ] || fail "usage: $(basename "$0") start|stop|kill|restart DIR"
    directory=$2
    case $directory in /*) ;; *) directory=$PWD/$directory ;; esac
    case $1 in
    start) start ;;
    stop) stop ;;
    kill)
        signal KILL
        await_end
        ;;
    restart) restart ;;
    prepare) prepare ;;
    run)
        port=$(cat "$directory/port")
        run
        ;;
    *) fail "unknown command $1" ;;
    esac
}
