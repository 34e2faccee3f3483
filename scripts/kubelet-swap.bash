# shellcheck shell=bash
# What upgrade-kubelet and rollback-kubelet share: swapping the kubelet's program for
# another one, so that whatever happens in between a kubelet runs afterwards.
#
# A swap is in one of four stages, and the EXIT trap goes by it:
#   before    nothing was changed
#   stopped   the kubelet was told to stop; its program is in place
#   replaced  the new program may be in place
#   done      whatever runs now is to stay

# shellcheck source=scripts/common.bash
. "${BASH_SOURCE[0]%/*}/common.bash"

# What the options say.
kubelet='' backup_dir=/var/lib/steadylet/kubelets service=systemd:kubelet
stop_command='' start_command='' healthy_within=60 calm=30 rollback=1 dry_run=0

# What the run knows.
stage=before backup_name='' work='' staged='' kept=''
old_version='' old_digest='' new_version='' started=''
# What was changed although the kubelet was left alone.
changed=''
# Why nobody knows what became of the containers, where that is so.
uncounted=''

# How long a service manager may take for one request, in seconds.
readonly service_limit=180

readonly common_options='  --kubelet PATH          the program to replace (default: that of the kubelet that runs)
  --backup-dir DIR        where backups lie (default: /var/lib/steadylet/kubelets)
  --service systemd:UNIT  what stops and starts the kubelet (default: systemd:kubelet)
  --stop-command PATH     a program that stops it, and
  --start-command PATH    one that starts it, under another supervisor; each is run
                          without a shell and without arguments, and returns when the
                          request is under way
  --healthy-within SEC    how long it may take to be healthy (default: 60)
  --calm SEC              how long containers must stay as they are (default: 30)
  --dry-run               check everything, say what would be done, change nothing
  --help                  this text'

# common_option NAME VALUE takes an option of both scripts, and sets taken to how many
# arguments it was.
common_option() {
    taken=2
    case $1 in
    --dry-run) dry_run=1 taken=1 ;;
    --kubelet) kubelet=$2 ;;
    --backup-dir) backup_dir=$2 ;;
    --service) service=$2 ;;
    --stop-command) stop_command=$2 ;;
    --start-command) start_command=$2 ;;
    --healthy-within) healthy_within=$2 ;;
    --calm) calm=$2 ;;
    *) fail 1 "$1 is not known: see ${0##*/} --help" ;;
    esac
    [[ $taken == 1 || -n $2 ]] || fail 1 "$1 wants a value: see ${0##*/} --help"
}

# check_options refuses options that make no sense together.
check_options() {
    [[ $healthy_within =~ ^[1-9][0-9]{0,4}$ ]] || fail 1 "--healthy-within $healthy_within: want seconds, such as 60"
    [[ $calm =~ ^[1-9][0-9]{0,4}$ ]] || fail 1 "--calm $calm: want seconds, such as 30"
    [[ $backup_dir == /* ]] || fail 1 "--backup-dir $backup_dir: want an absolute path"
    check_service_options
}

# prepare makes what a run needs, and sees to it that it is the only one.
prepare() {
    work=$(mktemp -d)
    trap finish EXIT
    trap 'fail 5 interrupted' INT TERM HUP
    trap : PIPE
    local folder=${kubelet%/*}
    # A lock on the folder of the program: whoever swaps it comes by here.
    exec {lock}<"$folder"
    flock --nonblock "$lock" || fail 2 "another run replaces $kubelet: wait until it has ended"
    know_kubelet
    ! read_note || say "a run of ${noted[by]} was killed after ${noted[began]}"
    ((!dry_run)) || return 0
    [[ -w $folder ]] || fail 1 "$folder can't be written to: run this as root, and see whether it is mounted read-only"
    [[ ! -L $backup_dir ]] || fail 2 "$backup_dir is a link: name a folder with --backup-dir"
    make_folder "$backup_dir" -m 0700
    [[ -O $backup_dir ]] || fail 2 "$backup_dir belongs to another user: name another with --backup-dir"
    ((!(8#$(stat -c %a -- "$backup_dir") & 8#022))) || fail 2 "others may write to $backup_dir: name another folder with --backup-dir"
    log=$backup_dir/log
    [[ ! -L $log ]] || fail 2 "$log is a link: remove it"
    (umask 077 && : >>"$log")
    remove_leftovers
}

# remove_leftovers removes what a run that was killed left beside the program and in the
# backups, but for the program of before, if that is still wanted.
remove_leftovers() {
    local left
    for left in "${kubelet%/*}"/.kubelet-{new,before}.* "$backup_dir"/.partial.* "$backup_dir"/.note.*; do
        if [[ ! -f $left ]]; then
            continue
        elif [[ $left == */.kubelet-before.* && -n ${noted[old]-} && $(digest_of "$left") == "${noted[old]}" ]]; then
            kept=$left
        else
            rm -f -- "$left"
        fi
    done
}

