# shellcheck shell=bash
# A session of the debugger, for debug-kubelet: whatever happens, the kubelet of before
# runs afterwards.
#
# A session is in one of these stages, and the EXIT trap goes by it:
#   before      nothing was changed
#   stopped     the kubelet of before was told to stop, or the debugger holds it
#   installing  a drop-in was written or removed, and the unit is not up again yet
#   done        whatever runs now is to stay

# shellcheck source=scripts/common.bash
. "${BASH_SOURCE[0]%/*}/common.bash"
# shellcheck source=scripts/kubelet-service.bash
. "${BASH_SOURCE[0]%/*}/kubelet-service.bash"

# What the options say.
kubelet='' debug='' dlv='' address=127.0.0.1 port=2345 allow_remote=0 any_user=0 hold=0 limit=0
allow_other_version=0 output=/var/lib/steadylet/debug-kubelet.log drop_in_dir=/run/systemd/system
service=systemd:kubelet stop_command='' start_command='' healthy_within=120 dry_run=0

# What the run knows: the kubelet of before, as it was started.
stage=before work='' pid='' version='' directory='' arguments=() environment=()
# The debugger's process, that of the kubelet under it, and whether it was told to end.
server='' target='' ended=0

# How long a service manager may take for one request, in seconds, and what else only
# kubelet-service.bash reads.
# shellcheck disable=SC2034
readonly service_limit=180 calm=30

# What systemd sets for one start of a service alone (systemd.exec(5)).
readonly of_one_start='^(NOTIFY_SOCKET|WATCHDOG_USEC|WATCHDOG_PID|INVOCATION_ID|JOURNAL_STREAM|MAINPID|MANAGERPID|SYSTEMD_EXEC_PID|LISTEN_PID|LISTEN_FDS|LISTEN_FDNAMES)='

# session_option NAME VALUE takes an option, and sets taken to how many arguments it was.
session_option() {
    taken=2
    case $1 in
    --dry-run) dry_run=1 taken=1 ;;
    --allow-remote) allow_remote=1 taken=1 ;;
    --any-user) any_user=1 taken=1 ;;
    --allow-other-version) allow_other_version=1 taken=1 ;;
    --wait) hold=1 taken=1 ;;
    --breakpoints) breakpoints=$2 ;;
    --port) port=$2 ;;
    --address) address=$2 ;;
    --limit) limit=$2 ;;
    --dlv) dlv=$2 ;;
    --kubelet) kubelet=$2 ;;
    --output) output=$2 ;;
    --drop-in-dir) drop_in_dir=$2 ;;
    --service) service=$2 ;;
    --stop-command) stop_command=$2 ;;
    --start-command) start_command=$2 ;;
    --healthy-within) healthy_within=$2 ;;
    *) fail 1 "$1 is not known: see ${0##*/} --help" ;;
    esac
    [[ $taken == 1 || -n $2 ]] || fail 1 "$1 wants a value: see ${0##*/} --help"
}

