# `make` lists what it can do. Each target sets itself up, once: .venv holds everything, nothing is installed elsewhere.
# Variables: PYTHON=/path/to/python3.12   LIGHT=1 (no TensorFlow)   LAB_ARGS="--no-browser --allow-root"   CHAPTER=04   JOBS=2

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab reset test lint types unit nbval test-browser notebooks docs bench oldest lock format clean

# --- set-up ---------------------------------------------------------------------------------------------------------

# The first Python found that the doctor approves of; else empty.
SUPPORTED = import sys; from nnopt_utils.doctor import check_python; sys.exit(not check_python().ok)
CANDIDATES = python3 python3.13 python3.12 python3.11 python3.14 python
PYTHON ?= $(firstword $(foreach p,$(CANDIDATES),$(shell $(p) -c '$(SUPPORTED)' >/dev/null 2>&1 && command -v $(p))))

JOBS ?= 2
LIGHT ?=
UPGRADE ?= --upgrade
LAB_ARGS ?=
CHAPTER ?=

BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
ifneq ($(UV),)
MAKE_VENV = uv venv --quiet --clear --python "$(PYTHON)" .venv
INSTALL = uv pip install --python $(BIN)/python
else
MAKE_VENV = "$(PYTHON)" -m venv --clear .venv
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check
endif
export UV_PYTHON_DOWNLOADS := never

# Notebooks use the kernel of .venv, and no one's saved settings pick another way to draw.
export JUPYTER_PREFER_ENV_PATH := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
unexport MPLBACKEND PYTHONPATH PYTHONHOME

# What must be the same in every test: no bars, no progress file, one arithmetic. (TensorFlow is quiet by itself.)
# One BLAS thread: tests run side by side, and two threads on a busy processor are slower than one.
TEST_ENV = PATH="$(CURDIR)/$(BIN):$$PATH" TQDM_DISABLE=1 NNOPT_PROGRESS=off NNOPT_CLAIMS=strict OPENBLAS_NUM_THREADS=1 \
	OMP_NUM_THREADS=1

$(BIN)/python:
	@"$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null || { \
		echo "This course needs Python $$(sed -n 's/^requires-python = "\(.*\)"/\1/p' pyproject.toml), and found:" >&2; \
		for p in "$(PYTHON)" $(CANDIDATES); do \
			if v=$$("$$p" --version 2>&1); then echo "  $$p: $$v" >&2; \
			elif [ -n "$$p" ] && [ "$$p" = "$(PYTHON)" ]; then echo "  $$p: is no Python that runs" >&2; fi; \
		done; \
		echo "Install one of them, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(MAKE_VENV)

# What a learner needs: with TensorFlow, or with LIGHT=1 without. An environment that has more stays as it is.
HAS_TENSORFLOW = from importlib.util import find_spec; raise SystemExit(find_spec("tensorflow") is None)
LEARNER := $(firstword $(wildcard .venv/.dev $(if $(LIGHT),.venv/.learner)) $(if $(LIGHT),.venv/.light,.venv/.learner))

.venv/.learner: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Setting up the course in .venv: 1 to 5 minutes and 2 GB of disk the first time."
	$(INSTALL) -r requirements.txt
	@$(BIN)/python -c '$(HAS_TENSORFLOW)' || \
		echo "Set up without TensorFlow, which this Python or processor has no version of: chapter 07 can only be read."
	@touch $@

.venv/.light: requirements-light.txt pyproject.toml | $(BIN)/python
	@echo "Setting up the course in .venv, without TensorFlow: up to 2 minutes and 0.5 GB of disk the first time."
	$(INSTALL) -r requirements-light.txt
	@touch $@

.venv/.dev: requirements-dev.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --quiet -r requirements-dev.txt
	@touch $@

# --- for learners ---------------------------------------------------------------------------------------------------

help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

lab: $(LEARNER) ## Set up, then open your own copies of the chapters, in work/, in JupyterLab
	@$(BIN)/python -m nnopt_utils lab $(LAB_ARGS)

