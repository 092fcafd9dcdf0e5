#!/usr/bin/env bash
# The suite `codec-wasm`: the codec has no I/O, clock or randomness. As a wasm module, all features on, it imports
# nothing from its host, so nothing comes in through its dependencies; and its sources leave std's alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# On wasm32 std's files, sockets and clocks compile, import nothing, and panic when used: the module would not tell.
if grep -rnE 'std::(fs|env|process|thread|os)\b|\b(TcpStream|TcpListener|UdpSocket|SystemTime|Instant)\b' codec/src; then
  echo "codec-wasm: the codec has no I/O and no clock" >&2
  exit 1
fi

environment=$(FRAMESCOPE_QUIET=1 wasm-client/toolchain.sh env)
eval "$environment"
export CARGO_TARGET_DIR=$PWD/target/wasm-imports

# The same versions as everywhere else: cargo drops from the copy what is not needed here.
cp Cargo.lock tests/wasm-imports/Cargo.lock
cargo build --manifest-path tests/wasm-imports/Cargo.toml --release --target wasm32-unknown-unknown
node tests/wasm-imports/check.mjs "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/framescope_wasm_imports.wasm"
