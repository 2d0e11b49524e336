#!/usr/bin/env bash
# The service as `make run` serves it, on data of its own that goes with it. SERVER_BINARY is one that is built already.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null || true; rm -rf "$data"' EXIT
trap 'exit 0' INT TERM
server_binary=${SERVER_BINARY:-}
if [ -z "$server_binary" ]; then
	profile=${SERVER_PROFILE:-local}
	cargo build --quiet --profile "$profile" --locked --package devserver
	server_binary=${CARGO_TARGET_DIR:-target}/$profile/devserver
fi
REGISTRATIONS_PER_HOUR=1000000 VESTIBULE_DATA=$data VESTIBULE_FRONTEND=frontend/build \
	"$server_binary" >/dev/null &
server=$!
wait "$server"
