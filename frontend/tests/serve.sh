#!/usr/bin/env bash
# The service as `make run` serves it, on data of its own that goes with it. SERVER_BINARY is one that is built already.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
trap 'exit 0' INT TERM
if [[ -z ${SERVER_BINARY:-} ]]; then
	cargo build --quiet --profile "${SERVER_PROFILE:-local}" --locked --package devserver
	SERVER_BINARY=${CARGO_TARGET_DIR:-target}/${SERVER_PROFILE:-local}/devserver
fi
REGISTRATIONS_PER_HOUR=1000000 VESTIBULE_DATA=$data VESTIBULE_FRONTEND=frontend/build "$SERVER_BINARY" >/dev/null &
server=$!
wait "$server"
