#!/usr/bin/env bash
# The short list of tests on the other releases of Ceph, both at once, each with two labs. What each says stays together.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
results=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$results"' EXIT

declare -A running
for release in 16 20; do
  COFFRE_TEST_RELEASE=$release "$venv/bin/pytest" -q --numprocesses 2 --dist loadfile --no-loadscope-reorder \
    -m short_list tests/integration/storage/ceph >"$results/$release" 2>&1 &
  running[$release]=$!
done
failed=0
for release in "${!running[@]}"; do
  wait "${running[$release]}" || failed=1
  printf 'Ceph %s:\n' "$release"
  cat "$results/$release"
done
exit "$failed"
