#!/usr/bin/env bash
# Every check that needs no service: format, lint, types, imports, YAML, playbooks, Go, unit tests. All run, even after one
# fails; the unit tests take longer than all the rest, and run beside it.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
PATH="$venv/bin:$PATH"
use_go
results=$(mktemp -d)
trap 'kill "$(jobs -p)" 2>/dev/null || true; rm -rf "$results"' EXIT

check() {
  local name=$1
  shift
  printf 'check: %s\n' "$name" >&2
  "$@" || printf '%s\n' "$name" >>"$results/failed"
}

go_is_formatted() {
  local files
  files=$(gofmt -l .)
  [[ -z "$files" ]] || { printf 'gofmt would change: %s\n' "$files" >&2 && return 1; }
}

in_agent() {
  (cd agent && "$@")
}

# What is unused on one system may be used on another: each is linted for itself.
go_is_clean() {
  local system
  for system in linux windows darwin; do
    GOOS=$system staticcheck ./... || return 1
    GOOS=$system errcheck ./... || return 1
  done
}

# Building vets nothing and vetting links nothing: an agent for another system needs both to be sure of.
agent_for_other_systems() {
  local platform
  for platform in windows/amd64 darwin/amd64 darwin/arm64 linux/arm64; do
    GOOS=${platform%/*} GOARCH=${platform#*/} go vet ./... || return 1
    GOOS=${platform%/*} GOARCH=${platform#*/} go build -o /dev/null ./cmd/coffre-agent || return 1
  done
}

check "unit tests" pytest -q --numprocesses 2 tests/unit >"$results/unit tests" 2>&1 &
unit_tests=$!
check "format (ruff)" ruff format --check --quiet
check "lint (ruff)" ruff check --quiet
check "types (mypy)" mypy --no-error-summary
check "types of tests (mypy)" mypy --config-file tools/lint/mypy-tests.ini --no-error-summary tests
check "imports (import-linter)" lint-imports
check "dependencies (deptry)" deptry coffre stacks lab
check "YAML (yamllint)" yamllint --strict .
check "pipelines (actionlint)" actionlint -config-file tools/lint/actionlint.yaml templates/pipelines/actions/*.yml
check "pipelines (check-jsonschema)" check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci \
  templates/pipelines/gitlab/.gitlab-ci.yml
check "playbooks (ansible-lint)" ansible-lint --offline -q playbooks
check "Go format (gofmt)" in_agent go_is_formatted
check "Go vet" in_agent go vet ./...
check "Go lint (staticcheck, errcheck)" in_agent go_is_clean
check "Go builds for other systems" in_agent agent_for_other_systems
check "Go tests" in_agent go test ./...
check "Go fuzzing" "$root/tools/fuzz.sh"
wait "$unit_tests"
cat "$results/unit tests" >&2

if [[ -s "$results/failed" ]]; then
  sed 's/^/check: failed: /' "$results/failed" >&2
  exit 1
fi
printf 'check: all good\n' >&2
