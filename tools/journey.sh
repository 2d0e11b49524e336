#!/usr/bin/env bash
# The journey of a user through the whole API, against whatever answers at an address: tools/journey.sh BASE_URL
#
# JOURNEY_EMAIL, JOURNEY_PASSWORD  an account of the journey's own, registered the first time and then used again, so that a
#                                  deployment isn't filled with accounts; its password is never changed. Without them each
#                                  journey has a new account. Both or neither; no quote or backslash in them.
# JOURNEY_GATEWAY                  sam-local or cargo-lambda, which know no cookies' origin of their own; sam-local also answers
#                                  unknown paths itself.
#
# Needs curl. One line a step, and the answer of a step that fails, unless it may hold a token.
set -euo pipefail
base=${1:?usage: tools/journey.sh BASE_URL}
base=${base%/}
gateway=${JOURNEY_GATEWAY:-}
# An address without its password would be registered with one that nobody knows afterwards.
[[ ${JOURNEY_EMAIL:+set} == "${JOURNEY_PASSWORD:+set}" ]] || {
  echo 'journey: JOURNEY_EMAIL and JOURNEY_PASSWORD belong together' >&2
  exit 1
}
# They go into JSON as they are.
[[ ${JOURNEY_EMAIL:-}${JOURNEY_PASSWORD:-} != *[\"\\]* ]] || {
  echo 'journey: a quote or backslash in JOURNEY_EMAIL or JOURNEY_PASSWORD' >&2
  exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
json='Content-Type: application/json'

# step NAME STATUS METHOD PATH [CURL OPTION...]: fails unless the answer has that status (or one of STATUS|STATUS).
step() {
  local name=$1 expected=$2 method=$3 path=$4 status
  shift 4
  status=$(curl --silent --show-error --max-time 20 --output "$folder/body" --dump-header "$folder/headers" \
    --write-out '%{http_code}' --request "$method" "$base$path" "$@" 2>"$folder/error") || {
    fail "$name" "$method $path: $(<"$folder/error")"
  }
  [[ "|$expected|" == *"|$status|"* ]] || {
    # A problem document names what is wrong, and no secret; another answer may be anything.
    local shown='(the answer is not shown)'
    ! grep -qi '^content-type: *application/problem+json' "$folder/headers" || shown=$(<"$folder/body")
    fail "$name" "$method $path: $status instead of $expected $shown"
  }
  printf '  %-52s %s\n' "$name" "$status"
}
fail() {
  printf '✗ %s\n  %s\n' "$1" "$2" >&2
  exit 1
}
# The text member of that name in the last answer; empty if there is none.
member() { { grep -o "\"$1\" *: *\"[^\"]*\"" "$folder/body" || true; } | head -n 1 | sed -E 's/.*: *"(.*)"$/\1/'; }
# The header of that name in the last answer.
header() { { grep -i "^$1:" "$folder/headers" || true; } | head -n 1 | sed -E 's/^[^:]*: *//' | tr -d '\r'; }
# Fails unless the last answer holds the text.
holds() { grep -qF -- "$1" "$folder/body" || fail "$2" "the answer lacks $1"; }
bearer() { printf 'Authorization: Bearer %s' "$access"; }
take_tokens() {
  access=$(member access_token) refresh=$(member refresh_token)
  [[ -n $access ]] || fail "$1" "no access token in the answer"
}

id=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
email=${JOURNEY_EMAIL:-journey-$id@example.com}
password=${JOURNEY_PASSWORD:-a journey of ${id:0:8} long steps ${id:8}}
echo "journey: $base"

step 'health' 200 GET /health
step 'the key set' 200 GET /.well-known/jwks.json
holds '"kid"' 'the key set'
step 'the OpenID configuration' 200 GET /.well-known/openid-configuration
holds '"jwks_uri"' 'the OpenID configuration'
if [[ $gateway != sam-local ]]; then
  step 'an unknown path of the API is a problem' 404 GET /auth/nowhere
  holds '"not_found"' 'an unknown path'
fi
step 'a wrong method is told the right one' 405 DELETE /auth/login
[[ $(header allow) == *POST* ]] || fail 'a wrong method' 'no Allow'

account="\"email\":\"$email\",\"password\":\"$password\""
step 'a short password is refused, and why' 422 POST /auth/register -H "$json" \
  -d "{\"email\":\"$email\",\"username\":\"journey-$id\",\"password\":\"short\"}"
holds '"/password"' 'a short password'
created=201
[[ -z ${JOURNEY_EMAIL:-} ]] || created='201|409'
step 'register' "$created" POST /auth/register -H "$json" -d "{$account,\"username\":\"journey-$id\"}"
step 'the same again is taken' 409 POST /auth/register -H "$json" -d "{$account,\"username\":\"journey-$id\"}"
step 'a wrong password' 401 POST /auth/login -H "$json" -d "{\"email\":\"$email\",\"password\":\"not the right one $id\"}"
holds '"invalid_credentials"' 'a wrong password'

step 'sign in by e-mail address' 200 POST /auth/login -H "$json" -d "{$account}"
[[ $(header cache-control) == no-store ]] || fail 'sign in' 'the answer may be stored'
take_tokens 'sign in'
step 'profile' 200 GET /auth/profile -H "$(bearer)"
username=$(member username) tag=$(header etag)
[[ -n $username && -n $tag ]] || fail 'profile' 'no username, or no ETag'
step 'profile without a token' 401 GET /auth/profile
step 'a change of the version that was read' 200 PATCH /auth/profile -H "$(bearer)" -H "$json" -H "If-Match: $tag" \
  -d "{\"bio\":\"Step $id\"}"
holds "Step $id" 'a change'
step 'a change of a version that is over' 412 PATCH /auth/profile -H "$(bearer)" -H "$json" -H "If-Match: $tag" -d '{"bio":null}'
step 'sign in by username' 200 POST /auth/login -H "$json" -d "{\"username\":\"$username\",\"password\":\"$password\"}"
take_tokens 'sign in by username'
step 'sessions' 200 GET /auth/sessions -H "$(bearer)"
holds '"current":true' 'sessions'

step 'refresh' 200 POST /auth/refresh -H "$json" -d "{\"refresh_token\":\"$refresh\"}"
take_tokens 'refresh'
step 'refresh with the successor' 200 POST /auth/refresh -H "$json" -d "{\"refresh_token\":\"$refresh\"}"
take_tokens 'refresh with the successor'
step 'a made-up refresh token' 401 POST /auth/refresh -H "$json" -d '{"refresh_token":"nonsense"}'
step 'all other sessions end' 204 DELETE '/auth/sessions?keep=current' -H "$(bearer)"

if [[ -z ${JOURNEY_EMAIL:-} ]]; then
  next="another journey of ${id:8} steps ${id:0:8}"
  step 'another password, and a new session' 200 POST /auth/password/change -H "$(bearer)" -H "$json" \
    -d "{\"current_password\":\"$password\",\"new_password\":\"$next\"}"
  before=$(bearer)
  take_tokens 'another password'
  step 'the session from before is over' 401 GET /auth/profile -H "$before"
  account="\"email\":\"$email\",\"password\":\"$next\""
fi

step 'sign out' 204 POST /auth/logout -H "$json" -d "{\"refresh_token\":\"$refresh\"}"
step 'the access token is over too' 401 GET /auth/profile -H "$(bearer)"
step 'so is the refresh token' 401 POST /auth/refresh -H "$json" -d "{\"refresh_token\":\"$refresh\"}"

if [[ -z $gateway ]]; then
  cookies() { grep -i '^set-cookie:' "$folder/headers" | sed -E 's/^[^:]*: *([^;]*);.*/\1/' | tr -d '\r' | paste -sd ';' | sed 's/;/; /g'; }
  step 'a foreign origin gets no cookie' 403 POST /auth/login -H "$json" -H 'Origin: https://elsewhere.example' \
    -d "{$account,\"transport\":\"cookie\"}"
  step 'sign in with a cookie' 200 POST /auth/login -H "$json" -H "Origin: $base" -d "{$account,\"transport\":\"cookie\"}"
  cookie=$(cookies)
  [[ $cookie == *__Host-refresh=* && -z $(member refresh_token) ]] || fail 'sign in with a cookie' 'no cookie, or the token beside it'
  grep -i '^set-cookie: *__Host-refresh=' "$folder/headers" | grep -qi 'httponly' || fail 'sign in with a cookie' 'scripts may read it'
  step 'refresh with the cookie' 200 POST /auth/refresh -H "$json" -H "Origin: $base" -H "Cookie: $cookie"
  cookie=$(cookies)
  step 'sign out with the cookie' 204 POST /auth/logout -H "$json" -H "Origin: $base" -H "Cookie: $cookie"
fi
echo "journey: done"
