# shellcheck shell=bash
# Backing up, staging, installing and restoring certificates, for renew-certs.
#
# Whatever happens, either the old files or the new ones are in place. A run is in one of
# these stages, and both the EXIT trap and the next run go by it:
#   before      nothing was changed
#   installing  some of the new files may be in place: the backup is put back
#   restarting  all of the new files are in place: the next run goes on
#   done

# What the options say. (What only renew-certs itself reads is there.)
new='' config='' kubernetes_dir=/etc/kubernetes cert_dir='' installed='' backup_dir=/var/lib/steadylet/certificates
warn_days=30 dry_run=0

# What the run knows.
stage=before steadylet='' work='' log='' lock='' child='' staging='' backup=''

say() {
    # Whoever reads may be gone; the run goes on.
    printf '%s\n' "$*" >&2 || true
    [[ -z $log ]] || printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$log" || true
}

# fail STATUS TEXT... ends the run; the EXIT trap puts things right.
fail() {
    local status=$1
    shift
    say "renew-certs: $*"
    exit "$status"
}

show() { sed 's/^/  /' "$1" >&2 || true; }

digest_of() {
    local sum
    sum=$(sha256sum <"$1")
    printf '%s\n' "${sum%% *}"
}

# awaited runs a command in the background and waits for it, so that a signal is
# answered at once.
awaited() {
    "$@" &
    child=$!
    local status=0
    wait "$child" || status=$?
    child=''
    return "$status"
}

# prepare makes what a run needs, sees to it that it is the only one, and ends what one
# left unfinished that was interrupted.
prepare() {
    [[ -d $cert_dir ]] || fail 2 "there is no folder $cert_dir: is this a control-plane node? Name it with --cert-dir"
    check_links
    exec {lock}<"$kubernetes_dir"
    flock --nonblock "$lock" || fail 2 "another run renews the certificates in $kubernetes_dir: wait until it has ended"
    ((!dry_run)) || return 0
    [[ ! -L $backup_dir ]] || fail 2 "$backup_dir is a link: name a folder with --backup-dir"
    mkdir -p -- "${backup_dir%/*}"
    [[ -d $backup_dir ]] || mkdir -m 0700 -- "$backup_dir"
    [[ -O $backup_dir && $(stat -c %a -- "$backup_dir") == 700 ]] || fail 2 "$backup_dir is open to others, and keys come there: chmod 700, or name another with --backup-dir"
    log=$backup_dir/log
    [[ ! -L $log ]] || fail 2 "$log is a link: remove it"
    : >>"$log"
    remove_leftovers
}

# finish is the EXIT trap: the old files are in place, or all of the new ones.
finish() {
    local status=$?
    set +e
    trap - EXIT
    trap : INT TERM HUP
    [[ -z $child ]] || { kill "$child" && wait "$child"; } 2>/dev/null
    case $stage in
    before) ((status == 0)) || say "nothing was changed" ;;
    installing)
        if put_back "$backup"; then
            rm -f -- "$backup_dir/in-progress"
            ((status == 5)) || status=3
            say "the old certificates are in place again"
        else
            status=7
            say "THE OLD FILES ARE NOT ALL IN PLACE: make room, then run renew-certs again, which begins with that"
            say "or copy what is in $backup_dir/$backup back by hand"
        fi
        ;;
    restarting)
        say "all files are in place: run renew-certs again to go on, or renew-certs --restore to go back"
        ;;
    esac
    [[ -z $log ]] || remove_leftovers
    rm -rf -- "$work"
    exit "$status"
}

# written prints the paths of what kubeadm may write, below the folder $1 with kubeconfigs
# and the folder $2 with certificates: "conf/NAME" and "pki/NAME".
written() {
    local path
    for path in "$1"/*.conf; do
        [[ ! -f $path ]] || printf 'conf/%s\n' "${path##*/}"
    done
    (cd -- "$2" && find . -type f \( -name '*.crt' -o -name '*.key' -o -name '*.pub' \) -printf 'pki/%P\n') | sort
}

