#!/usr/bin/env bash
# The pipeline's last step: deploys what tools/build-release.sh has packed, and makes the journey of a user there.
# tools/deploy-release.sh FOLDER dev|staging|prod; in FOLDER is release-ARCHITECTURE.tar.gz for the stage's processor.
#
# Needs the AWS CLI, SAM and credentials.
# EXECUTION_ROLE_ARN               the role that CloudFormation takes; none: whose credentials these are
# JOURNEY_EMAIL, JOURNEY_PASSWORD  the account that the journey uses, and registers the first time
set -euo pipefail
cd "$(dirname "$0")/.."
usage='usage: tools/deploy-release.sh FOLDER dev|staging|prod'
releases=${1:?$usage} stage=${2:?$usage}
fail() { echo "deploy-release: $1" >&2; exit 1; }

# The runner's SAM comes first: what is installed from a package index stays away from credentials, where it can.
PATH="$PATH:$PWD/.local/aws-tools/bin"
export SAM_CLI_TELEMETRY=0
for tool in aws sam curl; do command -v "$tool" >/dev/null || fail "$tool is missing"; done
[[ -n ${JOURNEY_EMAIL:-} && -n ${JOURNEY_PASSWORD:-} ]] || fail "JOURNEY_EMAIL and JOURNEY_PASSWORD are not set"
settings=$(sed -n "/^\[$stage\.deploy\.parameters\]/,/^\[/p" samconfig.toml)
[[ -n $settings ]] || fail "samconfig.toml has no stage $stage"
# As samconfig.toml says, or the template's default.
architecture=$(grep -o 'Architecture=[a-z0-9_]*' <<<"$settings" | cut -d = -f 2 || true)
file=$releases/release-${architecture:=x86_64}.tar.gz
[[ -f $file ]] || fail "$stage runs on $architecture, and there is no $file"

release=$(mktemp -d)
trap 'rm -rf "$release"' EXIT
sha256sum "$file"
tar -xzf "$file" -C "$release"
# By its path: SAM looks for it beside the template. Approved already, where it had to be.
sam deploy --config-file "$PWD/samconfig.toml" --config-env "$stage" --template-file "$release/.aws-sam/build/template.yaml" \
  --no-confirm-changeset --no-fail-on-empty-changeset ${EXECUTION_ROLE_ARN:+--role-arn "$EXECUTION_ROLE_ARN"}
VESTIBULE_FRONTEND=$release/frontend/build tools/deploy-frontend.sh "vestibule-$stage"
site=$(aws cloudformation describe-stacks --stack-name "vestibule-$stage" --output text \
  --query "Stacks[0].Outputs[?OutputKey=='SiteUrl'].OutputValue")
[[ $site == https://* ]] || fail "the stack vestibule-$stage has no output SiteUrl"
tools/journey.sh "$site"
