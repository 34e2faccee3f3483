# shellcheck shell=bash
# Backing up, installing and restoring certificates, for renew-certs.
#
# Whatever happens, either the old files or the new ones are in place. A run is in one of
# these stages, and both the EXIT trap and the next run go by it:
#   before      nothing was changed
#   installing  some of the new files, or of a backup, may be in place: the backup is put
#               back, to the end
#   restarting  all of the new files, or of a backup, are in place: the next run goes on
#   done
#   hosts       likewise, and others are being renewed

# shellcheck source=scripts/common.bash
. "${BASH_SOURCE[0]%/*}/common.bash"

# What the options say. (What only renew-certs itself reads is there.)
new='' config='' kubernetes_dir=/etc/kubernetes cert_dir='' installed='' backup_dir=/var/lib/steadylet/certificates
warn_days=30 dry_run=0

# What the run knows. purpose is renew or restore; host is the one that is being renewed.
stage=before purpose=renew work='' staging='' backup='' host=''
# What was done although the certificates were left alone.
unchanged='nothing was changed'

# The kubeconfigs that kubeadm writes. Whatever else lies beside them is somebody else's.
readonly kubeconfigs=(admin super-admin kubelet controller-manager scheduler)

show() { sed 's/^/  /' "$1" >&2 || true; }

# prepare makes what a run needs, sees to it that it is the only one, and removes what one
# left that was interrupted.
prepare() {
    check_links
    # For putting files back, the backup is enough.
    if [[ $action == renew && ! -f $backup_dir/in-progress ]]; then
        [[ -d $cert_dir ]] || fail 2 "there is no folder $cert_dir: is this a control-plane node? Name it with --cert-dir, or put a backup back: $(again --restore)"
    elif ((!dry_run)); then
        (umask 022 && make_folder "$kubernetes_dir")
    fi
    if [[ -d $kubernetes_dir ]]; then
        exec {lock}<"$kubernetes_dir"
        flock --nonblock "$lock" || fail 2 "another run renews the certificates in $kubernetes_dir: wait until it has ended"
    fi
    ((!dry_run)) || return 0
    [[ ! -L $backup_dir ]] || fail 2 "$backup_dir is a link: name a folder with --backup-dir"
    make_folder "$backup_dir" -m 0700
    [[ -O $backup_dir && $(stat -c %a -- "$backup_dir") == 700 ]] || fail 2 "$backup_dir is open to others, and keys come there: chmod 700, or name another with --backup-dir"
    log=$backup_dir/log
    [[ ! -L $log ]] || fail 2 "$log is a link: remove it"
    : >>"$log"
    remove_leftovers
}

# written prints the paths of what kubeadm may write, below the folder $1 with kubeconfigs
# and the folder $2 with certificates: "conf/NAME" and "pki/NAME".
written() {
    local name
    for name in "${kubeconfigs[@]}"; do
        [[ ! -f $1/$name.conf ]] || printf 'conf/%s.conf\n' "$name"
    done
    (cd -- "$2" && find . -type f \( -name '*.crt' -o -name '*.key' -o -name '*.pub' \) -printf 'pki/%P\n') | sort
}

# check_links refuses links in a file's or folder's place, although certs check reads through
# them: a rename would put a file there, and what a folder's link leads to may be shared.
check_links() {
    local link
    for link in "${kubeconfigs[@]}"; do
        link=$kubernetes_dir/$link.conf
        [[ ! -L $link ]] || fail 2 "$link is a link: put the file itself there"
    done
    [[ ! -L $cert_dir ]] || fail 2 "$cert_dir is a link to $(readlink -- "$cert_dir"): name the folder itself with --cert-dir"
    [[ -d $cert_dir ]] || return 0
    link=$(find "$cert_dir" -type l -print -quit)
    [[ -z $link ]] || fail 2 "$link is a link: put the file or folder itself there"
}

