#!/usr/bin/env bash
# Fuzz what the agent reads of others: orders, deliveries, the gate, what restic says, words for the journal. What fails is kept in testdata and told.
# usage: [FUZZ_RUNS=60000] tools/fuzz.sh     (inputs for each of the seven)
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
use_go
cd "$root/agent"

TARGETS=(orders:FuzzVerify orders:FuzzPayload delivery:FuzzVerify gate:FuzzGate restic:FuzzTranscript listing:FuzzListing text:FuzzLine)
failed=0
for target in "${TARGETS[@]}"; do
  # Bounded by a count: a bound in seconds now and then ends in "context deadline exceeded", which is no finding.
  # Minimising is for the person who reads a failure; here it would take more time than the search.
  output=$(go test "./internal/${target%:*}" -run '^$' -fuzz "^${target#*:}\$" -fuzztime "${FUZZ_RUNS:-60000}x" \
    -fuzzminimizetime 0x 2>&1) || {
    printf '%s\n' "$output" >&2
    failed=1
  }
done
exit "$failed"
