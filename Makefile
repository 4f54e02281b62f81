# Every target makes the environment that it needs in .venv; a second run is quick, and a changed
# source leads to a new wheel. Settings: make PYTHON=/path/to/python3.11, make test ARGS="-k sum".

VENV   ?= .venv
EXTRAS ?= .venv-extras
PYTHON ?= python3.11 python3 python3.12 python3.13 python3.14
ARGS   ?=
ROWS   ?= 1e6

BIN     := $(VENV)/bin
# The installed wheel does not know where it is from.
COMMIT  = $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo $(VERSION))
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
WHEEL   := dist/mpcstats-$(VERSION)-py3-none-any.whl
# Directories are listed too: removing a file changes nothing else.
SOURCES := pyproject.toml README.md LICENSE .gitignore \
           $(shell find src protocols governance demos -name __pycache__ -prune -o -print)

# Megabytes (10^6 bytes) on disk that the environment may take after the core install.
CORE_LIMIT_MB := 250

# Only what is installed in the environment is run, never a source tree that the caller has on a path.
unexport PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DELETE_ON_ERROR:
.PHONY: help demo test test-all test-long bench check format wheel core dev extras size clean

help:
	@echo 'make demo       install the core in $(VENV) and run the settlement demo'
	@echo 'make test       all tests but the long ones, on the built wheel'
	@echo 'make test-all   the same, all questions of the demos over all processes, and what needs extras, PostgreSQL or Spark'
	@echo 'make test-long  the long ones'
	@echo 'make check      format, lint, types, layers, style'
	@echo 'make bench      all benchmarks (ROWS=1e6); figures go to build/bench.json, a table to build/bench.md'
	@echo 'make format     format the code and sort its imports'
	@echo 'make size       what a fresh core install takes on disk'
	@echo 'make clean      remove what was built, but not $(VENV) and $(EXTRAS)'

demo: core
	$(BIN)/mpcstats demo settlement

# Two at a time, but for what starts processes of its own. With ARGS, what they select, one after the other.
test: core dev
ifeq ($(strip $(ARGS)),)
	$(BIN)/pytest -n 2 -m "not long and not system"
	$(BIN)/pytest -m "system and not long and not whole"
else
	$(BIN)/pytest $(ARGS)
endif

# What `make test` does without: all questions of the demos over all their processes, the extras, a database server (skipped where there is none) and Spark. It has an
# environment of its own, of some 900 MB.
test-all: test extras
	$(BIN)/pytest -m "whole and not long" $(ARGS)
	$(EXTRAS)/bin/pytest -m "extras and not system" $(ARGS)
	$(EXTRAS)/bin/pytest -m "extras and system" $(ARGS)
	$(EXTRAS)/bin/pytest tests/unit/test_shown.py $(ARGS)

test-long: core dev
	$(BIN)/pytest -m long $(ARGS)

bench: core
	$(BIN)/mpcstats bench all --rows $(ROWS) --network loopback --network lan --network wan \
	  --commit "$(COMMIT)" --out build $(ARGS)

check: dev
	scripts/check $(BIN)

format: dev
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

size:
	rm -rf build/size-venv
	$(MAKE) --no-print-directory VENV=build/size-venv core
	rm -rf build/size-venv

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	find src tests bench demos scripts -name __pycache__ -prune -exec rm -rf {} +

wheel: $(WHEEL)
core: $(VENV)/.core
dev: $(VENV)/.dev
extras: $(EXTRAS)/.extras

$(VENV)/pyvenv.cfg:
	@for python in $(PYTHON); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "$$python -m venv $(VENV)"; exec "$$python" -m venv $(VENV); \
	  fi; \
	done; \
	echo 'expected Python 3.11 or newer, got none under the names: $(PYTHON).' >&2; \
	echo 'Install one, or name the one you have: make PYTHON=/path/to/python3.11 ...' >&2; \
	exit 1

$(WHEEL): $(SOURCES) | $(VENV)/pyvenv.cfg
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir $(@D) .
	@touch $@

# pip leaves an installed package alone whose version is that of the wheel: hence the uninstall.
$(VENV)/.core: $(WHEEL)
	@if $(BIN)/pip show --quiet mpcstats 2>/dev/null; then $(BIN)/pip uninstall --quiet --yes mpcstats; fi
	$(BIN)/pip install --quiet $(WHEEL)
	@if [ ! -x $(BIN)/pytest ]; then \
	  size=$$(($$(du -sk $(VENV) | cut -f1) * 1024 / 1000000)); \
	  echo "core install in $(VENV): $$size MB, limit $(CORE_LIMIT_MB) MB"; \
	  [ $$size -lt $(CORE_LIMIT_MB) ]; \
	fi
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.core
	$(BIN)/pip install --quiet '$(WHEEL)[dev]'
	@touch $@

$(EXTRAS)/.extras: $(WHEEL) pyproject.toml
	$(BIN)/python -m venv $(EXTRAS)
	@if $(EXTRAS)/bin/pip show --quiet mpcstats 2>/dev/null; then $(EXTRAS)/bin/pip uninstall --quiet --yes mpcstats; fi
	$(EXTRAS)/bin/pip install --quiet '$(WHEEL)[dev,arrow,pair,pandas,plots,postgres,sdc,spark]'
	@touch $@
