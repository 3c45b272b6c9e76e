# `make demo` and `make test` set up what they need; `make check` is everything that CI runs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# More than cores: a test of whole runs waits for the disk for a fifth of its time.
TEST_JOBS ?= 3
SWEEP_THIN ?= 1
PROFILE ?= ci
# From inside tests/, so that `fakes` is what tests import and tests/cli is not cli.py.
TEST_ROOTS := --namespace-packages --explicit-package-bases

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo demo-loops test fuzz sweep sweep-full powercut powercut-control check lint types layers man
.PHONY: thorough wheel docs bench clean vendors vendors-nightly

demo: $(STAMP)
	$(BIN)/dispatch demo

# Work that is not right the first time, and a question to the operator.
demo-loops: $(STAMP)
	$(BIN)/dispatch demo --loops

test: $(STAMP)
	$(BIN)/pytest -q -n $(TEST_JOBS)

# The same with what `make test` leaves out, and runs killed at every save: half an hour.
thorough: $(STAMP)
	$(BIN)/pytest -q -n $(TEST_JOBS) --hypothesis-profile=$(PROFILE)

# The vendors' programs, pinned: tests drive them against a scripted server, and skip without them.
# Those of the second target start slowly. Only Claude Code's script is run: it puts its program in place.
vendors:
	cd .ci/vendors && npm ci && npm rebuild --ignore-scripts=false @anthropic-ai/claude-code

# `npm ci` refuses a lock without opencode's programs for other systems, which not every registry has.
vendors-nightly: vendors
	cd .ci/vendors/nightly && npm install --no-save

# A fault at a sample of the system calls of every story (of it every SWEEP_THIN-th), and at every
# call for the modes that kill.
sweep: $(STAMP)
	$(BIN)/python tests/crash/sweep.py --thin $(SWEEP_THIN) $(SWEEP_ARGS)

sweep-full: $(STAMP)
	$(BIN)/python tests/crash/sweep.py --full --thin $(SWEEP_THIN) $(SWEEP_ARGS) --write spec.md

# The power goes at $(CUTS) moments; needs root and loop devices.  In the control they
# must fail, because nothing is synced.
CUTS ?= 200
powercut: $(STAMP)
	$(BIN)/python tests/crash/powercut.py --cuts $(CUTS) --write spec.md

powercut-control: $(STAMP)
	$(BIN)/python tests/crash/powercut.py --cuts $(CUTS) --without-sync

# Random runs killed anywhere: ci takes minutes, nightly hours. What is found is shrunk and printed.
fuzz: $(STAMP)
	$(BIN)/pytest -q tests/fuzz --hypothesis-profile=$(PROFILE) --hypothesis-show-statistics

check: test lint types layers man wheel

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy -p dispatch
	$(BIN)/mypy bench
	cd tests && $(abspath $(BIN))/mypy --config-file ../pyproject.toml $(TEST_ROOTS) .

layers: $(STAMP)
	$(BIN)/lint-imports

man:
	.ci/lint-man share/dispatch.1
	.ci/lint-man share/dispatch-config.5

wheel: $(STAMP)
	.ci/try-wheel $(BIN)/python

# What is generated and committed; tests say when it is out of date.
docs: $(STAMP)
	$(BIN)/dispatch graph --write spec.md
	$(BIN)/dispatch graph --write README.md
	$(BIN)/dispatch graph --write README.md
	$(BIN)/dispatch schema --format md > docs/configuration.md
	$(BIN)/dispatch schema --format man > share/dispatch-config.5
	$(BIN)/python .ci/manual.py > share/dispatch.1
	$(BIN)/dispatch graph --write docs/scripts.md
	$(BIN)/dispatch schema events > share/events.schema.json
	$(BIN)/dispatch completion bash > share/completions/dispatch
	$(BIN)/dispatch completion zsh > share/completions/_dispatch
	$(BIN)/dispatch completion fish > share/completions/dispatch.fish

bench: $(STAMP)
	for each in bench/*.py; do echo "== $$each"; $(BIN)/python "$$each" || exit 1; done

clean:
	rm -rf build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -not -path './.src/*' -prune -exec rm -rf {} +

# The build tool comes first, pinned like the rest: the build is not isolated, so that it cannot drift.
$(STAMP): setup.cfg pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt setuptools
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	touch $@
