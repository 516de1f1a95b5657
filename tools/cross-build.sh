#!/usr/bin/env bash
# Build coffre-agent and restic for the machines of another system, into the tools cache; what is there already stays.
# usage: tools/cross-build.sh [--agent-only] [OS/ARCH…]     (windows/amd64 darwin/arm64 when none is named)
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PLATFORMS=(windows/amd64 darwin/amd64 darwin/arm64 linux/amd64 linux/arm64)
DEFAULT=(windows/amd64 darwin/arm64)

agent_version() {
  awk -F '"' '/^version = / { print $2; exit }' "$root/pyproject.toml"
}

agent_sources() {
  (cd "$root/agent" && find . -type f ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) |
    sha256sum | cut -c 1-16
}

restic_version() {
  awk '$1 == "github.com/restic/restic" { print $2; exit }' "$root/tools/go.mod"
}

# build OS/ARCH NAME STAMP MODULE_DIRECTORY LDFLAGS PACKAGE: one static program with the stamp of its sources beside it.
build() {
  local platform=$1 name=$2 stamp=$3 module=$4 flags=$5 package=$6
  local directory="$cache/cross/${platform/\//-}" suffix=""
  [[ "$platform" != windows/* ]] || suffix=.exe
  local program="$directory/$name$suffix"
  local mark="$directory/.$name.built-from" building="$directory/.$name.building-$$"
  if [[ -f "$program" && -f "$mark" && "$(<"$mark")" == "$stamp" ]]; then
    return 0
  fi
  say "building $name $stamp for $platform"
  mkdir -p "$directory"
  if ! (cd "$module" && GOOS=${platform%/*} GOARCH=${platform#*/} \
    go build -trimpath -mod=readonly -ldflags "-s -w $flags" -o "$building" "$package") 2>"$building.log"; then
    cat "$building.log" >&2
    rm -f "$building" "$building.log"
    fail "$name could not be built for $platform" "see go's messages above"
  fi
  rm -f "$building.log" "$mark"
  mv "$building" "$program"
  printf '%s\n' "$stamp" >"$mark"
}

main() {
  local agent_only=false platforms=() argument
  for argument in "$@"; do
    if [[ "$argument" == --agent-only ]]; then
      agent_only=true
    elif [[ " ${PLATFORMS[*]} " == *" $argument "* ]]; then
      platforms+=("$argument")
    else
      fail "$argument is no system that agents are built for" "name any of: ${PLATFORMS[*]}"
    fi
  done
  [[ ${#platforms[@]} -gt 0 ]] || platforms=("${DEFAULT[@]}")
  use_go
  has_go || fail "there is no go $(go_wanted) or newer" "run make setup first"
  local version platform
  version=$(agent_version)
  for platform in "${platforms[@]}"; do
    build "$platform" coffre-agent "$version-$(agent_sources)" "$root/agent" "-X main.version=$version" ./cmd/coffre-agent
    if [[ "$agent_only" == false ]]; then
      build "$platform" restic "$(restic_version)" "$root/tools" "" github.com/restic/restic/cmd/restic
    fi
    say "the programs for $platform are in $cache/cross/${platform/\//-}"
  done
}

main "$@"
