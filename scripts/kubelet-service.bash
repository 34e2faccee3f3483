# shellcheck shell=bash
# Stopping, starting and watching the kubelet, for kubelet-swap.bash and debug-session.bash.

# check_service_options refuses options about the service that make no sense together.
check_service_options() {
    if [[ -n $stop_command || -n $start_command ]]; then
        local path
        for path in "$stop_command" "$start_command"; do
            [[ $path == /* && -f $path && -x $path ]] ||
                fail 1 "--stop-command and --start-command go together, and each wants the absolute path of a program (got '$path')"
        done
        service=commands
    fi
    [[ $service == commands || $service =~ ^systemd:[A-Za-z0-9@._:-]+$ ]] ||
        fail 1 "--service $service: want systemd:UNIT, or use --stop-command and --start-command"
}

# version_of FILE prints what a kubelet's program says it is. A file that is no kubelet by
# its content is not run, whatever its name: the unit's program can be a start script.
version_of() { "$steadylet" verify "$1" --print version; }

# in_service REQUEST... runs a request of the service manager. The lock is not handed
# on: what a start command leaves running would hold it.
in_service() { timeout --foreground "$service_limit" "$@" {lock}<&-; }

service_stop() {
    case $service in
    systemd:*) in_service systemctl stop "${service#systemd:}" ;;
    *) in_service "$stop_command" ;;
    esac
}

service_start() {
    case $service in
    systemd:*) in_service systemctl start "${service#systemd:}" ;;
    *) in_service "$start_command" ;;
    esac
}

# service_clear has the service manager forget starts that failed: systemd refuses to
# start a unit once more that was started too often (StartLimitBurst=, systemd.unit(5)).
service_clear() {
    [[ $service != systemd:* ]] || in_service systemctl reset-failed "${service#systemd:}" 2>/dev/null || true
}

# read_unit UNIT REMEDY has $work/unit be that unit with its drop-ins, and refuses one that
# systemd doesn't have. REMEDY is for a host without systemd: there systemctl's own words
# say less than ours.
read_unit() {
    command -v systemctl >/dev/null || fail 2 "there is no systemctl here$2"
    ! in_service systemctl cat "$1" >"$work/unit" 2>"$work/unit.said" || return 0
    [[ -d /run/systemd/system ]] || fail 2 "systemd does not run here$2" # as sd_booted(3) has it
    cat -- "$work/unit.said" >&2
    fail 2 "systemd has no unit $1: name it with --service systemd:UNIT"
}

# check_service refuses a unit that is not there, or that runs another program than the
# one to replace, or whose files changed since systemd read them.
check_service() {
    [[ $service == systemd:* ]] || return 0
    local unit=${service#systemd:} runs
    read_unit "$unit" ": use --stop-command and --start-command"
    runs=$(unit_program <"$work/unit")
    [[ -n $runs ]] || fail 2 "unit $unit starts no program: name the kubelet's with --service systemd:UNIT"
    [[ $(readlink -f -- "$runs") == "$kubelet" ]] ||
        fail 2 "unit $unit starts $runs, not $kubelet: name the one with --service or the other with --kubelet"
    [[ ! -L $runs ]] || say "warning: unit $unit starts $runs, a link: the program that is replaced is $kubelet"
    # Without --value, which systemd has from 230 on.
    if [[ $(in_service systemctl show --property=NeedDaemonReload "$unit") == *=yes ]]; then
        local stale="the files of unit $unit changed since systemd read them: see systemctl cat $unit, then run systemctl daemon-reload"
        [[ ${0##*/} != upgrade-kubelet ]] || fail 2 "$stale, and this again"
        say "warning: $stale"
    fi
}

