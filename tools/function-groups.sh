#!/usr/bin/env bash
# Prints the functions that may be built in one call of cargo, a group to a line. Cargo gives dependencies the features of all
# that it builds together, so only functions whose dependencies have the same features anyway come out the same, to
# the byte, as alone (docs/adr/0017-build.md).
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A groups
for manifest in functions/*/Cargo.toml; do
  function=$(basename "$(dirname "$manifest")")
  features=$(cargo tree --locked --package "$function" --edges normal,build --prefix none --format '{p} {f}' |
    sed 's/ (\*)$//' | grep -v "^$function " | sort -u | sha256sum)
  groups[$features]+=" $function"
done
printf '%s\n' "${groups[@]# }"