# check_session_options refuses options that make no sense together.
check_session_options() {
    [[ $healthy_within =~ ^[1-9][0-9]{0,4}$ ]] || fail 1 "--healthy-within $healthy_within: want seconds, such as 120"
    [[ $limit =~ ^(0|[1-9][0-9]{0,6})$ ]] || fail 1 "--limit $limit: want seconds, such as 600"
    [[ $port =~ ^[1-9][0-9]{0,4}$ && $port -lt 65536 ]] || fail 1 "--port $port: want a port, such as 2345"
    [[ $output == /* ]] || fail 1 "--output $output: want an absolute path"
    check_service_options
    [[ $address =~ ^[0-9A-Fa-f.:]+$ ]] || fail 1 "--address $address: want an IP address, such as 127.0.0.1"
    [[ $address == 127.* || $address == ::1 ]] || ((allow_remote)) ||
        fail 1 "--address $address: other hosts can reach it, and whoever connects to Delve is root here. Keep 127.0.0.1 and come through ssh: $(tunnel). Or say --allow-remote"
}

# tunnel prints the command that brings the port to another machine.
tunnel() { printf 'ssh -N -L %s:127.0.0.1:%s root@%s' "$port" "$port" "${HOSTNAME:-NODE}"; }

# endpoint prints where Delve listens.
endpoint() { if [[ $address == *:* ]]; then printf '[%s]:%s' "$address" "$port"; else printf '%s:%s' "$address" "$port"; fi; }

# prepare makes what a run needs.
prepare() {
    work=$(mktemp -d)
    trap finish EXIT
    trap 'fail 5 interrupted' INT TERM HUP
    trap : PIPE
    # in_service closes it for what it runs.
    exec {lock}<"$work"
}

# begin settles that this run is the only one, and where the log is. From here on things
# may be changed.
begin() {
    local folder=${output%/*}
    [[ ! -L $output && (! -e $output || -f $output) ]] || fail 2 "$output is no plain file: name another with --output"
    (umask 077 && mkdir -p -- "${folder:-/}" && : >>"$output")
    exec {lock}<&-
    exec {lock}<"$output"
    flock --nonblock "$lock" || fail 2 "another debug-kubelet runs and logs to $output: end that first"
    : >"$output"
}

# debug_instead runs the debug kubelet under Delve in the place of the one that runs.
debug_instead() {
    local options=()
    server_options
    ((hold)) || options+=(--continue)
    if ((dry_run)); then
        say "dry run: would stop the kubelet ($service), and start in $directory, with its environment:"
        say "  $(printf '%q ' "$dlv" exec "${options[@]}" "$debug" -- "${arguments[@]:1}")"
        exit 0
    fi
    begin
    stage=stopped
    stop_original || fail 3 "the kubelet can't be stopped"
    (cd -- "$directory" && exec setsid env -i -- "${environment[@]}" "$dlv" exec "${options[@]}" "$debug" -- "${arguments[@]:1}") \
        </dev/null >>"$output" 2>&1 {lock}<&- &
    server=$!
    say "starting $debug under Delve; it logs to $output"
    await_server
    if ((hold)); then
        target=$("$steadylet" kubelet --program "$debug" --print pid 2>/dev/null) || target=''
        say "it stands at its first instruction: this node has no working kubelet until a client lets it go on"
    else
        await_debugged
    fi
    hold_session
}

# debug_attached lets Delve attach to the kubelet that runs.
debug_attached() {
    local options=()
    server_options
    options+=(--continue)
    if ((dry_run)); then
        say "dry run: would attach to process $pid: $(printf '%q ' "$dlv" attach "$pid" "${options[@]}")"
        exit 0
    fi
    begin
    stage=stopped target=$pid debug=$kubelet
    setsid "$dlv" attach "$pid" "${options[@]}" </dev/null >>"$output" 2>&1 {lock}<&- &
    server=$!
    say "attaching Delve to process $pid; it logs to $output"
    await_server
    await_debugged
    hold_session
}

# server_options sets options to those of Delve. (Its check of the Go version would refuse
# old kubelets that it reads well.)
server_options() {
    options=(--headless --api-version=2 --accept-multiclient --check-go-version=false --log=false "--listen=$(endpoint)")
    ((!any_user)) || options+=(--only-same-user=false)
}

# stop_original stops the kubelet of before, and waits until its process has ended.
stop_original() {
    local deadline=$((SECONDS + 60))
    service_stop || return 1
    while [[ -e /proc/$pid/exe ]]; do
        if ((SECONDS >= deadline)); then
            say "the kubelet (process $pid) still runs after it was stopped: is it $service's?"
            return 1
        fi
        sleep 0.2
    done
}

# last_words prints where the log of Delve ends.
last_words() {
    if [[ $action == install ]]; then
        printf 'See journalctl -u %s' "${service#systemd:}"
    else
        tail -n 5 -- "$output"
    fi
}

# await_server waits until Delve listens.
await_server() {
    local deadline=$((SECONDS + healthy_within))
    until grep -qs 'API server listening at' "$output"; do
        [[ -e /proc/$server/exe ]] || fail 3 "Delve ended: $(last_words)"
        ((SECONDS < deadline)) || fail 3 "Delve does not listen after $healthy_within s: see $output"
        sleep 0.2
    done
}

# await_debugged waits until the kubelet under Delve is healthy.
await_debugged() {
    awaited "$steadylet" kubelet --program "$debug" --wait "${healthy_within}s" --print pid >"$work/target" 2>"$work/why" ||
        fail 3 "the kubelet under Delve does not become healthy: $(<"$work/why") $(last_words)"
    target=$(<"$work/target")
}

# hold_session says how to connect, and returns when the session is over.
hold_session() {
    local deadline=$((SECONDS + limit)) missing=0
    trap 'ended=1' INT TERM HUP
    say "Delve listens at $(endpoint), the kubelet is process ${target:-?}. On your machine:"
    say "  $(tunnel)"
    say "  dlv connect 127.0.0.1:$port    # halts the kubelet: continue lets it go on, exit -c leaves"
    ((!limit)) || say "It ends by itself after $limit s."
    say "Ctrl-C ends it and puts everything back."
    while ((!ended)); do
        if ((limit && SECONDS >= deadline)); then
            say "$limit s are over" && break
        elif [[ ! -e /proc/$server/exe ]]; then
            say "the debugger has ended" && break
        elif [[ -e /proc/$target/exe && -n $target ]]; then
            missing=0
        elif target=$("$steadylet" kubelet --program "$debug" --print pid 2>/dev/null); then
            # A client has started it anew.
            missing=0
        elif ((++missing > 15)); then
            say "the kubelet under the debugger has ended: see $output" && break
        fi
        sleep 1 &
        wait "$!" || true
    done
}

# end_server ends Delve, and with it the kubelet that it started. One that it is attached
# to goes on.
end_server() {
    local deadline
    [[ -n $server ]] || return 0
    kill -TERM "$server" 2>/dev/null
    deadline=$((SECONDS + 20))
    while [[ -e /proc/$server/exe ]] && ((SECONDS < deadline)); do sleep 0.2; done
    if [[ -e /proc/$server/exe ]]; then
        say "Delve (process $server) does not end by itself, and is killed"
        kill -KILL "$server" 2>/dev/null
    fi
    wait "$server" 2>/dev/null
    server=''
    # A Delve that was killed leaves the kubelet that it started.
    [[ $action == exec ]] || return 0
    [[ -n $target || $debug == "$kubelet" ]] ||
        target=$("$steadylet" kubelet --program "$debug" --print pid 2>/dev/null)
    [[ -n $target && /proc/$target/exe -ef $debug ]] || return 0
    kill -TERM "$target" 2>/dev/null
    deadline=$((SECONDS + 10))
    while [[ -e /proc/$target/exe ]] && ((SECONDS < deadline)); do sleep 0.2; done
    [[ ! -e /proc/$target/exe ]] || kill -KILL "$target" 2>/dev/null
}

# finish is the EXIT trap: a kubelet runs when it ends, if one can be made to.
finish() {
    local status=$?
    ending
    if ((status && !meant)); then
        say "${0##*/}: a step failed (status $status): see above"
        [[ $stage == before ]] && status=1 || status=3
    fi
    end_server
    case $stage in
    stopped) restore || status=7 ;;
    installing) uninstall || status=7 ;;
    before) ((!status)) || say "nothing was changed" ;;
    esac
    ((status != 7)) || say "NO HEALTHY KUBELET: look at its log, and start it by hand ($service)"
    rm -rf -- "$work"
    exit "$status"
}

# restore sees to it that the kubelet of before runs, and says what runs.
restore() {
    local now=() patience=1
    # One that Delve let go may have stood for long.
    [[ $action != attach ]] || patience=20
    if ! "$steadylet" kubelet --program "$kubelet" --wait "${patience}s" >/dev/null 2>&1; then
        [[ $action != attach ]] || service_stop
        retry start_kubelet || return 1
    fi
    pid=$("$steadylet" kubelet --program "$kubelet" --print pid) || return 1
    mapfile -d '' -t now <"/proc/$pid/cmdline"
    if [[ "${now[*]@Q}" != "${arguments[*]@Q}" ]]; then
        say "warning: it runs with other arguments than before: what starts it was changed meanwhile"
    fi
    say "kubelet $version runs again (process $pid, $kubelet)"
}
