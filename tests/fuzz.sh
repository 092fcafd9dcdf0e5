#!/usr/bin/env bash
# The suite `fuzz`: each target of codec/fuzz for a while; any crash, hang or leak is a failure.
#
#   tests/fuzz.sh [TARGET..]       all targets by default
#
# Environment: FUZZ_SECONDS for each target (20), FUZZ_SEED (1), FUZZ_SANITIZER (address where its runtime is there, else none).
#
# The seed is the same each time, so that what fails is the change's own doing and fails again. To look for what nobody has
# found yet, give it more time and another one: FUZZ_SECONDS=3600 FUZZ_SEED=$RANDOM tests/fuzz.sh
#
# What is found is kept in codec/fuzz/corpus (not in git); codec/fuzz/seeds/TARGET, in git, is read too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../codec"

readonly SECONDS_EACH=${FUZZ_SECONDS:-20}
readonly SEED=${FUZZ_SEED:-1}
# A failure is told by libFuzzer; the stack of cargo-fuzz itself would only push it off the screen.
export RUST_LIB_BACKTRACE=0
export PATH="${FRAMESCOPE_CACHE:-$HOME/.cache/framescope}/bin:$PATH"

main() {
  local targets=("$@") failed=0 target sanitizer
  choose_compiler
  sanitizer=$(choose_sanitizer)
  if [ ${#targets[@]} = 0 ]; then
    while read -r target; do targets+=("$target"); done < <(cargo fuzz list)
  fi
  [ ${#targets[@]} -gt 0 ] || {
    echo "fuzz: codec/fuzz has no targets" >&2
    exit 1
  }
  echo "fuzz: $(rustc --version), sanitizer $sanitizer, seed $SEED, $SECONDS_EACH s each: ${targets[*]}"
  cargo fuzz build --sanitizer "$sanitizer"
  for target in "${targets[@]}"; do
    fuzz "$target" "$sanitizer" || failed=$((failed + 1))
  done
  echo "fuzz: $((${#targets[@]} - failed)) targets clean, $failed not"
  [ "$failed" = 0 ]
}

# Instrumentation is unstable: nightly if there is one, else the stable compiler with its lock taken off.
choose_compiler() {
  if rustup run nightly rustc --version >/dev/null 2>&1; then
    export RUSTUP_TOOLCHAIN=nightly
  else
    export RUSTC_BOOTSTRAP=1
  fi
}

choose_sanitizer() {
  if [ -n "${FUZZ_SANITIZER:-}" ]; then
    echo "$FUZZ_SANITIZER"
  elif compgen -G "$(rustc --print target-libdir)/librustc-*_rt.asan.a" >/dev/null; then
    echo address
  else
    echo none
  fi
}

fuzz() { # TARGET SANITIZER
  local corpus=("fuzz/corpus/$1") log status=0
  mkdir -p "fuzz/corpus/$1"
  if [ -d "fuzz/seeds/$1" ]; then corpus+=("fuzz/seeds/$1"); fi
  log=$(mktemp)
  cargo fuzz run --sanitizer "$2" "$1" "${corpus[@]}" -- \
    -seed="$SEED" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=2048 -max_len=65536 >"$log" 2>&1 || status=$?
  if [ "$status" = 0 ]; then
    printf '  ok      %-12s %s\n' "$1" "$(grep -a '^Done ' "$log" || tail -n 1 "$log")"
  else
    printf '  FAILED  %-12s\n' "$1"
    tail -n 80 "$log"
  fi
  rm -f "$log"
  return "$status"
}

main "$@"
