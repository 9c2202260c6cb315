# Each target builds .venv in the checkout when it is not there.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
WEIGHTS ?= ../shared/weights/lamba2021/weights
RAW ?= ../shared/raw
FUZZ_SECONDS ?= 600
READY := $(VENV)/.ready

.PHONY: demo test check docs sanitize fuzz wheel cluster bench reference drawings figures format clean

demo: $(READY)  ## the whole way on synthetic raw files, in ./demo
	$(BIN)/rawkit demo demo

test: $(READY)  ## all tests but the slow ones
	$(BIN)/pytest -q -n 2 --dist worksteal

check: $(READY)  ## style, types, layers, dependencies, and links of the pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/deptry . --exclude '^(\.venv|rawkit|docs|build)/' --ignore DEP002,DEP004  # the tests' own
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

sanitize: $(READY)  ## the native module's tests under ASan and UBSan, at all levels
	$(BIN)/python -m tests.native.sanitize

fuzz: $(READY)  ## the code that decodes what others wrote, for FUZZ_SECONDS; needs clang
	$(BIN)/python -m tests.native.fuzz --seconds $(FUZZ_SECONDS)

wheel: $(READY)  ## wheels for Intel and AMD and for ARM, in ./dist
	$(BIN)/python native/wheels.py dist

cluster: $(READY)  ## tests on a SLURM of this machine; needs root, slurm-wlm and munge
	$(BIN)/pytest -q -m cluster tests

bench: $(READY)  ## speed and memory, printed with what they were measured on
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	$(BIN)/pytest -q -s -m bench tests/bench
	$(BIN)/pytest -q -s -m phones tests/bench
	$(BIN)/pytest -q -m slow tests

docs: $(READY)  ## the site of the pages, in ./site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

reference: $(READY)  ## the pages that are made from the code: commands and errors
	$(BIN)/python -m rawkit.cli.reference > docs/reference/cli.md
	$(BIN)/python -m rawkit.cli.reference errors > docs/reference/errors.md

drawings: $(READY)  ## the drawings of the pages
	$(BIN)/python docs/figures/drawings.py

figures: $(READY)  ## the figures of the pages; needs the published weights and real raw files
	$(BIN)/python docs/figures/scale.py
	PYTHONPATH=. $(BIN)/python docs/figures/speed.py
	$(BIN)/python docs/figures/levels.py $(WEIGHTS) $(RAW)
	$(BIN)/python docs/figures/colour.py $(WEIGHTS)
	$(BIN)/python docs/figures/true_colour.py $(WEIGHTS) $(RAW)
	$(BIN)/python docs/figures/borders.py $(WEIGHTS) $(RAW)/CANON_G2_CRW_0304.CRW
	$(BIN)/python docs/figures/borders.py $(WEIGHTS) $(RAW)/Blackmagic_BMPCC_lowlight_GBRG.dng
	PYTHONPATH=. $(BIN)/python docs/figures/page.py $(WEIGHTS) $(RAW)/Blackmagic_BMPCC_lowlight_GBRG.dng $(RAW)/CANON_EOS_D30_5s.CRW
	PYTHONPATH=. $(BIN)/python docs/figures/static_page.py $(WEIGHTS) $(RAW)/CANON_EOS_D30_5s.CRW $(RAW)/CANON_S40_CRW_0101.CRW

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt hatch_build.py $(wildcard native/*.[ch] native/codec/*.[ch])
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rawkit needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo site
