#!/usr/bin/env python3
"""Compares what the template makes, and what each function may do, with what was reviewed.

    check_template.py TRANSLATED_TEMPLATE.json RUNBOOK.md

Reads the template as the SAM transform leaves it, so that what the transform adds is seen too. A grant that is not in
REVIEWED fails, and so does one that is there and no longer given: the list says what is true. Whoever adds a line here says
why in the change's message. (Circles of dependencies are found by cfn-lint, E3004, in the same script.)
check_template_test.py breaks the template in every way that is looked for here.
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
# X-Ray takes no resource but "*", so this is Amazon's policy and none of ours, and where traces are on alone.
TRACING = {
    "Fn::If": ["HasTracing", [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"}], []]
}
# Of SAM: shifts the alias of a function from one version to the next, and looks at the alarms meanwhile.
RELEASES = {
    "Policies": [],
    "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"],
    "Service": "codedeploy.amazonaws.com",
}
# Whoever else may invoke a function, and what pins them to this account or this API.
INVOKERS = {
    "apigateway.amazonaws.com": "SourceArn",
    "secretsmanager.amazonaws.com": "SourceAccount",
    "logs.amazonaws.com": "SourceArn",
}
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
API = {
    "TargetOriginId": "api",
    "ViewerProtocolPolicy": "https-only",
    "CachePolicyId": CACHING_DISABLED,
    "OriginRequestPolicyId": ALL_VIEWER_EXCEPT_HOST,
    "FunctionAssociations": [
        {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["ViewerAddress", "FunctionARN"]}}
    ],
}
# What tells how a path is served. All else of a behaviour is taste.
BEHAVIOURS = {
    "pages": {
        "TargetOriginId": "pages",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": CACHING_OPTIMIZED,
        "ResponseHeadersPolicyId": {"Ref": "PageHeaders"},
        "FunctionAssociations": [
            {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["PageAddresses", "FunctionARN"]}},
            {"EventType": "viewer-response", "FunctionARN": {"Fn::GetAtt": ["PageStatus", "FunctionARN"]}},
        ],
    },
    "/auth/*": API,
    "/health": API,
    "/.well-known/*": {
        "TargetOriginId": "api",
        "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": CACHING_OPTIMIZED,
    },
}
DECIDING = {
    "TargetOriginId", "ViewerProtocolPolicy", "CachePolicyId", "OriginRequestPolicyId", "ResponseHeadersPolicyId",
    "FunctionAssociations", "LambdaFunctionAssociations", "ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL",
}  # fmt: skip
PROOF = {
    "HeaderName": "x-origin-proof",
    "HeaderValue": {"Fn::Sub": "{{resolve:secretsmanager:${KeySetSecret}:SecretString:origin_proof}}"},
}
# An edit would be answered with a new value: all keys, or all throttles and known browsers, would be lost.
GENERATED = {
    "KeySetSecret": {
        "SecretStringTemplate": '{"keys":[]}',
        "GenerateStringKey": "origin_proof",
        "PasswordLength": 43,
        "ExcludePunctuation": True,
    },
    "PseudonymSecret": {"PasswordLength": 43, "ExcludePunctuation": True},
}
# What is watched: (namespace, metric, dimension that says whose).
WATCHED = {
    "ApiFaultsAlarm": ("AWS/ApiGateway", "5xx", "ApiId"),
    "ApiLatencyAlarm": ("AWS/ApiGateway", "Latency", "ApiId"),
    "AuditRecordsDroppedAlarm": ("AWS/Lambda", "AsyncEventsDropped", "FunctionName"),
    "FailedSignInsAlarm": ("Vestibule", "RefusedSignIns", "Stack"),
    "FaultsAlarm": ("Vestibule", "Faults", "Stack"),
    "ReuseAlarm": ("Vestibule", "ReuseDetected", "Stack"),
    "TableReadThrottlesAlarm": ("AWS/DynamoDB", "ReadThrottleEvents", "TableName"),
    "TableWriteThrottlesAlarm": ("AWS/DynamoDB", "WriteThrottleEvents", "TableName"),
    "ThrottlesAlarm": ("AWS/Lambda", "Throttles", None),
}
PRIVATE = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)

# Every type of resource that is in use. Another one is not made until somebody has thought of what to look for in it.
TYPES = {
    "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::CloudFront::Distribution", "AWS::CloudFront::Function",
    "AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::ResponseHeadersPolicy", "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard", "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup",
    "AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::Permission",
    "AWS::Lambda::Version", "AWS::Logs::LogGroup", "AWS::Logs::QueryDefinition", "AWS::Logs::SubscriptionFilter",
    "AWS::Route53::RecordSetGroup", "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SecretsManager::RotationSchedule",
    "AWS::SecretsManager::Secret", "AWS::WAFv2::WebACL", "Custom::KeySet",
}  # fmt: skip


def faults_of(template, runbook):
    """Everything that is wrong, one sentence each."""
    resources = template["Resources"]
    faults = [f"{name}: {r['Type']} is not read by this check" for name, r in resources.items() if r["Type"] not in TYPES]
    faults += [
        f"{name}: a resource policy is not read by this check"
        for name, r in resources.items()
        if "ResourcePolicy" in r.get("Properties", {})
    ]
    given = permissions(resources, faults)
    for name in sorted(REVIEWED.keys() | given.keys()):
        reviewed, actual = REVIEWED.get(name, set()), given.get(name, set())
        faults += [f"{name}: may {action} on {where}: not reviewed" for action, where in sorted(actual - reviewed)]
        faults += [f"{name}: may no longer {action} on {where}" for action, where in sorted(reviewed - actual)]
    functions(resources, faults)
    stores(resources, faults)
    site(resources, faults)
    alarms(resources, runbook, faults)
    return faults


def of_type(resources, kind):
    return {name: r for name, r in resources.items() if r["Type"] == kind}


def permissions(resources, faults):
    """Function → the (action, where) pairs of its role."""
    roles = {name: r["Properties"] for name, r in of_type(resources, "AWS::IAM::Role").items()}
    given = {}
    for name, r in of_type(resources, "AWS::Lambda::Function").items():
        function = r["Properties"]
        role_name = name.removesuffix("Function") + "Role"
        if function["Role"] != {"Fn::GetAtt": [role_name, "Arn"]} or role_name not in roles:
            faults.append(f"{name}: its role is not {role_name}")
            continue
        logs = function.get("LoggingConfig", {}).get("LogGroup", {})
        given[name] = grants(name, roles.pop(role_name), logs, faults)
        for secret, prefix in SECRETS.items():
            is_named = any(v.startswith(prefix) for v in function["Environment"]["Variables"])
            if is_named != (("secretsmanager:GetSecretValue", secret) in given[name]):
                faults.append(f"{name}: the variables that name {secret} and the permission to read it differ")
    releases = roles.pop("CodeDeployServiceRole", None)
    if releases is not None and {
        "Policies": releases.get("Policies", []),
        "ManagedPolicyArns": releases.get("ManagedPolicyArns"),
        "Service": assumed_by(releases),
    } != RELEASES:
        faults.append("CodeDeployServiceRole: not what SAM makes for releases")
    faults += [f"{name}: a role without a function" for name in roles]
    return given


def assumed_by(role):
    """The one service that may assume it, however SAM or we wrote that; None if there is more to it."""
    match role["AssumeRolePolicyDocument"]["Statement"]:
        case [{"Effect": "Allow", "Action": "sts:AssumeRole" | ["sts:AssumeRole"], "Principal": principal, **rest}]:
            match principal:
                case {"Service": str(service) | [str(service)], **others} if not rest and not others:
                    return service
    return None


def grants(name, role, logs, faults):
    """The (action, where) pairs of a role; whatever is not of the one form in use is a fault."""
    if role.keys() - {"AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "Tags"}:
        faults.append(f"{name}: its role has more than policies")
    if role.get("ManagedPolicyArns", TRACING) != TRACING:
        faults.append(f"{name}: a managed policy that was not reviewed")
    if assumed_by(role) != "lambda.amazonaws.com":
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


def functions(resources, faults):
    groups = of_type(resources, "AWS::Logs::LogGroup")
    for name, group in groups.items():
        if "RetentionInDays" not in group["Properties"]:
            faults.append(f"{name}: keeps its lines for ever")
    for name, r in of_type(resources, "AWS::Lambda::Function").items():
        function = r["Properties"]
        if function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            faults.append(f"{name}: no log group of this stack")
        if not 1 <= function.get("Timeout", 0) <= 60:
            faults.append(f"{name}: no timeout of at most a minute")
        variables = function["Environment"]["Variables"]
        if variables.get("REQUIRE_ORIGIN_PROOF") != {"Fn::If": ["RefusesDirectAccess", "true", "false"]}:
            faults.append(f"{name}: not told whether a request has to prove its origin")
    for name, r in of_type(resources, "AWS::Lambda::Permission").items():
        pinned = INVOKERS.get(r["Properties"]["Principal"])
        source = json.dumps(r["Properties"].get(pinned))
        if pinned is None or "AWS::AccountId" not in source or r["Properties"]["Action"] != "lambda:InvokeFunction":
            faults.append(f"{name}: invoked by somebody who is not reviewed, or not pinned to this account")


def stores(resources, faults):
    for name, r in of_type(resources, "AWS::S3::Bucket").items():
        bucket = r["Properties"]
        if bucket.get("PublicAccessBlockConfiguration") != PRIVATE or "AccessControl" in bucket:
            faults.append(f"{name}: may become public")
        if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            faults.append(f"{name}: access lists are not off")
        if not bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration"):
            faults.append(f"{name}: not encrypted")
    for name, r in of_type(resources, "AWS::S3::BucketPolicy").items():
        for statement in r["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                continue
            arn = statement.get("Condition", {}).get("StringEquals", {}).get("AWS:SourceArn")
            arn = arn.get("Fn::Sub") if isinstance(arn, dict) else arn
            if (
                statement["Action"] != "s3:GetObject"
                or statement["Principal"] != {"Service": "cloudfront.amazonaws.com"}
                or not str(arn).endswith(":${AWS::AccountId}:distribution/${Distribution}")
            ):
                faults.append(f"{name}: admits others than the distribution, or to more than reading")
    for name, r in of_type(resources, "AWS::SecretsManager::Secret").items():
        if r["Properties"].get("GenerateSecretString") != GENERATED.get(name):
            faults.append(f"{name}: GenerateSecretString was edited, and a new value would take the old one's place")
    for name, r in of_type(resources, "AWS::DynamoDB::Table").items():
        table = r["Properties"]
        if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
            faults.append(f"{name}: not encrypted by a key of KMS")
        if table.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            faults.append(f"{name}: no point-in-time recovery")
        if table.get("StreamSpecification") != {"StreamViewType": "NEW_AND_OLD_IMAGES"}:
            faults.append(f"{name}: no stream, or not of both images")
        if r.get("DeletionPolicy") != "RetainExceptOnCreate" or r.get("UpdateReplacePolicy") != "Retain":
            faults.append(f"{name}: goes with the stack")
        if table.get("DeletionProtectionEnabled") != {"Fn::If": ["IsProd", True, False]}:
            faults.append(f"{name}: in prod not protected from deletion")


def site(resources, faults):
    for name, r in of_type(resources, "AWS::CloudFront::Distribution").items():
        config = r["Properties"]["DistributionConfig"]
        for response in config.get("CustomErrorResponses", []):
            if response.keys() != {"ErrorCode", "ErrorCachingMinTTL"} or response["ErrorCachingMinTTL"] != 0:
                faults.append(f"{name}: would replace the API's errors, or keep them for others")
        kept = {403, 404, 405, 414, 500, 501, 502, 503, 504} - {e["ErrorCode"] for e in config.get("CustomErrorResponses", [])}
        if kept:
            faults.append(f"{name}: keeps one client's {min(kept)} for others")
        if "TLSv1.2" not in json.dumps(config.get("ViewerCertificate")):
            faults.append(f"{name}: an old version of TLS on a domain of one's own")
        for origin in config["Origins"]:
            if "CustomOriginConfig" in origin:
                if origin["CustomOriginConfig"] != {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]}:
                    faults.append(f"{name}: not by TLS 1.2 to {origin['Id']}")
                if origin.get("OriginCustomHeaders") != [PROOF]:
                    faults.append(f"{name}: no proof of origin for {origin['Id']}")
            elif "OriginAccessControlId" not in origin:
                faults.append(f"{name}: {origin['Id']} would have to be public")
        behaviours = {b.get("PathPattern", "pages"): b for b in [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]}
        for path in sorted(behaviours.keys() | BEHAVIOURS.keys()):
            actual = {k: v for k, v in behaviours.get(path, {}).items() if k in DECIDING}
            if actual != BEHAVIOURS.get(path):
                faults.append(f"{name}: {path} is not served as reviewed")
    for name, r in of_type(resources, "AWS::WAFv2::WebACL").items():
        if len(r["Properties"]["Rules"]) < 3 or "URL_DECODE" not in json.dumps(r["Properties"]["Rules"]):
            faults.append(f"{name}: fewer rules than reviewed, or a limit that another spelling avoids")
    for name, r in of_type(resources, "AWS::ApiGatewayV2::Stage").items():
        settings = r["Properties"]
        if not {"ANY /auth/login", "ANY /auth/register", "ANY /auth/password/change"} <= settings.get("RouteSettings", {}).keys():
            faults.append(f"{name}: what hashes has no limit of its own")
        for route in (settings.get("DefaultRouteSettings", {}), *settings.get("RouteSettings", {}).values()):
            if "ThrottlingRateLimit" not in route or "ThrottlingBurstLimit" not in route:
                faults.append(f"{name}: a route without a limit")
        logged = settings.get("AccessLogSettings", {}).get("Format", "")
        if not logged:
            faults.append(f"{name}: no access log")
        for secret in ("$context.path", "sourceIp", "userAgent", "$context.identity", "queryString", "$context.authorizer.claims"):
            if secret in logged:
                faults.append(f"{name}: logs {secret}")


def alarms(resources, runbook, faults):
    found = of_type(resources, "AWS::CloudWatch::Alarm")
    watched = {}
    for name, r in found.items():
        alarm = r["Properties"]
        for dimension in alarm.get("Dimensions", []):
            if alarm["MetricName"] == "Errors" and dimension["Name"] == "FunctionName":
                watched[dimension["Value"]["Ref"]] = r.get("Condition")
        if "AlarmActions" not in alarm or alarm.get("ActionsEnabled", True) is not True:
            faults.append(f"{name}: tells nobody")
        if name in WATCHED:
            namespace, metric, whose = WATCHED[name]
            dimensions = [d["Name"] for d in alarm.get("Dimensions", [])]
            if (alarm.get("Namespace"), alarm.get("MetricName"), dimensions) != (namespace, metric, [whose] if whose else []):
                faults.append(f"{name}: watches something else than {namespace} {metric}")
        elif alarm.get("MetricName") != "Errors" and "Metrics" not in alarm:
            faults.append(f"{name}: what it watches was not reviewed")
    # "### FirstAlarm, SecondAlarm": the entry of both.
    headings = [line.removeprefix("### ") for line in runbook.splitlines() if line.startswith("### ")]
    entries = {name for heading in headings for name in heading.split(", ") if name.endswith("Alarm")}
    faults += [f"{name}: docs/RUNBOOK.md says nothing of it" for name in sorted(found.keys() - entries)]
    faults += [f"docs/RUNBOOK.md: {name} is no alarm" for name in sorted(entries - found.keys())]
    for name, r in of_type(resources, "AWS::Lambda::Alias").items():
        group = r.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {}).get("DeploymentGroupName", {}).get("Ref")
        looked_at = json.dumps(resources.get(group, {}).get("Properties", {}).get("AlarmConfiguration"))
        if not {"FaultsAlarm", "ErrorsAlarm"} <= {w for w in ("FaultsAlarm", "ErrorsAlarm") if w in looked_at}:
            faults.append(f"{name}: a release that looks at no alarms")
    for name, r in of_type(resources, "AWS::Lambda::Function").items():
        wanted = "HasForwarderAlarm" if r.get("Condition") == "HasAuditEventBus" else "HasAlarms"
        if watched.get(name) != wanted:
            faults.append(f"{name}: no alarm on its errors where alarms are on")


def main(path, runbook):
    with open(path, encoding="utf-8") as file, open(runbook, encoding="utf-8") as pages:
        template, runbook = json.load(file), pages.read()
    faults = faults_of(template, runbook)
    for fault in faults:
        print(f"check_template: {fault}", file=sys.stderr)
    if not faults:
        given = permissions(template["Resources"], [])
        grants_given = sum(map(len, given.values()))
        alarms_found = len(of_type(template["Resources"], "AWS::CloudWatch::Alarm"))
        print(f"check_template: {len(given)} functions, {grants_given} grants, all reviewed; {alarms_found} alarms in the runbook")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
