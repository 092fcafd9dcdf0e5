#!/usr/bin/env bash
# Builds the modules that the pages load, unless they are newer than all their sources: the inspector's into www/pkg, the
# others' into folders in there. Plain `wasm-pack build` puts all in one into www/pkg; `exports` in
# package.json, which it writes anew without, tells the pages where the others are.
#
#   wasm-client/build.sh                as small as this machine can: wasm-opt if npm's binaryen is there
#   wasm-client/build.sh --optional     for `make run`: without a toolchain, say so and succeed
#   wasm-client/build.sh --optimised    for the tests, which must load what ships: fail without wasm-opt
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=www/pkg
# In there, by the feature that makes it.
readonly INSPECTOR=framescope_wasm_bg.wasm CLIENT=client/framescope_wasm_bg.wasm READER=reader/framescope_wasm_bg.wasm
readonly INTERCEPTION=interception/framescope_wasm_bg.wasm
# What the inspector's is split into besides itself.
readonly SECOND_HALF=second_half.wasm
readonly WASM_OPT=tests/browser/node_modules/.bin/wasm-opt
# Without further features than the module says it has: with them wasm-opt may write types that no browser loads. The lowest
# kilobyte of memory is the far end of the stack, where nothing has an address.
readonly OPTIMISATIONS=(-Oz --converge --low-memory-unused)
# The linker says what refers to what, for split.mjs. Besides what is in wasm-client/.cargo/config.toml.
RELOCATIONS=()
# Its own target folder: a change of flags or compiler here leaves the native build alone.
export CARGO_TARGET_DIR=$PWD/target/wasm
# As old as the moment a build began, and holding what it made: "optimised" or "plain", and checksums.
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
    echo "wasm: $OUT is up to date: $(sizes)"
    return
  fi
  take_toolchain "$mode"
  build
  echo "wasm: $OUT is built: $(sizes)"
}

is_current() {
  [ -e "$STAMP" ] || return 1
  # Somebody else's build in the same place, or one that could not be optimised then and can now.
  local made
  made=$(cat "$STAMP")
  [ "${made#* }" = "$(checksums)" ] || return 1
  if can_optimise && [ "${made%% *}" = plain ]; then return 1; fi
  # Folders count too: a file that was removed leaves only their time behind.
  local newer
  newer=$(find Cargo.toml Cargo.lock codec/Cargo.toml codec/src wasm-client/Cargo.toml wasm-client/src wasm-client/js wasm-client/messages wasm-client/.cargo \
    wasm-client/build.sh wasm-client/*.mjs www/inspector/worker/halves.js -newer "$STAMP" -print -quit)
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
  if [ -e "$OUT/$INSPECTOR" ]; then
    echo "wasm: $OUT is older than its sources and cannot be built anew, for the reasons above" >&2
  else
    echo "wasm: the pages' modules are missing, for the reasons above; what needs neither works." >&2
    echo "wasm: once they are mended: make wasm" >&2
  fi
}

build() {
  local kind=plain made=$CARGO_TARGET_DIR/pkg
  # A file that is saved while the compiler runs must count as newer than the modules.
  : >"$STAMP.new"
  # Aside, so that a server never finds half of it, nor one module of this build and one of the last.
  rm -rf "$made"
  if can_optimise; then RELOCATIONS=(--config 'target.wasm32-unknown-unknown.rustflags=["-Clink-arg=--emit-relocs"]'); fi
  build_module inspector "$made"
  local linked=$CARGO_TARGET_DIR/inspector.wasm
  cp "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/framescope_wasm.wasm" "$linked"
  build_module client "$made/client"
  build_module reader "$made/reader"
  build_module interception "$made/interception"
  if can_optimise; then
    split "$linked" "$made/$INSPECTOR" "$made/$SECOND_HALF"
    optimise "$made/$CLIENT"
    optimise "$made/$READER"
    optimise "$made/$INTERCEPTION"
    kind=optimised
  else
    echo "wasm: not run through wasm-opt, which would make them a fifth smaller (make setup-test gets it)"
  fi
  awk '{ print }
    /^  "type":/ {
      print "  \"exports\": {"
      print "    \".\": \"./framescope_wasm.js\","
      print "    \"./client\": \"./client/framescope_wasm.js\","
      print "    \"./reader\": \"./reader/framescope_wasm.js\","
      print "    \"./interception\": \"./interception/framescope_wasm.js\""
      print "  },"
    }' \
    "$made/package.json" >"$made/package.json.new"
  mv "$made/package.json.new" "$made/package.json"
  rm -rf "$OUT"
  mv "$made" "$OUT"
  write_stamp "$kind"
}

build_module() { # FEATURE FOLDER
  echo "wasm: building the $1"
  (cd wasm-client && wasm-pack --quiet build --target web --release --no-opt --mode no-install -d "$2" \
    -- --no-default-features --features "$1" "${RELOCATIONS[@]}") 9>&-
}

# In two, each as `optimise` does. What a newer compiler or wasm-bindgen writes may not be known here: then it stays whole.
split() { # LINKED MODULE SECOND
  cp "$2" "$CARGO_TARGET_DIR/split.wasm"
  node wasm-client/without-checksums.mjs "$CARGO_TARGET_DIR/split.wasm"
  if node wasm-client/split.mjs "$1" "$CARGO_TARGET_DIR/split.wasm" "$3" "${OPTIMISATIONS[@]}"; then
    mv "$CARGO_TARGET_DIR/split.wasm" "$2"
  else
    rm -f "$3"
    optimise "$2"
  fi
}

can_optimise() { command -v node >/dev/null && [ -x "$WASM_OPT" ]; }

optimise() { # MODULE
  local optimised=$CARGO_TARGET_DIR/optimised.wasm
  cp "$1" "$optimised"
  node wasm-client/without-checksums.mjs "$optimised"
  "$WASM_OPT" "${OPTIMISATIONS[@]}" "$optimised" -o "$optimised"
  mv "$optimised" "$1"
}

write_stamp() { # KIND
  echo "$1 $(checksums)" >"$STAMP"
  touch -r "$STAMP.new" "$STAMP"
}

checksums() {
  local module
  for module in "$OUT/$INSPECTOR" "$OUT/$SECOND_HALF" "$OUT/$CLIENT" "$OUT/$READER" "$OUT/$INTERCEPTION"; do
    if [ -e "$module" ]; then cksum <"$module"; fi
  done | paste -s -d ' ' -
}

sizes() {
  local second=""
  if [ -e "$OUT/$SECOND_HALF" ]; then second=", its second half $(size_of "$OUT/$SECOND_HALF")"; fi
  echo "inspector $(size_of "$OUT/$INSPECTOR")$second, client $(size_of "$OUT/$CLIENT"), reader $(size_of "$OUT/$READER"), interception $(size_of "$OUT/$INTERCEPTION")"
}

size_of() {
  printf '%d bytes, %d gzipped' "$(wc -c <"$1")" "$(gzip -9 -c "$1" | wc -c)"
}

main "$@"
