# Each target builds .venv in the checkout when it is not there.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
WEIGHTS ?= ../shared/weights/lamba2021/weights
RAW ?= ../shared/raw
READY := $(VENV)/.ready

.PHONY: demo test check bench figures format clean

demo: $(READY)  ## the whole way on synthetic raw files, in ./demo
	$(BIN)/rawkit demo demo

test: $(READY)  ## all tests but the slow ones
	$(BIN)/pytest -q -n 2

check: $(READY)  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## speed and memory, printed with what they were measured on
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	$(BIN)/pytest -q -s -m bench tests/bench

figures: $(READY)  ## the figures of the pages; needs the published weights and real raw files
	$(BIN)/python docs/figures/levels.py $(WEIGHTS) $(RAW)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt hatch_build.py $(wildcard native/*.[ch] native/codec/*.[ch])
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rawkit needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo
