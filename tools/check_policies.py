#!/usr/bin/env python3
"""Compares what each function may do with the list that was reviewed.

    check_policies.py TRANSLATED_TEMPLATE.json

Reads the template as the SAM transform leaves it, so that a policy which the transform adds is seen too. A grant that is
not in REVIEWED fails, and so does one that is there and no longer given: the list says what is true. Whoever adds a line
here says why in the change's message.
"""

import json
import sys

WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")

# Function → (action, where). "where" is a leading key of the table, the secret, or the bus.
REVIEWED = {
    "RegisterFunction": {
        ("dynamodb:PutItem", "USER#*"),
        ("dynamodb:PutItem", "EMAIL#*"),
        ("dynamodb:PutItem", "USERNAME#*"),
        ("dynamodb:GetItem", "KEYSET"),
        ("dynamodb:UpdateItem", "THROTTLE#register#*"),
        ("secretsmanager:GetSecretValue", "PseudonymSecret"),
    },
    "LoginFunction": {
        ("dynamodb:GetItem", "EMAIL#*"),
        ("dynamodb:GetItem", "USERNAME#*"),
        ("dynamodb:GetItem", "KEYSET"),
        ("dynamodb:BatchGetItem", "USER#*"),
        ("dynamodb:BatchGetItem", "ROLES#*"),
        ("dynamodb:PutItem", "SESSION#*"),
        ("dynamodb:UpdateItem", "EMAIL#*"),
        ("secretsmanager:GetSecretValue", "KeySetSecret"),
        ("dynamodb:UpdateItem", "THROTTLE#login#*"),
        ("dynamodb:DeleteItem", "THROTTLE#login#*"),
        ("dynamodb:DeleteItem", "SESSION#*"),
        ("dynamodb:Query", "SESSION#*"),
        ("secretsmanager:GetSecretValue", "PseudonymSecret"),
    },
    "RefreshFunction": {
        ("dynamodb:UpdateItem", "SESSION#*"),
        ("dynamodb:DeleteItem", "SESSION#*"),
        ("dynamodb:BatchGetItem", "USER#*"),
        ("dynamodb:BatchGetItem", "ROLES#*"),
        ("dynamodb:GetItem", "KEYSET"),
        ("secretsmanager:GetSecretValue", "KeySetSecret"),
        ("secretsmanager:GetSecretValue", "PseudonymSecret"),
    },
    "ProfileFunction": {
        ("dynamodb:BatchGetItem", "USER#*"),
        ("dynamodb:BatchGetItem", "SESSION#*"),
        ("dynamodb:BatchGetItem", "ROLES#*"),
        ("dynamodb:UpdateItem", "USER#*"),
        ("dynamodb:PutItem", "USERNAME#*"),
        ("dynamodb:DeleteItem", "USERNAME#*"),
        ("dynamodb:GetItem", "KEYSET"),
    },
    "LogoutFunction": {
        ("dynamodb:DeleteItem", "SESSION#*"),
        ("dynamodb:GetItem", "KEYSET"),
        ("secretsmanager:GetSecretValue", "KeySetSecret"),
        ("secretsmanager:GetSecretValue", "PseudonymSecret"),
    },
    "SessionsFunction": {
        ("dynamodb:BatchGetItem", "USER#*"),
        ("dynamodb:BatchGetItem", "SESSION#*"),
        ("dynamodb:BatchGetItem", "ROLES#*"),
        ("dynamodb:Query", "SESSION#*"),
        ("dynamodb:DeleteItem", "SESSION#*"),
        ("dynamodb:UpdateItem", "USER#*"),
        ("dynamodb:UpdateItem", "EMAIL#*"),
        ("dynamodb:UpdateItem", "SESSION#*"),
        ("dynamodb:GetItem", "KEYSET"),
        ("secretsmanager:GetSecretValue", "PseudonymSecret"),
    },
    "PasswordFunction": {
        ("dynamodb:BatchGetItem", "USER#*"),
        ("dynamodb:BatchGetItem", "SESSION#*"),
        ("dynamodb:BatchGetItem", "ROLES#*"),
        ("dynamodb:GetItem", "EMAIL#*"),
        ("dynamodb:GetItem", "KEYSET"),
        ("dynamodb:UpdateItem", "USER#*"),
        ("dynamodb:UpdateItem", "EMAIL#*"),
        ("dynamodb:UpdateItem", "THROTTLE#password#*"),
        ("dynamodb:DeleteItem", "THROTTLE#password#*"),
        ("dynamodb:PutItem", "SESSION#*"),
        ("secretsmanager:GetSecretValue", "KeySetSecret"),
        ("secretsmanager:GetSecretValue", "PseudonymSecret"),
    },
    "DiscoveryFunction": {
        ("dynamodb:GetItem", "KEYSET"),
    },
    # The only one that writes either half of the key set.
    "RotateKeysFunction": {
        ("dynamodb:GetItem", "KEYSET"),
        ("dynamodb:UpdateItem", "KEYSET"),
        ("secretsmanager:DescribeSecret", "KeySetSecret"),
        ("secretsmanager:GetSecretValue", "KeySetSecret"),
        ("secretsmanager:PutSecretValue", "KeySetSecret"),
        ("secretsmanager:UpdateSecretVersionStage", "KeySetSecret"),
    },
    # Nothing of the table, and no secret.
    "AuditForwarderFunction": {
        ("events:PutEvents", "AuditEventBus"),
    },
}

