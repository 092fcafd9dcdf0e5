#!/usr/bin/env bash
# How fast the codec and the server are beside tungstenite, in the same run on this machine. About two minutes.
#
#   tests/benches/run.sh              both
#   tests/benches/run.sh codec        messages parsed and unmasked in memory
#   tests/benches/run.sh server       /echo: messages per second of the server's processor time; idle connections
#
# Environment: BENCH_ROUNDS (5; medians are taken), BENCH_IDLE (5000 connections).
set -euo pipefail
cd "$(dirname "$0")/../.."

# Idle connections take a file each, on both sides.
ulimit -n "$(ulimit -H -n)" || true
run=()
if command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
  # The server under test goes to core 0 by itself, everything else to core 1.
  run=(taskset -c 1)
  export BENCH_SERVER_CORE=0
fi

for bench in "${@:-codec server}"; do
  for name in $bench; do
    if [ "$name" = server ]; then
      cargo build --release --quiet -p framescope-server --bin framescope
      BENCH_SERVER=$PWD/${CARGO_TARGET_DIR:-target}/release/framescope
      export BENCH_SERVER
    fi
    program=$(cargo bench --quiet --no-run --message-format json-render-diagnostics -p framescope-tests --bench "$name" |
      sed -n 's/.*"name":"'"$name"'".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    "${run[@]}" "$program"
  done
done
