#!/usr/bin/env bash
# The suite `codec-wasm`: the codec, all features on, as a wasm module imports nothing from its host. No I/O, no clock
# and no randomness can be in it then, whatever its sources look like.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

environment=$(FRAMESCOPE_QUIET=1 wasm-client/toolchain.sh env)
eval "$environment"
export CARGO_TARGET_DIR=$PWD/target/wasm-imports

# The same versions as everywhere else: cargo drops from the copy what is not needed here.
cp Cargo.lock tests/wasm-imports/Cargo.lock
cargo build --manifest-path tests/wasm-imports/Cargo.toml --release --target wasm32-unknown-unknown
node tests/wasm-imports/check.mjs "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/framescope_wasm_imports.wasm"
