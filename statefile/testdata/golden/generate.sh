#!/usr/bin/env bash
# Usage: generate.sh VERSION...
#
# Makes golden/VERSION.json and fields/VERSION.txt of each version, such as v1.29.6, with
# its own packages: those of k8s.io/kubernetes and the staging modules of that tag, and the
# toolchain and the other modules that the tag names. It wants a version of
# patches/kubernetes.lock.yaml, and half a minute to a minute for each.
set -euo pipefail
(($#)) || { echo "which versions? Such as generate.sh v1.20.2 v1.29.6" >&2; exit 1; }
golden=$(cd "$(dirname "$0")" && pwd)
lock=$golden/../../../patches/kubernetes.lock.yaml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fetched MODULE@VERSION: whether the go command can have it. (From a folder without a go.mod.)
fetched() { (cd / && go mod download "$1") >/dev/null 2>&1; }

# module VERSION writes a go.mod that wants that tag. The tag's own takes its staging modules
# from folders, and no other module sees that; they are the modules of v0 here. One that is
# not published can't be of any use to the package whose hashes are wanted, else this fails.
module() {
    local version=$1 staging=v0.${1#v1.} original name
    fetched "k8s.io/kubernetes@$version" || { echo "k8s.io/kubernetes@$version can't be had from the module proxy" >&2; return 1; }
    original=$(go env GOMODCACHE)/cache/download/k8s.io/kubernetes/@v/$version.mod
    echo "module example.test/golden"
    grep '^go ' "$original"
    echo "require k8s.io/kubernetes $version"
    sed -n '/^require (/,/^)/p' "$original" | sed "s/ v0\.0\.0\( \/\/ indirect\)\?\$/ $staging/"
    sed -n 's/^\(replace\)\?[[:space:]]*\(k8s.io\/[a-z0-9-]*\) => \.\/staging.*/\2/p' "$original" | while read -r name; do
        if fetched "$name@$staging"; then
            echo "replace $name => $name $staging"
        else
            mkdir -p "empty/$name"
            echo "module $name" >"empty/$name/go.mod"
            echo "replace $name => ./empty/$name"
        fi
    done
}

for version in "$@"; do
    toolchain=$(sed -n "/version: $version\$/,/toolchain:/s/.*toolchain: //p" "$lock")
    [ -n "$toolchain" ] || { echo "$version is not in patches/kubernetes.lock.yaml" >&2; exit 1; }
    mkdir -p "$work/$version"
    cd "$work/$version"
    module "$version" >go.mod
    cp "$golden/generate.go.txt" main.go
    GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=$toolchain go build -o golden .
    ./golden >values
    ./golden fields >paths
    mv values "$golden/$version.json"
    mv paths "$golden/../fields/$version.txt"
    echo "$version, $toolchain: done"
done
