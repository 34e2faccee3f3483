# shellcheck shell=bash
# shellcheck disable=SC2154 # what the options say is in certs-swap.bash and renew-certs
# Renewing copies of certificates, for renew-certs.

# stage_renewal lets kubeadm renew copies, in a root of their own below $staging: it knows
# kubeconfigs at one place only, and writes one file after the other.
stage_renewal() {
    local root=$staging/root file arguments=()
    mkdir -m 0700 -- "$root"
    mkdir -p -- "$root/etc/kubernetes/pki" "$root/tmp"
    written "$kubernetes_dir" "$cert_dir" >"$work/names"
    while IFS= read -r file; do
        mkdir -p -- "$(dirname -- "$(staged "$file")")"
        cp -- "$(live "$file")" "$(staged "$file")" || fail 1 "certificates can't be copied to $staging: see whether the disk is full"
    done <"$work/names"
    # With these it finds the cluster, and the cluster's configuration there.
    for file in /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /var/lib/kubelet/pki/kubelet-client-current.pem; do
        [[ ! -f $file ]] || { mkdir -p -- "$root${file%/*}" && cp --dereference -- "$file" "$root$file"; }
    done
    if [[ -n $config ]]; then
        cp -- "$config" "$root/kubeadm.config.yaml"
        arguments=(--config=/kubeadm.config.yaml)
    else
        arguments=(--cert-dir=/etc/kubernetes/pki)
    fi
    awaited timeout --foreground 300 "$new" certs renew all --rootfs="$root" "${arguments[@]}" >"$work/renew" 2>&1 || {
        sed 's/^/  kubeadm: /' "$work/renew" >&2 || true
        fail 2 "kubeadm can't renew copies of the certificates"
    }
    ! grep -E 'MISSING!|external' "$work/renew" >&2 || true
    ! grep -q 'Falling back to default configuration' "$work/renew" ||
        say "warning: kubeadm can't read the cluster's configuration, so its defaults count (from 1.31 on they are one year): give one with --config"
}

# staged NAME prints where a file of written is in the root of kubeadm.
staged() {
    case $1 in
    conf/*) printf '%s\n' "$staging/root/etc/kubernetes/${1#conf/}" ;;
    *) printf '%s\n' "$staging/root/etc/kubernetes/$1" ;;
    esac
}

# check_staged refuses what kubeadm made when it is not good, and writes the names of what
# it changed to $work/changed.
check_staged() {
    local file status=0
    : >"$work/changed"
    while IFS= read -r file; do
        cmp --silent -- "$(live "$file")" "$(staged "$file")" || printf '%s\n' "$file" >>"$work/changed"
    done <"$work/names"
    [[ -s $work/changed ]] || fail 2 "kubeadm renewed nothing: are the authorities' keys elsewhere?"
    ! grep -qE '^pki/(ca|front-proxy-ca|etcd/ca|sa)\.' "$work/changed" || fail 2 "kubeadm changed an authority, which would end every trust in it"
    # The kubelet's certificate is its own business.
    mv -- "$staging/root/etc/kubernetes/kubelet.conf" "$staging/" 2>/dev/null || true
    "$steadylet" certs check --only-kubeadm --kubernetes-dir "$staging/root/etc/kubernetes" --kubelet-cert-dir '' --cross-check=false \
        --warn-days "$warn_days" -o table >"$work/after" 2>"$work/why" || status=$?
    case $status in
    0) ;;
    9) say "warning: $(<"$work/why")" ;;
    *)
        show "$work/after"
        fail 2 "what kubeadm made is not good: $(<"$work/why")"
        ;;
    esac
}
