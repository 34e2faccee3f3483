# shellcheck shell=bash
# shellcheck disable=SC2154 # what the options say is in debug-session.bash
# What debug-kubelet looks at before it starts, and its drop-in of systemd.

find_dlv() {
    [[ $action != remove ]] || return 0
    if [[ -z $dlv ]]; then
        dlv=$here/dlv
        [[ -x $dlv ]] || dlv=$(command -v dlv) ||
            fail 1 "Delve is neither in $here nor in PATH: go tool mage dlv builds it; or name it with --dlv"
    fi
    dlv=$(readlink -f -- "$dlv") || fail 1 "$dlv: there is no such program"
    "$dlv" version >/dev/null 2>&1 || fail 1 "$dlv does not run as Delve does: is it built for this machine?"
}

# ptrace_refusal SCOPE CAPABILITIES says why processes can't be debugged here, or nothing.
# The first is that of kernel.yama.ptrace_scope, or nothing; the others are CapEff of
# /proc/self/status (proc_pid_status(5)).
ptrace_refusal() {
    local capable=$((16#$2 >> 19 & 1)) # CAP_SYS_PTRACE, in capability.h
    if [[ $1 == 3 ]]; then
        printf '%s\n' 'kernel.yama.ptrace_scope is 3: no process can be debugged here until the next boot; set it to less before that'
    elif ((!capable)); then
        printf '%s\n' 'debugging a kubelet takes the capability SYS_PTRACE: run this as root, and in a container with that capability'
    fi
}

check_ptrace() {
    local scope='' capabilities why
    scope=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null) || true
    capabilities=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    why=$(ptrace_refusal "$scope" "$capabilities")
    [[ -z $why ]] || fail 2 "$why"
}

# know_kubelet takes down which kubelet runs, and how it was started.
know_kubelet() {
    local choice=() tracer variable all=()
    [[ -z $kubelet ]] || choice=(--program "$(readlink -f -- "$kubelet")")
    pid=$("$steadylet" kubelet "${choice[@]}" --print pid 2>"$work/why") ||
        fail 2 "it takes one kubelet that runs. $(<"$work/why")"$'\n'"Where several run, name the program of one with --kubelet; where none runs, start it first, so that there is a way back"
    kubelet=$(readlink -- "/proc/$pid/exe")
    version=$(version_of "/proc/$pid/exe") || fail 2 "the version of process $pid is not known: choose another kubelet with --kubelet"
    [[ $kubelet != *' (deleted)' ]] || fail 2 "the program of the kubelet that runs is gone (${kubelet% (deleted)} was replaced): restart the kubelet first"
    tracer=$(sed -n 's/^TracerPid:[[:space:]]*//p' "/proc/$pid/status")
    [[ $tracer == 0 ]] || fail 2 "process $pid is being debugged already, by process $tracer: end that one first (kill $tracer) and see that the kubelet's service runs, or remove what --install installed with --remove"
    directory=$(readlink -- "/proc/$pid/cwd")
    mapfile -d '' -t arguments <"/proc/$pid/cmdline"
    mapfile -d '' -t all <"/proc/$pid/environ"
    for variable in "${all[@]}"; do
        [[ $variable != *=* || $variable == =* || $variable =~ $of_one_start ]] || environment+=("$variable")
        [[ $action != attach || $variable != WATCHDOG_USEC=* ]] ||
            say "warning: systemd's watchdog ends a kubelet that stands still for $((${variable#*=} / 2000000)) s"
    done
    check_service
    say "kubelet $version runs (process $pid, $kubelet)"
}

# compare_unit says what a restart would start with other arguments than now.
compare_unit() {
    local started_by=()
    [[ $service == systemd:kubelet ]] || return 0
    "$steadylet" kubelet --print unit >"$work/command" 2>"$work/why" || { say "the unit can't be read: $(<"$work/why")" && return; }
    mapfile -t started_by <"$work/command"
    [[ "${started_by[*]:1}" != "${arguments[*]:1}" ]] || { say "the unit starts it with just these arguments" && return; }
    say "warning: the unit would start it with other arguments than it runs with:"
    say "  the unit: ${started_by[*]}"
    say "  it runs:  ${arguments[*]}"
}

# check_debug_kubelet refuses what is no kubelet, or another one than that which runs.
check_debug_kubelet() {
    local debug_version
    [[ -f $debug && -x $debug ]] || fail 2 "$debug is no program"
    debug=$(readlink -f -- "$debug")
    [[ ${debug##*/} == kubelet ]] || fail 2 "$debug: name it kubelet, as everything that looks for one expects"
    debug_version=$(version_of "$debug") || fail 2 "the version of $debug is not known: take a kubelet of this machine"
    if [[ ${debug_version%%+*} != "${version%%+*}" ]]; then
        ((allow_other_version)) ||
            fail 2 "$debug is $debug_version, and $version runs: that is an upgrade, which may restart containers. Build the same tag, or say --allow-other-version"
        say "warning: $debug is $debug_version, and $version runs: it may restart containers"
    fi
    warn_optimised "$debug"
    say "debugging with $debug ($debug_version)"
}

# warn_optimised FILE warns of a program in which a debugger can read little.
warn_optimised() {
    local traces
    traces=$(LC_ALL=C grep -aoE -e 'build[[:blank:]]-gcflags="?all=-N -l|build[[:blank:]]-compiler=|\.z?debug_info' -- "$1" | sort -u) || true
    if [[ $traces != *debug_info* ]]; then
        say "warning: $1 has no DWARF: Delve can't name what it stops in. Build it with go tool mage build"
    elif [[ $traces == *compiler* && $traces != *gcflags* ]]; then
        # (Programs of Go before 1.18 don't say how they were built.)
        say "warning: $1 is optimised: variables can be unreadable, and lines out of order. Build it with go tool mage build"
    fi
}

# port_taken PORT reads what /proc/net/tcp and tcp6 have, and says whether the port is
# listened at.
port_taken() {
    local wanted fields
    wanted=$(printf '%04X' "$1")
    while read -r -a fields; do
        [[ ${fields[1]-} != *:"$wanted" || ${fields[3]-} != 0A ]] || return 0
    done
    return 1
}

check_port() {
    if port_taken "$port" <<<"$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)"; then
        fail 2 "port $port is taken: choose another with --port"
    fi
}

# drop_in COMMAND DLV OPTIONS DEBUG prints a drop-in that runs the debug kubelet under
# Delve with the arguments of a unit's command; systemd expands its variables as before.
drop_in() {
    [[ $1 =~ ^([-:+!|]*)(\"[^\"]*\"|[^[:space:]@\"]+)([[:space:]].*)?$ ]] || return 1
    cat <<DROPIN
# Written by debug-kubelet --install; debug-kubelet --remove removes it.
[Service]
ExecStart=
ExecStart=${BASH_REMATCH[1]}$2 exec $3 $4 --${BASH_REMATCH[3]}
# A kubelet at a breakpoint feeds no watchdog.
WatchdogSec=0
NotifyAccess=all
DROPIN
}

# drop_in_path prints where the drop-in of the unit lies.
drop_in_path() {
    local unit=${service#systemd:}
    printf '%s/%s.service.d/99-debug-kubelet.conf\n' "$drop_in_dir" "${unit%.service}"
}

# check_systemd refuses another supervisor.
check_systemd() {
    [[ $service == systemd:* ]] || fail 1 "--$action is for systemd: leave out --stop-command and --start-command"
    read_unit "${service#systemd:}" ""
}

install_drop_in() {
    local path options=() program
    path=$(drop_in_path)
    check_systemd
    [[ ! -e $path && ! -L $path ]] || fail 2 "$path is there already: --remove it first"
    for program in "$dlv" "$debug"; do
        [[ $program =~ ^[A-Za-z0-9/._+-]+$ ]] || fail 2 "$program: a unit wants a plain path, of letters, digits and ._+-"
    done
    server_options
    options+=(--continue)
    drop_in "$(unit_command <"$work/unit")" "$dlv" "${options[*]}" "$debug" >"$work/drop-in" || fail 2 "the ExecStart of $service is of a kind that can't be wrapped: see systemctl cat ${service#systemd:}"
    if ((dry_run)); then
        say "dry run: would write $path, and restart the unit:"
        cat -- "$work/drop-in"
        exit 0
    fi
    stage=installing
    mkdir -p -- "${path%/*}"
    cp -- "$work/drop-in" "$path.new"
    chmod 0644 -- "$path.new"
    rename_durably "$path.new" "$path"
    restart_unit || fail 3 "systemd does not take the drop-in"
    await_debugged
    stage='done'
    say "installed $path: the kubelet runs under Delve (process $target), which listens at $(endpoint) and logs to the journal"
    say "  $(tunnel)"
    say "  dlv connect 127.0.0.1:$port"
}

remove_drop_in() {
    local path
    path=$(drop_in_path)
    check_systemd
    [[ -f $path ]] || fail 2 "there is no $path: nothing was installed"
    if ((dry_run)); then
        say "dry run: would remove $path, and restart the unit"
        exit 0
    fi
    stage=installing
    uninstall || fail 7 "the unit does not come up"
    stage='done'
}

# uninstall removes the drop-in and restarts the unit.
uninstall() {
    local path
    path=$(drop_in_path)
    rm -f -- "$path" "$path.new"
    [[ ! -d ${path%/*} ]] || sync -- "${path%/*}" || say "warning: after a loss of power $path may be back: see whether it is gone"
    rmdir -- "${path%/*}" 2>/dev/null || true
    retry restart_unit || return 1
    in_service systemctl cat "${service#systemd:}" >"$work/unit" || return 1
    kubelet=$(readlink -f -- "$(unit_program <"$work/unit")") || return 1
    "$steadylet" kubelet --program "$kubelet" --wait "${healthy_within}s" --print pid >"$work/target" 2>"$work/why" || {
        say "$(<"$work/why")"
        return 1
    }
    say "$kubelet runs as before (process $(<"$work/target"))"
}

restart_unit() {
    in_service systemctl daemon-reload && service_clear && in_service systemctl restart "${service#systemd:}"
}
