# make conformance   check the documentation against this kernel (needs root; uses sudo where it is needed)
# make faults        change the kernel's answers, one at a time, to see which tests do not notice (needs strace)
# make reproducers   make each claim's socket calls a C program, compile and run it (needs strace and a C compiler)
# make mutants       change the kernel's sockets, one small change at a time, to see whether a claim notices (hours)
# make kernels       check it in other kernels too (user-mode Linux, as an ordinary user), against results/runs
# make built         build user-mode Linux from source, and check it there (needs gcc, flex, bison and bc; minutes)
# make deferred      build a kernel that delivers every packet late, and check it there: a test that is too fast fails
# make checked       build a kernel that finds its own errors (KASAN, UBSAN, lockdep), and check it there: a splat fails
# make kernel-coverage   which lines of the kernel's own source the claims reach (builds one that counts; half an hour)
# make site          draw the site into build/site: claims, options, documents and errors by kernel
# make check         ruff, mypy, and the rules of the house: seconds, before every commit
# make test          the project's own tests, and all that make check does, and pyright
# make harm          bad values, spoilt files, hostile surroundings, signals at random moments, sanitizers (minutes)
# make browser      the site as a person has it, in Chromium: search, matrix, phones, axe-core (minutes)
# make cpython       CPython's own tests of sockets, with this socket in the place of the standard library's
# make docs          write anew what is drawn and committed: findings, options, the README's table
# make results       ask this kernel and others anew, and keep the answers in results/runs
# make probes        ask this kernel and others which options they know, and keep that in results/probes
# make benchmark     what things cost, as ratios
# make clean         remove what these made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
# Also "make conformance ARGS='--claim socket.7/SO_RCVBUF/*'"
ARGS ?=
# Where the suite keeps what this kernel answers.
RECORD := build/runs/$(shell uname -r).jsonl
KERNELS ?= 5.10,6.1,6.12,7.2
# What is built from source: series, tarballs or trees.
SOURCES ?= 6.1
# The series whose packets are all delivered late.
DEFERRED ?= 6.12
# The series that finds its own errors.
CHECKED ?= 7.2
# The series whose lines are counted.
COUNTED ?= 7.2
# Two for each processor: half of the time is waiting for the kernel's own timers.
WORKERS ?= $(shell expr 2 \* $$(nproc))
comma := ,

.PHONY: conformance faults mutants reproducers kernels built deferred checked kernel-coverage catalogue site docs results probes check test harm browser cpython benchmark clean

conformance: $(VENV)/.conformance
	@$(SUDO) rm -f $(RECORD)
	@code=0; $(SUDO) $(BIN)/pytest conformance/ -n $(WORKERS) --catalogue build/catalogue.json $(ARGS) || code=$$?; \
	if [ -e $(RECORD) ]; then \
	$(BIN)/python -m reports html $(RECORD) -o build/report.html && echo "Report: build/report.html"; fi; \
	exit $$code

faults: $(VENV)/.conformance
	$(SUDO) $(BIN)/pytest conformance/ --faults $(ARGS)

reproducers: $(VENV)/.conformance
	@rm -rf build/transcripts build/reproducers
	$(SUDO) $(BIN)/pytest conformance/ -q --transcript build/transcripts --catalogue build/catalogue.json $(ARGS)
	$(SUDO) $(BIN)/python -m tools.reproducers

# What is known stands in build/mutants.jsonl, and a run goes on from there. Also "make mutants ARGS='--only unix-*'".
mutants: $(VENV)/.kernels catalogue
	$(BIN)/python -m tools.mutants $(ARGS)

kernels: $(VENV)/.kernels
	@rm -rf build/runs/kernels
	$(BIN)/pytest conformance/ --kernel $(KERNELS) --record-dir build/runs/kernels --catalogue build/catalogue.json $(ARGS)
	$(BIN)/python -m reports against results/runs build/runs/kernels

built: $(VENV)/.kernels
	@set -e; for series in $(subst $(comma), ,$(SOURCES)); do \
	$(BIN)/python -m kernels build $$series -o $${series##*/}; \
	$(BIN)/pytest conformance/ --kernel built:$${series##*/} --record-dir build/runs/built $(ARGS); done

# Under load a kernel leaves what comes by loopback or a veth to ksoftirqd: here it always does, and ksoftirqd runs when
# nothing else does. A test that takes for delivered what was just sent fails there.
deferred: $(VENV)/.kernels
	$(BIN)/python -m kernels build $(DEFERRED) --patch kernels/ksoftirqd.patch -o deferred-$(DEFERRED)
	$(BIN)/pytest conformance/ --kernel built:deferred-$(DEFERRED) --record-dir build/runs/built $(ARGS)

checked: $(VENV)/.kernels
	$(BIN)/python -m kernels build $(CHECKED) --kasan --ubsan --lockdep -o checked-$(CHECKED)
	$(BIN)/pytest conformance/ --kernel built:checked-$(CHECKED) --record-dir build/runs/built $(ARGS)

# A claim that is not answered as declared (status 1) has reached lines all the same. To go on where a run was ended:
# make kernel-coverage ARGS=--uncounted (status 5: no claim was left).
kernel-coverage: $(VENV)/.kernels
	$(BIN)/python -m kernels build $(COUNTED) --gcov -o counting-$(COUNTED)
	@$(if $(findstring --uncounted,$(ARGS)),,rm -rf build/coverage)
	$(BIN)/pytest conformance/ --kernel built:counting-$(COUNTED) --counters build/coverage/counters \
	--record-dir build/coverage/runs $(ARGS) || case $$? in 1|5) ;; *) exit $$?;; esac
	$(BIN)/python -m kernels coverage built:counting-$(COUNTED) build/coverage/counters
	$(BIN)/python -m reports coverage --lcov -o build/coverage/lcov.info
	$(BIN)/python -m reports coverage --unreached -o build/coverage/unreached.txt
	$(BIN)/python -m reports coverage

