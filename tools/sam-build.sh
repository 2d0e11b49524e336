#!/usr/bin/env bash
# `sam build`, with the same arguments, in less time. SAM builds one function after the other, and the last step of each
# (LTO, most of it) takes one processor. So functions are built before, several at a time, and SAM finds them built.
set -euo pipefail
cd "$(dirname "$0")/.."

# For the processor that SAM will build for: said here, or in samconfig.toml.
said="$*"
[[ ! $said =~ --config-env[\ =]([A-Za-z0-9_-]+) ]] ||
  said+=$(sed -n "/^\[${BASH_REMATCH[1]}\.build\.parameters\]/,/^$/p" samconfig.toml)
options=()
[[ $said != *Architecture=arm64* ]] || options=(--arm64)
groups=$(tools/function-groups.sh)
while read -ra functions; do
  # In a function's folder, as SAM does: cargo-lambda looks for profiles there.
  (cd "functions/${functions[0]}" && cargo lambda build --release "${options[@]}" "${functions[@]/#/--package=}" </dev/null)
done <<<"$groups"
sam build "$@"
