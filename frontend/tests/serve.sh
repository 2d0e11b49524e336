#!/usr/bin/env bash
# The service as `make run` serves it, on data of its own that goes with it. SERVER_BINARY says what to run.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${SERVER_BINARY:-${CARGO_TARGET_DIR:-target}/debug/devserver}
[[ -x $binary ]] || { echo "$binary is not built; tools/frontend.sh browser does it" >&2; exit 1; }
data=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null || true; rm -rf "$data"' EXIT
trap 'exit 0' INT TERM
REGISTRATIONS_PER_HOUR=1000000 VESTIBULE_DATA=$data VESTIBULE_FRONTEND=frontend/build "$binary" >/dev/null &
server=$!
wait "$server"
