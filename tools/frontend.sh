#!/usr/bin/env bash
# The front end, for the Makefile; `tools/frontend.sh` alone lists what it does.
set -euo pipefail
cd "$(dirname "$0")/../frontend"

# Builds if a source is newer than the build. Without npm it prints why it can't, for the banner, and succeeds; all else goes
# to stderr. Where nothing has changed, npm isn't even called.
update() {
  [[ -z ${VESTIBULE_FRONTEND:-} ]] || return 0
  is_stale || return 0
  local missing
  missing=$(npm_missing)
  if [[ -n $missing ]]; then
    echo "$missing"
    return
  fi
  build >&2 || fail "the front end was not built; to run the API alone: cargo run --profile local --package devserver"
}

install() {
  # npm writes the former last: an installation that was cut short starts again.
  [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --no-audit --no-fund
}

build() {
  install || return
  # A source that is edited meanwhile has to count as newer.
  local start
  start=$(mktemp)
  if npm run build; then
    touch -r "$start" build/index.html
    rm "$start"
  else
    # A half of a build is none.
    rm -f "$start" build/index.html
    return 1
  fi
}

is_stale() {
  [[ -f build/index.html ]] || return 0
  # Folders too: their time is that of the last file that went. What npm makes is no source.
  [[ -n $(find ./* ../docs/openapi.yaml \
    \( -name node_modules -o -name build -o -name dist -o -name .svelte-kit -o -name test-results \) -prune -o \
    ! -name openapi.d.ts -newer build/index.html -print) ]]
}

# What keeps npm from being used, in a sentence; nothing if it can be.
npm_missing() {
  local least=20 version
  # Elsewhere no package brings the Node that the front end needs.
  [[ $(uname -s) == Linux ]] || least=24
  local hint="install Node $least or newer"
  ((least == 24)) || hint+=" (the right Node comes with npm ci)"
  command -v npm >/dev/null || { echo "npm was not found; $hint."; return; }
  version=$(node --version 2>/dev/null) || { echo "node was not found; $hint."; return; }
  version=${version#v}
  ((${version%%.*} >= least)) || echo "Node $version is too old; $hint."
}

# For steps that a developer without npm can do without: ends the script, in CI (or with MUST) as a failure.
need_npm() {
  local missing
  missing=$(npm_missing)
  [[ -n $missing ]] || return 0
  skip "$missing" "$1"
}

# skip WHY WHAT
skip() {
  echo "frontend: $1 Not done: $2." >&2
  [[ -z ${CI:-}${MUST:-} ]] || exit 1
  exit 0
}

fail() {
  echo "frontend: $1" >&2
  exit 1
}

lint() {
  need_npm "format, lints and types of the front end"
  install
  npm run lint
  npm run check
}

run_tests() {
  need_npm "tests and build of the front end"
  install
  npm test
  build
}

# find_chromium WHAT: what can't be done without.
find_chromium() {
  CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
  if [[ -z $CHROMIUM && $(id -u) == 0 && -f /etc/debian_version ]]; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation || true
    CHROMIUM=$(command -v chromium || true)
  fi
  [[ -n $CHROMIUM ]] || skip "Chromium was not found; install it (Debian: apt-get install chromium fonts-liberation) or \
name its program in CHROMIUM." "$1"
  [[ -x $CHROMIUM ]] || fail "CHROMIUM is no program: $CHROMIUM"
  export CHROMIUM
}

# What `bench frontend` needs, without which there is no page of measurements.
bench() {
  MUST=1
  need_npm "measurements of the pages"
  find_chromium "measurements of the pages"
  install
  if is_stale; then build; fi
}

measure() {
  bench
  exec npm run --silent measure -- "$@"
}

browser() {
  need_npm "browser tests"
  find_chromium "browser tests"
  # With the features of the whole workspace, as its tests have it: most of it is built already.
  (cd .. && cargo build --quiet --workspace --locked --bin devserver)
  install
  if is_stale; then build; fi
  npm run test:browser
}

dev() {
  local missing
  missing=$(npm_missing)
  [[ -z $missing ]] || fail "$missing"
  install
  echo "The API is that of make run, which has to be running beside this, at http://127.0.0.1:3000." >&2
  exec npm run dev
}

case ${1:-} in
  update | install | build | lint | browser | bench | dev) "$1" ;;
  measure) measure "${@:2}" ;;
  test) run_tests ;;
  *)
    cat >&2 <<'USAGE'
usage: tools/frontend.sh COMMAND
  update   build if a source is newer than the build (make run)
  install  npm ci, unless node_modules is as package-lock.json says
  build    install, then npm run build
  lint     format, lints and types (make lint)
  test     unit tests, then a build (make test)
  browser  tests in Chromium, which it looks for or installs (make test)
  bench    what is measured of the pages, and the Chromium for it (make bench)
  measure  measures them (bench frontend)
  dev      Vite, beside make run (make dev-frontend)
USAGE
    exit 2
    ;;
esac
