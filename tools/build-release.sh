#!/usr/bin/env bash
# Builds what is deployed, functions and pages, checks it, and packs it with a list of what is in it:
# tools/build-release.sh x86_64|arm64 FOLDER, which gets release-ARCHITECTURE.tar.gz
set -euo pipefail
cd "$(dirname "$0")/.."
architecture=${1:?usage: tools/build-release.sh x86_64|arm64 FOLDER}
folder=$(realpath -m "${2:?usage: tools/build-release.sh x86_64|arm64 FOLDER}")
# For another processor the std of that one would be needed, and nothing here would run what was built.
[[ $(uname -m) == "${architecture/arm64/aarch64}" ]] || {
  echo "build-release: $architecture is built on such a machine; this one is $(uname -m)" >&2
  exit 1
}
tools/aws-tools.sh
source tools/aws-env.sh
require build-release sam cargo-lambda || exit 1

tools/sam-build.sh --parameter-overrides "Architecture=$architecture"
tools/check-binaries.sh "$architecture"
tools/frontend.sh build
tools/sbom.sh "$architecture" "$folder/sbom"
# A tar, since it keeps the mode of the binaries.
tar -czf "$folder/release-$architecture.tar.gz" .aws-sam/build frontend/build -C "$folder" sbom
echo "build-release: $folder/release-$architecture.tar.gz"
