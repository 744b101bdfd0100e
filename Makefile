# One environment in .venv, made once and used by all targets.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml constraints.txt

.PHONY: demo test lint check clean

demo: .venv/.demo-stamp
	rm -rf runs/demo
	$(BIN)/python examples/export_demo.py runs/demo
	$(BIN)/automl fit runs/demo/train.csv --target diagnosis --time 60s --out runs/demo/run --test runs/demo/test.csv
	@echo "leaderboard: $(BIN)/automl leaderboard runs/demo/run"

test: .venv/.dev-stamp
	$(BIN)/python -m pytest -q $(PYTEST_OPTIONS)

lint: .venv/.dev-stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

clean:
	rm -rf .venv build runs *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo-stamp: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.dev-stamp: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch .venv/.demo-stamp $@
