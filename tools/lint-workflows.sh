#!/usr/bin/env bash
# The pipelines' linters. Without them it says so and succeeds, so that `make lint` needs nothing but Rust; STRICT=1
# makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/aws-env.sh

require lint-workflows actionlint zizmor shellcheck || {
  [[ ${STRICT:-} != 1 ]]
  exit
}
actionlint
zizmor --offline --no-progress --quiet .github
shellcheck --severity=warning tools/*.sh frontend/tests/serve.sh bench/peers/install.sh .ci/run
echo "lint-workflows: actionlint, zizmor and shellcheck found nothing"
