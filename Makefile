# The commands people type. What they do in more than a line or two is in tests/*.sh and wasm-client/*.sh.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# make run ARGS="--listen 127.0.0.1:9000"
ARGS ?=
# make test SUITES="fmt lint"
ALL_SUITES := fmt lint rust toolchain codec-wasm wasm types client conformance browser proxy captures fuzz
SUITES ?= $(ALL_SUITES)

# make bench BENCH=codec
BENCH ?= codec server
# make load LOAD="strokes direct"
LOAD ?= strokes direct presence board start
# make kill KILL_ROUNDS=1000
KILL_ROUNDS ?= 200

.PHONY: help setup setup-test wasm npm run reference test bench load kill doctor format clean tools $(addprefix test-,$(ALL_SUITES))

help: ## this list
	@echo "Framescope. Start it: make run. Check it: make test."
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)$$/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-24s %s\n", $$1, $$2 }'

# ---- Everyday ---------------------------------------------------------------------------------

setup: ## install what building and running needs
	@tests/setup.sh run

setup-test: ## install what the tests need on top: Chromium, node packages, tshark, ..
	@tests/setup.sh test

wasm: ## build the pages' modules into www/pkg, if their sources changed
	@wasm-client/build.sh

npm: ## the npm package of WebSocketClient, in target/npm
	@wasm-client/package.sh --pack

run: ## build all and start the server; flags for it in ARGS="--listen 127.0.0.1:9000"
	@tests/setup.sh native
	@wasm-client/build.sh --optional
	cargo run --release -- $(ARGS)

reference: ## the server, and beside it a server on somebody else's code, to choose on the pages; flags in ARGS
	@tests/reference/run.sh $(ARGS)

test: ## all suites, or those named in SUITES="fmt lint"
	@tests/run.sh $(SUITES)

bench: ## how fast it is, against others
	@tests/setup.sh native
	@bash tests/benches/run.sh $(BENCH)

load: ## the apps under load, stored on disk: strokes, direct messages, presence, a full board, a full store
	@tests/setup.sh native
	@bash tests/benches/run.sh $(addprefix app:,$(LOAD))

kill: ## kill -9 the server while it writes, KILL_ROUNDS (200) times, and look for what was shown
	@tests/setup.sh native
	KILL_ROUNDS=$(KILL_ROUNDS) cargo test --release -p framescope-tests --test kill -- --nocapture

doctor: ## what was found, what is missing, and the command that mends it
	@tests/setup.sh doctor

format: ## lay out Rust, JavaScript and CSS as test-fmt wants them
	@tests/setup.sh test
	cargo fmt --all
	cargo fmt --manifest-path codec/fuzz/Cargo.toml
	cargo fmt --manifest-path tests/wasm-imports/Cargo.toml
	tests/browser/node_modules/.bin/biome check --write

clean: ## remove what was built; tools in ~/.cache/framescope stay
	rm -rf target www/pkg wasm-client/pkg codec/pkg codec/fuzz/target tests/wasm-imports/target

# ---- The suites of `make test`, each also by itself --------------------------------------------

# The lock file has to fit as it is. A warning is an error wherever these are looked for, and only there: a build of a user's never fails on one.
WARNINGS := -D warnings

test-fmt: tools ## suite: layout of Rust, JavaScript, CSS, JSON
	cargo fmt --all --check
	cargo fmt --manifest-path codec/fuzz/Cargo.toml --check
	cargo fmt --manifest-path tests/wasm-imports/Cargo.toml --check
	tests/browser/node_modules/.bin/biome ci --colors=off

test-lint: tools ## suite: clippy, rustdoc, html-validate, shellcheck
	cargo clippy --locked --workspace --all-targets --all-features -- $(WARNINGS)
	RUSTDOCFLAGS="$(WARNINGS)" cargo doc --no-deps --workspace --all-features
	tests/browser/node_modules/.bin/html-validate $$(git ls-files 'www/*.html')
	shellcheck $$(git ls-files '*.sh') .ci/run

test-rust: tools ## suite: all Rust tests, examples in the documentation included
	cargo test --workspace --all-features --no-fail-fast

test-toolchain: tools ## suite: each way to a wasm toolchain, by itself
	@bash tests/toolchain.sh

test-codec-wasm: tools ## suite: the codec as wasm imports nothing, and works
	@bash tests/wasm-imports/run.sh

test-wasm: tools ## suite: the modules' sizes, and their tests in headless Chromium
	@bash tests/wasm.sh

test-types: tools ## suite: types of the pages' JavaScript
	@wasm-client/build.sh
	tests/browser/node_modules/.bin/tsc --noEmit -p www

test-client: tools ## suite: WebSocketClient under Node, as an npm package
	@bash wasm-client/tests/run.sh

test-conformance: tools ## suite: Autobahn's cases, server, native client, wasm client
	FRAMESCOPE_PYTHON="$$(FRAMESCOPE_QUIET=1 tests/setup.sh python)" bash tests/autobahn/run.sh

test-browser: tools ## suite: the pages in Chromium, and the reference server they can choose
	@wasm-client/build.sh --optimised
	node --test --test-concurrency=2 --test-reporter=spec tests/browser/*.test.mjs tests/reference/*.test.mjs

test-proxy: tools ## suite: the proxy between clients and servers that are not ours
	@wasm-client/build.sh --optimised
	FRAMESCOPE_PYTHON="$$(FRAMESCOPE_QUIET=1 tests/setup.sh python)" node --test --test-reporter=spec tests/proxy/*.test.mjs

test-captures: tools ## suite: captures of other people's software, read by ours, by Wireshark and by Python's websockets
	@wasm-client/build.sh --optimised
	@wasm-client/package.sh >/dev/null
	FRAMESCOPE_PYTHON="$$(FRAMESCOPE_QUIET=1 tests/setup.sh python)" node --test --test-reporter=spec tests/captures/*.test.mjs

test-fuzz: tools ## suite: each fuzz target for FUZZ_SECONDS (20)
	bash tests/fuzz.sh

# Silent and quick where all is there; `make test` looks once and tells the suites that it did.
tools:
	@[ -n "$${FRAMESCOPE_TOOLS_READY:-}" ] || FRAMESCOPE_QUIET=1 tests/setup.sh test
