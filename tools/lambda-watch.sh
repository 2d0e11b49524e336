#!/usr/bin/env bash
# `make lambda-watch`: the functions as Lambda binaries behind a local gateway on port 9000, rebuilt on every edit.
# Shares table and keys with `make run`, which must serve its DynamoDB: DYNAMODB_LISTEN=127.0.0.1:8000 make run
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/aws-env.sh

endpoint=${DYNAMODB_ENDPOINT:-http://127.0.0.1:8000}
keys=$(realpath -m "${KEY_SET_FILE:-.local/keys.json}")
pseudonyms=$(realpath -m "${PSEUDONYM_FILE:-.local/pseudonyms.key}")
fail() { printf 'lambda-watch: %s\n' "$@" >&2; exit 1; }

require lambda-watch cargo-lambda || exit 1
curl --silent --max-time 3 --output /dev/null "$endpoint" || fail "no DynamoDB at $endpoint" \
  "in another shell: DYNAMODB_LISTEN=${endpoint#*://} make run (or set DYNAMODB_ENDPOINT)"
[[ -f $keys && -f $pseudonyms ]] || fail "no key files at $keys and $pseudonyms" \
  "the first make run writes them (or set KEY_SET_FILE and PSEUDONYM_FILE)"

# The defaults of template.yaml, for all functions alike.
export TABLE_NAME=vestibule AUDIENCE=vestibule PASSWORD_MIN_LENGTH=15 REGISTRATIONS_PER_HOUR=30
export ACCESS_TOKEN_SECONDS=600 REFRESH_IDLE_SECONDS=1209600 REFRESH_ABSOLUTE_SECONDS=2592000
export ARGON2_MEMORY_KIB=19456 ARGON2_ITERATIONS=2 ARGON2_PARALLELISM=1
export AWS_ENDPOINT_URL_DYNAMODB=$endpoint KEY_SET_FILE=$keys PSEUDONYM_FILE=$pseudonyms

# By default it would listen on every interface.
exec cargo lambda watch -A 127.0.0.1 -P "${PORT:-9000}"
