# One command each: everything is set up in .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench reference gallery crash crash-states soak package clean

demo: .venv/.demo
	$(BIN)/maxbridge demo

test: .venv/.dev
	$(BIN)/python -m pytest -n auto --dist loadscope $(ARGS)

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev
	$(BIN)/python bench/footprint.py

# Pages of docs/ that are made from the program.
reference: .venv/.dev
	PYTHONPATH=tools $(BIN)/python -m reference

# docs/gallery.md and its pictures; drawing takes a Chromium (apt-get install chromium pngquant).
gallery: .venv/.dev
	PYTHONPATH=tools $(BIN)/python -m gallery

# Debian has venv in a package of its own; say so instead of failing in the middle.
.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "maxbridge needs Python 3.11 or newer; try: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.demo: .venv/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.dev: .venv/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@ .venv/.demo

# By hand: more of what the tests do a little of (docs/reliability.md).
SEEDS ?= 1-20
EXAMPLES ?= 300
DAYS ?= 30

crash: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m crash.blackbox --seeds $(SEEDS) $(ARGS)

crash-states: .venv/.dev
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/crash/test_ticket_life.py $(ARGS)

soak: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m crash.soak --days $(DAYS) $(ARGS)

package: .venv/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt build
	$(BIN)/python -m build --outdir dist

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
