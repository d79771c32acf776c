# Everything a user or developer runs; `make help` lists it.
PYTHON ?= python3
VENV   := .venv
RECIPE ?= deployments/recipes/demo.yaml
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help run up test lint types bench audit constraints clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(READY): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

run: $(READY) ## Run the whole mill on the bundled corpora
	@$(BIN)/mill run $(RECIPE)

up: $(READY) ## Start the Prefect pages, a worker and the report server (Ctrl-C stops them)
	@$(BIN)/mill up

test: $(READY) lint types ## Lint, types, architecture and tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(READY) ## Check style, spelling and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-cache

types: $(READY) ## Check types
	$(BIN)/mypy

bench: $(READY) ## Measure speed against peers in the same run; writes build/bench.json
	$(BIN)/python -m tests.bench.run

audit: ## Compare the pinned dependencies with published advisories (needs the internet)
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet pip-audit
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

constraints: ## Resolve the newest versions that fit into constraints.txt
	$(PYTHON) -m venv build/resolve
	build/resolve/bin/python -m pip install --quiet --editable '.[dev]' 'torch==2.13.0'
	build/resolve/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	rm -rf build/resolve

clean: ## Delete the virtual environment, builds and caches; warehouses stay
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
