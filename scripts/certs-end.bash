# shellcheck shell=bash
# shellcheck disable=SC2154 # what the options say is in certs-swap.bash and renew-certs
# How a run ends, and what is to be done next, for renew-certs.

# What the options said of where things are, and what this run is called on another host.
given=() called=''

# again ARGUMENT... prints a command line that takes this run up, with other arguments.
again() {
    local command=$called
    [[ -n $command ]] || { printf -v command '%q ' "$0" "${given[@]}" && command=${command% }; }
    (($# == 0)) || command+=$(printf ' %q' "$@")
    printf '%s\n' "$command"
}

# finish is the EXIT trap: the old files are in place, or all of the new ones.
finish() {
    local status=$?
    ending
    if ((!meant && (status == 129 || status == 130 || status == 143))); then
        # The signal ended a program first.
        say "renew-certs: interrupted"
        status=5
    elif ((status && !meant)); then
        say "renew-certs: a step failed (status $status): see above"
        case $stage in before) status=1 ;; hosts) status=6 ;; *) status=4 ;; esac
    fi
    case $stage in
    before) ((status == 0)) || say "$unchanged" ;;
    installing) finish_installing ;;
    restarting) say_restarts_left ;;
    hosts) [[ $status != 5 || -z $host ]] || say "the run on $host may go on: look there, or wait and run the same command again" ;;
    esac
    [[ -z $log ]] || { remove_leftovers && printf '%s ended with exit status %s\n' "$(date -u +%FT%TZ)" "$status" >>"$log"; }
    rm -rf -- "$work"
    exit "$status"
}

# finish_installing puts the backup back, to the end.
finish_installing() {
    if ! put_back "$backup"; then
        status=7
        say "THE FILES OF $backup ARE NOT ALL IN PLACE. Make room, then begin with that: $(again)"
        say "Or copy what is in $backup_dir/$backup back by hand: conf to $kubernetes_dir, pki to $cert_dir, kubeadm to $installed"
    elif [[ $purpose == restore ]]; then
        ((status == 5)) || status=4
        note restarting
        say_restarts_left
    else
        ((status == 5)) || status=3
        drop_note
        say "the old certificates are in place again, and nothing was restarted: to renew, run the same command again"
    fi
}

say_restarts_left() {
    if [[ $purpose == restore ]]; then
        say "The files of $backup are in place. To go on with the restarts: $(again)"
    else
        say "The new files are in place. To go on with the restarts: $(again)"
        say "To go back: $(again --restore "$backup")"
    fi
}
