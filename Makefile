# make book      the book, from nothing but Python 3.11 to 3.13: _build/html/index.html
# make test      the tests
# make coverage  the tests with the share of the package that they reach: a quarter longer
# make lint      style and common mistakes (ruff)
# make lock      requirements.txt anew, with the newest versions that pyproject.toml admits
# make clean     removes what make book wrote; the environment .venv stays

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTS := $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile
LOCK_OPTIONS := --extra book --extra test --universal --python-version 3.11 --no-annotate

export TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_ENABLE_ONEDNN_OPTS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1
# progress is seen at once in a log or a pipe, too
export PYTHONUNBUFFERED ?= 1

# The first interpreter of a supported version that can make a virtual environment.
FITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := python3 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	if $$p -c '$(FITS)' >/dev/null 2>&1; then echo $$p; break; fi; done)

.PHONY: book test coverage lint lock clean
.DEFAULT_GOAL := book

book: $(STAMP)
	$(BIN)/ecgrepro book

test: $(STAMP)
	$(TESTS)

coverage: $(STAMP)
	$(TESTS) --cov=ecgrepro --cov-report=term

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(STAMP): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: expected Python 3.11, 3.12 or 3.13 with venv and ensurepip;" \
		"found none among: $(CANDIDATES). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(FITS)' || { echo "make: expected Python 3.11, 3.12 or 3.13 with venv and ensurepip;" \
		"got PYTHON=$(PYTHON)" >&2; exit 1; }
	@echo "installing into $(VENV) with $(PYTHON): about 4 GB, two to five minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

lock:
	@test -n "$(PYTHON)" || { echo "make: expected Python 3.11, 3.12 or 3.13" >&2; exit 1; }
	$(PYTHON) -m venv _build/lock
	_build/lock/bin/python -m pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock   # uv pip compile pyproject.toml $(LOCK_OPTIONS)" \
		_build/lock/bin/uv pip compile pyproject.toml $(LOCK_OPTIONS) --upgrade --quiet -o requirements.txt
	rm -rf _build/lock

clean:
	rm -rf _build
