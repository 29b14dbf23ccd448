# make demo, make test and make check each set up .venv first, once, with the versions in tools/constraints.txt.
# On a machine whose Python is not called python3: make test PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint tools/constraints.txt

.PHONY: demo test check
.DELETE_ON_ERROR:

demo: .venv/.ready
	$(BIN)/nmt demo

test: .venv/.ready
	tools/test.sh

check: .venv/.ready
	tools/check.sh

.venv/.ready: setup.cfg pyproject.toml tools/constraints.txt
	@echo "Setting up .venv (PyTorch is large: a few minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit("nmt needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --editable '.[plot,tensorboard,zstd,documents,torchtext,test,check]'
	@touch $@
