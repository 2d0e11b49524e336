#!/usr/bin/env bash
# `make test-deep`: the long forms of the tests, at most an hour on two cores beyond building; loopback only, once cargo-fuzz and
# schemathesis are installed. Needs, beside Rust, a C++ compiler (libFuzzer), Python 3.11 with its venv module, and GNU's `timeout`.
# What fails does not keep the rest from running; ends with 1 if anything did. Each step's output is in target/test-deep/STEP.log (those
# of the run before in target/test-deep.old), and if it failed, the end of it and the command for that step alone are here.
#
# QUICK=1        all of it in about ten minutes, less building
# FUZZ_SECONDS   for each of the fuzz targets, 600
# EXAMPLES       of schemathesis for each operation, 5000
# SEED           of schemathesis and faults, 1
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
if [[ ${QUICK:-} == 1 ]]; then
  fuzz=${FUZZ_SECONDS:-30} examples=${EXAMPLES:-100} sequences=30 operations=500 kills=3
else
  fuzz=${FUZZ_SECONDS:-600} examples=${EXAMPLES:-5000} sequences=240 operations=10000 kills=200
fi
seed=${SEED:-1}
command -v timeout >/dev/null || {
  echo "test-deep: timeout was not found (macOS: brew install coreutils)" >&2
  exit 1
}
logs=target/test-deep
rm -rf "$logs.old"
[[ ! -d $logs ]] || mv "$logs" "$logs.old"
mkdir -p "$logs"
echo "test-deep: SEED=$seed"
trap 'kill $(jobs -p) 2>/dev/null' EXIT
trap 'exit 1' INT TERM

# step NAME SECONDS COMMAND...: a time limit for each, so that one that hangs does not hang the rest.
step() {
  local name=$1 limit=$2 began=$SECONDS status=0
  shift 2
  printf '%s  %-14s starts\n' "$(date +%T)" "$name"
  timeout --kill-after=30 "$limit" "$@" >"$logs/$name.log" 2>&1 &
  local pid=$!
  trap 'kill "$pid" 2>/dev/null; exit 1' TERM
  wait "$pid" || status=$?
  local result="ok"
  case $status in
    0) ;;
    124 | 137) result="FAILED: not done in $limit s" ;;
    *) result="FAILED: exit status $status" ;;
  esac
  printf '%s  %-14s %s, %d:%02d min\n' "$(date +%T)" "$name" "$result" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) |
    tee -a "$logs/summary"
  ((status == 0)) || {
    tail -n 40 "$logs/$name.log"
    echo "this step alone: $*"
  }
  return $status
}

# First what is built, so that no limit is spent on a compiler.
step build 3600 cargo test --locked --no-run --workspace
step server 3600 cargo build --locked --profile local --package devserver
step install 600 tools/schemathesis.sh install
step fuzz-build 3600 tools/fuzz.sh 1 email
step login 3600 cargo build --locked --release --package login
step bench 3600 cargo build --locked --profile local --package bench

# Side by side, the others one after the other. Fuzzing takes its time and what of both cores the others leave.
step fuzz $((fuzz * 2 + 300)) nice -n 10 tools/fuzz.sh "$fuzz" &
{
  step schemathesis 2000 env SECONDS_AT_MOST=1600 tools/schemathesis.sh "$examples" "$seed" "$sequences"
  step faults 1000 env VESTIBULE_FAULTS_SEED=$((seed * 1000)) VESTIBULE_FAULTS_OPERATIONS="$operations" \
    VESTIBULE_FAULTS_KILLS="$kills" cargo test --locked --workspace --test faults -- --nocapture
} &
wait
# These take times, and want the machine for themselves.
bench=${CARGO_TARGET_DIR:-target}/local/bench
step enumeration 300 "$bench" enumeration
step overload 300 "$bench" overload

echo
echo "test-deep: $((SECONDS / 60)) minutes"
cat "$logs/summary"
# All of them: one that was killed has said nothing.
(($(grep -c ' ok, ' "$logs/summary") == 11))
