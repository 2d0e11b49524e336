#!/usr/bin/env bash
# Lists what is in each function and in the pages, as CycloneDX: tools/sbom.sh x86_64|arm64 FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
architecture=${1:?usage: tools/sbom.sh x86_64|arm64 FOLDER}
folder=$(realpath -m "${2:?usage: tools/sbom.sh x86_64|arm64 FOLDER}")
target=${architecture/arm64/aarch64}-unknown-linux-gnu
mkdir -p "$folder"

# Apart from what a developer has installed.
cargo install --quiet --locked --root .local/cargo cargo-cyclonedx@0.5.9
PATH="$PWD/.local/cargo/bin:$PATH"
# It writes beside every manifest of the workspace, whichever it is given.
trap "find functions shared tools bench -name '*.cdx.json' -delete" EXIT
cargo cyclonedx --quiet --format json --describe binaries --target "$target"
for manifest in functions/*/Cargo.toml; do
  function=$(basename "$(dirname "$manifest")")
  # It knows the features of all functions together, so it names crates that only another one has: cargo tree knows better.
  cargo tree --quiet --locked --package "$function" --edges normal --prefix none --target "$target" |
    python3 -c '
import json, sys
linked = {tuple(line.split()[:2]) for line in sys.stdin if line.strip()}
bom = json.load(open(sys.argv[1], encoding="utf-8"))
bom["components"] = [c for c in bom["components"] if (c["name"], "v" + c["version"]) in linked]
refs = {c["bom-ref"] for c in [bom["metadata"]["component"], *bom["components"]]}
bom["dependencies"] = [
    {**d, "dependsOn": [r for r in d.get("dependsOn", []) if r in refs]} for d in bom["dependencies"] if d["ref"] in refs
]
json.dump(bom, open(sys.argv[2], "w", encoding="utf-8"), indent=1)
' "functions/$function/${function}_bin.cdx.json" "$folder/$function.cdx.json"
done

# All that npm has installed: what is bundled into the pages comes from there, Svelte itself among the development
# dependencies. `npm sbom` gives up at a package of Lighthouse, which wants the "latest" of two others.
tools/frontend.sh install
npm exec --prefix frontend --yes --package=@cyclonedx/cyclonedx-npm@6.0.1 -- \
  cyclonedx-npm --ignore-npm-errors --output-reproducible --output-file "$folder/pages.cdx.json" frontend/package.json
