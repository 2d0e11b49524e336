#!/usr/bin/env bash
# The service as `make run` serves it, on data of its own that goes with it. SERVER_BINARY: one that is built already.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
trap 'exit 0' INT TERM
profile=${SERVER_PROFILE:-local}
binary=${SERVER_BINARY:-${CARGO_TARGET_DIR:-target}/$profile/devserver}
[ -n "${SERVER_BINARY:-}" ] || cargo build --quiet --profile "$profile" --locked --package devserver
REGISTRATIONS_PER_HOUR=1000000 VESTIBULE_DATA=$data VESTIBULE_FRONTEND=frontend/build \
	"$binary" >/dev/null &
server=$!
wait "$server"
