# Every target sets up what it needs: make, a POSIX shell and CPython 3.11 or later are enough to start with.
#
#   PYTHON=python3.13    the interpreter to make the virtual environment from (default: tools/find-python decides)
#   VENV=.venv-3.13      where the virtual environment lives
#   WORKERS=4            how many tests run at a time
#   PYTEST_ARGS='-k x'   passed on to pytest
#   FUZZ_SECONDS=600                        for fuzz: how long each of the ten formats is fuzzed
#   AUDIT_ARGS='--ignore-vuln ID'           for audit: accept this vulnerability
#   BENCH_ARGS='--rounds 50', BENCHMARKS='hello pack'   for bench: passed on, and which of them to run

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?=
VENV ?= .venv
WORKERS ?= 2
PYTEST_ARGS ?=

# An active environment, or a user's settings for another one, must not leak into ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX
export PIP_DISABLE_PIP_VERSION_CHECK := 1

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet
PYTEST := -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

# What has been installed is remembered by the content that decided it, so that a fresh checkout or a touched file costs nothing.
digest = $(shell cat $(1) 2>/dev/null | cksum | tr -s ' \t' '-')
SDK_DIGEST := $(call digest,pyproject.toml foundations/version.py)
SDK := $(VENV)/.sdk-$(SDK_DIGEST)
DEV := $(VENV)/.dev-$(call digest,pyproject.toml foundations/version.py examples/*/requirements.txt locks/dev.txt)
EXAMPLES := $(VENV)/.examples-$(call digest,examples/*/requirements.txt)
BENCHMARKS ?= hello hundred graph pack result cache keys imports listing
BENCH_VENV := $(VENV)-bench
FUZZ_VENV := $(VENV)-fuzz
TOOLS_VENV := .venv-tools
TOOLS := $(TOOLS_VENV)/.tools-$(call digest,locks/tools.txt)
HEAVY_VENV := $(VENV)-heavy
HEAVY := $(HEAVY_VENV)/.heavy-$(call digest,pyproject.toml foundations/version.py)
FUZZ := $(FUZZ_VENV)/.fuzz-$(call digest,pyproject.toml foundations/version.py)
FUZZ_SECONDS ?= 360
BENCH := $(BENCH_VENV)/.bench-$(call digest,pyproject.toml foundations/version.py benchmarks/requirements.txt)