# check_links refuses links in a file's place: a rename would put a file there.
check_links() {
    local link
    for link in "$kubernetes_dir"/*.conf; do
        [[ ! -L $link ]] || fail 2 "$link is a link: put the file itself there"
    done
    link=$(find "$cert_dir" -type l -print -quit)
    [[ -z $link ]] || fail 2 "$link is a link: put the file itself there"
}

# live NAME prints where a file of written is on the node.
live() {
    case $1 in
    conf/*) printf '%s\n' "$kubernetes_dir/${1#conf/}" ;;
    pki/*) printf '%s\n' "$cert_dir/${1#pki/}" ;;
    kubeadm) printf '%s\n' "$installed" ;;
    esac
}

# back_up copies all of it into a folder that says when, with the digests beside it, and
# reads it again.
back_up() {
    local partial name file
    name=certs-$(date -u +%Y%m%dT%H%M%SZ)
    [[ ! -e $backup_dir/$name ]] || fail 2 "there is a backup $name already: try again in a second"
    partial=$(mktemp -d -- "$backup_dir/.partial.XXXXXXXX")
    written "$kubernetes_dir" "$cert_dir" >"$work/names"
    [[ ! -f $installed ]] || printf 'kubeadm\n' >>"$work/names"
    while IFS= read -r file; do
        { mkdir -p -- "$partial/$(dirname -- "$file")" &&
            cp --preserve=all -- "$(live "$file")" "$partial/$file" &&
            sync -- "$partial/$file"; } || no_backup "$partial"
    done <"$work/names"
    while IFS= read -r file; do
        printf '%s  %s\n' "$(digest_of "$(live "$file")")" "$file"
    done <"$work/names" >"$work/sums"
    { cp -- "$work/sums" "$partial/SHA256SUMS" && sync -- "$partial/SHA256SUMS"; } || no_backup "$partial"
    (cd -- "$partial" && sha256sum --check --quiet --strict SHA256SUMS) >&2 || no_backup "$partial"
    mv -T -- "$partial" "$backup_dir/$name"
    sync -- "$backup_dir"
    backup=$name
    say "backed up as $backup_dir/$name; renew-certs --restore $name puts it back"
}

no_backup() {
    rm -rf -- "$1"
    fail 1 "the backup can't be written to $backup_dir, or is not what was copied: see whether the disk is full"
}

# place FROM TO puts a copy beside TO, with TO's owner, mode and labels, as $TO.renew: a
# rename then swaps them, which needs no room.
place() {
    local beside
    beside=$(beside "$2")
    cp -- "$1" "$beside" && chmod 0600 -- "$beside" &&
        { [[ ! -e $2 ]] || cp --attributes-only --preserve=all -- "$2" "$beside"; } &&
        touch -- "$beside" && sync -- "$beside"
}

beside() { printf '%s/.%s.renew\n' "${1%/*}" "${1##*/}"; }

# install_staged puts the new kubeadm and all new files in place.
install_staged() {
    local file target
    while IFS= read -r file; do
        place "$(staged "$file")" "$(live "$file")" || fail 1 "the new certificates can't be copied to $kubernetes_dir: see whether the disk is full"
    done <"$work/changed"
    if [[ $new != "$installed" ]]; then
        { place "$new" "$installed" && chmod 0755 -- "$(beside "$installed")"; } || fail 1 "$new can't be copied to ${installed%/*}: see whether the disk is full"
    fi
    note installing
    [[ $new == "$installed" ]] || mv -fT -- "$(beside "$installed")" "$installed"
    while IFS= read -r file; do
        target=$(live "$file")
        mv -fT -- "$(beside "$target")" "$target"
    done <"$work/changed"
    sync -- "$kubernetes_dir" "$cert_dir"
    note restarting
}

# remove_leftovers removes what a run left that was killed.
remove_leftovers() {
    local left
    rm -rf -- "$backup_dir"/.partial.* "$backup_dir"/.staging.*
    for left in "$kubernetes_dir" "$cert_dir" "$cert_dir"/etcd "${installed%/*}"; do
        [[ ! -d $left ]] || find "$left" -maxdepth 1 -type f -name '.*.renew' -delete
    done
}

# note writes down how far the run is, for the next one.
note() {
    stage=$1
    printf '%s %s\n' "$1" "$backup" >"$backup_dir/.progress.new"
    sync -- "$backup_dir/.progress.new"
    mv -fT -- "$backup_dir/.progress.new" "$backup_dir/in-progress"
    sync -- "$backup_dir"
}

# check_backup refuses a backup that is not as it was made.
check_backup() {
    [[ $1 =~ ^certs-[0-9TZ]+$ && -d $backup_dir/$1 && ! -L $backup_dir/$1 ]] || return 1
    (cd -- "$backup_dir/$1" && sha256sum --check --quiet --strict SHA256SUMS) >/dev/null 2>&1
}

# put_back BACKUP puts what differs from a backup back in place. It can be run again.
put_back() {
    local file target different=()
    check_backup "$1" || { say "the backup $backup_dir/$1 is missing or damaged: renew-certs --list has others" && return 1; }
    while IFS= read -r file; do
        file=${file#*  }
        target=$(live "$file")
        cmp --silent -- "$backup_dir/$1/$file" "$target" || different+=("$file")
    done <"$backup_dir/$1/SHA256SUMS"
    for file in "${different[@]}"; do
        place "$backup_dir/$1/$file" "$(live "$file")" &&
            cp --attributes-only --preserve=mode,ownership -- "$backup_dir/$1/$file" "$(beside "$(live "$file")")" || return 1
    done
    for file in "${different[@]}"; do
        target=$(live "$file")
        mv -fT -- "$(beside "$target")" "$target" || return 1
    done
    sync -- "$kubernetes_dir" "$cert_dir"
    say "put back ${#different[@]} files of $1"
}

# shellcheck source=scripts/certs-hosts.bash
. "${BASH_SOURCE[0]%/*}/certs-hosts.bash"
# shellcheck source=scripts/certs-stage.bash
. "${BASH_SOURCE[0]%/*}/certs-stage.bash"
