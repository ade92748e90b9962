# `make help` lists what is here. Everything runs in .venv, which is made on first use.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
AUDIT := .venv/audit
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Nothing is sent anywhere: no analytics of any library.
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM := false

# What `make demo` shows: these, or with KIND=NAME every study in params.yaml of that kind.
DEMO = $(if $(KIND),$$(natstat studies --names --kind '$(KIND)'),docstrings docstrings-null digits)

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench ui site audit clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: $(VENV)/installed ## make the environment (.venv)

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "natstat needs Python 3.11 or newer, this is " + sys.version.split()[0] + ". Set PYTHON=python3.11.")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: install ## run demo studies and print their discoveries; KIND=NAME: those of a kind
	@studies="$(DEMO)" && echo "Through eight stages each, if not up to date:" $$studies && \
	dvc repro $$(printf 'report@%s ' $$studies) && \
	for study in $$studies; do natstat show --study $$study || exit; done

# Whole files go to a worker, so that what a file's tests share (a server, a finished study) is made once.
# In the order of folders, which leaves the many short files for the end: no worker is then alone with a long one.
test: install ## run the tests
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: install ## format, lint, types, layers
	ruff format --check .
	ruff check .
	mypy
	lint-imports --no-logo

bench: install ## measure every speed claim (last line of each: JSON)
	python -m benchmarks.encode
	python -m benchmarks.aggregate
	python -m benchmarks.calls
	@echo "With your own texts: python -m benchmarks.end_to_end --texts FILE; error rates: python -m benchmarks.coverage"

ui: install ## start the Prefect UI with a deployment per study
	python -m flows.serve

# The tools have an environment of their own, so that they are not counted among what natstat is built of.
# Without --strict a package that PyPI was not asked about would pass.
# What was built for one processor (+cpu) is known under its plain version; what has an address is not on PyPI.
audit: install ## list what natstat is built of (sbom.json, CycloneDX) and ask PyPI for known faults of it
	test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && \
	$(AUDIT)/bin/python -m pip install --quiet 'cyclonedx-bom>=7,<8' 'pip-audit>=2.10,<3'; }
	$(AUDIT)/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file sbom.json $(VENV)/bin/python
	$(VENV)/bin/python -m pip freeze --exclude-editable --disable-pip-version-check | \
	sed -E 's/\+[a-z0-9.]+$$//; / @ /d' > $(AUDIT)/packages.txt
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement $(AUDIT)/packages.txt

site: install ## write one page of all recorded studies and discoveries (reports/index.html)
	natstat site

# Needs no package: where .venv is broken or gone, the system's Python does it.
clean: ## delete study results, reports, caches and the environment (not your files, answers, labels, past runs)
	@if $(VENV)/bin/python -c '' 2>/dev/null; then $(VENV)/bin/python -m tasks clean; else $(PYTHON) -m tasks clean; fi
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