# uv does not read the settings of pip, which may name another index, nor, without the option, the certificates of the system.
pip_index = $(TOOLS_VENV)/bin/python -m pip config list | sed -n 's/^[^=]*\.index-url=.\(.*\).$$/\1/p' | head -n 1
UV = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX-$$($(pip_index))}" $(TOOLS_VENV)/bin/uv --system-certs
UV_INSTALL = $(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --link-mode copy
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	--no-annotate --custom-compile-command 'make lock'

# An environment whose interpreter has vanished, or is not of the version that PYTHON asks for, is made anew.
version := import sys; print(sys.version_info[:2])
current = $(shell [ -x $(1)/bin/python ] && { [ -z "$(PYTHON)" ] || \
	[ "`$(1)/bin/python -c '$(version)' 2>&1`" = "`$(PYTHON) -c '$(version)' 2>&1`" ]; } && echo yes)
ifneq ($(call current,$(VENV)),yes)
.PHONY: $(VENV)/pyvenv.cfg
endif
ifneq ($(call current,$(BENCH_VENV)),yes)
.PHONY: $(BENCH_VENV)/pyvenv.cfg
endif

ifneq ($(call current,$(FUZZ_VENV)),yes)
.PHONY: $(FUZZ_VENV)/pyvenv.cfg
endif

ifneq ($(call current,$(HEAVY_VENV)),yes)
.PHONY: $(HEAVY_VENV)/pyvenv.cfg
endif

ifneq ($(shell [ -x $(TOOLS_VENV)/bin/python ] && echo yes),yes)
.PHONY: $(TOOLS_VENV)/pyvenv.cfg
endif

.PHONY: help quickstart test lint types layers tests thorough torture fuzz heavy unit integration coverage bench sample \
	wheel lock audit clean distclean

help: ## Show this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

quickstart: $(SDK) $(EXAMPLES) ## Set up everything, run examples/wine, print its result and how to find it again
	@python=$$(cd $(BIN) && pwd)/python && cd examples/wine && result=$$("$$python" train.py) && echo "$$result" && \
		job=$$(echo "$$result" | sed -n '1s/^Job \([^:]*\): .*/\1/p') && echo && \
		echo "The job is stored in $${FOUNDATIONS_HOME:-$$HOME/.foundations}. To see its result again, in any directory:" && echo && \
		echo "  '$$python' -c \"from foundations import *; print(load_job('$$job').fetch_job_results())\""

test: lint types layers coverage ## Set up everything; run lint, types, layers, all tests and the coverage gate

lint: $(DEV) ## Check style and formatting with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV) ## Check types with mypy
	$(BIN)/mypy

layers: $(DEV) ## Check the direction of imports with import-linter
	$(BIN)/lint-imports

tests: $(DEV) ## Run all tests, and nothing else
	$(BIN)/python $(PYTEST)

thorough: $(DEV) ## Run all tests with every repetition, where `tests` takes a few of a kind
	FOUNDATIONS_THOROUGH=1 $(BIN)/python $(PYTEST)

torture: $(DEV) ## Of these, fail and kill at every step of callers and jobs
	FOUNDATIONS_THOROUGH=1 $(BIN)/python $(PYTEST) tests/torture

fuzz: $(FUZZ) ## Fuzz each format, an hour in all; what is worth keeping goes into tests/torture/corpus
	@targets=`$(FUZZ_VENV)/bin/python tests/torture/fuzz.py` || exit; for target in $$targets; do \
		FOUNDATIONS_LOG_LEVEL=error $(FUZZ_VENV)/bin/python tests/torture/fuzz.py $$target $(FUZZ_SECONDS) || exit; done

heavy: $(HEAVY) ## Run the tests with libraries too large for every run: PyTorch, 6 GB
	FOUNDATIONS_HEAVY=1 $(HEAVY_VENV)/bin/python -m pytest tests/heavy

unit: $(DEV) ## Run the unit tests
	$(BIN)/python $(PYTEST) tests/unit

integration: $(DEV) ## Run the integration tests
	$(BIN)/python $(PYTEST) tests/integration

coverage: $(DEV) ## Run all tests, jobs of those that are marked measured too, and check the coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(BENCH) ## Time us beside others, and print each ratio with its bar (BENCHMARKS='hello graph' for some)
	@missed=; for benchmark in $(BENCHMARKS); do \
		$(BENCH_VENV)/bin/python benchmarks/$$benchmark.py $(BENCH_ARGS) || missed="$$missed $$benchmark"; \
	done; [ -z "$$missed" ] || { echo "bars missed in:$$missed"; exit 1; }

sample: $(DEV) ## Run the benchmarks on small inputs, without what others need, against wide bars, twice where one is missed
	@for benchmark in $(BENCHMARKS); do \
		sample="$(BIN)/python benchmarks/$$benchmark.py --sample --rounds 3"; $$sample || $$sample || exit; done

wheel: ## Build the wheel into dist/
	PYTHON='$(PYTHON)' ./build.sh

lock: $(TOOLS) ## Lock the newest versions, with hashes, of all that CI installs, into locks/
	$(COMPILE) --extra dev --group build pyproject.toml examples/*/requirements.txt --output-file locks/dev.txt
	$(COMPILE) --group build --constraint locks/dev.txt --output-file locks/build.txt
	$(COMPILE) --group tools --output-file locks/tools.txt

audit: $(TOOLS) ## Look up the known vulnerabilities of all locked versions, with pip-audit
	@$(TOOLS_VENV)/bin/python tools/audit.py $(AUDIT_ARGS) locks/*.txt

clean: ## Remove what was built, measured and cached
	rm -rf build dist htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find foundations tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove the virtual environments too
	rm -rf .venv .venv-*

$(VENV)/pyvenv.cfg $(BENCH_VENV)/pyvenv.cfg $(FUZZ_VENV)/pyvenv.cfg $(HEAVY_VENV)/pyvenv.cfg $(TOOLS_VENV)/pyvenv.cfg:
	@python=$$(PYTHON='$(PYTHON)' tools/find-python) && echo "Making $(@D) from $$python" && \
		"$$python" -m venv --clear $(@D)

$(SDK): $(VENV)/pyvenv.cfg
	@echo 'Installing the SDK into $(VENV)'
	@$(PIP_INSTALL) --editable .
	@rm -f $(VENV)/.sdk-* && touch $@

$(TOOLS): $(TOOLS_VENV)/pyvenv.cfg
	@echo 'Installing uv and pip-audit into $(TOOLS_VENV)'
	@$(TOOLS_VENV)/bin/python -m pip install --quiet --require-hashes --requirement locks/tools.txt
	@rm -f $(TOOLS_VENV)/.tools-* && touch $@

# Hashes can be required of what an index serves, not of the working tree.
$(DEV): $(VENV)/pyvenv.cfg | $(TOOLS)
	@echo 'Installing the SDK, the development tools and what the examples need into $(VENV)'
	@$(UV_INSTALL) --require-hashes --requirement locks/dev.txt
	@$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.sdk-* $(VENV)/.dev-* $(VENV)/.examples-* && touch $(SDK) $(EXAMPLES) $@

$(EXAMPLES): $(VENV)/pyvenv.cfg
	@echo 'Installing what the examples need into $(VENV)'
	@for file in examples/*/requirements.txt; do $(PIP_INSTALL) --requirement "$$file" || exit; done
	@rm -f $(VENV)/.examples-* && touch $@

$(BENCH): $(BENCH_VENV)/pyvenv.cfg
	@echo 'Installing the SDK and its peers into $(BENCH_VENV)'
	@$(BENCH_VENV)/bin/python -m pip install --quiet --editable . --requirement benchmarks/requirements.txt
	@rm -f $(BENCH_VENV)/.bench-* && touch $@

$(FUZZ): $(FUZZ_VENV)/pyvenv.cfg
	@echo 'Installing the SDK and the fuzzer into $(FUZZ_VENV)'
	@$(FUZZ_VENV)/bin/python -m pip install --quiet --editable . 'atheris>=3'
	@rm -f $(FUZZ_VENV)/.fuzz-* && touch $@

$(HEAVY): $(HEAVY_VENV)/pyvenv.cfg
	@echo 'Installing the SDK and PyTorch into $(HEAVY_VENV)'
	@$(HEAVY_VENV)/bin/python -m pip install --quiet --editable '.[dev]' torch
	@rm -f $(HEAVY_VENV)/.heavy-* && touch $@
