#!/usr/bin/env bash
# The suite `wasm`: the modules as they ship are small enough, and all of it passes its tests in headless Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Gzipped bytes. What a page begins with keeps to the 150 KB that were meant for all: the inspector's is the first half of its
# module, and the second comes when rows were painted. The one that holds frames is loaded by one tool, and a little larger.
readonly -A MOST=(
  [framescope_wasm_bg.wasm]=150000
  [second_half.wasm]=155000
  [client/framescope_wasm_bg.wasm]=120000
  [reader/framescope_wasm_bg.wasm]=150000
  [interception/framescope_wasm_bg.wasm]=155000
)

wasm-client/build.sh --optimised
for module in "${!MOST[@]}"; do
  size=$(gzip -9 -c "www/pkg/$module" | wc -c)
  if [ "$size" -gt "${MOST[$module]}" ]; then
    echo "wasm: $module is $size bytes gzipped, more than ${MOST[$module]}" >&2
    exit 1
  fi
  echo "wasm: $module is $size bytes gzipped, at most ${MOST[$module]}"
done

environment=$(FRAMESCOPE_QUIET=1 wasm-client/toolchain.sh env)
eval "$environment"
export CARGO_TARGET_DIR=$PWD/target/wasm
# Seconds for the driver to answer and for the tests to run: of 5 and 20 a machine that is busy may need more.
export WASM_BINDGEN_TEST_DRIVER_TIMEOUT=60 WASM_BINDGEN_TEST_TIMEOUT=120
cd wasm-client
log=$CARGO_TARGET_DIR/test.log
wasm-pack test --headless --chrome --chromedriver /usr/bin/chromedriver --mode no-install 2>&1 | tee "$log"
# A module without tests passes them all.
if ! grep -qE '^test result: ok\. [1-9]' "$log"; then
  echo "wasm: no test ran in Chromium" >&2
  exit 1
fi
