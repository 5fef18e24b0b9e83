# Two commands from a fresh clone, with nothing but Python 3.11+ and make:
#
#   make demo     train a digit classifier with every callback on, and see what it wrote
#   make test     run the whole test suite
#
# For work on backbeat itself:
#
#   make check    style, types, floors, twins
#   make bench    the benchmarks against everybody else, 20 minutes; ARGS=--quick: 3
#   make faults-long    many more trials of the tests that kill processes and fill disks
#   make clean    remove .venv and everything else that make made
#
# PYTHON=python3.12 chooses another Python, ARGS="-k early" narrows the tests.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo test faults-long check bench clean

ARGS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

help:
	@sed -n '1,/^$$/{s/^# \{0,1\}//p}' Makefile

demo: .venv/demo.stamp
	@$(BIN)/python examples/demo.py

# Each worker trains on one thread, so that as many fit as there are cores.
test: .venv/test.stamp
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 $(ARGS)

# -s, because the counts are what is wanted. BACKBEAT_FUZZ_SECONDS=600 is how long it fuzzes.
faults-long: .venv/test.stamp
	@BACKBEAT_LONG=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long --timeout=0 -s $(ARGS)

check: .venv/check.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest --quiet tests/house/test_twins.py

# The contenders of the benchmarks go into environments of their own, in .benchmarks.
bench: .venv/bench.stamp
	@$(BIN)/python benchmarks/run.py $(ARGS)

clean:
	rm -rf .venv .benchmarks demo-output build dist .hypothesis .pytest_cache .ruff_cache

# What each target needs. A stamp is written only after its installation went through, so an
# interrupted one is taken up again; a changed pyproject.toml or constraints.txt renews it.

.venv/demo.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	@echo "Installing backbeat …"
	@$(PIP) --editable '.[demo]'
	@touch $@

.venv/test.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	@echo "Installing backbeat and its test tools …"
	@$(PIP) --editable '.[test]'
	@touch $@ .venv/demo.stamp

.venv/bench.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	@echo "Installing backbeat and what draws its figures …"
	@$(PIP) --editable '.[bench]'
	@touch $@ .venv/demo.stamp

.venv/check.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	@echo "Installing backbeat, its test tools and its checkers …"
	@$(PIP) --editable '.[check]'
	@touch $@ .venv/test.stamp .venv/demo.stamp

# By itself and first: the one large download, and the one whose failure needs explaining.
.venv/torch.stamp: .venv/python.stamp constraints.txt
	@echo "Installing torch (the first time this may download up to a few GB) …"
	@$(PIP) torch numpy || { \
	    echo "torch could not be installed for $$($(BIN)/python --version)." >&2; \
	    echo "If it does not exist for this Python, choose another: make clean; make PYTHON=python3.12 demo" >&2; \
	    exit 1; }
	@touch $@

# python3 comes first because it is what the user runs; the others only if it is too old.
.venv/python.stamp:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        echo "Creating .venv with $$("$$python" --version) …"; \
	        "$$python" -m venv .venv >&2 || { \
	            echo "$$python cannot create a virtual environment. On Debian or Ubuntu:" >&2; \
	            echo "    sudo apt install python3-venv" >&2; exit 1; }; \
	        touch $@; exit 0; \
	    fi; \
	done; \
	echo "backbeat needs Python 3.11 or newer; tried: $(or $(PYTHON),python3 and python3.14 down to python3.11)." >&2; \
	echo "Install one (https://www.python.org/downloads/), or name yours: make PYTHON=/path/to/python3.11 demo" >&2; \
	exit 1
