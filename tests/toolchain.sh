#!/usr/bin/env bash
# Tries each of the three ways to a wasm toolchain (wasm-client/toolchain.sh) by itself, and builds the
# codec with it: a way that nobody takes for a while would be broken the day it is needed.
#
# A network may refuse rustup, and only Debian has Debian's packages, so a way that cannot be had here is
# said, and is no failure; one that is had and does not build is, and so is a Debian without its way.
set -euo pipefail
cd "$(dirname "$0")/.."

tried=0
# rustup before sysroot: it is what gives a new machine's rustc its std.
for way in rustup sysroot debian; do
  echo "== $way"
  if ! found=$(FRAMESCOPE_WASM_TOOLCHAIN=$way wasm-client/toolchain.sh env); then
    if [ "$way" = debian ] && command -v apt-get >/dev/null; then
      echo "$way: this is a Debian, and yet it failed" >&2
      exit 1
    fi
    echo "$way: cannot be had here"
    continue
  fi
  (
    eval "$found"
    export CARGO_TARGET_DIR=$PWD/target/toolchain-$way
    cargo build --quiet --package framescope-codec --all-features --target wasm32-unknown-unknown
    compgen -G "$CARGO_TARGET_DIR/wasm32-unknown-unknown/debug/libframescope_codec.rlib" >/dev/null
  )
  echo "$way: builds the codec"
  tried=$((tried + 1))
done
[ "$tried" -gt 0 ]
echo "$tried of 3 ways to a wasm toolchain work here"
