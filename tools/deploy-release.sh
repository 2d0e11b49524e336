#!/usr/bin/env bash
# Deploys what tools/build-release.sh has packed, and makes the journey of a user there: the pipeline's last step.
# tools/deploy-release.sh FILE.tar.gz staging|prod, with AWS credentials in the environment. EXECUTION_ROLE_ARN is the role
# that CloudFormation then takes; JOURNEY_EMAIL and JOURNEY_PASSWORD are those of the account that the journey uses.
set -euo pipefail
cd "$(dirname "$0")/.."
file=${1:?usage: tools/deploy-release.sh FILE.tar.gz STAGE} stage=${2:?usage: tools/deploy-release.sh FILE.tar.gz STAGE}
stack=vestibule-$stage
tools/aws-tools.sh
export PATH="$PWD/.local/aws-tools/bin:$PATH" SAM_CLI_TELEMETRY=0

tar -xzf "$file"
# Approved already, where it had to be.
sam deploy --config-env "$stage" --template-file .aws-sam/build/template.yaml --no-confirm-changeset \
  --no-fail-on-empty-changeset ${EXECUTION_ROLE_ARN:+--role-arn "$EXECUTION_ROLE_ARN"}
VESTIBULE_FRONTEND=frontend/build tools/deploy-frontend.sh "$stack"
site=$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
  --query "Stacks[0].Outputs[?OutputKey=='SiteUrl'].OutputValue")
tools/journey.sh "$site"
