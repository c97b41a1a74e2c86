# Two commands are enough on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: setup demo test test-stories test-store test-rest check format bench week chaos drift reconciliation identity connectors browser deploy-check lock clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/hub demo $(ARGS)

# Without ARGS in three parts side by side: stories of real processes, and tests on a store, wait more than they compute.
STORIES := tests/e2e tests/identity tests/privacy
STORE := tests/store tests/upgrade

test: setup
ifeq ($(strip $(ARGS)),)
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-stories test-store test-rest
else
	$(BIN)/python -m pytest $(ARGS)
endif

test-stories:
	$(BIN)/python -m pytest -p no:cacheprovider $(STORIES)

test-store:
	$(BIN)/python -m pytest -p no:cacheprovider $(STORE)

test-rest:
	$(BIN)/python -m pytest -p no:cacheprovider $(STORIES:%=--ignore=%) $(STORE:%=--ignore=%)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_schemas.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m bench $(ARGS)

# Real processes under a week's traffic, and a week of Dagster's history: what grows, and what prune leaves of it.
week: setup
	$(BIN)/python -m bench --only week --runs 1 $(ARGS)

chaos: setup
	$(BIN)/python -m pytest -m chaos $(ARGS)

# The labelled cases of drift: precision and recall of each kind, and each case that is not as labelled.
drift: setup
	$(BIN)/python -m tests.drift

# 200,000 leads of known persons: precision and recall of identity, one state in any order, decisions while loaders run.
identity: setup
	$(BIN)/python -m pytest -s -m "chaos or not chaos" tests/identity $(ARGS)

# A company's month of 10,000 contracts with a truth table: breaks of each kind that are true, found, missed, invented.
reconciliation: setup
	$(BIN)/python -m tests.reconciliation

# Every connector against every check of the shared suite; fails if one has no case for a check.
connectors: setup
	$(BIN)/python -m tests.connectors.report

browser:
	apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-noto-cjk

# systemd units, compose file, Dockerfile and proxy, by the programs that read them; says which are not here.
deploy-check: setup
	$(BIN)/python deploy/check.py

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-strip-extras -q -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
