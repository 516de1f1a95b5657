# Thin: every target's work is in a script or a command that can be run by itself.
.DEFAULT_GOAL := help
.PHONY: help setup wheel demo demo-down check test test-release bench lock clean

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/coffre

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install and build whatever is missing (as root, on Debian 12 or Ubuntu 24.04)
	@tools/setup.sh

wheel: setup ## a wheel in dist/ with the programs for machines: Linux, Windows, macOS (some minutes the first time)
	@tools/wheel.sh

demo: setup ## a tenant from its file to a verified restore and to a full space, another one to its certificate of erasure
	@tools/demo.sh

demo-down: ## end the embedded platform: no process, mount or interface stays
	@if [ -x .venv/bin/coffre ]; then .venv/bin/coffre lab down; fi

check: ## format, lint, types, imports, playbooks, Go, unit tests
	@tools/setup.sh --for-tests
	@tools/check.sh

PYTEST = .venv/bin/pytest --numprocesses 5 --dist loadfile --no-loadscope-reorder

test: check ## everything: check, then the tests on real services, five modules at a time, and a few on other Cephs
	@$(PYTEST) --durations 15 tests/integration tests/e2e
	@tools/other-releases.sh

test-release: ## what rests on a release of Ceph, on another one: make test-release RELEASE=20
	@tools/setup.sh --for-tests
	@COFFRE_TEST_RELEASE=$(RELEASE) $(PYTEST) --durations 15 -m every_release tests/integration tests/e2e

bench: setup ## how fast it is, each figure beside its floor (about 15 minutes), then a longer fuzz (8 more)
	@tools/setup.sh --for-tests
	@.venv/bin/python -m tests.bench
	@FUZZ_RUNS=1500000 tools/fuzz.sh
	@COFFRE_FUZZ_EXAMPLES=3000 .venv/bin/pytest -q tests/unit/spec/test_properties.py --timeout 900

lock: setup ## resolve requirements.txt again from pyproject.toml
	@test -x $(CACHE)/lock/bin/uv || python3 -m venv $(CACHE)/lock
	@$(CACHE)/lock/bin/python -m pip install --quiet --require-hashes -r tools/lock-tools.txt
	@$(CACHE)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --extra aws --extra dev --generate-hashes \
		--no-header --no-emit-index-url --output-file requirements.txt pyproject.toml

clean: ## remove what set-up and the tools made here; .coffre (state, secrets, records) stays
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .ansible
