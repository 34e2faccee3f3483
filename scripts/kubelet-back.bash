# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what a run knows is in kubelet-swap.bash
# The way back, for kubelet-swap.bash: how a run ends, and how the next one takes up what
# one that was killed left.

# What the note of a run that was killed says; none where there is no note.
declare -A noted=()
# Whether the note is of no more use.
note_done=0

note_path() { printf '%s\n' "$backup_dir/note"; }

# list_path prints where the list of what ran before is.
list_path() { printf '%s.containers\n' "$(note_path)"; }

boot_id() { cat /proc/sys/kernel/random/boot_id; }

# write_note says what is about to be swapped, for the run after this one. The note has the
# digest of the list, so that one that was lost is not taken for one without containers.
write_note() {
    local partial list=none
    partial=$(mktemp -- "$backup_dir/.note.XXXXXXXX")
    if [[ -s $work/before.json ]]; then
        list=$(digest_of "$work/before.json")
        { cp -- "$work/before.json" "$partial" && rename_durably "$partial" "$(list_path)"; } || no_note
    fi
    {
        printf 'by %s\nbegan %s\nold %s\nold_version %s\n' "${0##*/}" "$(date -u +%FT%TZ)" "$old_digest" "$old_version"
        printf 'new %s\nnew_version %s\nbackup %s\nkubelet %s\n' "$(digest_of "$staged")" "$new_version" "$backup_name" "$kubelet"
        printf 'list %s\nboot %s\n' "$list" "$(boot_id)"
    } >"$partial"
    rename_durably "$partial" "$(note_path)" || no_note
    note_done=1
}

no_note() { fail 1 "the note of what is swapped can't be written to $backup_dir: see whether the disk is full"; }