TABLE = {"Fn::GetAtt": ["Table", "Arn"]}
SECRETS = {"KeySetSecret": "KEY_SET", "PseudonymSecret": "PSEUDONYM"}
# The parameter, as an ARN whichever way it was given.
BUS = {
    "Fn::If": [
        "AuditEventBusIsArn",
        {"Ref": "AuditEventBus"},
        {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${AuditEventBus}"},
    ]
}
LAMBDA_MAY_ASSUME = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
# Other ways to hand out permissions: none is in use, so none is read here.
UNREAD = (
    "AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::Group",
    "AWS::SecretsManager::ResourcePolicy", "AWS::KMS::Key",
)  # fmt: skip


def main(path):
    with open(path, encoding="utf-8") as file:
        resources = json.load(file)["Resources"]
    faults = [f"{name}: {r['Type']} is not read by this check" for name, r in resources.items() if r["Type"] in UNREAD]
    faults += [
        f"{name}: a resource policy is not read by this check"
        for name, r in resources.items()
        if "ResourcePolicy" in r.get("Properties", {})
    ]

    functions = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::Lambda::Function"}
    roles = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::IAM::Role"}
    given = {}
    for name, function in functions.items():
        role_name = name.removesuffix("Function") + "Role"
        if function["Role"] != {"Fn::GetAtt": [role_name, "Arn"]} or role_name not in roles:
            faults.append(f"{name}: its role is not {role_name}")
            continue
        logs = function["LoggingConfig"]["LogGroup"]
        given[name] = grants(name, roles.pop(role_name), logs, faults)
        for secret, prefix in SECRETS.items():
            is_named = any(v.startswith(prefix) for v in function["Environment"]["Variables"])
            if is_named != (("secretsmanager:GetSecretValue", secret) in given[name]):
                faults.append(f"{name}: the variables that name {secret} and the permission to read it differ")
    faults += [f"{name}: a role without a function" for name in roles]

    for name in sorted(REVIEWED.keys() | given.keys()):
        reviewed, actual = REVIEWED.get(name, set()), given.get(name, set())
        faults += [f"{name}: may {action} on {where}: not reviewed" for action, where in sorted(actual - reviewed)]
        faults += [f"{name}: may no longer {action} on {where}" for action, where in sorted(reviewed - actual)]

    for fault in faults:
        print(f"check_policies: {fault}", file=sys.stderr)
    if not faults:
        print(f"check_policies: {len(functions)} functions, {sum(map(len, given.values()))} grants, all reviewed")
    return 1 if faults else 0


def grants(name, role, logs, faults):
    """The (action, where) pairs of a role; whatever is not of the one form in use is a fault."""
    if role.keys() - {"AssumeRolePolicyDocument", "Policies", "Tags"}:
        faults.append(f"{name}: its role has more than inline policies (managed ones can't be read here)")
    if role["AssumeRolePolicyDocument"]["Statement"] != LAMBDA_MAY_ASSUME:
        faults.append(f"{name}: others than Lambda may assume its role")
    pairs = set()
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            pairs |= pairs_of(name, statement, logs, faults)
    return pairs


def pairs_of(name, statement, logs, faults):
    shown = json.dumps(statement)
    actions = statement.get("Action", [])
    actions = [actions] if isinstance(actions, str) else actions
    if statement.keys() - {"Effect", "Action", "Resource", "Condition"} or statement["Effect"] != "Allow":
        faults.append(f"{name}: a statement of unknown form: {shown}")
        return set()
    if not actions or any(not isinstance(action, str) or "*" in action for action in actions):
        faults.append(f"{name}: actions must be named one by one: {shown}")
        return set()

    resource, condition = statement.get("Resource"), statement.get("Condition")
    if resource == {"Fn::GetAtt": [logs.get("Ref"), "Arn"]} and condition is None:
        if set(actions) <= set(WRITE_LOGS):
            return set()
    elif resource in [{"Ref": secret} for secret in SECRETS] and condition is None:
        return {(action, resource["Ref"]) for action in actions}
    elif resource == BUS and condition is None:
        return {(action, "AuditEventBus") for action in actions}
    elif resource == TABLE:
        keys = (condition or {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])
        strict = {
            "Null": {"dynamodb:LeadingKeys": "false"},
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
        }
        if keys and condition == strict:
            return {(action, key) for action in actions for key in keys}
        faults.append(f"{name}: the table without exactly the two conditions on its leading keys: {shown}")
        return set()
    faults.append(f"{name}: neither its own log group, nor the table, nor a secret, nor the bus: {shown}")
    return set()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
