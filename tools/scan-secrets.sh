#!/usr/bin/env bash
# Looks for keys and tokens in every file that git knows. There is no list of exceptions: what tests need is made when they
# run, or is of no recognisable form. A line that is known to be harmless says `kingfisher:ignore` and why.
# Without the tool it says so and succeeds, so that `make lint` needs nothing but Rust; STRICT=1 makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/aws-env.sh

require scan-secrets kingfisher || {
  [[ ${STRICT:-} != 1 ]]
  exit
}
# Left to itself it would try what it finds at the service that it belongs to, and ask for its own newest version.
scan() { xargs -0 kingfisher scan --no-validate --no-update-check --git-history none --confidence low --redact --format "$1" 2>&1; }

# Finding nothing proves nothing unless something can be found.
bait=$(mktemp)
trap 'rm -f "$bait"' EXIT
letters=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 token=ghp_
for _ in {1..36}; do token+=${letters:RANDOM % ${#letters}:1}; done
echo "GITHUB_TOKEN=$token" >"$bait"
if printf '%s\0' "$bait" | scan jsonl >/dev/null; then
  echo "scan-secrets: a token that was planted was not found" >&2
  exit 1
fi
git ls-files -z | scan pretty >"$bait" || {
  cat "$bait" >&2
  exit 1
}
echo "scan-secrets: $(git ls-files | wc -l) files, nothing found"
