# shellcheck shell=bash
# shellcheck disable=SC2154 # what the options say is in certs-swap.bash and renew-certs
# Renewing certificates on other hosts, for renew-certs.

# there HOST does the same on another host, out of a folder of its own that is removed.
there() {
    local host=$1 dir file files=() arguments=() options=() status=0
    [[ -z $ssh_config ]] || options=(-F "$ssh_config")
    options+=(-o BatchMode=yes)
    say "== $host"
    dir=$(ssh "${options[@]}" "$host" 'umask 077 && mktemp -d -- "$HOME/.renew-certs.XXXXXXXX"') || fail 6 "$host can't be reached over ssh"
    [[ $dir =~ ^/[A-Za-z0-9/._-]+$ ]] || fail 6 "$host makes no folder in its home: mktemp says $dir"
    files=("$here"/renew-certs "$here"/certs-{swap,stage,hosts}.bash "$steadylet")
    arguments=(--kubernetes-dir "$kubernetes_dir" --cert-dir "$cert_dir" --installed "$installed" --backup-dir "$backup_dir"
        --warn-days "$warn_days" --healthy-within "$healthy_within" --calm "$calm")
    ((!skip_restart)) || arguments+=(--skip-restart)
    ((!dry_run)) || arguments+=(--dry-run)
    if [[ $action == restore ]]; then
        arguments+=(--restore ${restore:+"$restore"})
    else
        mkdir -p -- "$work/to"
        ln -sf -- "$new" "$work/to/kubeadm"
        files+=("$work/to/kubeadm")
        for file in manifest.json config.yaml; do
            [[ ! -f $new.$file ]] || { ln -sf -- "$new.$file" "$work/to/kubeadm.$file" && files+=("$work/to/kubeadm.$file"); }
        done
        [[ -z $config ]] || { ln -sf -- "$config" "$work/to/config" && files+=("$work/to/config") && arguments+=(--config "$dir/config"); }
        arguments+=("$dir/kubeadm")
    fi
    { scp -q "${options[@]}" "${files[@]}" "$host:$dir/" &&
        awaited ssh "${options[@]}" "$host" "$(printf '%q ' "$dir/renew-certs" "${arguments[@]}")"; } || status=$?
    # shellcheck disable=SC2029 # the path is one of the other host, and plain
    ssh "${options[@]}" "$host" "rm -rf -- $dir" || say "warning: $dir is left on $host"
    ((status == 0)) || fail 6 "$host: renew-certs ended with exit status $status there; hosts after it were left alone"
}