# find_kubelet settles which program is meant.
find_kubelet() {
    if [[ -z $kubelet ]]; then
        kubelet=$("$steadylet" kubelet --print program) ||
            fail 2 "start the kubelet that runs here, or name its program with --kubelet"
    fi
    local given=$kubelet pid
    kubelet=$(readlink -f -- "$given") || fail 2 "$given: there is no such program"
    [[ ! -L $given ]] || say "warning: $given is a link: the program that is replaced is $kubelet"
    if [[ ! -e $kubelet ]] && pid=$("$steadylet" kubelet --program "$kubelet" --print pid 2>/dev/null); then
        fail 2 "the kubelet that runs (process $pid) was started from $kubelet, which is gone: put it back first: cp /proc/$pid/exe $kubelet"
    fi
    [[ -f $kubelet && -x $kubelet ]] || fail 2 "$kubelet is no program: name the kubelet with --kubelet"
}

# find_program is find_kubelet, also while none runs.
find_program() {
    if [[ -z $kubelet && $service == systemd:* ]] && ! kubelet=$("$steadylet" kubelet --print program 2>/dev/null); then
        kubelet=$(systemctl cat "${service#systemd:}" 2>/dev/null | unit_program) || kubelet=''
    fi
    find_kubelet
}

# know_kubelet settles what the program in place is.
know_kubelet() {
    old_version=$(version_of "$kubelet") || fail 2 "the version of $kubelet is not known: name the kubelet's program with --kubelet"
    old_digest=$(digest_of "$kubelet")
}

# is_program_of says whether a process was started from the program in place, or from one
# of the same content.
is_program_of() { [[ /proc/$1/exe -ef $kubelet || $(digest_of "/proc/$1/exe") == "$old_digest" ]]; }

# describe_running says which kubelet runs.
describe_running() {
    local pid version
    if pid=$("$steadylet" kubelet --program "$kubelet" --print pid 2>/dev/null) && version=$(version_of "/proc/$pid/exe"); then
        printf 'kubelet %s runs (process %s, %s)\n' "$version" "$pid" "$kubelet"
    else
        printf 'no kubelet runs\n'
    fi
}

# back_up copies the program in place into the backup folder, under a name that says
# when and which. The digest beside it comes first: a backup has one at any time.
back_up() {
    local name partial sum
    name=kubelet-$(date -u +%Y%m%dT%H%M%SZ)-$old_version
    partial=$(mktemp -- "$backup_dir/.partial.XXXXXXXX")
    sum=$(mktemp -- "$backup_dir/.partial.XXXXXXXX")
    if ! cp --preserve=all -- "$kubelet" "$partial" || [[ $(digest_of "$partial") != "$old_digest" ]] ||
        ! printf '%s  %s\n' "$old_digest" "$name" >"$sum" ||
        ! rename_durably "$sum" "$backup_dir/$name.sha256" || ! rename_durably "$partial" "$backup_dir/$name"; then
        rm -f -- "$partial" "$sum"
        fail 1 "$kubelet can't be backed up in $backup_dir: see whether the disk is full"
    fi
    backup_name=$name
    changed="${changed:-the kubelet was left alone}; a backup was made"
    say "backed up kubelet $old_version as $backup_dir/$name"
}

# stage_program puts a copy of a program, and a second name of the one in place, beside
# that: to swap them in either direction is a rename then, which needs no room.
stage_program() {
    local folder=${kubelet%/*}
    staged=$(mktemp -- "$folder/.kubelet-new.XXXXXXXX")
    cp -- "$1" "$staged" || fail 1 "$1 can't be copied to $folder: see whether the disk is full"
    # Owner, mode and labels are those of the program in place.
    cp --attributes-only --preserve=all -- "$kubelet" "$staged"
    touch -- "$staged"
    [[ -z $kept ]] || rm -f -- "$kept"
    kept=$(mktemp -u -- "$folder/.kubelet-before.XXXXXXXX")
    ln -- "$kubelet" "$kept"
    sync -- "$staged" "$kept"
}

# check_program refuses a program that is no kubelet, or not what its manifest says.
check_program() {
    local file=$1 manifest=$2 status=0
    "$steadylet" verify "$file" --manifest "$manifest" -o table >"$work/verify" 2>"$work/why" || status=$?
    if ((status == 3)); then
        say "warning: there is no $manifest: nothing vouches for what this kubelet was built from"
    elif ((status != 0)); then
        say "$(<"$work/why")"
        fail 2 "it is no kubelet, or not the one of $manifest"
    fi
    new_version=$(version_of "$file") || fail 2 "the version of $file is not known: take a kubelet of this machine"
}

# swap_in stops the kubelet, puts the staged program in place and starts it.
swap_in() {
    write_note
    stage=stopped
    stop_kubelet || fail 3 "the kubelet can't be stopped"
    # From here on the new program may be in place.
    stage=replaced
    mv -fT -- "$staged" "$kubelet"
    staged=''
    sync -- "${kubelet%/*}"
    say "kubelet $new_version is in place; waiting until it is healthy (at most $healthy_within s)"
    start_kubelet || fail 3 "kubelet $new_version does not become healthy"
}

# shellcheck source=scripts/kubelet-service.bash
. "${BASH_SOURCE[0]%/*}/kubelet-service.bash"
# shellcheck source=scripts/kubelet-back.bash
. "${BASH_SOURCE[0]%/*}/kubelet-back.bash"
