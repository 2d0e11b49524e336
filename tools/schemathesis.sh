#!/usr/bin/env bash
# Attacks the local server with what docs/openapi.yaml allows and what it forbids, and with sequences of calls:
# tools/schemathesis.sh [EXAMPLES of each operation, 5000] [SEED, 1] [SECONDS of sequences, 300] [OPTION...]
# tools/schemathesis.sh quick   as `make test` has it: a minute or two, with the server that the tests have built; where Python
#                               is missing it says so, and in CI fails
# tools/schemathesis.sh install  no more than that, from PyPI
# All checks of schemathesis: every answer is documented, bad input is refused, good input is not, no token no entry, nothing
# outlives its end. Loopback only, on a free port and a folder of its own. Bounded by
# SECONDS_AT_MOST, 2400, and the sequences' seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
quick='' only_install=''
case ${1:-} in
  quick)
    quick=1
    set -- 10 1 15
    ;;
  install) only_install=1 ;;
esac
examples=${1:-5000} seed=${2:-1}
sequences=${3:-300}

# missing WHAT: ends the script, which a developer's `make test` can do without.
missing() {
  echo "schemathesis: $1 Not done: the attack by the API's document." >&2
  [[ -z $quick || -n ${CI:-} ]] || exit 0
  exit 1
}

pins=$PWD/tools/schemathesis.txt venv=.local/schemathesis
cmp --silent "$pins" "$venv/pins" || {
  rm -rf "$venv"
  python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    missing "Python 3.11 or newer with its venv module is missing (Debian: apt-get install python3-venv)."
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$pins" ||
    missing "tools/schemathesis.txt could not be installed: no network, or what came is not what it names (see above)."
  # Written last: an installation that was cut short starts again.
  cp "$pins" "$venv/pins"
}
[[ -z $only_install ]] || exit 0
command -v curl >/dev/null || missing "curl was not found."
command -v timeout >/dev/null || missing "timeout was not found (macOS: brew install coreutils)."

# DEVSERVER: a server that is built already.
server=${DEVSERVER:-}
if [[ -n $quick ]]; then
  # With the features of the whole workspace, as its tests have it: most of it is built already.
  cargo build --quiet --workspace --locked --bin devserver
  server=${CARGO_TARGET_DIR:-target}/debug/devserver
elif [[ -z $server ]]; then
  cargo build --quiet --locked --profile local --package devserver
  server=${CARGO_TARGET_DIR:-target}/local/devserver
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
# The document's example of an origin is one that may have cookies.
PORT=$port VESTIBULE_DATA=$work/data REGISTRATIONS_PER_HOUR=1000000 VESTIBULE_ORIGINS=https://app.example.com \
  "$server" >"$work/log" 2>&1 &
pid=$!
export VESTIBULE_BASE_URL=http://127.0.0.1:$port
curl --silent --fail --retry 60 --retry-connrefused --retry-delay 1 --output "$work/health" "$VESTIBULE_BASE_URL/health" || {
  cat "$work/log" >&2
  exit 1
}

root=$PWD status=0
# "POST /auth/login" and so on.
VESTIBULE_OPERATIONS=$(awk '/^  \/.*:$/ { path = substr($1, 1, length($1) - 1) }
  /^    (get|post|patch|delete):$/ { printf "%s%s %s", comma, toupper(substr($1, 1, length($1) - 1)), path; comma = "," }' docs/openapi.yaml)
export VESTIBULE_OPERATIONS VESTIBULE_SUCCESSES=$work/successes
export SCHEMATHESIS_HOOKS=$root/tools/schemathesis_hooks.py PYTHONDONTWRITEBYTECODE=1
# In a folder that goes, since it leaves files where it runs. In the foreground, so that what ends this script ends it too.
attack() {
  (cd "$work" && exec timeout --foreground "$1" "$root/$venv/bin/schemathesis" --config-file "$root/tools/schemathesis.toml" \
    --no-color run "$root/docs/openapi.yaml" --url "$VESTIBULE_BASE_URL" --seed "$seed" --max-examples "$examples" "${@:2}") ||
    { status=$?; ((status != 124)) || echo "schemathesis: not done in $1 seconds" >&2; }
}
attack "${SECONDS_AT_MOST:-2400}" --phases examples,coverage,fuzzing "${@:4}"
# With a time and not a number: it gives up a round of sequences early, where an answer was not what it was before, and begins
# another only while it has time.
attack $((sequences + 120)) --phases stateful --max-time "$sequences" "${@:4}"
# Some successes: who is refused at the door attacks the door alone. Where nothing is to be chosen there are but three cases.
python3 - "$VESTIBULE_SUCCESSES" "$((examples < 1000 ? 1 : 3))" <<'PYTHON' || status=1
import collections, json, sys
total = collections.Counter()
for line in open(sys.argv[1], encoding="utf-8"):
    total.update(json.loads(line))
for operation, count in sorted(total.items()):
    print(f"{operation:32} {count} answers 2xx")
too_few = [operation for operation, count in total.items() if count < int(sys.argv[2])]
if not total or too_few:
    sys.exit(f"schemathesis: too few successes to be an attack: {too_few or 'none was counted'}")
PYTHON
# What it could not see: a fault of ours that was answered, and a panic.
if grep -E '"level":"error"|panicked at' "$work/log" | head -n 20 | grep . >&2; then
  echo "schemathesis: the server's log has errors" >&2
  status=1
fi
if ((status != 0)); then
  mkdir -p target
  cp "$work/log" target/schemathesis-server.log
  echo "schemathesis: seed $seed; the server's log is target/schemathesis-server.log" >&2
fi
exit $status
