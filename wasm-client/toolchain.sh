#!/usr/bin/env bash
# Finds, or makes, what it takes to build wasm32: a standard library for the target, and the two
# command-line tools (wasm-bindgen, wasm-pack). Needs no root, and installs nothing outside the cache.
#
#   wasm-client/toolchain.sh            get what is missing, say what was taken
#   wasm-client/toolchain.sh env        the same, then print `export PATH=..` for a shell to eval
#   wasm-client/toolchain.sh check      only look; exit 1 if something is missing
#   wasm-client/toolchain.sh tool CRATE VERSION    build another command-line tool into the same cache
#
# The standard library comes from the first of three ways that works:
#   sysroot   rustc has it already
#   rustup    `rustup target add`, under a time limit: on some networks it hangs or is refused
#   debian    a private toolchain, std built from Debian's rust packages (1 minute of CPU, 485 MB)
#
# Environment:
#   FRAMESCOPE_WASM_TOOLCHAIN   sysroot, rustup or debian: take this way and no other
#   FRAMESCOPE_RUSTUP_SECONDS   the time limit of the second way (120)
#   FRAMESCOPE_CACHE            where tools and toolchain live (~/.cache/framescope)
#   FRAMESCOPE_QUIET            set: say only what is being got, not what is there
#
# Exit status: 0 all there; 1 `check` found something missing; 2 wrong usage;
# 3 cannot be had on this machine, reasons printed.
set -euo pipefail

readonly TARGET=wasm32-unknown-unknown
readonly WASM_PACK_VERSION=0.15.1
# For a checkout without a lock file; otherwise the lock file decides.
readonly WASM_BINDGEN_FALLBACK=0.2.130

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${FRAMESCOPE_CACHE:-$HOME/.cache/framescope}
PRIVATE=$CACHE/wasm-toolchain
readonly ROOT CACHE PRIVATE

say() { printf '%s\n' "$*" >&2; }
found() { [ -n "${FRAMESCOPE_QUIET:-}" ] || printf '  ok       %-16s %s\n' "$1" "$2" >&2; }
getting() { printf '  getting  %-16s %s\n' "$1" "$2" >&2; }
missing() { printf '  MISSING  %-16s %s\n' "$1" "$2" >&2; }

cannot() {
  say "wasm toolchain: $*"
  exit 3
}

main() {
  case ${1:-setup} in
    setup) ensure_all && hint ;;
    env) ensure_all >&2 && print_env ;;
    check) check_all ;;
    tool) install_tool "${2:?CRATE}" "${3:?VERSION}" || cannot "could not build $2 $3" ;;
    *)
      say "usage: wasm-client/toolchain.sh [setup | env | check | tool CRATE VERSION]"
      exit 2
      ;;
  esac
}

ensure_all() {
  command -v rustc >/dev/null || cannot "no rustc on PATH; Rust is installed with rustup, from its site rustup.rs"
  choose_way
  ensure_tool wasm-bindgen wasm-bindgen-cli "$(wasm_bindgen_version)"
  ensure_tool wasm-pack wasm-pack "$WASM_PACK_VERSION"
}

# ---- The standard library -------------------------------------------------------------------------

# Sets WAY. A private toolchain that was made once is taken before rustup is asked again: the way
# that hung for two minutes yesterday should not cost two minutes at each build.
choose_way() {
  local forced=${FRAMESCOPE_WASM_TOOLCHAIN:-}
  case $forced in
    '')
      if way_sysroot || { ! private_is_made && way_rustup; } || way_debian; then return; fi
      cannot "none of the three ways gave a standard library for $TARGET (reasons above)"
      ;;
    sysroot | rustup | debian)
      "way_$forced" || cannot "FRAMESCOPE_WASM_TOOLCHAIN=$forced, and this way failed"
      ;;
    *)
      say "FRAMESCOPE_WASM_TOOLCHAIN must be sysroot, rustup or debian, not '$forced'"
      exit 2
      ;;
  esac
}

way_sysroot() {
  if ! rustc_has_std rustc; then
    [ -z "${FRAMESCOPE_WASM_TOOLCHAIN:-}" ] || say "  $(rustc --version) has no std for $TARGET"
    return 1
  fi
  WAY=sysroot
  found "std for wasm32" "way 1, sysroot: $(rustc --version) has it"
}

