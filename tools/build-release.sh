#!/usr/bin/env bash
# Builds every function as it is deployed and the pages, compares sizes, and packs both with a list of what is in them:
# tools/build-release.sh x86_64|arm64 [FILE.tar.gz]
set -euo pipefail
cd "$(dirname "$0")/.."
architecture=${1:?usage: tools/build-release.sh x86_64|arm64 [FILE.tar.gz]}
file=${2:-}
tools/aws-tools.sh
source tools/aws-env.sh
require build-release sam cargo-lambda || exit 1

# Elsewhere the std of the other processor would be needed, which rustup can add and this machine may not have.
[[ $(uname -m) == "${architecture/arm64/aarch64}" ]] || { echo "build-release: build $architecture on such a machine" >&2; exit 1; }
sam build --parameter-overrides "Architecture=$architecture"
tools/check-size.sh

[[ -n $file ]] || exit 0
tools/frontend.sh build
# CycloneDX: of each function what it is linked from, of the pages what npm has installed.
cargo install --quiet --locked cargo-cyclonedx@0.5.9
cargo cyclonedx --format json --describe binaries --target all --quiet
sbom=$(mktemp -d)
find functions -name '*_bin.cdx.json' -exec mv -t "$sbom" {} +
find . -name '*.cdx.json' -not -path './target/*' -not -path './frontend/node_modules/*' -delete
npm sbom --prefix frontend --omit dev --sbom-format cyclonedx >"$sbom/frontend.cdx.json"
# A tar, since it keeps the mode of the binaries.
tar -czf "$file" .aws-sam/build frontend/build -C "$sbom" .
echo "build-release: $file"
