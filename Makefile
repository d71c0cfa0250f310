# make run: everything, from nothing to the app in the browser.  make test: the same set-up, then every test.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?=
NO_PACKAGES = The Python packages could not be installed: check the network and the disk (10 GB free), then run the same command again.
# uv takes a third of pip's time and a fifth of its processor time, which the Weaviate build beside it needs; where it cannot
# reach the packages (a private index that only pip's configuration knows), pip tries.
INSTALL = UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 $(BIN)/uv pip install -q --no-cache --python $(BIN)/python

.PHONY: run test test-app test-rest setup check bench stop clean weaviate help
help:
	@sed -n 's/^## //p' Makefile

## make run     the environment, Weaviate, sample pictures on the first start, the app
run: setup
	@PORT=$(PORT) $(BIN)/python run.py

## make test    the same set-up, then every test: two sessions side by side, each with a Weaviate of its own (after each
##              other where WEAVIATE_URL names one)
test: setup $(VENV)/dev.stamp
	@$(MAKE) -s --no-print-directory -j$(if $(WEAVIATE_URL),1,2) test-app test-rest

test-app:
	@$(BIN)/python -m pytest tests/app tests/encoder tests/training

test-rest:
	@$(BIN)/python -m pytest --ignore=tests/app --ignore=tests/encoder --ignore=tests/training

## make setup   the environment and Weaviate, side by side; then the encoder, exported for this processor
setup:
	@$(MAKE) -s --no-print-directory -j2 $(VENV)/encoder.stamp weaviate

## make check   ruff, mypy, the import table
check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

## make bench   speed and memory, against a baseline in the same run
bench: setup $(VENV)/dev.stamp
	@$(BIN)/python -m benchmarks

## make stop    stop Weaviate
stop:
	@$(BIN)/python -m server stop

## make clean   remove the environment; the library, the settings and the built Weaviate stay
clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

# The environment in two steps: what builds Weaviate (seconds), then everything, so that the two long steps run side by side.
$(VENV)/base.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Loupe needs Python 3.11 or newer, this is %d.%d. Name another one: make run PYTHON=python3.12" % sys.version_info[:2])'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { echo "The environment could not be made. On Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv filelock platformdirs pydantic-settings || { echo "$(NO_PACKAGES)"; exit 1; }
	@touch $@

$(VENV)/run.stamp: $(VENV)/base.stamp requirements.txt
	@echo "Installing the Python packages (about 6 GB with torch; a minute or two) ..."
	@$(INSTALL) -r requirements.txt 2>$(VENV)/uv.log || $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt || { echo "$(NO_PACKAGES)"; exit 1; }
	@touch $@

# Where it cannot be made, the reason is reported and torch does the work.
$(VENV)/encoder.stamp: $(VENV)/run.stamp
	@$(BIN)/python -m encoder export || :
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	@$(INSTALL) -r requirements-dev.txt 2>$(VENV)/uv.log || $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt || { echo "$(NO_PACKAGES)"; exit 1; }
	@touch $@

weaviate: $(VENV)/base.stamp
	@$(BIN)/python -m server.binary
