# One screen: what there is to run. `make setup` needs python3 (3.11 to 3.14) with venv, and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
N      ?= 20000
SEED   ?= 7
WORKERS ?= 2

.PHONY: setup demo test check sim bench docs lock clean
.DEFAULT_GOAL := setup

setup: $(VENV)/.ready           ## a virtual environment with everything, from hashed locks

$(VENV)/.ready: pyproject.toml locks/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup                     ## a good release, a bad one, a dead orchestrator: on this machine, in three minutes
	$(BIN)/releaser demo

check: setup                    ## lint, types, layers, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m releaser.cli.reference --check

test: check                     ## everything, with coverage; names what this machine cannot run
	$(BIN)/python tests/run.py

sim: setup                      ## simulated releases under faults: make sim N=100000 SEED=7
	$(BIN)/python -m releaser.testing.sim --releases $(N) --seed $(SEED) --workers $(WORKERS)

bench: setup                    ## every figure, with the machine and the ratio to its floor
	$(BIN)/python bench/run.py

docs: setup                     ## the generated reference pages
	$(BIN)/python -m releaser.cli.reference

lock: setup                     ## new locks with hashes and without index addresses
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
		--group dev --extra local pyproject.toml -o locks/dev.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
