#!/usr/bin/env bash
# `make lambda-watch-test`: the journey of a user through `cargo lambda watch`, whose gateway and Lambda runtime stand in for
# AWS's. Starts what it needs, and ends it again. The first run builds the functions, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/aws-env.sh
require lambda-watch-test cargo-lambda || exit 1
source tools/local-engine.sh

start_engine 127.0.0.1
# All at once, so that the gateway, which builds each function when it is first asked, has nothing to build.
functions=(register login refresh logout sessions password profile discovery)
cargo build --locked "${functions[@]/#/--package=}"
port=$(free_port)
DYNAMODB_ENDPOINT=$endpoint KEY_SET_FILE=$data/keys.json PSEUDONYM_FILE=$data/pseudonyms.key PORT=$port \
  setsid tools/lambda-watch.sh >"$data/watch.log" 2>&1 &
watch=$!
# It starts cargo, and that the functions: the whole group has to go.
trap 'kill -- -$watch 2>/dev/null || true; stop' EXIT
# One request a function, so that each has started before the journey, whose steps have 20 seconds.
wait_for "http://127.0.0.1:$port/health" "$data/watch.log" 600 "$watch"
for path in register login refresh logout sessions password/change profile; do
  curl --silent --max-time 600 --output /dev/null "http://127.0.0.1:$port/auth/$path" || true
done
JOURNEY_GATEWAY=cargo-lambda JOURNEY_EMAIL='' JOURNEY_PASSWORD='' tools/journey.sh "http://127.0.0.1:$port"
echo "lambda-watch-test: done"
