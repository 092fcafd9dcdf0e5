#!/usr/bin/env bash
# The suite `wasm`: the modules as they ship are small enough, and all of it passes its tests in headless Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# 150 KB over the wire, each.
readonly MOST=150000

wasm-client/build.sh --optimised
for module in www/pkg/framescope_wasm_bg.wasm www/pkg/client/framescope_wasm_bg.wasm www/pkg/reader/framescope_wasm_bg.wasm; do
  size=$(gzip -9 -c "$module" | wc -c)
  if [ "$size" -gt "$MOST" ]; then
    echo "wasm: $module is $size bytes gzipped, more than $MOST" >&2
    exit 1
  fi
  echo "wasm: $module is $size bytes gzipped, at most $MOST"
done

environment=$(FRAMESCOPE_QUIET=1 wasm-client/toolchain.sh env)
eval "$environment"
export CARGO_TARGET_DIR=$PWD/target/wasm
cd wasm-client
log=$CARGO_TARGET_DIR/test.log
wasm-pack test --headless --chrome --chromedriver /usr/bin/chromedriver --mode no-install 2>&1 | tee "$log"
# A module without tests passes them all.
if ! grep -qE '^test result: ok\. [1-9]' "$log"; then
  echo "wasm: no test ran in Chromium" >&2
  exit 1
fi
