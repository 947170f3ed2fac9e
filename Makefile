# Two commands do everything on a fresh machine: `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2

.PHONY: run test setup os-packages format lint types contracts unit e2e bench screenshots clean

run: setup
	@$(BIN)/kubarium $(ARGS)

test: setup lint types contracts unit e2e

setup: os-packages $(READY)

os-packages:
	@scripts/install-os-packages.sh

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Kubarium and its Python packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

contracts:
	$(BIN)/lint-imports

# In processes of their own: these need nothing but Python.
unit:
	$(BIN)/pytest -q -n $(WORKERS) -m "not podman and not kubectl and not etcd" tests

# Real containers, a real kubectl, a real etcd: what shares a host or a cluster stays together.
e2e:
	$(BIN)/pytest -q -n $(WORKERS) --dist loadgroup -m "podman or kubectl or etcd" tests

bench: setup
	$(BIN)/python -m tests.benchmarks

screenshots: setup
	$(BIN)/python -m tui.capture

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
