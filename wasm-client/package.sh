#!/usr/bin/env bash
# Puts the npm package together in target/npm/framescope-client: the client's module, and an entry for Node.
#
#   wasm-client/package.sh          and prints the folder
#   wasm-client/package.sh --pack   and a .tgz of it beside it, and prints that
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=target/npm
readonly PACKAGE=$OUT/framescope-client

wasm-client/build.sh >&2
mkdir -p "$OUT"
rm -rf "$PACKAGE.new"
cp -r wasm-client/npm "$PACKAGE.new"
(cd www/pkg/client && cp -r framescope_wasm.js framescope_wasm.d.ts framescope_wasm_bg.wasm snippets "$OLDPWD/$PACKAGE.new")
cp LICENSE-APACHE LICENSE-MIT "$PACKAGE.new"

# One version for all.
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
sed -i.old "s/\"version\": \"[^\"]*\"/\"version\": \"$version\"/" "$PACKAGE.new/package.json"
rm "$PACKAGE.new/package.json.old"

rm -rf "$PACKAGE"
mv "$PACKAGE.new" "$PACKAGE"
if [ "${1:-}" = --pack ]; then
  echo "$PWD/$OUT/$(cd "$OUT" && npm pack --silent ./framescope-client)"
else
  echo "$PWD/$PACKAGE"
fi
