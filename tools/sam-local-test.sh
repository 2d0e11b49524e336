#!/usr/bin/env bash
# `make sam-local-test`: builds every function as it is deployed, makes the journey of a user through `sam local start-api`, and
# gives each event of events/ to its function in a Lambda container. Starts what it needs, and ends it again.
# Needs a Docker engine. Seven minutes for the build on two processors, two for the rest.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/aws-env.sh

# Not .aws-sam: it will hold a key file, which no `sam deploy` may ever find and upload.
build=.local/sam-build
image=public.ecr.aws/lambda/provided:al2023-x86_64
fail() { printf 'sam-local-test: %s\n' "$@" >&2; exit 1; }

require sam-local-test sam cargo-lambda || exit 1
[[ $(uname -m) == x86_64 ]] || fail "the base image is made from this machine's files and must be x86_64"
docker info >/dev/null 2>&1 || fail "no Docker engine answers" \
  "Debian: apt-get install --no-install-recommends docker.io iptables, then start dockerd as root"
# A bridge that Docker has only just made names no gateway until its next start; it is the subnet's first address.
bridge=$(docker network inspect bridge --format '{{with index .IPAM.Config 0}}{{or .Gateway .Subnet}}{{end}}')
[[ $bridge != */* ]] || bridge=${bridge%.*}.1
source tools/local-engine.sh

# event → function, and what the answer has to have. Each may use what those before it have brought.
# Of a deployment, everything is done here but the answer to CloudFormation, whose address the event can only make up.
events='
register              RegisterFunction       "statusCode": *201
register-invalid      RegisterFunction       "statusCode": *422
login                 LoginFunction          "statusCode": *200
login-base64          LoginFunction          "statusCode": *200
login-username        LoginFunction          "statusCode": *200
profile               ProfileFunction        "statusCode": *200
profile-patch         ProfileFunction        "statusCode": *200
sessions              SessionsFunction       "statusCode": *200
sessions-revoke       SessionsFunction       "statusCode": *204
login                 LoginFunction          "statusCode": *200
refresh               RefreshFunction        "statusCode": *200
refresh-cookie        RefreshFunction        "statusCode": *200
sessions-revoke-all   SessionsFunction       "statusCode": *204
login                 LoginFunction          "statusCode": *200
password-change       PasswordFunction       "statusCode": *200
logout                LogoutFunction         "statusCode": *204
discovery             DiscoveryFunction      "statusCode": *200
discovery-openid      DiscoveryFunction      "statusCode": *200
discovery-openapi     DiscoveryFunction      "statusCode": *200
discovery-health      DiscoveryFunction      "statusCode": *200
discovery-not-found   DiscoveryFunction      "statusCode": *404
audit-forwarder       AuditForwarderFunction "records": *2
audit-forwarder-control AuditForwarderFunction "records": *0
rotate-keys-rotation  RotateKeysFunction     null
rotate-keys-emergency RotateKeysFunction     "version"
rotate-keys-deployment RotateKeysFunction    callback: no connection
'
for file in events/*.json; do
  name=$(basename "$file" .json)
  grep -q "^$name " <<<"$events" || fail "$file is in no line of the table here"
done

tools/sam-build.sh --build-dir "$build" --parameter-overrides Architecture=x86_64

# Where no registry can be reached: a base of this machine's shell and C library, under the name that SAM looks for.
# It proves event, environment and packaging, not Amazon Linux: docker pull that name first, where it can be had. Made
# once; docker rmi it after a function has come to need another shared library.
if ! docker image inspect "$image" >/dev/null 2>&1; then
  root=$(mktemp -d)
  programs=(/bin/sh "$(command -v mv)" "$(command -v chmod)" "$build"/*/bootstrap)
  mapfile -t libraries < <(ldd "${programs[@]}" | grep -o '/[^ :]*\.so[^ ]*' | sort -u)
  for file in "${programs[@]:0:3}" "${libraries[@]}" /etc/ssl/certs/ca-certificates.crt; do
    install -D "$(realpath "$file")" "$root$file"
  done
  mkdir -p "$root/tmp"
  tar -C "$root" -c . | docker import - "$image" >/dev/null
  rm -rf "$root"
fi

start_engine "$bridge"
# In the place of the secrets. A function that holds no secret takes no notice.
for function in "$build"/*Function; do
  install -m 600 "$data/keys.json" "$function/keys.json"
  install -m 600 "$data/pseudonyms.key" "$function/pseudonyms.key"
done
token=$(grep -o '"ClientRequestToken": *"[^"]*"' events/rotate-keys-rotation.json | sed 's/.*: *"//; s/"//')
secret=$(grep -o '"SecretId": *"[^"]*"' events/rotate-keys-rotation.json | sed 's/.*: *"//; s/"//')
cargo build --quiet --locked --package auth-testing --example stand-ins
"${CARGO_TARGET_DIR:-target}/debug/examples/stand-ins" "$bridge" "$data/keys.json" "$token" >"$data/stand-ins" 2>"$data/stand-ins.log" &
started+=($!)
until [[ -s $data/stand-ins ]]; do kill -0 $! 2>/dev/null || fail "$(<"$data/stand-ins.log")"; sleep 0.1; done
read -r secrets bus <"$data/stand-ins"

# What the template can't know here. Endpoints must be overridden: without a value they would arrive as empty strings.
cat >"$data/env.json" <<JSON
{"Parameters": {
  "TABLE_NAME": "vestibule", "KEY_SET_FILE": "/var/task/keys.json", "PSEUDONYM_FILE": "/var/task/pseudonyms.key",
  "KEY_SET_SECRET_ID": "$secret", "AUDIT_EVENT_BUS": "arn:aws:events:us-east-1:000000000000:event-bus/audit", "REQUIRE_ORIGIN_PROOF": "false", "METRICS_STACK": "local",
  "AWS_ENDPOINT_URL_DYNAMODB": "$endpoint", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "$secrets",
  "AWS_ENDPOINT_URL_EVENTBRIDGE": "$bus"
}}
JSON
# The key file belongs to rotate-keys' secret, not to its folder.
sed 's|"KEY_SET_FILE": "[^"]*", ||' "$data/env.json" >"$data/env-rotate.json"
options=(--template "$build/template.yaml" --skip-pull-image --parameter-overrides AuditEventBus=audit)

echo "sam local start-api"
api=$(free_port)
sam local start-api "${options[@]}" --env-vars "$data/env.json" --warm-containers LAZY --port "$api" >"$data/api.log" 2>&1 &
started+=($!)
wait_for "http://127.0.0.1:$api/health" "$data/api.log" 120 $!
JOURNEY_GATEWAY=sam-local JOURNEY_EMAIL='' JOURNEY_PASSWORD='' tools/journey.sh "http://127.0.0.1:$api"

access_token='' refresh_token='' session_id=''
# invoke EVENT FUNCTION PATTERN: keeps the tokens that the answer brings.
invoke() {
  local answer env=$data/env.json
  [[ $2 != RotateKeysFunction ]] || env=$data/env-rotate.json
  # A function that reports an error is an answer too; what it has to be is in the table.
  answer=$(sed "s|ACCESS_TOKEN|$access_token|; s|REFRESH_TOKEN|$refresh_token|; s|SESSION_ID|$session_id|" "events/$1.json" |
    sam local invoke "$2" "${options[@]}" --event - --env-vars "$env" 2>"$data/$1.log") || true
  grep -q -- "$3" <<<"$answer" || {
    tail -n 40 "$data/$1.log" >&2
    fail "$2 answered events/$1.json without $3: ${answer:0:600}"
  }
  printf '  %-24s %-24s %s\n' "$1" "$2" "$3"
  access_token=$(member access_token "$answer" || echo "$access_token")
  refresh_token=$(member refresh_token "$answer" || echo "$refresh_token")
  [[ $1 != sessions ]] || session_id=$(member id "$answer")
}
member() { grep -o "\\\\\"$1\\\\\": *\\\\\"[^\"\\\\]*" <<<"$2" | head -n 1 | sed 's/.*"//'; }

echo "sam local invoke"
while read -r event function pattern; do
  [[ -z $event ]] || invoke "$event" "$function" "$pattern" </dev/null
done <<<"$events"
echo "sam-local-test: done"
