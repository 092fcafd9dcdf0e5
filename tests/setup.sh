#!/usr/bin/env bash
# Installs what is missing, one line for each thing looked at. Safe to repeat; quick when all is there.
#
#   tests/setup.sh native    Rust and a C compiler: what `cargo run` needs
#   tests/setup.sh run       and the wasm toolchain
#   tests/setup.sh reference and node with the package of the reference server, for `make reference`
#   tests/setup.sh test      and what only the tests need
#   tests/setup.sh doctor    installs nothing; says what is missing and the command that mends it;
#                            exit 1 if `make run` lacks something
#   tests/setup.sh python    prints the Python with the conformance suite in it, made if need be
#
# Environment: FRAMESCOPE_CACHE (~/.cache/framescope), FRAMESCOPE_QUIET=1 (say only what is done).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CACHE=${FRAMESCOPE_CACHE:-$HOME/.cache/framescope}
readonly LOG=$CACHE/setup.log
readonly CARGO_FUZZ_VERSION=0.13.2
readonly NODE_NEEDED=20.19
MODE=
LACKING=0

main() {
  MODE=${1:-run}
  mkdir -p "$CACHE"
  : >"$LOG"
  case $MODE in
    native) native ;;
    run) native && wasm ;;
    reference) native && wasm && reference ;;
    test) native && wasm && for_tests ;;
    doctor) doctor ;;
    python)
      needs_python >&2
      echo "$(python_home)/bin/python"
      ;;
    *)
      echo "usage: tests/setup.sh [native | run | reference | test | doctor | python]" >&2
      exit 2
      ;;
  esac
}

native() {
  need rust look_rust 'install Rust with rustup, from its site rustup.rs; if it is there: rustup update stable' by_hand
  need_debian "C compiler" look_cc gcc libc6-dev
}

wasm() {
  wasm-client/toolchain.sh 2>&1
}

for_tests() {
  need rustfmt look_rustfmt 'rustup component add rustfmt'
  need clippy look_clippy 'rustup component add clippy'
  need cargo-fuzz look_cargo_fuzz "wasm-client/toolchain.sh tool cargo-fuzz $CARGO_FUZZ_VERSION"
  need_debian "C++ compiler" look_cxx g++
  need_debian chromium look_chromium chromium
  need_debian chromedriver look_chromedriver chromium-driver
  need_debian tshark look_tshark tshark
  need_debian shellcheck look_shellcheck shellcheck
  reference
  need "node packages" look_node_packages 'npm ci --prefix tests/browser'
  need subprotocols look_subprotocols 'npm ci --ignore-scripts --prefix tests/subprotocols'
  needs_python
}

reference() {
  need_debian node look_node nodejs npm
  need reference look_reference 'npm ci --prefix tests/reference'
}

needs_python() {
  need_debian python look_python python3 python3-venv
  need "python packages" look_python_packages \
    "python3 -m venv --clear $(python_home) && $(python_home)/bin/pip install -q --disable-pip-version-check -r tests/autobahn/requirements.txt && touch $(python_home)/complete"
  # One name for those who type tests/autobahn/run.sh themselves.
  if [ "$MODE" != doctor ]; then ln -sfn "$(python_home)" "$CACHE/python"; fi
}

# ---- How each thing is looked for: prints one line, or fails ---------------------------------------

look_rust() {
  local version
  version=$(rustc --version) && cargo --version >/dev/null || return 1
  at_least "$(sed -n 's/^rust-version *= *"\(.*\)"$/\1/p' Cargo.toml)" "$(echo "$version" | awk '{ print $2 }')" || return 1
  echo "$version, $(command -v rustc)"
}

look_cc() { first_line cc --version; }
# For libFuzzer.
look_cxx() { first_line c++ --version; }
look_rustfmt() { cargo fmt --version; }
look_clippy() { cargo clippy --version; }
look_cargo_fuzz() { [ "$("$CACHE/bin/cargo-fuzz" --version)" = "cargo-fuzz $CARGO_FUZZ_VERSION" ] && echo "$CARGO_FUZZ_VERSION in $CACHE/bin"; }
# By full path: wasm-client/webdriver.json and the browser tests name it so.
look_chromium() { first_line /usr/bin/chromium --version; }
look_chromedriver() { first_line /usr/bin/chromedriver --version; }
# With the tools beside it, which capture and convert.
look_tshark() { command -v dumpcap editcap mergecap >/dev/null && first_line tshark --version; }
look_shellcheck() { shellcheck --version | sed -n 's/^version: //p'; }

look_node() {
  local version
  version=$(node --version) && at_least "$NODE_NEEDED" "${version#v}" && command -v npm >/dev/null && echo "$version"
}

