# `make demo` and `make test` set up what they need in .venv by themselves; python3 with pip is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test lint lock clean

help:
	@echo "make demo   run everything on Pokémon; tables here, charts in demo/charts/index.html"
	@echo "make test   ruff, mypy and all tests"
	@echo "make lock   write requirements*.lock anew from pyproject.toml"
	@echo "make clean  remove .venv and demo/"

demo: $(VENV)/demo.ready
	$(BIN)/embedex demo --to demo

test: $(VENV)/test.ready lint
	$(BIN)/python -m pytest

lint: $(VENV)/test.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: $(VENV)/test.ready
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-header \
	  --extra umap --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-header \
	  --allow-unsafe --extra umap --extra dev --output-file requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) demo

# Set-up says what it does, since it takes a minute and pip is quiet.
$(VENV)/demo.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "embedex needs Python 3.11 or later; this is $$($(PYTHON) --version). Name another: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) (about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/test.ready: requirements-dev.lock $(VENV)/demo.ready
	@echo "Adding what the tests need ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@
