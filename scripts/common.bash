# shellcheck shell=bash
# What the scripts share that change something on a node.

# What a run knows.
steadylet='' log='' lock='' child=''
# Whether the exit status is one that was chosen.
meant=0

say() {
    # Whoever reads may be gone; the run goes on.
    printf '%s\n' "$*" >&2 || true
    [[ -z $log ]] || TZ=UTC printf '%(%FT%TZ)T %s\n' -1 "$*" >>"$log" || true
}

# fail STATUS TEXT... ends the run; the EXIT trap puts things right.
fail() {
    local status=$1
    shift
    # shellcheck disable=SC2034 # that trap looks at it
    meant=1
    say "${0##*/}: $*"
    exit "$status"
}

# find_steadylet finds the node command: beside this script, or in PATH.
find_steadylet() {
    local here
    here=$(dirname -- "$(readlink -f -- "$0")")
    if [[ -x $here/steadylet ]]; then
        steadylet=$here/steadylet
    elif ! steadylet=$(command -v steadylet); then
        fail 1 "the command steadylet is neither in $here nor in PATH: install it"
    fi
}

# awaited runs a command in the background and waits for it, so that a signal is answered
# at once. It has neither this run's input nor its lock.
awaited() {
    if [[ -n $lock ]]; then "$@" {lock}<&- & else "$@" & fi
    child=$!
    local status=0
    wait "$child" || status=$?
    child=''
    return "$status"
}

# say_lines says what it reads, to its end, in a process of its own. (It is a function
# because bash may run a trap between two lines of a substitution, and then reads the
# trap's own text as a part of it.)
say_lines() {
    local line
    trap : PIPE
    trap '' INT TERM HUP
    while IFS= read -r line || [[ -n $line ]]; do say "$line"; done
}

# relayed is awaited, and says what the command prints to its standard error: a program
# ends when whoever reads that is gone, and this run must not end half-way.
relayed() {
    local status=0 to reader
    exec {to}> >(say_lines)
    reader=$!
    awaited "$@" 2>&"$to" || status=$?
    exec {to}>&-
    wait "$reader" || true
    return "$status"
}

# ending is what an EXIT trap begins with, once it has the exit status: from here on no
# signal and no failure ends the run, and what it waits for is ended.
ending() {
    set +e
    trap - EXIT
    trap : INT TERM HUP
    [[ -z $child ]] || { kill "$child" && wait "$child"; } 2>/dev/null
}

# retry gives a request three chances: a signal may have hit the first.
retry() {
    "$@" || { sleep 1 && "$@"; } || { sleep 2 && "$@"; }
}

# shielded runs a program that no signal of a terminal ends. (A kubelet that is started so
# would ignore them for good.)
shielded() (
    trap '' INT TERM HUP
    exec "$@"
)

# rename_durably FROM TO gives a file another file's name, in the same folder. A loss of
# power leaves either file whole under that name, and after it has returned the new one.
rename_durably() { sync -- "$1" && mv -fT -- "$1" "$2" && sync -- "$(dirname -- "$2")"; }

# make_folder FOLDER [OPTION...] makes a folder with options of mkdir, and what is missing
# above it. A loss of power does not undo that.
make_folder() {
    local above
    [[ ! -d $1 ]] || return 0
    above=$(dirname -- "$1")
    make_folder "$above" && mkdir "${@:2}" -- "$1" && sync -- "$above"
}

digest_of() {
    local sum
    sum=$(shielded sha256sum <"$1")
    printf '%s\n' "${sum%% *}"
}
