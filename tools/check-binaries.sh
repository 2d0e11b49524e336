#!/usr/bin/env bash
# What `sam build` has made, before it is deployed: each function is for the processor that was asked for, starts on Amazon
# Linux 2023, and is no larger than its budget. tools/check-binaries.sh x86_64|arm64 [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
architecture=${1:?usage: tools/check-binaries.sh x86_64|arm64 [FOLDER]}
build=${2:-.aws-sam/build}
# Bytes: what x86_64 has today, and five percent. What comes in unseen is seen here; who wants it raises the line.
budgets='
AuditForwarder 6050000
Discovery      6650000
Login          7900000
Logout         6750000
Password       10450000
Profile        7100000
Refresh        7050000
Register       10100000
RotateKeys     6550000
Sessions       7200000
'
case $architecture in
  x86_64) machine='Advanced Micro Devices X86-64' ;;
  arm64) machine=AArch64 ;;
  *) echo "check-binaries: no such processor: $architecture" >&2; exit 2 ;;
esac
# The C library of provided.al2023; the machine that builds may have a newer one.
glibc=GLIBC_2.34
export LC_ALL=C

faults=0
fault() { echo "check-binaries: $1" >&2; faults=1; }
[[ -d $build ]] || { echo "check-binaries: there is no $build (sam build)" >&2; exit 1; }
# Those that have a budget, and those that were built.
functions=$({ grep -o '^[A-Za-z]*' <<<"$budgets"; find "$build" -maxdepth 1 -name '*Function' -exec basename {} Function \;; } | sort -u)
for function in $functions; do
  binary=$build/${function}Function/bootstrap
  budget=$(sed -n "s/^$function  *//p" <<<"$budgets")
  [[ -f $binary ]] || { fault "$function is not built"; continue; }
  [[ -n $budget ]] || { fault "$function has no budget; give it one in $0"; continue; }
  [[ $(readelf -h "$binary") == *"$machine"* ]] || fault "$function is not for $architecture"
  needed=$(readelf -VW "$binary" | { grep -o 'GLIBC_[0-9.]*' || true; } | sort -Vu | tail -n 1)
  [[ $(printf '%s\n' "$needed" $glibc | sort -V | tail -n 1) == "$glibc" ]] || fault "$function needs $needed, Lambda has $glibc"
  size=$(stat -c %s "$binary")
  # arm64 can't be built where the budgets were measured.
  [[ $architecture != x86_64 ]] || ((size <= budget)) || fault "$function has $size bytes, more than $budget"
  printf '%-15s %8d of %8d bytes, %s\n' "$function" "$size" "$budget" "${needed:-no C library}"
done
exit $faults
