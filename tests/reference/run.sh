#!/usr/bin/env bash
# `make reference`: the reference server on port 3051 and ours beside it, which is told of it, so that the pages can
# choose either. Both end together: with Ctrl-C, or when one of them does.
#
#   tests/reference/run.sh [flags for our server]
#
# Environment: REFERENCE_FLAGS, such as --compression, for the reference.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly PORT=3051
PIDS=()

main() {
  tests/setup.sh reference
  wasm-client/build.sh --optional
  cargo build --release --bin framescope
  # Each a process group of its own: Ctrl-C reaches us, and we tell each of them once to end.
  set -m
  trap end EXIT
  trap 'exit 0' INT TERM
  start_reference
  # It prints its own address, with the pages.
  "${CARGO_TARGET_DIR:-target}/release/framescope" --tunnel-to "reference=ws://127.0.0.1:$PORT/" "$@" &
  PIDS+=($!)
  # Whichever ends first, and with its status.
  wait -n "${PIDS[@]}"
}

# Without it, the pages would find nothing to choose: so it listens first, or says why it cannot.
start_reference() {
  local line flags
  read -ra flags <<<"${REFERENCE_FLAGS:-}"
  coproc reference { exec node tests/reference/server.mjs --port "$PORT" "${flags[@]}"; }
  PIDS+=($!)
  # By its own name for it: the array is gone when the process is.
  exec {said}<&"${reference[0]}"
  read -ru "$said" line || exit 1
  echo "$line"
}

end() {
  trap '' INT TERM
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
}

main "$@"