catalogue: $(VENV)/.conformance
	@$(BIN)/pytest conformance/ -q --collect-only --catalogue build/catalogue.json >/dev/null

site: catalogue
	$(BIN)/python -m tools.site $(ARGS)

docs: catalogue
	$(BIN)/python -m reports findings results/runs -o docs/findings.md
	$(BIN)/python -m reports badge results/runs -o docs/badge.svg
	$(BIN)/python -m reports summary results/runs -o docs/summary.svg
	$(BIN)/python -m reports result results/runs -o README.md --between result
	$(BIN)/python -m reports table results/runs -o README.md --between kernels
	$(BIN)/python -m tools.tried
	$(BIN)/python -m tools.peers
	$(BIN)/python -m tools.reference

results: $(VENV)/.kernels
	$(SUDO) $(BIN)/pytest conformance/ -n auto --run-record build/runs/host.jsonl
	$(BIN)/pytest conformance/ --kernel $(KERNELS) --record-dir build/runs/kernels
	$(BIN)/python -m reports store build/runs/host.jsonl build/runs/kernels -o results/runs

probes: $(VENV)/.kernels
	$(SUDO) unshare --net $(BIN)/python -m libsocket --json | $(BIN)/python -m tools.probes host
	@set -e; for kernel in $(subst $(comma), ,$(KERNELS)); do \
	$(BIN)/python -m kernels run $$kernel -- $(BIN)/python -m libsocket --json | \
	$(BIN)/python -m tools.probes $$kernel; done

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_house.py -q -p no:cacheprovider

# Pyright asks the first python3 in the PATH what is installed, and an import hook, which is how an editable
# installation works, tells it nothing: hence PYTHONPATH. It is told not to look for newer versions of itself, and
# which files to read, since it is content with none. Scores just below 100 % print as 100 % too; the exit code differs.
test: PYRIGHT = PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH="$(CURDIR)" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
test: check
	$(PYRIGHT) --project pyproject.toml tests/libsocket/test_typing.py tests/libsocket/test_message_typing.py
	@printed=$$($(PYRIGHT) --verifytypes libsocket --ignoreexternal) || { printf '%s\n' "$$printed"; exit 1; }; \
	printf '%s\n' "$$printed" | grep -E '^Symbols exported|error:|score:'
	$(SUDO) $(BIN)/pytest tests/ -n auto $(ARGS)
	$(SUDO) env LIBSOCKET_PURE=1 $(BIN)/pytest tests/libsocket -n auto $(ARGS)

harm: $(VENV)/.dev
	$(SUDO) $(BIN)/pytest tests/harm -n auto --harm-tries 100 $(ARGS)

# It is no part of "make test": it needs a browser, and how fast a page answers depends on what else runs.
browser: $(VENV)/.browser
	$(BIN)/pytest tests/site -n auto $(ARGS)

cpython: $(VENV)/.conformance
	$(SUDO) $(BIN)/python -m tests.cpython $(ARGS)

benchmark: $(VENV)/.kernels
	$(SUDO) $(BIN)/python -m benchmarks.bench_libsocket
	$(SUDO) $(BIN)/python -m benchmarks.bench_messages
	$(SUDO) $(BIN)/python -m benchmarks.bench_netns
	$(SUDO) $(BIN)/python -m benchmarks.bench_suite
	$(BIN)/python -m benchmarks.bench_reports

# What a run needs, what other kernels need besides, and what only the project's own tests need: so a first run
# does not wait for type checkers.
INSTALL := install --quiet --disable-pip-version-check
$(VENV)/.conformance: GROUP = conformance
$(VENV)/.kernels: GROUP = kernels
$(VENV)/.dev: GROUP = dev
$(VENV)/.browser: GROUP = browser
$(VENV)/.conformance $(VENV)/.kernels $(VENV)/.dev $(VENV)/.browser: pyproject.toml setup.py $(wildcard libsocket/*.pyx) | $(BIN)/pip
	$(BIN)/python -m pip $(INSTALL) --editable . --group $(GROUP)
	@touch $@

# The machine's own pip, where it has one, makes ours in half the time that venv takes.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@{ $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python $(INSTALL) 'pip>=25.1' 2>/dev/null; } || \
	{ $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip $(INSTALL) 'pip>=25.1'; } || \
	{ echo "No environment could be made: is there a venv package to install (python3-venv), and a network?" >&2; exit 1; }

clean:
	rm -rf $(VENV) build dist libsocket/*.so libsocket/*.c *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
