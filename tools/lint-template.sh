#!/usr/bin/env bash
# Four linters and our own check, with its test: each of them is blind to something that another one sees.
# Without the tools it says so and succeeds, so that `make lint` needs nothing but Rust; STRICT=1 makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/aws-env.sh

require lint-template sam cfn-lint || {
  [[ ${STRICT:-} != 1 ]]
  exit
}
# The Python that runs sam, which has the transform.
python=$(dirname "$(realpath "$(command -v sam)")")/python
translated=$(mktemp --suffix=.json)
trap 'rm -f "$translated"' EXIT

sam validate
sam validate --lint
cfn-lint template.yaml tools/pipeline-roles.yaml

"$python" - template.yaml >"$translated" <<'PYTHON'
import json, logging, sys
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# It reports, for each function, that a feature of AWS's own deployments can't be looked up here.
logging.disable(logging.WARNING)
template = yaml_parse(open(sys.argv[1], encoding="utf-8").read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://not/built"

class NoManagedPolicies:
    def load(self):
        return {}

print(json.dumps(transform(template, {}, NoManagedPolicies()), indent=1))
PYTHON
# W7001: a mapping that the transform has used up counts as unused.
cfn-lint -i W7001 -- "$translated"
"$python" tools/check_template.py "$translated" docs/RUNBOOK.md
"$python" tools/check_template_test.py "$translated" docs/RUNBOOK.md
