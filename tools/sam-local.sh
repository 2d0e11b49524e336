#!/usr/bin/env bash
# `make sam-local`: every function, as `sam build` packs it, answers its event in a Lambda container.
# Needs a Docker engine, and a local DynamoDB on an address that containers reach:
#   DYNAMODB_LISTEN=172.17.0.1:8000 make run
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/aws-env.sh

endpoint=${DYNAMODB_ENDPOINT:-http://172.17.0.1:8000}
keys=${KEY_SET_FILE:-.local/keys.json}
pseudonyms=${PSEUDONYM_FILE:-.local/pseudonyms.key}
# Not .aws-sam: it will hold a key file, which no `sam deploy` may ever find and upload.
build=.local/sam-build
image=public.ecr.aws/lambda/provided:al2023-x86_64
fail() { printf 'sam-local: %s\n' "$@" >&2; exit 1; }

require sam-local sam cargo-lambda || exit 1
[[ $(uname -m) == x86_64 ]] || fail "the base image is made from this machine's files and must be x86_64"
docker info >/dev/null 2>&1 || fail "no Docker engine answers" \
  "Debian: apt-get install --no-install-recommends docker.io iptables, then start dockerd as root"
curl --silent --max-time 3 --output /dev/null "$endpoint" || fail "no DynamoDB at $endpoint" \
  "in another shell: DYNAMODB_LISTEN=${endpoint#*://} make run (or set DYNAMODB_ENDPOINT)"
[[ -f $keys && -f $pseudonyms ]] || fail "no key files at $keys and $pseudonyms" \
  "the first make run writes them (or set KEY_SET_FILE and PSEUDONYM_FILE)"

sam build --build-dir "$build" --parameter-overrides Architecture=x86_64

# Where no registry can be reached: a base of this machine's shell and C library, under the name that SAM looks for.
# It proves event, environment and packaging, not Amazon Linux: docker pull that name first, where it can be had. Made
# once; docker rmi it after a function has come to need another shared library.
if ! docker image inspect "$image" >/dev/null 2>&1; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  programs=(/bin/sh "$(command -v mv)" "$(command -v chmod)" "$build"/*/bootstrap)
  mapfile -t libraries < <(ldd "${programs[@]}" | grep -o '/[^ :]*\.so[^ ]*' | sort -u)
  for file in "${programs[@]:0:3}" "${libraries[@]}" /etc/ssl/certs/ca-certificates.crt; do
    install -D "$(realpath "$file")" "$root$file"
  done
  mkdir -p "$root/tmp"
  tar -C "$root" -c . | docker import - "$image" >/dev/null
fi

# In the place of the secrets. A function that holds no secret takes no notice.
for function in "$build"/*Function; do
  install -m 600 "$keys" "$function/keys.json"
  install -m 600 "$pseudonyms" "$function/pseudonyms.key"
done
# What the template can't know here. Endpoints must be overridden: without a value they would arrive as empty strings.
cat >"$build/env.json" <<JSON
{"Parameters": {
  "TABLE_NAME": "vestibule", "KEY_SET_FILE": "/var/task/keys.json",
  "PSEUDONYM_FILE": "/var/task/pseudonyms.key",
  "AWS_ENDPOINT_URL_DYNAMODB": "$endpoint", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:1"
}}
JSON

access_token='' refresh_token=''
# invoke FUNCTION EVENT: prints the answer and keeps the tokens that it brings.
invoke() {
  local answer
  answer=$(sed "s|ACCESS_TOKEN|$access_token|; s|REFRESH_TOKEN|$refresh_token|" "events/$2.json" |
    sam local invoke "$1" --template "$build/template.yaml" --event - --env-vars "$build/env.json" \
      --skip-pull-image 2>"$build/$2.log") && grep -q '"statusCode"' <<<"$answer" || {
    cat "$build/$2.log" >&2
    fail "$1 did not answer events/$2.json: $answer"
  }
  printf '\n%s < events/%s.json\n%s\n' "$1" "$2" "$answer"
  access_token=$(token access_token "$answer" || echo "$access_token")
  refresh_token=$(token refresh_token "$answer" || echo "$refresh_token")
}
token() { grep -o "\\\\\"$1\\\\\": *\\\\\"[^\"\\\\]*" <<<"$2" | sed 's/.*"//'; }

invoke RegisterFunction register
invoke LoginFunction login
invoke ProfileFunction profile
invoke SessionsFunction sessions
invoke RefreshFunction refresh
invoke PasswordFunction password-change
invoke LogoutFunction logout
invoke DiscoveryFunction discovery
