#!/bin/sh
# Stands in for a kubelet: starts a container the way one does, overwrites a kernel
# setting as one does, and stays.
if [ "$1" = --version ]; then
    echo Kubernetes v0.0.0-test
    exit
fi
for flag in "$@"; do
    case $flag in
    --config=*) dir=$(dirname "${flag#--config=}") ;;
    esac
done
echo 17 >/proc/sys/kernel/panic
ctr --address "$dir/containerd/containerd.sock" --namespace k8s.io run --detach --null-io \
    --runc-root "$dir/containerd/runc" --cgroup "/$(basename "$dir")/kubepods/pod" \
    --label io.kubernetes.container.name=app steadylet.local/app:v1 app
echo "$(basename "$dir") $(cat "$dir"/containerd/state/io.containerd.runtime.v2.task/k8s.io/app/address)" >>"$dir/../seen"
exec sleep 600
