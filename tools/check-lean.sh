#!/usr/bin/env bash
# Each function's dependency tree stays lean: what these crates cost at start is measured in bench/RESULTS.md.
# Cargo unifies features over the packages built together, so each function is looked at alone, as `sam build` builds it.
set -euo pipefail
cd "$(dirname "$0")/.."
unwanted='^(ring|openssl|openssl-sys|native-tls|tracing-subscriber|clap|rpassword|aws-sdk-sso|aws-sdk-ssooidc|aws-sdk-cloudformation|aws-sdk-lambda|dynoxide-rs|rusqlite|serde-saphyr|aws-sdk-eventbridge|hyper-rustls v0\.2[0-6]|rustls v0\.2[0-2]|reqwest|zxcvbn|regex|chrono-tz) '
for manifest in functions/*/Cargo.toml; do
	function=$(basename "$(dirname "$manifest")")
	tree=$(cargo tree --locked --package "$function" --edges normal --prefix none --target x86_64-unknown-linux-gnu)
	case $function in
		# The estimator of the functions that set a password brings it.
		register | password) allowed='^(zxcvbn|regex) ' ;;
		audit-forwarder) allowed='^aws-sdk-eventbridge ' ;;
		*) allowed='^$' ;;
	esac
	found=$(grep -E "$unwanted" <<<"$tree" | grep -vE "$allowed" || true)
	if [[ -n $found ]]; then
		echo "$function depends on what a function must not:" >&2
		echo "$found" >&2
		exit 1
	fi
done
echo "lean: $(ls -d functions/*/ | wc -l) functions"