way_rustup() {
  command -v rustup >/dev/null || {
    say "  way 2, rustup: there is no rustup here"
    return 1
  }
  local seconds=${FRAMESCOPE_RUSTUP_SECONDS:-120}
  if ! rustc_has_std rustc; then
    getting "std for wasm32" "way 2: rustup target add $TARGET (at most $seconds s)"
    limited "$seconds" rustup target add "$TARGET" </dev/null >&2 || {
      say "  way 2, rustup: failed, or took longer than $seconds s"
      return 1
    }
  fi
  # rustup may serve another toolchain than the rustc that PATH finds first.
  rustc_has_std rustc || {
    say "  way 2, rustup: done, yet $(command -v rustc) has no std for $TARGET"
    return 1
  }
  WAY=rustup
  found "std for wasm32" "way 2, rustup: $(rustc --version)"
}

way_debian() {
  if ! private_is_made; then
    can_use_debian || return 1
    (make_private_toolchain) || {
      rm -rf "$PRIVATE.new"
      say "  way 3, debian: failed, see above"
      return 1
    }
  fi
  private_is_made || {
    say "  way 3, debian: $("$PRIVATE/bin/rustc" --version) is older than the $(needed_version) that Cargo.toml asks for"
    return 1
  }
  # Written anew each time: the user's toolchains come and go, their paths with them.
  link_users_tools "$PRIVATE"
  WAY=debian
  found "std for wasm32" "way 3, debian: $("$PRIVATE/bin/rustc" --version) in $PRIVATE"
}

rustc_has_std() { # COMMAND..
  local libdir
  libdir=$("$@" --print target-libdir --target "$TARGET" 2>/dev/null) || return 1
  compgen -G "$libdir/libstd-*.rlib" >/dev/null
}

limited() { # SECONDS COMMAND..
  local seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}

# ---- Way 3: a private toolchain from Debian's packages --------------------------------------------

# An old one is made anew, from newer packages if Debian has some by then.
private_is_made() {
  [ -e "$PRIVATE/complete" ] || return 1
  local version
  version=$("$PRIVATE/bin/rustc" --version | awk '{ print $2 }')
  [ "$(printf '%s\n' "$(needed_version)" "$version" | sort -V | head -n 1)" = "$(needed_version)" ]
}

needed_version() { sed -n 's/^rust-version *= *"\(.*\)"$/\1/p' "$ROOT/Cargo.toml" 2>/dev/null || true; }

can_use_debian() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    say "  way 3, debian: this is not a Debian system"
    return 1
  fi
  if [ -z "$(apt-cache depends rustc-web 2>/dev/null)" ]; then
    getting "package lists" "apt-get update"
    as_root apt-get update -qq >&2 || true
  fi
  [ -n "$(apt-cache depends rustc-web 2>/dev/null)" ] || {
    say "  way 3, debian: apt knows no package rustc-web (first try: sudo apt-get update)"
    return 1
  }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Runs in a subshell, in a folder of its own that gets its name only when all is done: a run that
# was interrupted leaves nothing that looks finished. The wrappers hold absolute paths, so they are
# written twice, before std is built and after the move.
make_private_toolchain() {
  local new=$PRIVATE.new
  mkdir -p "$CACHE"
  if command -v flock >/dev/null; then
    exec 8>"$CACHE/wasm-toolchain.lock"
    flock 8
    if private_is_made; then return; fi
  fi
  getting "std for wasm32" "way 3: a private toolchain in $PRIVATE (about a minute, 485 MB)"
  rm -rf "$new"
  mkdir -p "$new/debs"
  fetch_packages "$new" && write_wrappers "$new" && link_users_tools "$new" && build_std "$new" || return 1
  rm -rf "$new/debs" "$new/build" "$new/root/usr/src" "$PRIVATE"
  mv "$new" "$PRIVATE" && write_wrappers "$PRIVATE" && touch "$PRIVATE/complete"
}

# apt's name for the one dependency that carries a version in its name.
dependency_of() { # PACKAGE PREFIX
  apt-cache depends "$1" | sed -n "s/^ *Depends: \\($2[0-9.]*\\)\$/\\1/p" | head -n 1
}

