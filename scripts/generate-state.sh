#!/bin/sh
# Writes a state file for the kubelet with a shell, coreutils and grep alone, for a node
# where the command steadylet is not at hand. See --help.
set -eu
# shellcheck disable=SC3040 # where the shell has it
if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi
umask 077

usage() {
    cat <<'HELP'
Writes the state file that a patched kubelet reads when it starts, from what runs: the
kubelet's version, and since when it has run. It needs a shell, coreutils and grep (or
busybox), and nothing else. A program is run, to ask it for its version, only if it is a
kubelet by its content: a start script is not. Use "steadylet state generate" where there is that command: it records
the static pods too. Without that, a patched kubelet finds out by itself under which UIDs
they run, unless a manifest was touched since they were started.

Usage: generate-state.sh [options]

The kubelet is found in /proc. The file is <root-dir>/steadylet/state.json, of mode 0600
in a folder of mode 0700; the one before is kept as state.json.prev, a damaged one as
state.json.corrupt-<time>. No link is followed.

Options:
  --pid N          the kubelet's process, where several run
  --kubelet PATH   the program of the kubelet that ran here last, where none runs now
  --root-dir DIR   the kubelet's root directory (default: that of its command line, else
                   /var/lib/kubelet)
  --force          replace a good file
  --dry-run        print what would be written, and write nothing
  --help           this text

Exit status (as steadylet's):
  0  written
  1  any other error: usage, rights, a program that is no kubelet
  4  the file in place was written by a later release: it is left alone
  5  refused: a patched kubelet runs, or a good file is in place (see --force)
  8  no kubelet runs here, and --kubelet was left out

Examples:
  generate-state.sh --dry-run
  generate-state.sh
  generate-state.sh --kubelet /usr/bin/kubelet --root-dir /data/kubelet
HELP
}

fail() {
    status=$1
    shift
    printf 'generate-state.sh: %s\n' "$*" >&2
    exit "$status"
}

pid='' program='' root='' force=0 dry=0
while [ $# -gt 0 ]; do
    option=$1
    case $option in
    --help | -h) usage && exit 0 ;;
    --force) force=1 && shift && continue ;;
    --dry-run) dry=1 && shift && continue ;;
    --*=*) value=${option#*=} option=${option%%=*} && shift ;;
    *)
        [ $# -gt 1 ] || fail 1 "$option is not known, or wants a value: see --help"
        value=$2 && shift 2
        ;;
    esac
    case $option in
    --pid) pid=$value ;;
    --kubelet) program=$value ;;
    --root-dir) root=$value ;;
    *) fail 1 "$option is not known: see --help" ;;
    esac
done
[ -z "$pid" ] || [ -z "$program" ] || fail 1 "--kubelet is for a kubelet that doesn't run, --pid for one that does: give one of them"
case $pid in *[!0-9]*) fail 1 "--pid $pid: want a number" ;; esac

# usable PROCESS says whether it is a kubelet whose program may be run from here: of this
# user, in this mount namespace. (Any user, and any container, can name a process so.)
usable() {
    exe=$(readlink "/proc/$1/exe" 2>/dev/null) || return 1
    exe=${exe% (deleted)}
    [ "${exe##*/}" = kubelet ] || return 1
    [ "$(stat -c %u "/proc/$1" 2>/dev/null)" = "$(id -u)" ] &&
        [ "$(readlink "/proc/$1/ns/mnt" 2>/dev/null)" = "$(readlink /proc/self/ns/mnt)" ]
}

# flag PROCESS NAME prints the last value of a flag on its command line.
flag() {
    wanted=0 found=''
    while IFS= read -r argument; do
        if [ "$wanted" = 1 ]; then found=$argument wanted=0 && continue; fi
        case $argument in
        "--$2="*) found=${argument#*=} ;;
        "--$2") wanted=1 ;;
        esac
    done <<ARGUMENTS
$(tr '\0' '\n' <"/proc/$1/cmdline")
ARGUMENTS
    printf '%s\n' "$found"
}

