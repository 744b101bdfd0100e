# One environment in .venv, made once and reused by all targets.
#
#   make demo     fit a real table for a minute and show what came of it (TIME=10m for longer)
#   make test     the tests; the slow ones too with CI=true or SLOW=1
#   make lint     style, types and layers
#   make check    lint and test
#   make clean    take away what was built; `make distclean` takes .venv, too

TIME ?= 60s
# What the tests need besides the engine; dev,torch lets those of the networks run, too.
EXTRAS ?= dev
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# The quick tests run in two processes; the slow ones, which look at the clock, alone.
PYTEST := $(BIN)/python -m pytest -q

# The first Python found that is new enough; PYTHON=... chooses another.
FITS := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	"$$name" $(FITS) 2>/dev/null && echo "$$name" && break; done)

.PHONY: demo test lint check clean distclean

demo: .venv/.run-stamp
	@folder=runs/demo-$$(date +%Y%m%d-%H%M%S) && \
	$(BIN)/python examples/export_demo.py "$$folder" && \
	$(BIN)/automl fit "$$folder/train.csv" --target diagnosis --time $(TIME) --out "$$folder/run" --test "$$folder/test.csv"

test: .venv/.dev-stamp
	$(PYTEST) -n 2 --dist loadfile -m "not slow" $(PYTEST_OPTIONS)
	$(if $(CI)$(SLOW),$(PYTEST) -m slow $(PYTEST_OPTIONS))

lint: .venv/.dev-stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find automl plugins baselines benchmarks examples tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run-stamp: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

.venv/.dev-stamp: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e ".[$(EXTRAS)]"
	@touch .venv/.run-stamp $@
