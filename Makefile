# make demo   set up .venv, then race full fine-tuning and LoRA on the toy model (about two minutes)
# make test   set up .venv, then all checks and tests
# make check  static checks alone: ruff, mypy, the arrows between the layers, known holes of packages
# make audit  the packages against a database of today (needs a network)

PYTHON ?= python3
BIN := .venv/bin
DEMO := laptime-demo
READY := .venv/.ready

.PHONY: demo test check audit setup clean
.DELETE_ON_ERROR:

setup: $(READY)

# One line installs everything; on a machine with a GPU the same pin of torch takes the CUDA build.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("laptime needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: setup
	@out=$(DEMO); n=1; while [ -e "$$out" ]; do n=$$((n + 1)); out=$(DEMO)-$$n; done; \
	$(BIN)/laptime compare --out "$$out"

# One process a core; whoever is done early takes tests from the others.
test: check
	$(BIN)/python -m pytest -q -n auto --dist worksteal

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/audit/audit.py

# Asks a database of today about every installed package; needs a network.
audit: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip_audit

clean:
	rm -rf .venv
