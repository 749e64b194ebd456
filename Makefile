# make conformance   check the documentation against this kernel (needs root; uses sudo where it is needed)
# make kernels       check it in other kernels too (user-mode Linux, as an ordinary user), against reports/runs
# make matrix        draw docs/matrix.* from reports/runs, and write docs/options.md anew
# make reference     ask this kernel and others which options they know, and write docs/options.md anew
# make test          the project's own tests, ruff, mypy and pyright
# make benchmark     what things cost, as ratios
# make clean         remove what these made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
# Also "make conformance ARGS='--claim socket.7/SO_RCVBUF/*'"
ARGS ?=
KERNELS ?= 5.10,6.1,6.12,7.2
comma := ,
RUNS = $(shell ls reports/runs/*.jsonl | sort -t- -k2V)

.PHONY: conformance kernels matrix reference test benchmark clean

conformance: $(VENV)/.ready
	@code=0; $(SUDO) $(BIN)/pytest conformance/ -n auto $(ARGS) || code=$$?; \
	$(BIN)/python -m reports html reports/local/*.jsonl -o reports/local/report.html && \
	echo "Report: reports/local/report.html"; \
	exit $$code

kernels: $(VENV)/.ready
	@rm -rf reports/local/kernels
	$(BIN)/pytest conformance/ --kernel $(KERNELS) --run-record reports/local/kernels $(ARGS)
	$(BIN)/python -m reports against reports/runs reports/local/kernels/*.jsonl

# The published matrix, oldest kernel first, from the reference runs; the options reference leads to it.
matrix: $(VENV)/.ready
	$(BIN)/python -m reports markdown $(RUNS) -o docs/matrix.md
	$(BIN)/python -m reports html $(RUNS) -o docs/matrix.html
	$(BIN)/python -m tools.reference

reference: $(VENV)/.ready
	$(SUDO) unshare --net $(BIN)/python -m libsocket --json | $(BIN)/python -m tools.probes host
	@set -e; for kernel in $(subst $(comma), ,$(KERNELS)); do \
	$(BIN)/python -m kernels run $$kernel -- $(BIN)/python -m libsocket --json | \
	$(BIN)/python -m tools.probes $$kernel; done
	$(BIN)/python -m tools.reference

# Pyright asks the first python3 in the PATH what is installed, and an import hook, which is how an editable
# installation works, tells it nothing: hence PYTHONPATH. It is told not to look for newer versions of itself, and
# which files to read, since it is content with none. Scores just below 100 % print as 100 % too; the exit code differs.
test: PYRIGHT = PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH="$(CURDIR)" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
test: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYRIGHT) --project pyproject.toml tests/libsocket/test_typing.py tests/libsocket/test_message_typing.py
	@told=$$($(PYRIGHT) --verifytypes libsocket --ignoreexternal) || { printf '%s\n' "$$told"; exit 1; }; \
	printf '%s\n' "$$told" | grep -E '^Symbols exported|error:|score:'
	$(SUDO) $(BIN)/pytest tests/ -n auto $(ARGS)
	$(SUDO) env LIBSOCKET_PURE=1 $(BIN)/pytest tests/libsocket -n auto $(ARGS)

benchmark: $(VENV)/.ready
	$(SUDO) $(BIN)/python -m benchmarks.bench_libsocket
	$(SUDO) $(BIN)/python -m benchmarks.bench_messages
	$(SUDO) $(BIN)/python -m benchmarks.bench_netns
	$(SUDO) $(BIN)/python -m benchmarks.bench_suite

$(VENV)/.ready: pyproject.toml setup.py $(wildcard libsocket/*.[ch])
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make virtual environments: install its venv package (python3-venv)." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

clean:
	rm -rf $(VENV) build dist libsocket/*.so reports/local *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
