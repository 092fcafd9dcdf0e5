#!/usr/bin/env bash
# Builds the module that the pages load, into www/pkg, unless it is newer than all its sources.
#
#   wasm-client/build.sh                as small as this machine can: wasm-opt if npm's binaryen is there
#   wasm-client/build.sh --optional     for `make run`: without a toolchain, say so and succeed
#   wasm-client/build.sh --optimised    for the tests, which must load what ships: fail without wasm-opt
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=www/pkg
readonly MODULE=$OUT/framescope_wasm_bg.wasm
readonly WASM_OPT=tests/browser/node_modules/.bin/wasm-opt
# Its own target folder: a change of flags or compiler here leaves the native build alone.
export CARGO_TARGET_DIR=$PWD/target/wasm
# As old as the moment a build began, and holding what it made: "optimised" or "plain", and a checksum.
# Not kept in www/pkg: all that is in there goes into the binary.
readonly STAMP=$CARGO_TARGET_DIR/framescope-wasm.stamp

main() {
  local mode=${1:-}
  case $mode in
    '' | --optional | --optimised) ;;
    *)
      echo "usage: wasm-client/build.sh [--optional | --optimised]" >&2
      exit 2
      ;;
  esac
  # Two at once would write the same files.
  mkdir -p "$CARGO_TARGET_DIR"
  if command -v flock >/dev/null; then
    exec 9>"$CARGO_TARGET_DIR/build.lock"
    flock 9
  fi
  if [ "$mode" = --optimised ] && ! can_optimise; then
    echo "wasm: wasm-opt is missing; fix: make setup-test" >&2
    exit 1
  fi
  if is_current; then
    echo "wasm: $OUT is up to date ($(sizes))"
    return
  fi
  take_toolchain "$mode"
  build
  echo "wasm: $MODULE is $(sizes)"
}

is_current() {
  [ -e "$MODULE" ] && [ -e "$STAMP" ] || return 1
  # Somebody else's build in the same place, or one that could not be optimised then and can now.
  local made
  made=$(cat "$STAMP")
  [ "${made#* }" = "$(cksum <"$MODULE")" ] || return 1
  if can_optimise && [ "${made%% *}" = plain ]; then return 1; fi
  # Folders count too: a file that was removed leaves only their time behind.
  local newer
  newer=$(find Cargo.toml Cargo.lock codec/Cargo.toml codec/src wasm-client/Cargo.toml wasm-client/src wasm-client/js wasm-client/messages wasm-client/.cargo \
    wasm-client/build.sh wasm-client/without-checksums.mjs -newer "$STAMP" -print -quit)
  [ -z "$newer" ]
}

take_toolchain() { # MODE
  local environment status=0
  environment=$(wasm-client/toolchain.sh env) || status=$?
  if [ "$status" = 3 ] && [ "$1" = --optional ]; then
    without_toolchain
    exit 0
  fi
  [ "$status" = 0 ] || exit "$status"
  eval "$environment"
}

without_toolchain() {
  if [ -e "$MODULE" ]; then
    echo "wasm: $OUT is older than its sources and cannot be built anew, for the reasons above" >&2
  else
    echo "wasm: the inspector's module is missing, for the reasons above; everything else works." >&2
    echo "wasm: once they are mended: make wasm" >&2
  fi
}

build() {
  local kind=plain
  # A file that is saved while the compiler runs must count as newer than the module.
  : >"$STAMP.new"
  echo "wasm: building $OUT"
  (cd wasm-client && wasm-pack --quiet build --target web --release --no-opt --mode no-install -d "../$OUT") 9>&-
  if can_optimise; then
    optimise
    kind=optimised
  else
    echo "wasm: not run through wasm-opt, which would make it a fifth smaller (make setup-test gets it)"
  fi
  write_stamp "$kind"
}

can_optimise() { command -v node >/dev/null && [ -x "$WASM_OPT" ]; }

# Without feature flags: with them wasm-opt may write types that no browser loads. The lowest kilobyte of memory is the
# far end of the stack, where nothing has an address.
optimise() {
  local optimised=$CARGO_TARGET_DIR/optimised.wasm
  cp "$MODULE" "$optimised"
  node wasm-client/without-checksums.mjs "$optimised"
  "$WASM_OPT" -Oz --converge --low-memory-unused "$optimised" -o "$optimised"
  mv "$optimised" "$MODULE"
}

write_stamp() { # KIND
  echo "$1 $(cksum <"$MODULE")" >"$STAMP"
  touch -r "$STAMP.new" "$STAMP"
}

sizes() {
  printf '%d bytes, %d gzipped' "$(wc -c <"$MODULE")" "$(gzip -9 -c "$MODULE" | wc -c)"
}

main "$@"
