#!/usr/bin/env bash
# Fuzzes every parser of bytes from outside: tools/fuzz.sh [SECONDS each, 600] [TARGET...]
# Four targets at a time. What it finds is in fuzz/artifacts: put it into fuzz/corpus/TARGET under a name
# that says what it is, and `cargo test -p fuzz` has it for good. `make test` replays the corpora without any of this.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
targets=("${@:2}")
((${#targets[@]})) || targets=(email username refresh_token access_token json_body gateway_event phc_string)

version=0.13.2 root=.local/cargo-fuzz
[[ -x $root/bin/cargo-fuzz && $(<"$root/version") == "$version" ]] 2>/dev/null || {
  cargo install --quiet --locked "cargo-fuzz@$version" --root "$root"
  echo "$version" >"$root/version"
}
export PATH="$PWD/$root/bin:$PATH"
# The flags of coverage are not stable. Safe code needs no sanitizer: what is looked for are panics and what must hold.
export RUSTC_BOOTSTRAP=1
# Seven binaries: the release's long link seven times would take longer than the fuzzing.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
options=(--fuzz-dir fuzz --target-dir target/fuzz --features engine --sanitizer none)
cargo fuzz build "${options[@]}"

logs=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
fuzz() {
  # New findings of coverage go to a folder of their own: the corpus in the repository stays small.
  mkdir -p "target/fuzz/corpus/$1"
  cargo fuzz run "${options[@]}" "$1" "target/fuzz/corpus/$1" "fuzz/corpus/$1" -- \
    -max_total_time="$seconds" -max_len=20000 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 >"$logs/$1" 2>&1
}
status=0
for ((i = 0; i < ${#targets[@]}; i += 4)); do
  some=("${targets[@]:i:4}") pids=()
  for target in "${some[@]}"; do
    fuzz "$target" &
    pids+=($!)
  done
  for j in "${!some[@]}"; do
    if wait "${pids[j]}"; then result=ok; else result=FAILED status=1; fi
    printf '%-14s %-7s %s runs, %s\n' "${some[j]}" "$result" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/${some[j]}")" \
      "$(grep -o 'cov: [0-9]*' "$logs/${some[j]}" | tail -n 1)"
    [[ $result == ok ]] || tail -n 40 "$logs/${some[j]}" >&2
  done
done
exit $status
