#!/usr/bin/env bash
# `sam build`, with the same arguments, in less time. SAM builds one function after the other, and the last step of each
# (LTO, most of it) takes one processor. So functions are built before, several at a time; SAM then finds them built.
# Together are only those whose dependencies have the same features: the others would get each other's
# (docs/adr/0017-build.md).
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A groups
for manifest in functions/*/Cargo.toml; do
  function=$(basename "$(dirname "$manifest")")
  features=$(cargo tree --locked --package "$function" --edges normal --prefix none --format '{p} {f}' |
    sed 's/ (\*)$//' | grep -v "^$function " | sort -u | sha256sum)
  groups[$features]+=" $function"
done

# As SAM calls it, down to the folder: cargo-lambda looks for profiles there.
options=()
[[ "$*" != *Architecture=arm64* ]] || options=(--arm64)
for group in "${groups[@]}"; do
  read -ra functions <<<"$group"
  (cd "functions/${functions[0]}" && cargo lambda build --release "${options[@]}" "${functions[@]/#/--package=}")
done
sam build "$@"
