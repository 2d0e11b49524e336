#!/usr/bin/env bash
# `make deploy ENV=dev|staging|prod`: builds, deploys the stack vestibule-ENV, and uploads the front end.
set -euo pipefail
cd "$(dirname "$0")/.."
stage=${1:-}
fail() { printf 'deploy: %s\n' "$@" >&2; exit 1; }
# All of it before the build, which takes minutes.
[[ $stage == dev || $stage == staging || $stage == prod ]] || fail "say make deploy ENV=dev, staging or prod"
PATH="$(realpath -m "${VESTIBULE_AWS_TOOLS:-.local/aws-tools}")/bin:$PATH"
export SAM_CLI_TELEMETRY=0
for tool in sam cargo-lambda; do command -v "$tool" >/dev/null || fail "$tool is missing: make aws-tools"; done
for tool in aws npm; do command -v "$tool" >/dev/null || fail "$tool is missing (docs/DEPLOY.md, what you need)"; done
# SAM reads one of these and the AWS CLI the other: two Regions would be two stacks.
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
[[ -n $region && $region == "${AWS_DEFAULT_REGION:-$region}" ]] ||
  fail "say in which Region: export AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1"
export AWS_REGION=$region AWS_DEFAULT_REGION=$region
! grep -A12 "^\[$stage\.deploy\.parameters\]" samconfig.toml | grep -q 'Waf=on' || [[ $region == us-east-1 ]] ||
  fail "Waf=on needs us-east-1, where CloudFront looks for web ACLs"
aws sts get-caller-identity --output text >/dev/null || fail "no AWS credentials in this shell"

tools/sam-build.sh --config-env "$stage"
changed() {
  aws cloudformation describe-stacks --stack-name "vestibule-$stage" --output text \
    --query 'Stacks[0].[CreationTime, LastUpdatedTime]' 2>/dev/null || true
}
before=$(changed)
sam deploy --config-env "$stage"
# Whoever says no to the changes wants no other pages either. (Nor does who has none to make: tools/deploy-frontend.sh alone does that.)
if [[ $(changed) == "$before" && $stage == prod ]]; then
  echo "deploy: the stack is as it was, so the pages stay too. To upload them alone: tools/deploy-frontend.sh vestibule-$stage"
  exit 0
fi
tools/deploy-frontend.sh "vestibule-$stage"
