#!/usr/bin/env bash
# Puts the front end's build where the distribution of a deployed stack finds it: tools/deploy-frontend.sh STACK
# Needs the AWS CLI and credentials in the environment; VESTIBULE_FRONTEND names a folder that is built already. A page that somebody has open goes on working: nothing is deleted,
# and pages change after the files that they name.
set -euo pipefail
cd "$(dirname "$0")/.."
stack=${1:?usage: tools/deploy-frontend.sh STACK}
command -v aws >/dev/null || { echo "deploy-frontend: the AWS CLI is missing: https://aws.amazon.com/cli/" >&2; exit 1; }

output() {
  aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}
bucket=$(output SiteBucket)
[[ -n $bucket && $bucket != None ]] || { echo "deploy-frontend: the stack $stack has no output SiteBucket" >&2; exit 1; }

folder=${VESTIBULE_FRONTEND:-frontend/build}
[[ -n ${VESTIBULE_FRONTEND:-} ]] || tools/frontend.sh build
# The distribution compresses by itself. no-cache: it asks the bucket again, at most once a second.
copies=(--exclude '*.br' --exclude '*.gz')
aws s3 sync "$folder/_app/immutable" "s3://$bucket/_app/immutable" "${copies[@]}" \
  --cache-control 'public, max-age=31536000, immutable'
aws s3 sync "$folder" "s3://$bucket" "${copies[@]}" --exclude '_app/immutable/*' --exclude 404.html \
  --cache-control no-cache
# The mark by which the distribution answers this one with 404.
aws s3 cp "$folder/404.html" "s3://$bucket/404.html" --cache-control no-cache --metadata status=404
echo "deploy-frontend: $(output SiteUrl)"
