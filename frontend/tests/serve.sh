#!/usr/bin/env bash
# The service as `make run` serves it, on data of its own that goes with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
trap 'exit 0' INT TERM
cargo build --quiet --profile "${SERVER_PROFILE:-local}" --locked --package devserver
REGISTRATIONS_PER_HOUR=1000000 VESTIBULE_DATA=$data VESTIBULE_FRONTEND=frontend/build \
	"${CARGO_TARGET_DIR:-target}/${SERVER_PROFILE:-local}/devserver" >/dev/null &
server=$!
wait "$server"
