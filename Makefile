# Everything a person or CI does here, by one word each. Needs Python 3.11+ and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help demo demo-stop test check format bench docs results lock clean
.DEFAULT_GOAL := help

help:  ## list these words
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# One environment for all: what the lock file says, and this checkout on top.
define install
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Vigie needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	@echo "Installing $(1) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r $(1) 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e . 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
endef

$(VENV)/.demo: requirements/demo.txt pyproject.toml
	$(call install,requirements/demo.txt)
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml
	$(call install,requirements/dev.txt)
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo  ## install, then take real data from raw purchases to a live scoring API
	@$(BIN)/vigie demo churn --directory demo/churn --background

demo-stop:  ## stop the API that `make demo` left running
	@$(BIN)/vigie demo churn --directory demo/churn --stop

test: $(VENV)/.dev  ## install, then run all tests; last those that need the machine to themselves
	@$(BIN)/pytest -n 2 --dist loadfile -m "not alone"
	@$(BIN)/pytest -m alone

check: $(VENV)/.dev  ## install, then lint, types, room contracts, locks and docs
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(VENV)/.dev  ## rewrite the code in the house style
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

bench: $(VENV)/.dev  ## measure against peers and floors, one run each (half an hour, 12 GB of disk)
	@$(BIN)/python benchmarks/features/run.py
	@$(BIN)/python benchmarks/serving/run.py
	@$(BIN)/python benchmarks/explain/run.py
	@$(BIN)/python benchmarks/online/run.py in-process
	@$(BIN)/python benchmarks/online/run.py http
	@$(BIN)/python benchmarks/events/run.py --postgres
	@$(BIN)/python benchmarks/scale/run.py
	@$(BIN)/python benchmarks/stream/chaos.py --seconds 60

docs: $(VENV)/.dev  ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

results: $(VENV)/.dev  ## train on every data set at hand and rewrite docs/reference/results.md
	@$(BIN)/python benchmarks/results/run.py

lock: $(VENV)/.dev  ## resolve the dependencies anew into requirements/
	@$(BIN)/python requirements/lock.py

clean:  ## remove what was installed and built here
	@rm -rf $(VENV) site demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
