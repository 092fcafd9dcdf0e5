#!/usr/bin/env bash
# The suite `client`: WebSocketClient under Node, as the npm package that people would install, against the npm
# package `ws`, against our own server, and against servers that do everything wrong.
#
#   wasm-client/tests/run.sh [FILE..]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# What ships is what is tested.
wasm-client/build.sh --optimised
package=$(wasm-client/package.sh --pack)
export FRAMESCOPE_CLIENT=$PWD/target/npm/installed
rm -rf "$FRAMESCOPE_CLIENT"
mkdir -p "$FRAMESCOPE_CLIENT"
echo '{ "private": true }' >"$FRAMESCOPE_CLIENT/package.json"
npm install --prefix "$FRAMESCOPE_CLIENT" --offline --no-audit --no-fund --silent "$package"

tests/browser/node_modules/.bin/tsc --noEmit -p wasm-client/js
tests/browser/node_modules/.bin/tsc --noEmit -p wasm-client/tests

log=target/npm/test.log
if [ $# = 0 ]; then set -- wasm-client/tests/*.test.mjs; fi
# Some tests ask the garbage collector to do its work.
NODE_OPTIONS=--expose-gc node --test --test-reporter=spec "$@" 2>&1 | tee "$log"
# Files without tests pass as well.
if ! grep -qE '^. tests [1-9]' "$log" || ! grep -qE '^. skipped 0$' "$log"; then
  echo "client: no test ran, or one was skipped" >&2
  exit 1
fi
