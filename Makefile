# Two commands do all the set-up: `make demo` and `make test`.
#
# TORCH names the build of torch to install first; choose another with, for example,
#   make demo TORCH="torch==2.13.0 --index-url <the index of your CUDA build>"
# Everything lives in $(VENV), inside this folder.
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PYTEST_WORKERS ?= auto

.PHONY: help install install-dev install-accel demo test test-accel lint format bench clean

help:
	@echo "make demo        install, train ParticleNet-Lite on the bundled jets, leave a report and figures in demo/"
	@echo "make test        install, run the tests"
	@echo "make test-accel  the optional backends torch-cluster and torch-scatter (needs a C++ compiler, 10-15 minutes)"
	@echo "make lint        ruff, mypy --strict, import-linter"
	@echo "make bench       the benchmarks (see benchmarks/README.md)"

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev
install-accel: $(VENV)/.installed-accel

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch comes first: a bare requirement on torch may pull a CUDA build of several GB.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing pcgnn into $(VENV) (about a minute)"
	$(PIP) $(TORCH)
	$(PIP) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable '.[dev]'
	touch $@

# torch-cluster and torch-scatter are source-only and need torch at build time, hence no isolation;
# setup.py of both compiles on one core unless setuptools is told otherwise.
$(VENV)/.installed-accel: $(VENV)/.installed-dev
	$(PIP) setuptools wheel
	printf '[build_ext]\nparallel=2\n' > $(VENV)/parallel.cfg
	DIST_EXTRA_CONFIG=$(CURDIR)/$(VENV)/parallel.cfg $(PIP) --no-cache-dir --no-build-isolation 'torch-cluster==1.6.3' 'torch-scatter==2.1.2'
	touch $@

demo: install
	$(BIN)/pcgnn demo --output demo

# One thread per worker: two on one core wait for each other.
test: install-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PYTEST_WORKERS)

test-accel: install-accel
	$(BIN)/python -m pytest -m accel --require-accel

lint: install-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install-dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo build dist
