#!/usr/bin/env bash
# Every check that needs no service: format, lint, types, imports, YAML, playbooks, Go, unit tests. All run, even after one fails.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
PATH="$venv/bin:$PATH"
use_go
failed=()

check() {
  local name=$1
  shift
  printf 'check: %s\n' "$name" >&2
  "$@" || failed+=("$name")
}

go_is_formatted() {
  local files
  files=$(gofmt -l .)
  [[ -z "$files" ]] || { printf 'gofmt would change: %s\n' "$files" >&2 && return 1; }
}

in_agent() {
  (cd agent && "$@")
}

check "format (ruff)" ruff format --check --quiet
check "lint (ruff)" ruff check --quiet
check "types (mypy)" mypy --no-error-summary
check "imports (import-linter)" lint-imports
check "YAML (yamllint)" yamllint --strict .
check "playbooks (ansible-lint)" ansible-lint --offline -q playbooks
check "Go format (gofmt)" in_agent go_is_formatted
check "Go vet" in_agent go vet ./...
check "Go tests" in_agent go test ./...
check "unit tests" pytest -q tests/unit

if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'check: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
printf 'check: all good\n' >&2