reset: | $(BIN)/python ## Start a chapter afresh, and keep your copy beside it under a name with the date (CHAPTER=04)
	@$(BIN)/python -m nnopt_utils reset $(CHAPTER)

# --- for authors ----------------------------------------------------------------------------------------------------

test: lint types unit nbval ## Set up, then check everything: style, types, unit tests, every notebook, a real browser
	@if $(FIND_BROWSER) 2>/dev/null; then \
		$(MAKE) --no-print-directory test-browser; \
	else \
		printf '\n%s\n\n' "==== NOT RUN: the chapters in a real browser (make test-browser). All else passed. ====" >&2; \
		$(FIND_BROWSER) || true; \
	fi

lint: .venv/.dev ## Style of code and notebooks (part of test)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/.dev ## Types (part of test)
	$(BIN)/mypy

unit: .venv/.dev ## Unit tests, doctests, the course's rules (part of test)
	$(TEST_ENV) MPLBACKEND=Agg $(BIN)/python -m pytest -n $(JOBS) --mpl --doctest-modules tests nnopt_utils

nbval: .venv/.dev ## Run every notebook and compare its outputs with the committed ones (part of test)
	@ls notebooks/*.ipynb >/dev/null 2>&1 || { echo "There is no notebook in notebooks/: run make notebooks" >&2; exit 1; }
	$(TEST_ENV) $(BIN)/python -m pytest -p no:warnings --nbval --nbval-current-env --nbval-cell-timeout=120 \
		--nbval-sanitize-with=tests/nbval_sanitize.cfg -n $(JOBS) --dist loadfile notebooks/

FIND_BROWSER = $(BIN)/python tests/browser/chromium.py

test-browser: .venv/.dev ## Run every chapter in JupyterLab in a real browser (part of test, where there is one)
	@$(FIND_BROWSER)
	$(BIN)/python -m pytest tests/browser

notebooks: .venv/.dev ## Write and execute the notebooks from the texts of the chapters (one of them: CHAPTER=04)
	$(TEST_ENV) $(BIN)/python -m tools.notebooks $(if $(CHAPTER),--chapter $(CHAPTER))

docs: .venv/.dev ## Build the API reference from the docstrings: build/reference/index.html
	$(BIN)/python -m sphinx -q -E -W --keep-going docs/reference build/reference

bench: .venv/.dev ## Measure what is fast, against what, by which ratio
	$(BIN)/python -m benchmarks --json benchmarks/results.json

oldest: ## Unit tests with the oldest package versions that pyproject.toml allows (needs uv)
	uv venv --quiet --clear --python "$(PYTHON)" .venv-oldest
	uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct -e '.[tensorflow,litert,dev]'
	$(TEST_ENV) MPLBACKEND=Agg .venv-oldest/bin/python -m pytest -p no:warnings -n $(JOBS) tests --ignore tests/course

# One version of each package for all Pythons and all three locks, so that the committed outputs are the same everywhere.
# uv keeps the versions that it finds in the output file: the largest lock is compiled first, the others start from it.
LOCK = uv pip compile - --quiet --universal --python-version 3.11 --fork-strategy fewest --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" --output-file

lock: ## Compile the three locks anew from pyproject.toml (needs uv; UPGRADE= keeps the versions that are locked)
	echo '-e .[tensorflow,litert,dev]' | $(LOCK) requirements-dev.txt $(UPGRADE)
	cp requirements-dev.txt requirements.txt
	echo '-e .[tensorflow,litert]' | $(LOCK) requirements.txt
	cp requirements.txt requirements-light.txt
	echo '-e .' | $(LOCK) requirements-light.txt

format: .venv/.dev ## Format the code (not the notebooks: change the texts they are built from)
	$(BIN)/ruff check --fix --extend-exclude '*.ipynb'
	$(BIN)/ruff format

clean: ## Remove .venv and everything else that can be made again
	rm -rf .venv .venv-oldest .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info tests/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