fetch_packages() { # FOLDER
  local folder=$1 libstd libllvm
  libstd=$(dependency_of libstd-rust-web-dev libstd-rust-web-)
  libllvm=$(dependency_of "${libstd:-libstd-rust-web-dev}" libllvm)
  if [ -z "$libstd" ] || [ -z "$libllvm" ]; then
    say "  way 3, debian: apt-cache depends names no libstd-rust-web-N or libllvmN"
    return 1
  fi
  local packages=(rustc-web libstd-rust-web-dev rust-web-src "$libstd" "$libllvm")
  while read -r name; do packages+=("$name"); done < <(not_installed_below "$libllvm")
  if [ -z "$(rustups_lld)" ] && [ ! -x /usr/bin/lld-19 ]; then
    packages+=(lld-19 libllvm19)
  fi
  download_and_unpack "$folder" "${packages[@]}"
}

# What LLVM's library itself is linked to and this machine happens not to have.
not_installed_below() { # PACKAGE
  apt-cache depends "$1" | sed -n 's/^ *Depends: \([a-z0-9][a-z0-9.+-]*\)$/\1/p' | while read -r name; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
  done
}

download_and_unpack() { # FOLDER PACKAGE..
  local folder=$1 quiet=()
  shift
  # As root apt would hand the download to a user who may not write here, and complain.
  if [ "$(id -u)" = 0 ]; then quiet=(-o APT::Sandbox::User=root); fi
  (cd "$folder/debs" && apt-get "${quiet[@]+"${quiet[@]}"}" download -q "$@" >&2) || return 1
  local deb
  for deb in "$folder"/debs/*.deb; do
    dpkg-deb -x "$deb" "$folder/root" || return 1
  done
}

# A sysroot that is half Debian's (host) and half ours (wasm32), and commands that use it. rustdoc
# too: wasm-pack's doctests would otherwise meet a std from another compiler.
write_wrappers() { # FOLDER
  local folder=$1 host libs name
  host=$(host_triple)
  libs=$(private_libraries "$folder") || return 1
  mkdir -p "$folder/bin" "$folder/lib/rustlib/$host/bin" "$folder/lib/rustlib/$TARGET/lib"
  ln -sfn "$folder/root/usr/lib/rustlib/$host/lib" "$folder/lib/rustlib/$host/lib"
  ln -sfn "$folder/root/usr/lib/rustlib/src" "$folder/lib/rustlib/src"
  for name in rustc rustdoc; do
    # shellcheck disable=SC2016 # those are the wrapper's own variables
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "%s" --sysroot "%s" "$@"\n' \
      "$libs" "$folder/root/usr/bin/$name" "$folder" >"$folder/bin/$name"
    chmod +x "$folder/bin/$name"
  done
}

private_libraries() { # FOLDER: the folders its shared libraries are in, as LD_LIBRARY_PATH wants them
  local driver
  driver=$(find "$1/root" -name 'librustc_driver-*.so' -print -quit)
  [ -n "$driver" ] || {
    say "  way 3, debian: the packages hold no librustc_driver"
    return 1
  }
  # LLVM's own library is often in the same folder, but need not be.
  printf '%s\n' "$driver" "$(find "$1/root" -name 'libLLVM*.so*' -print -quit)" |
    sed 's,/[^/]*$,,' | sort -u | paste -s -d : -
}

# The user's cargo, by its real path: rustup's stand-in for it would put its own rustc first.
link_users_tools() { # FOLDER
  local cargo lld
  cargo=$(rustup which cargo 2>/dev/null || command -v cargo) || {
    say "  way 3, debian: no cargo on PATH"
    return 1
  }
  ln -sfn "$cargo" "$1/bin/cargo"
  lld=$(rustups_lld)
  if [ -z "$lld" ] && [ -x /usr/bin/lld-19 ]; then lld=/usr/bin/lld-19; fi
  if [ -z "$lld" ] && [ -x "$1/root/usr/bin/lld-19" ]; then
    lld=$1/bin/lld
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' \
      "$(dirname "$(find "$1/root" -name 'libLLVM*19*.so*' -print -quit)")" "$1/root/usr/bin/lld-19" >"$lld"
    chmod +x "$lld"
  fi
  [ -n "$lld" ] || {
    say "  way 3, debian: no rust-lld in any toolchain and no lld-19"
    return 1
  }
  ln -sfn "$lld" "$1/lib/rustlib/$(host_triple)/bin/rust-lld"
}

rustups_lld() {
  find "${RUSTUP_HOME:-$HOME/.rustup}/toolchains" -name rust-lld -print -quit 2>/dev/null || true
}

host_triple() { rustc -vV | sed -n 's/^host: //p'; }

# Cargo builds std as a dependency of an empty crate; its libraries then become the sysroot's.
build_std() { # FOLDER
  local folder=$1 deps
  mkdir -p "$folder/build/src"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "src/lib.rs"\n[workspace]\n' \
    >"$folder/build/Cargo.toml"
  : >"$folder/build/src/lib.rs"
  (
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET RUSTC RUSTDOC RUSTC_WRAPPER RUSTUP_TOOLCHAIN
    cd "$folder/build"
    export CARGO_TARGET_DIR=$folder/build/target RUSTC_BOOTSTRAP=1 PATH="$folder/bin:$PATH"
    cargo build --quiet --release --target "$TARGET" \
      -Zbuild-std=core,alloc,std,panic_abort,panic_unwind,proc_macro,test >&2
  ) || return 1
  deps=$folder/build/target/$TARGET/release/deps
  rm -f "$deps"/libempty-*
  cp "$deps"/*.rlib "$folder/lib/rustlib/$TARGET/lib/"
}

# ---- The tools ------------------------------------------------------------------------------------

# The generated glue and the compiled module must come from one version, to the digit.
wasm_bindgen_version() {
  local locked=
  if [ -e "$ROOT/Cargo.lock" ]; then
    locked=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$ROOT/Cargo.lock")
  fi
  echo "${locked:-$WASM_BINDGEN_FALLBACK}"
}

# The cache comes first on PATH, so an older tool of the user's elsewhere is left alone.
tool_at() { # COMMAND VERSION: prints where it is
  local path
  for path in "$CACHE/bin/$1" "$(command -v "$1" || true)"; do
    if [ -x "$path" ] && [ "$("$path" --version 2>/dev/null | awk '{ print $2 }')" = "$2" ]; then
      echo "$path"
      return
    fi
  done
  return 1
}

ensure_tool() { # COMMAND CRATE VERSION
  local path
  if ! path=$(tool_at "$1" "$3"); then
    getting "$1" "cargo install $2 --version $3 --root $CACHE (once, a minute or two)"
    install_tool "$2" "$3" || cannot "could not build $2 $3"
    path=$(tool_at "$1" "$3") || cannot "$2 was installed, but does not answer as $3"
  fi
  found "$1" "$3 in ${path%/*}"
}

# Without --locked, and hardly optimised: a third of the time, for tools that run for a second.
install_tool() { # CRATE VERSION
  (
    # Outside the checkout, lest its configuration or a toolchain file has a say.
    mkdir -p "$CACHE" && cd "$CACHE"
    unset CARGO_TARGET_DIR CARGO_BUILD_TARGET RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    cargo install --quiet "$1" --version "$2" --root "$CACHE" </dev/null >&2
  )
}

# ---- Telling --------------------------------------------------------------------------------------

private_path() {
  if [ "$WAY" = debian ]; then printf '%s:' "$PRIVATE/bin"; fi
}

print_env() {
  # shellcheck disable=SC2016 # $PATH is for the shell that evals this
  printf 'export PATH=%q:"$PATH"\n' "$(private_path)$CACHE/bin"
  # These two would win over PATH.
  if [ "$WAY" = debian ]; then printf 'unset RUSTC RUSTDOC\n'; fi
}

# For those who type wasm-pack themselves.
hint() {
  if [ -n "${FRAMESCOPE_QUIET:-}" ]; then return; fi
  if [ "$WAY" != debian ] && [ "$(command -v wasm-pack || true)" != "" ] &&
    [ "$(wasm-bindgen --version 2>/dev/null | awk '{ print $2 }')" = "$(wasm_bindgen_version)" ]; then
    return
  fi
  say "  To type wasm-pack yourself, first:  export PATH=\"$(private_path)$CACHE/bin:\$PATH\""
}

check_all() {
  local status=0
  if rustc_has_std rustc; then
    found "std for wasm32" "in the sysroot of $(rustc --version)"
  elif private_is_made; then
    found "std for wasm32" "in $PRIVATE"
  else
    missing "std for wasm32" "fix: wasm-client/toolchain.sh"
    status=1
  fi
  check_tool wasm-bindgen "$(wasm_bindgen_version)" || status=1
  check_tool wasm-pack "$WASM_PACK_VERSION" || status=1
  return "$status"
}

check_tool() { # COMMAND VERSION
  local path
  if path=$(tool_at "$1" "$2"); then
    found "$1" "$2 in ${path%/*}"
  else
    missing "$1" "$2; fix: wasm-client/toolchain.sh"
    return 1
  fi
}

main "$@"