# live NAME prints where a file of written, or its folder, is on the node.
live() {
    case $1 in
    conf) printf '%s\n' "$kubernetes_dir" ;;
    conf/*) printf '%s\n' "$kubernetes_dir/${1#conf/}" ;;
    pki) printf '%s\n' "$cert_dir" ;;
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
    # The folders too, as far as a backup needs them that has to do without the node's.
    while IFS= read -r file; do
        as_folder "$(live "$file")" "$partial/$file" || no_backup "$partial"
    done < <(cd -- "$partial" && find conf pki -type d 2>/dev/null)
    while IFS= read -r file; do
        printf '%s  %s\n' "$(digest_of "$(live "$file")")" "$file"
    done <"$work/names" >"$work/sums"
    { cp -- "$work/sums" "$partial/SHA256SUMS" && sync -- "$partial/SHA256SUMS"; } || no_backup "$partial"
    (cd -- "$partial" && sha256sum --check --quiet --strict SHA256SUMS) >&2 || no_backup "$partial"
    find "$partial" -mindepth 1 -type d -exec sync -- {} + || no_backup "$partial"
    rename_durably "$partial" "$backup_dir/$name"
    backup=$name
    unchanged="the certificates were left alone; a backup of them was made"
    say "backed up as $backup_dir/$name, to be put back with: $(again --restore "$name")"
}

# as_folder MODEL FOLDER gives a folder the owner and mode of another one.
as_folder() { chown --reference="$1" -- "$2" && chmod --reference="$1" -- "$2"; }

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

# swap TO puts what place put beside TO in its place.
swap() { rename_durably "$(beside "$1")" "$1"; }

# install_staged puts the new kubeadm and all new files in place.
install_staged() {
    local file
    while IFS= read -r file; do
        place "$(staged "$file")" "$(live "$file")" || fail 1 "the new certificates can't be copied to $kubernetes_dir: see whether the disk is full"
    done <"$work/changed"
    if [[ $new != "$installed" ]]; then
        { (umask 022 && make_folder "${installed%/*}") && place "$new" "$installed" && chmod 0755 -- "$(beside "$installed")"; } || fail 1 "$new can't be copied to ${installed%/*}: see whether the disk is full"
    fi
    note installing
    [[ $new == "$installed" ]] || swap "$installed"
    while IFS= read -r file; do
        swap "$(live "$file")"
    done <"$work/changed"
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
    printf '%s %s %s\n' "$1" "$backup" "$purpose" >"$backup_dir/.progress.new" &&
        rename_durably "$backup_dir/.progress.new" "$backup_dir/in-progress"
}

# drop_note removes it.
drop_note() {
    rm -f -- "$backup_dir/in-progress"
    sync -- "$backup_dir" || say "warning: after a loss of power this run may seem to be unfinished"
}

# backups prints the names of the backups, the newest first.
backups() {
    local path
    for path in "$backup_dir"/certs-*/SHA256SUMS; do
        path=${path%/SHA256SUMS}
        [[ ! -d $path ]] || printf '%s\n' "${path##*/}"
    done | sort --reverse
}

print_list() {
    local name any=0
    while read -r name; do
        any=1
        if check_backup "$name"; then printf '%s\twhole\n' "$name"; else printf '%s\tdamaged\n' "$name"; fi
    done < <(backups)
    ((any)) || say "there is no backup in $backup_dir"
}

# check_backup refuses a backup that is not as it was made.
check_backup() {
    [[ $1 =~ ^certs-[0-9TZ]+$ && -d $backup_dir/$1 && ! -L $backup_dir/$1 ]] || return 1
    (cd -- "$backup_dir/$1" && sha256sum --check --quiet --strict SHA256SUMS) >/dev/null 2>&1
}

# put_back BACKUP puts what differs from a backup, or is missing, back in place. It can be
# run again.
put_back() {
    local file target different=()
    check_backup "$1" || { say "the backup $backup_dir/$1 is missing or damaged: see $(again --list)" && return 1; }
    make_folders "$1" || return 1
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
        swap "$(live "$file")" || return 1
    done
    say "put back ${#different[@]} files of $1"
}

# make_folders BACKUP makes those anew that were lost.
make_folders() {
    local folder target
    while IFS= read -r folder; do
        target=$(live "$folder")
        [[ -d $target ]] || { make_folder "$target" && as_folder "$backup_dir/$1/$folder" "$target"; } || return 1
    done < <(cd -- "$backup_dir/$1" && find conf pki -type d | sort)
    (umask 022 && make_folder "${installed%/*}")
}

# shellcheck source=scripts/certs-end.bash
. "${BASH_SOURCE[0]%/*}/certs-end.bash"
# shellcheck source=scripts/certs-hosts.bash
. "${BASH_SOURCE[0]%/*}/certs-hosts.bash"
# shellcheck source=scripts/certs-stage.bash
. "${BASH_SOURCE[0]%/*}/certs-stage.bash"
