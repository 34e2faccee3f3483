# shellcheck shell=bash
# shellcheck disable=SC2154 # what the options say is in certs-swap.bash and renew-certs
# Renewing certificates on other hosts, for renew-certs.

# there HOST does the same on another host, out of a folder of its own that is removed.
there() {
    local dir options=() files=() arguments=() status=0
    host=$1
    [[ -z $ssh_config ]] || options=(-F "$ssh_config")
    # A connection that stayed for others would keep this run's output open.
    options+=(-o BatchMode=yes -o ControlMaster=no)
    say "== $host"
    # Without -n, ssh reads what a loop around this script reads.
    dir=$(ssh -n "${options[@]}" "$host" 'umask 077 && mktemp -d -- "$HOME/.renew-certs.XXXXXXXX"') || fail 6 "$host can't be reached over ssh; hosts after it were left alone"
    [[ $dir =~ ^/[A-Za-z0-9/._-]+$ ]] || fail 6 "$host makes no folder in its home: mktemp says $dir"
    gather_for "$dir"
    { relayed scp -q "${options[@]}" "${files[@]}" "$host:$dir/" &&
        relayed ssh -n "${options[@]}" "$host" "$(printf '%q ' "$dir/renew-certs" "${arguments[@]}")"; } || status=$?
    ((status != 255)) || fail 6 "the connection to $host was lost, and what began there may go on out of $dir: look there, or wait and run the same command again; hosts after it were left alone"
    # shellcheck disable=SC2029 # the path is one of the other host, and plain
    ssh -n "${options[@]}" "$host" "rm -rf -- $dir" || say "warning: $dir is left on $host"
    ((status == 0)) || fail 6 "$host: renew-certs ended with exit status $status there; hosts after it were left alone"
}

# gather_for DIR lists the files to copy, and the arguments with which they run in a folder
# of another host.
gather_for() {
    local dir=$1 file
    files=("$here"/renew-certs "$here"/common.bash "$here"/certs-{swap,end,stage,hosts}.bash "$steadylet")
    arguments=(--kubernetes-dir "$kubernetes_dir" --cert-dir "$cert_dir" --installed "$installed" --backup-dir "$backup_dir"
        --warn-days "$warn_days" --healthy-within "$healthy_within" --calm "$calm" --called "$(again --only-hosts --host "$host")")
    ((!skip_restart)) || arguments+=(--skip-restart)
    ((!dry_run)) || arguments+=(--dry-run)
    if [[ $action == restore ]]; then
        arguments+=(--restore ${named:+"$named"})
        return
    fi
    mkdir -p -- "$work/to"
    ln -sf -- "$new" "$work/to/kubeadm"
    files+=("$work/to/kubeadm")
    for file in manifest.json config.yaml; do
        [[ ! -f $new.$file ]] || { ln -sf -- "$new.$file" "$work/to/kubeadm.$file" && files+=("$work/to/kubeadm.$file"); }
    done
    [[ -z $config ]] || { ln -sf -- "$config" "$work/to/config" && files+=("$work/to/config") && arguments+=(--config "$dir/config"); }
    arguments+=("$dir/kubeadm")
}