# root_of PROCESS prints its root directory.
root_of() {
    of=$(flag "$1" root-dir)
    case $of in
    '') of=/var/lib/kubelet ;;
    /*) ;;
    *) of=$(readlink "/proc/$1/cwd")/$of ;;
    esac
    printf '%s\n' "${of%/}"
}

# kind_of FILE sets kind by the content of a file. A kubelet is a program in which Go notes the
# kubelet's main package. Go before 1.18 may note none: then the tables of its stack traces
# have the kubelet's main file and command, each with a zero behind it.
elf=$(printf '\177ELF') tab=$(printf '\t') newline='
'
kind_of() {
    kind='another program'
    case $(head -c 4 "$1" | tr -d '\0') in
    "$elf") ;;
    '#!'*) kind='a script' && return ;;
    *) return ;;
    esac
    traces=$newline$(LC_ALL=C tr -c '\11\40-\176' '\n' <"$1" | LC_ALL=C grep -F -e "path$tab" -e cmd/kubelet/)$newline || return 0
    case $traces in
    *"${newline}path${tab}k8s.io/kubernetes/cmd/kubelet$newline"*) kind=kubelet ;;
    *"${newline}path$tab"*) ;;
    *k8s.io/kubernetes/cmd/kubelet/app.NewKubeletCommand"$newline"*cmd/kubelet/kubelet.go"$newline"*) kind=kubelet ;;
    esac
}

# version_of PROGRAM prints what it says it is, if it is a kubelet. What is looked at is what
# runs, through one descriptor, whatever takes its path meanwhile.
version_of() {
    [ -r "$1" ] || fail 1 "$1 can't be read"
    {
        kind_of /proc/self/fd/3
        [ "$kind" = kubelet ] || fail 1 "$1 is no kubelet: it is $kind, and was not run: name the kubelet's program with --kubelet"
        said=$(timeout -s KILL 20 /proc/self/fd/3 --version 2>/dev/null) || fail 1 "$1 does not answer --version"
    } 3<"$1"
    said=${said#Kubernetes }
    case $said in
    *[!-+.0-9A-Za-z]*) ;;
    v[0-9]*.[0-9]*.[0-9]*) printf '%s\n' "$said" && return ;;
    esac
    fail 1 "$1 does not answer --version as a kubelet does"
}

# What stands for a time that is not known.
unknown=0001-01-01T00:00:00Z

# started_at PROCESS prints when it started. The time of boot is known to the second,
# rounded down, and ticks are hundredths (USER_HZ); the result is rounded up, as
# steadylet does.
started_at() {
    read -r of_process <"/proc/$1/stat" || return 1
    # The name, in parentheses, may hold anything; the start is the 20th field after it.
    # shellcheck disable=SC2086 # these are numbers, one a field
    set -- ${of_process##*) }
    shift 19
    ticks=$1 boot=''
    while read -r name number _; do
        [ "$name" != btime ] || boot=$number
    done </proc/stat
    [ -n "$boot" ] || return 1
    seconds=$((boot + (ticks + 99) / 100 + 1))
    # It is up to two seconds later than it really was.
    if [ "$seconds" -gt $(($(date +%s) + 2)) ]; then
        printf 'warning: the kubelet started in the future, so since when it ran is not recorded: see whether the clock is right\n' >&2
        printf '%s\n' "$unknown"
    else
        date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ
    fi
}

# find_kubelet sets pid to the kubelet that is meant, or leaves it empty where none runs.
find_kubelet() {
    if [ -n "$pid" ]; then
        usable "$pid" || fail 1 "process $pid is no kubelet of this user in this mount namespace"
        return
    fi
    for entry in /proc/[0-9]*; do
        candidate=${entry#/proc/}
        usable "$candidate" || continue
        [ -z "$root" ] || [ "$(root_of "$candidate")" = "$root" ] || continue
        [ -z "$pid" ] || fail 1 "several kubelets run: choose one with --pid or --root-dir"
        pid=$candidate
    done
}

# text CHECKSUM prints the file's text.
text() {
    printf '{\n  "schemaVersion": 1,\n  "kubelet": {"version": "%s", "startTime": "%s", "lastStart": "%s"},\n  "checksum": "%s"\n}\n' \
        "$version" "$started" "$started" "$1"
}

digest() {
    sum=$(sha256sum)
    printf '%s\n' "${sum%% *}"
}

zeros=0000000000000000000000000000000000000000000000000000000000000000

# whole FILE says whether it is a state file with the right checksum: 0 for one of this
# schema, 1 for none, 4 for one of a later schema.
whole() {
    [ ! -h "$1" ] && [ -f "$1" ] || return 1
    [ "$(stat -c %u "$1")" = "$(id -u)" ] || return 1
    case $(stat -c %a "$1") in ?00) ;; *) return 1 ;; esac
    [ "$(stat -c %s "$1")" -le 1048576 ] || return 1
    content=$(cat "$1" && printf x) 2>/dev/null
    content=${content%x}
    field='"checksum": "'
    before=${content%"$field"*}
    [ "$before" != "$content" ] || return 1
    after=${content#"$before$field"}
    says=${after%%\"*}
    [ "$says" = "$(printf '%s%s%s%s' "$before" "$field" "$zeros" "${after#"$says"}" | digest)" ] || return 1
    schema=${content#*\"schemaVersion\": }
    case ${schema%%[!0-9]*} in
    1) return 0 ;;
    *) return 4 ;;
    esac
}

# check_folder refuses a folder that could lead anywhere else.
check_folder() {
    [ -d "$root" ] || fail 1 "the kubelet's root directory $root does not exist: name it with --root-dir"
    [ "$(stat -c %u "$root/.")" = "$(id -u)" ] || fail 1 "the kubelet's root directory $root belongs to another user: run this as that user"
    [ ! -h "$folder" ] || fail 1 "$folder is a link: remove it"
    [ -d "$folder" ] || [ ! -e "$folder" ] || fail 1 "$folder is not a folder: remove it"
    [ ! -d "$folder" ] || [ "$(stat -c %u "$folder")" = "$(id -u)" ] || fail 1 "$folder belongs to another user: remove it"
}

# set_aside keeps a damaged file.
set_aside() {
    aside=$file.corrupt-$(date -u +%Y%m%dT%H%M%S.000000000Z)
    if [ -e "$aside" ] || [ -h "$aside" ]; then fail 1 "$aside is there already: try again in a second"; fi
    mv -f "$file" "$aside"
    printf 'the damaged file is kept as %s\n' "$aside" >&2
}

# place writes the file through a temporary one beside it, which is on the disk before it
# takes the name.
place() {
    [ -d "$folder" ] || mkdir -m 700 "$folder"
    chmod 700 "$folder"
    sync "$root"
    [ ! -d "$file" ] || [ -h "$file" ] || fail 1 "$file is a folder: remove it"
    temporary=$(mktemp "$folder/.state.jsonXXXXXX")
    trap 'rm -f "$temporary" "$temporary.link"' EXIT
    trap 'exit 1' INT TERM HUP
    text "$(text "$zeros" | digest)" >"$temporary"
    chmod 600 "$temporary"
    sync "$temporary"
    case $condition in
    0)
        # A second name, then a rename: the copy is whole at any time.
        ln "$file" "$temporary.link"
        [ ! -d "$file.prev" ] || fail 1 "$file.prev leads to a folder: remove it"
        mv -f "$temporary.link" "$file.prev"
        ;;
    1) if [ -e "$file" ] || [ -h "$file" ]; then set_aside; fi ;;
    esac
    mv -f "$temporary" "$file"
    sync "$folder"
}

root=${root%/}
find_kubelet
if [ -n "$program" ] && [ -n "$pid" ]; then fail 1 "a kubelet runs (process $pid): leave --kubelet out"; fi
started=$unknown
if [ -n "$pid" ]; then
    [ -n "$root" ] || root=$(root_of "$pid")
    version=$(version_of "/proc/$pid/exe")
    started=$(started_at "$pid") || fail 1 "the kernel does not say when process $pid started"
elif [ -n "$program" ]; then
    if [ ! -f "$program" ] || [ ! -x "$program" ]; then fail 1 "$program is no program"; fi
    case $program in /*) ;; *) program=./$program ;; esac
    version=$(version_of "$program")
    printf 'warning: the kubelet does not run, so since when it ran is not recorded\n' >&2
else
    fail 8 "no kubelet runs here: start it, or name its program with --kubelet"
fi
root=${root:-/var/lib/kubelet}
case $root in /*) ;; *) root=$PWD/$root ;; esac
folder=$root/steadylet file=$root/steadylet/state.json

refuse() {
    [ "$dry" = 0 ] || { printf 'warning: without --dry-run this is refused: %s\n' "$2" >&2 && return 0; }
    fail "$1" "$2"
}
check_folder
case $pid:$version in
[0-9]*:*+steadylet.*) refuse 5 "a patched kubelet runs and keeps its own record: stop it first to write another" ;;
esac
condition=0
whole "$file" || condition=$?
case $condition:$force in
0:0) refuse 5 "$file is whole, and nothing was changed: --force replaces it, and keeps it as $file.prev" ;;
4:*) refuse 4 "$file was written by a later release: use the steadylet of that" ;;
esac
if [ "$dry" = 1 ]; then
    text "$(text "$zeros" | digest)"
    exit 0
fi
place
printf '%s\n' "$file"