# read_note reads the note of a run that was killed. It returns 1 where there is none of
# this kubelet, and where another program was put in place meanwhile.
read_note() {
    local key value path in_place
    path=$(note_path)
    [[ -f $path && ! -L $path && -O $path ]] || return 1
    while read -r key value; do
        [[ -z $key ]] || noted[$key]=$value
    done <"$path"
    in_place=$(digest_of "$kubelet")
    if [[ ${noted[kubelet]-} == "$kubelet" && ${noted[by]-} && ${noted[began]-} && ${noted[old_version]-} && ${noted[new_version]-} &&
        ${noted[backup]-} == kubelet-* && ${noted[backup]} != */* && ($in_place == "${noted[old]-}" || $in_place == "${noted[new]-}") ]]; then
        return 0
    fi
    noted=()
    return 1
}

# note_start adds when the kubelet of a swap was started.
note_start() {
    local partial
    [[ -f $(note_path) && $dry_run == 0 ]] || return 0
    { partial=$(mktemp -- "$backup_dir/.note.XXXXXXXX") && cat -- "$(note_path)" - <<<"started $started" >"$partial" &&
        rename_durably "$partial" "$(note_path)"; } ||
        say "warning: $(note_path) does not say when the kubelet was started: see whether the disk is full"
}

drop_note() {
    rm -f -- "$(note_path)" "$(list_path)"
    sync -- "$backup_dir"
}

# is_note_old says whether a list of what ran then says nothing of what was replaced since.
is_note_old() { (($(date +%s) - $(stat -c %Y -- "$(note_path)") > 3600)); }

is_old_in_place() { [[ $(digest_of "$kubelet") == "$old_digest" ]]; }

is_healthy() { "$steadylet" kubelet --program "$kubelet" --wait 1s >/dev/null 2>&1; }

# take_up DIGEST goes on with a run that was killed, where the program that it put in
# place is the wanted one. It returns 1 where it is not.
take_up() {
    [[ -n ${noted[new]-} && $1 == "${noted[new]}" && $(digest_of "$kubelet") == "$1" ]] || return 1
    if is_healthy && is_note_old; then
        say "it was long ago, and kubelet ${noted[new_version]} runs: that is over"
        note_done=1
        return 1
    fi
    ((!dry_run)) || { say "dry run: would go on with it: kubelet ${noted[new_version]} is in place, and is watched" && exit 0; }
    adopt_note
    say "going on with it: kubelet $new_version is in place"
    stage=replaced
    if is_healthy; then
        started=${noted[started]:-${noted[began]}}
    else
        start_kubelet || fail 3 "kubelet $new_version does not become healthy"
        started=${noted[started]:-$started}
    fi
    recall_list
}

# recall_list has what ran before be known, or else uncounted say why it is not.
recall_list() {
    if [[ ${noted[list]-} == none ]]; then
        uncounted="what ran before isn't known"
    elif [[ ! -f $(list_path) || -L $(list_path) || $(digest_of "$(list_path)") != "${noted[list]-}" ]]; then
        uncounted="the list of what ran before is lost or damaged ($(list_path))"
    elif [[ ${noted[boot]-} != "$(boot_id)" ]]; then
        uncounted='the node was rebooted since, which ended all containers'
    else
        cp -- "$(list_path)" "$work/before.json" || uncounted="the list of what ran before can't be copied to $work"
    fi
}

# settle_note has a kubelet run where a run that was killed left none: what is in place,
# or else what was there before.
settle_note() {
    [[ -n ${noted[new]-} ]] || return 0
    if is_healthy; then
        note_done=1
        return 0
    fi
    ((!dry_run)) || { say "dry run: would start the kubelet first" && return 0; }
    adopt_note
    say "no healthy kubelet runs since: starting what is in place"
    stage=stopped
    is_old_in_place || stage=replaced
    service_clear
    start_kubelet || fail 3 "the kubelet that the killed run left in place does not become healthy"
    stage=before changed="the kubelet that the killed run left in place was started"
    rm -f -- ${kept:+"$kept"}
    kept=''
    know_kubelet
}

# adopt_note takes over what the run that was killed knew, with the program of before.
adopt_note() {
    note_done=1
    old_digest=${noted[old]} old_version=${noted[old_version]} new_version=${noted[new_version]} backup_name=${noted[backup]}
    if [[ -z $kept ]] && ! is_old_in_place; then
        kept=$(mktemp -- "${kubelet%/*}/.kubelet-before.XXXXXXXX")
        if ! cp --preserve=all -- "$backup_dir/$backup_name" "$kept" || ! sync -- "$kept" || [[ $(digest_of "$kept") != "$old_digest" ]]; then
            say "warning: the program of before can't be taken from $backup_dir/$backup_name: there is no way back in this run"
            rm -f -- "$kept"
            kept='' rollback=0
        fi
    fi
}

# finish is the EXIT trap: a kubelet runs when it ends, if one can be made to.
finish() {
    local status=$?
    ending
    if ((status && !meant)); then
        say "${0##*/}: a step failed (status $status): see above"
        [[ $stage == before ]] && status=1 || status=3
    fi
    case $stage in
    before) ((!status)) || say "${changed:-nothing was changed}" ;;
    stopped) recover || status=7 ;;
    replaced)
        # Where the way back fails, what is in place must run all the same.
        ((!rollback)) || put_back
        is_old_in_place || status=6
        recover || status=7
        ;;
    esac
    ((status != 7)) || say_what_is_left
    rm -f -- ${staged:+"$staged"} ${kept:+"$kept"}
    rm -rf -- "$work"
    ((!note_done || dry_run)) || drop_note
    exit "$status"
}

# say_what_is_left says where the program of before is, and leaves it there.
say_what_is_left() {
    local where="a backup, ${backup_name:-see rollback-kubelet --list}"
    say "NO HEALTHY KUBELET: look at its log and start it by hand, or run rollback-kubelet --kubelet $kubelet"
    if is_old_in_place; then
        where='in place'
    elif [[ -n $kept && -f $kept ]]; then
        where=$kept kept=''
    fi
    say "The program of before is $where; backups are in $backup_dir"
}

# put_back puts the program of before in its place again.
put_back() {
    say "going back to kubelet $old_version"
    retry stop_kubelet || return 1
    ! is_old_in_place || return 0
    if [[ ! -f $kept || $(digest_of "$kept") != "$old_digest" ]]; then
        say "${kept:-nothing} is not what was there before: take a backup from $backup_dir"
        return 1
    fi
    shielded mv -fT -- "$kept" "$kubelet" || return 1
    kept=''
    sync -- "${kubelet%/*}" || say "warning: the disk may not have kubelet $old_version yet: see whether it works"
}

# recover sees to it that what is in place runs, and says what runs.
recover() {
    local status=0
    # A start command need not bear a kubelet that runs already.
    is_healthy || retry start_again || status=1
    say "$(describe_running)"
    return "$status"
}

start_again() {
    service_clear
    start_kubelet
}
