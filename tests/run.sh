#!/usr/bin/env bash
# `make test`: installs what the tests need, runs each suite, goes on past one that fails, and sums up.
#
#   tests/run.sh SUITE..       each is the make target test-SUITE
#
# Environment: FRAMESCOPE_SUITE_SECONDS, after which a suite counts as hung (1800).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

NAMES=()
RESULTS=()
TIMES=()
FAILED=0

main() {
  [ $# -gt 0 ] || {
    echo "usage: tests/run.sh SUITE.." >&2
    exit 2
  }
  banner setup
  tests/setup.sh test
  export FRAMESCOPE_TOOLS_READY=1
  local suite
  for suite in "$@"; do run_suite "$suite"; done
  summary
  [ "$FAILED" = 0 ]
}

run_suite() { # NAME
  local start=$SECONDS result=passed status=0
  banner "$1"
  limited make --no-print-directory "test-$1" </dev/null || status=$?
  if [ "$status" != 0 ]; then
    result=FAILED
    FAILED=$((FAILED + 1))
    if [ "$status" = 124 ]; then result="FAILED, hung"; fi
  fi
  NAMES+=("$1")
  RESULTS+=("$result")
  TIMES+=($((SECONDS - start)))
}

limited() {
  if ! command -v timeout >/dev/null; then
    "$@"
  elif [ -t 1 ]; then
    # At a terminal, Ctrl-C must reach the suite.
    timeout --foreground -k 10 "${FRAMESCOPE_SUITE_SECONDS:-1800}" "$@"
  else
    # Elsewhere a process group of its own: all a hung suite started ends with it.
    timeout -k 10 "${FRAMESCOPE_SUITE_SECONDS:-1800}" "$@"
  fi
}

banner() {
  printf '\n======== %s ========\n' "$1"
}

# The last line is the one that machines read.
summary() {
  local i
  banner summary
  for i in "${!NAMES[@]}"; do
    printf '%-14s %-14s %3d:%02d\n' "${NAMES[$i]}" "${RESULTS[$i]}" $((TIMES[i] / 60)) $((TIMES[i] % 60))
  done
  printf '%-29s %3d:%02d\n\n' "in all, setup included" $((SECONDS / 60)) $((SECONDS % 60))
  printf '%d passed, %d failed\n' $((${#NAMES[@]} - FAILED)) "$FAILED"
}

main "$@"
