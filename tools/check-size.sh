#!/usr/bin/env bash
# The binaries that `sam build` has made, against their budgets in bytes: what is measured today (bench/RESULTS.md), and a
# little. A dependency that comes in unseen is seen here.
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A budget=(
  [Register]=9000000 [Password]=9400000 [Login]=6900000 [Refresh]=6900000 [Logout]=6900000 [Sessions]=6900000
  [Profile]=6700000 [Discovery]=6700000 [RotateKeys]=7200000 [AuditForwarder]=7200000
)
status=0
for function in "${!budget[@]}"; do
  binary=.aws-sam/build/${function}Function/bootstrap
  [[ -f $binary ]] || { echo "check-size: $binary is not built (sam build)" >&2; exit 1; }
  size=$(stat -c %s "$binary")
  if ((size > budget[$function])); then
    echo "check-size: $function has $size bytes, more than ${budget[$function]}" >&2
    status=1
  fi
  printf '%-15s %9d of %9d\n' "$function" "$size" "${budget[$function]}"
done | sort
exit $status
