#!/usr/bin/env bash
# Autobahn's cases, from the PyPI package kosoku: as a fuzzing client against the server's /echo, and
# as a fuzzing server against the native client and against the client of the wasm module under Node.
# What differs from expectations.json fails the run, for the better as well as for the worse.
#
#   tests/autobahn/run.sh                    all 517 cases, in all three roles
#   AUTOBAHN=quick tests/autobahn/run.sh     without groups 12 and 13 (compression, at length)
#   tests/autobahn/run.sh --role server --cases '7.*' --cases 9.1.1 --reports /tmp/reports
#   tests/autobahn/run.sh --role wasm        or client, the native one
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${FRAMESCOPE_PYTHON:-$(FRAMESCOPE_QUIET=1 tests/setup.sh python)}
# Debug builds would spend the time on unoptimised inflating. One call, so that both are built from the same dependencies.
cargo build --release --locked -p framescope-server --bin framescope -p framescope-tests --example autobahn_client
target=${CARGO_TARGET_DIR:-target}
package=$(wasm-client/package.sh)
exec "$python" tests/autobahn/conformance.py \
  --server "$target/release/framescope" \
  --client "$target/release/examples/autobahn_client" \
  --wasm-package "$package" \
  --groups "${AUTOBAHN:-all}" "$@"