# unit_command reads a unit with its drop-ins, as systemctl cat prints them, and prints
# the ExecStart that counts as it is written, on one line: an empty one forgets those
# before it (systemd.service(5)). A backslash at the end of a line joins it to the next, but
# not that of a comment; comments between joined lines are left out (systemd.syntax(7)).
unit_command() {
    local raw line='' text=''
    while IFS= read -r raw || [[ -n $raw ]]; do
        [[ ! $raw =~ ^[[:space:]]*[#\;] ]] || continue
        line+=$raw
        if [[ $line == *\\ ]]; then
            line="${line%\\} "
            continue
        fi
        [[ ! $line =~ ^[[:space:]]*ExecStart[[:space:]]*=[[:space:]]*(.*)$ ]] || text=${BASH_REMATCH[1]}
        line=''
    done
    printf '%s\n' "$text"
}

# unit_program reads the same, and prints that command's program.
unit_program() {
    [[ $(unit_command) =~ ^[-@:+!]*(\"([^\"]*)\"|[^[:space:]]*) ]]
    printf '%s\n' "${BASH_REMATCH[2]:-${BASH_REMATCH[1]}}"
}

# stop_kubelet stops it and waits until its process has ended.
stop_kubelet() {
    local pid deadline=$((SECONDS + 60))
    pid=$("$steadylet" kubelet --program "$kubelet" --print pid 2>/dev/null) || pid=''
    service_stop || return 1
    while [[ -n $pid && -e /proc/$pid/exe ]]; do
        if ((SECONDS >= deadline)); then
            say "the kubelet (process $pid) still runs after it was stopped: is it $service's?"
            return 1
        fi
        sleep 0.2
    done
}

# start_kubelet starts it, and waits until it is healthy.
start_kubelet() {
    started=$(date -u +%FT%T.%NZ)
    [[ $stage != replaced ]] || note_start
    service_start || return 1
    awaited "$steadylet" kubelet --program "$kubelet" --wait "${healthy_within}s" -o json >"$work/healthy" 2>"$work/why" || {
        say "$(<"$work/why")"
        return 1
    }
}

# take_snapshot takes down what runs now.
take_snapshot() {
    local pid
    if pid=$("$steadylet" kubelet --program "$kubelet" --print pid 2>/dev/null); then
        "$steadylet" containers --pid "$pid" -o json >"$work/before.json"
    else
        "$steadylet" containers --kubelet "$kubelet" -o json >"$work/before.json"
    fi
}

# Why the containers could not be compared when they were last.
told=''

# compare writes what became of the containers to $work/report. It returns 7 when some
# were replaced needlessly, and 1 when that can't be told now. Where it never can,
# uncounted says why.
compare() {
    local status=0
    [[ -z $uncounted ]] || return 0
    awaited "$steadylet" containers --since "$work/before.json" --started "$started" -o table \
        >"$work/report.new" 2>"$work/why" || status=$?
    case $status in
    0 | 7) mv -f -- "$work/report.new" "$work/report" ;;
    *)
        # Once is enough, however often it is asked.
        [[ $(<"$work/why") == "$told" ]] || say "$(<"$work/why")"
        told=$(<"$work/why") status=1
        ;;
    esac
    return "$status"
}

# await_calm watches until the containers of before have stayed as they are for a while,
# under one healthy kubelet. It returns 7 when some were replaced needlessly.
await_calm() {
    local first pid last='' now since deadline status=0
    first=$("$steadylet" kubelet --program "$kubelet" --print pid) || return 1
    since=$SECONDS deadline=$((SECONDS + 10 * calm))
    # At least one look that tells something, however slow the node is.
    while [[ -z $last ]] || ((status || SECONDS - since < calm)); do
        status=0
        compare || status=$?
        ((status != 7)) || return 7
        pid=$("$steadylet" kubelet --program "$kubelet" --print pid 2>/dev/null) || pid=''
        if [[ $pid != "$first" ]]; then
            say "the kubelet does not keep running: process $first became ${pid:-none}"
            return 1
        fi
        # What is new has nothing to do with what was there.
        now=$status$(grep -v '^new ' "$work/report" 2>/dev/null || true)
        [[ $now == "$last" && $status == 0 ]] || since=$SECONDS last=$now
        if ((SECONDS >= deadline && status)); then
            rm -f -- "$work/report"
            uncounted='steadylet containers fails: see above'
            break
        elif ((SECONDS >= deadline)); then
            say "containers still come and go after $((10 * calm)) s, none of them needlessly"
            return 0
        fi
        sleep 1
    done
    awaited "$steadylet" kubelet --program "$kubelet" --wait "${healthy_within}s" -o json >"$work/healthy"
}

# show_report prints the last report.
show_report() {
    local line
    [[ -f $work/report ]] || return 0
    while IFS= read -r line; do say "  $line"; done <"$work/report"
}
