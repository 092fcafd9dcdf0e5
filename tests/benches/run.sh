#!/usr/bin/env bash
# How fast it is, on this machine.
#
#   tests/benches/run.sh              codec and server
#   tests/benches/run.sh codec        messages parsed and unmasked in memory, beside tungstenite
#   tests/benches/run.sh server       /echo beside tungstenite: messages per second of the server's processor time;
#                                     idle connections. With codec about two minutes
#   tests/benches/run.sh taps         what being watched costs a connection, and what not being watched does
#   tests/benches/run.sh proxy        /echo straight and through the proxy: unwatched, with a page, with a file
#   tests/benches/run.sh wasm         the module of the pages in Chromium, beside native code and the receiver of npm ws
#   tests/benches/run.sh inspector    a million frames in Chromium: to the first rows, to all of them, memory, filters, search
#   tests/benches/run.sh app:strokes  the apps under load, stored on disk: app:strokes, app:direct, app:presence,
#                                     app:board, app:start. What each can be told is at the top of its file in app/
#
# Environment: BENCH_ROUNDS (5, wasm 9; medians are taken), BENCH_IDLE (5000 connections), BENCH_FLAGS (more flags for the
# server under app loads), BENCH_BEFORE (another build of the program, for taps), BENCH_PIN=0 (leave it to the kernel which core runs what).
set -euo pipefail
cd "$(dirname "$0")/../.."

# Idle connections take a file each, on both sides.
ulimit -n "$(ulimit -H -n)" || true
run=()
if [ "${BENCH_PIN:-1}" = 1 ] && command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
  # The server under test goes to core 0 by itself, everything else to core 1.
  run=(taskset -c 1)
  export BENCH_SERVER_CORE=0
fi

for bench in "${@:-codec server}"; do
  for word in $bench; do
    name=${word%%:*}
    if [ "$name" = inspector ]; then
      wasm-client/build.sh --optimised
      node tests/benches/inspector/run.mjs
      continue
    fi
    if [ "$name" != codec ] && [ "$name" != wasm ]; then
      cargo build --release --quiet -p framescope-server --bin framescope
      BENCH_SERVER=$PWD/${CARGO_TARGET_DIR:-target}/release/framescope
      export BENCH_SERVER
    fi
    program=$(cargo bench --quiet --no-run --message-format json-render-diagnostics -p framescope-tests --bench "$name" |
      sed -n 's/.*"name":"'"$name"'".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    arguments=()
    if [ "$word" != "$name" ]; then arguments=("${word#*:}"); fi
    if [ "$name" = proxy ]; then
      # Three processes share two cores: the kernel deals them out better than we would.
      "$program" "${arguments[@]}"
    elif [ "$name" = wasm ]; then
      wasm-client/build.sh --optimised
      node tests/benches/wasm/run.mjs "$program"
    else
      "${run[@]}" "$program" "${arguments[@]}"
    fi
  done
done
