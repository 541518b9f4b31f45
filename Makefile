# `make demo` and `make test` set up what they need in .venv by themselves; python3 with pip is enough.
VENV := .venv
MADE := $(VENV)/made.by
# The Python that .venv was made by, unless another one is named.
PYTHON ?= $(shell cat $(MADE) 2>/dev/null || echo python3)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# What vite runs on.
NODE_SERVES := command -v npm >/dev/null && node -e 'const [major, minor] = process.versions.node.split(".").map(Number); \
  process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null

.PHONY: help demo test lint page lock clean FORCE

help:
	@echo "make demo   run everything on Pokémon; tables here, charts in demo/charts/index.html"
	@echo "make test   ruff, mypy, the explorer's page and all tests"
	@echo "make page   check that the explorer's built page is what web/ gives; needs Node"
	@echo "make lock   write requirements*.lock anew from pyproject.toml"
	@echo "make clean  remove .venv, demo/ and web/node_modules"

demo: $(VENV)/demo.ready
	$(BIN)/embedex demo --to demo

test: $(VENV)/test.ready lint page
	$(BIN)/python -m pytest

lint: $(VENV)/test.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Users need no Node, because the built page is in git; whoever has Node makes sure that it is what its sources give.
page:
	@if ! { $(NODE_SERVES); }; then echo "The explorer's page is not checked: that needs npm and Node 20.19, or 22.12 or later."; else \
	  cd web && { test node_modules/ready -nt package-lock.json || { \
	    echo "Setting up web/node_modules ..."; npm ci --no-audit --no-fund --loglevel=error && touch node_modules/ready; }; } \
	  && npm run --silent check && npm run --silent test && npm run --silent verify; fi

lock: $(VENV)/test.ready
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-header \
	  --no-emit-find-links --extra umap --extra explore --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-header \
	  --no-emit-find-links --allow-unsafe --extra umap --extra dev --output-file requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) demo web/node_modules

# Made anew where it is not there, is broken, or is another Python's; else left as it is.
$(MADE): FORCE
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "embedex needs Python 3.11 or later; this is $$($(PYTHON) --version). Name another: make PYTHON=python3.12"; exit 1; }
	@test -e $@ && $(PIP) --version >/dev/null 2>&1 && test "$$($(PYTHON) -VV)" = "$$($(BIN)/python -VV)" || { \
	  rm -rf $(VENV); $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
	    rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) \
	      && $(PYTHON) -m pip --python $(VENV) --disable-pip-version-check --quiet install pip; \
	  } || { \
	    rm -rf $(VENV); echo "$(PYTHON) cannot make $(VENV). On Debian and Ubuntu: apt install python3-venv"; exit 1; \
	  }; echo "$(PYTHON)" >$@; }

# Set-up says what it does, since it takes a minute and pip is quiet.
$(VENV)/demo.ready: requirements.lock pyproject.toml $(MADE)
	@echo "Setting up $(VENV) (about a minute) ..."
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/test.ready: requirements-dev.lock $(VENV)/demo.ready
	@echo "Adding what the tests need ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@.ci/system chromium
	@touch $@