look_node_packages() { look_installed tests/browser; }
look_reference() { look_installed tests/reference; }
look_subprotocols() { look_installed tests/subprotocols; }

look_installed() { # FOLDER
  local folder=$1
  [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && echo "as $folder/package-lock.json says"
}

look_python() {
  # Debian keeps ensurepip, without which there is no virtual environment, in a package of its own.
  python3 -c 'import ensurepip, sys; assert sys.version_info >= (3, 10); print(sys.version.split()[0])'
}

look_python_packages() { [ -e "$(python_home)/complete" ] && echo "$(paste -s -d ' ' tests/autobahn/requirements.txt) in $(python_home)"; }

# Other pins, other folder: nothing has to be taken out of an environment again.
python_home() { echo "$CACHE/py-$(cksum <tests/autobahn/requirements.txt | awk '{ print $1 }')"; }

first_line() {
  local text
  text=$("$@") && echo "${text%%$'\n'*}"
}

at_least() { # WANTED VERSION
  [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# ---- Getting them ----------------------------------------------------------------------------------

# Looks; where that fails, runs the command (or, in `doctor`, only prints it) and looks again.
need() { # NAME LOOK COMMAND [HOW TO RUN IT]
  local name=$1 look=$2 command=$3 line
  if line=$("$look" 2>/dev/null); then
    found "$name" "$line"
    return
  fi
  if [ "$MODE" = doctor ]; then
    printf '  MISSING  %-16s fix: %s\n' "$name" "$command"
    LACKING=$((LACKING + 1))
    return
  fi
  printf '  getting  %-16s %s\n' "$name" "$command"
  "${4:-logged}" "$command" || give_up "$name" "$command"
  line=$("$look" 2>>"$LOG") || give_up "$name" "$command"
  found "$name" "$line"
}

need_debian() { # NAME LOOK PACKAGE..
  local name=$1 look=$2
  shift 2
  if command -v apt-get >/dev/null; then
    need "$name" "$look" "$(sudo_words)env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $*" with_apt
  else
    need "$name" "$look" "install $name by your system's own means (Debian's packages: $*)" by_hand
  fi
}

sudo_words() {
  if [ "$(id -u)" != 0 ]; then echo "sudo "; fi
}

logged() {
  echo "+ $1" >>"$LOG"
  bash -c "$1" >>"$LOG" 2>&1
}

# The lists of packages are fetched only if apt cannot do with those it has: absent, or too old.
with_apt() {
  local command=$1 update
  update="$(sudo_words)apt-get update"
  # Without a person at the keyboard a question for the password would wait forever.
  if [ ! -t 0 ]; then
    command=${command/#sudo /sudo -n }
    update=${update/#sudo /sudo -n }
  fi
  logged "$command" || { logged "$update" && logged "$command"; }
}

by_hand() { return 1; }

give_up() { # NAME COMMAND
  {
    echo
    if [ -s "$LOG" ]; then tail -n 15 "$LOG"; fi
    echo
    echo "setup: $1 is missing, and could not be installed by itself. What is needed:"
    echo "    $2"
    case $1 in
      node) echo "It must be version $NODE_NEEDED or newer; where the system's packages are older, its site nodejs.org has it." ;;
      python) echo "It must be version 3.10 or newer, with the venv module." ;;
      chromium | chromedriver) echo "The tests look for it at /usr/bin/$1." ;;
    esac
  } >&2
  exit 1
}

found() {
  [ -n "${FRAMESCOPE_QUIET:-}" ] || printf '  ok       %-16s %s\n' "$1" "$2"
}

# ---- Doctor ----------------------------------------------------------------------------------------

doctor() {
  local run_lacks
  echo "This machine: $(uname -sm), $(getconf _NPROCESSORS_ONLN) cores, $(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }') GiB free here"
  echo "Caches: $CACHE"
  echo
  echo "For make run:"
  native
  run_lacks=$LACKING
  wasm-client/toolchain.sh check 2>&1 || run_lacks=$((run_lacks + 1))
  if [ -e www/pkg/framescope_wasm_bg.wasm ]; then
    found "wasm module" "www/pkg"
  else
    printf '  not yet  %-16s %s\n' "wasm module" "built by make run, or alone by: make wasm"
  fi
  echo
  echo "For make test:"
  for_tests
  echo
  if [ "$run_lacks" != 0 ]; then
    echo "make run lacks something; make setup installs what it can"
    exit 1
  fi
  echo "make run has all it needs$([ "$LACKING" = 0 ] && echo "; so has make test" || echo "; make test installs the rest itself")"
}

main "$@"
