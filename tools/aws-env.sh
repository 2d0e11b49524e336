# shellcheck shell=bash
# Sourced by the scripts beside it: the pinned tools first on PATH, and no call to AWS, which SAM would otherwise wait for.
PATH="$(realpath -m "${VESTIBULE_AWS_TOOLS:-.local/aws-tools}")/bin:$PATH"
export PATH SAM_CLI_TELEMETRY=0
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 AWS_ENDPOINT_URL_STS=http://127.0.0.1:1
unset AWS_SESSION_TOKEN AWS_PROFILE

# require SCRIPT TOOL...: fails, naming what is missing and how to get it.
require() {
  local script=$1 tool missing=()
  shift
  for tool in "$@"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  ((${#missing[@]} == 0)) || {
    echo "$script: missing ${missing[*]}; get them with: make aws-tools" >&2
    return 1
  }
}
