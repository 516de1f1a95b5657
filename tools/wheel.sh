#!/usr/bin/env bash
# Build the wheel with the programs for machines, into dist/: for this computer's system, and others by cross-building.
# usage: tools/wheel.sh [OS/ARCH…]     (windows/amd64 darwin/arm64 when none is named; "none": this computer's alone)
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# stage FOLDER PROGRAM…: copy programs as what an installed wheel runs, links followed.
stage() {
  local folder=$1 program
  shift
  mkdir -p "$folder"
  for program in "$@"; do
    install -m 755 "$(readlink -f "$program")" "$folder/$(basename "$program")"
  done
}

main() {
  local platforms=("$@") platform suffix staged own
  [[ ${#platforms[@]} -gt 0 ]] || platforms=(windows/amd64 darwin/arm64)
  [[ "${platforms[*]}" != none ]] || platforms=()
  own=$("$venv/bin/python" -c 'from coffre.toolchain import own_build; print(own_build())')
  staged=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$staged'" EXIT
  stage "$staged/$own" "$venv/bin/coffre-agent" "$venv/bin/restic"
  if [[ ${#platforms[@]} -gt 0 ]]; then
    "$root/tools/cross-build.sh" "${platforms[@]}"
  fi
  for platform in "${platforms[@]}"; do
    suffix=""
    [[ "$platform" != windows/* ]] || suffix=.exe
    [[ "${platform/\//-}" == "$own" ]] ||
      stage "$staged/${platform/\//-}" "$cache/cross/${platform/\//-}/"{coffre-agent,restic}"$suffix"
  done
  (cd "$staged" && sha256sum -- */* >SHA256SUMS)
  say "packing the wheel"
  (cd "$root" && COFFRE_WHEEL_PROGRAMS=$staged "$venv/bin/python" -m hatchling build --target wheel --directory dist)
}

main "$@"
