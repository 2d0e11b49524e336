#!/usr/bin/env python3
"""Breaks the template in each way that check_template.py looks for: it has to notice every one.

    check_template_test.py TRANSLATED_TEMPLATE.json RUNBOOK.md
"""

import copy
import json
import sys

from check_template import faults_of

ANY = "*"


def statements(resources, role):
    return resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


def of_table(resources, role):
    return next(s for s in statements(resources, role) if s["Resource"] == {"Fn::GetAtt": ["Table", "Arn"]})


def config(resources):
    return resources["Distribution"]["Properties"]["DistributionConfig"]


def behaviour(resources, path):
    return next(b for b in config(resources)["CacheBehaviors"] if b["PathPattern"] == path)


def stage(resources):
    return next(r for r in resources.values() if r["Type"] == "AWS::ApiGatewayV2::Stage")["Properties"]


# What somebody might do → how.
BREAKS = {
    "register may touch sessions": lambda r: of_table(r, "RegisterRole")["Condition"]["ForAllValues:StringLike"][
        "dynamodb:LeadingKeys"
    ].append("SESSION#*"),
    "profile may read credentials": lambda r: of_table(r, "ProfileRole")["Condition"]["ForAllValues:StringLike"][
        "dynamodb:LeadingKeys"
    ].append("EMAIL#*"),
    "profile may write roles": lambda r: statements(r, "ProfileRole").append(
        {
            "Effect": "Allow",
            "Action": "dynamodb:UpdateItem",
            "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
            "Condition": {
                "Null": {"dynamodb:LeadingKeys": "false"},
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROLES#*"]},
            },
        }
    ),
    "an action with a star": lambda r: of_table(r, "LoginRole").update(Action="dynamodb:*"),
    "a resource that is a star": lambda r: of_table(r, "LoginRole").update(Resource=ANY),
    "an index": lambda r: of_table(r, "LoginRole").update(Resource={"Fn::Sub": "${Table.Arn}/index/email-index"}),
    "NotAction": lambda r: statements(r, "LoginRole").append({"Effect": "Allow", "NotAction": "s3:*", "Resource": ANY}),
    "no condition on keys": lambda r: of_table(r, "LoginRole").pop("Condition"),
    "no condition against requests without a key": lambda r: of_table(r, "LoginRole")["Condition"].pop("Null"),
    "a grant that is needed is gone": lambda r: statements(r, "RefreshRole").pop(1),
    "a managed policy": lambda r: r["LoginRole"]["Properties"].update(
        ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]
    ),
    "another managed policy for releases": lambda r: r["CodeDeployServiceRole"]["Properties"]["ManagedPolicyArns"].append(
        "arn:aws:iam::aws:policy/PowerUserAccess"
    ),
    "another account may assume a role": lambda r: r["LoginRole"]["Properties"]["AssumeRolePolicyDocument"][
        "Statement"
    ].append({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "123456789012"}}),
    "two functions, one role": lambda r: r["LoginFunction"]["Properties"].update(
        Role={"Fn::GetAtt": ["PasswordRole", "Arn"]}
    ),
    "a role to spare": lambda r: r.update(SpareRole=r["LoginRole"]),
    "a policy beside the roles": lambda r: r.update(
        Spare={"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {}}}
    ),
    "another reads the private keys": lambda r: r["ProfileFunction"]["Properties"]["Environment"]["Variables"].update(
        KEY_SET_SECRET_ID={"Ref": "KeySetSecret"}
    ),
    "anybody may invoke": lambda r: r["LoginFunctionLoginPermission"]["Properties"].pop("SourceArn"),
    "an address around the API": lambda r: r.update(
        Url={"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE"}}
    ),
    "a public bucket": lambda r: r["SiteBucket"]["Properties"]["PublicAccessBlockConfiguration"].update(
        BlockPublicPolicy=False
    ),
    "a bucket without that setting": lambda r: r["SiteBucket"]["Properties"].pop("PublicAccessBlockConfiguration"),
    "a bucket with access lists": lambda r: r["SiteBucket"]["Properties"].pop("OwnershipControls"),
    "a bucket that is not encrypted": lambda r: r["SiteBucket"]["Properties"].pop("BucketEncryption"),
    "a bucket that all may read": lambda r: r["SiteBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0].update(
        Principal=ANY
    ),
    "a bucket that every distribution may read": lambda r: r["SiteBucketPolicy"]["Properties"]["PolicyDocument"][
        "Statement"
    ][0].pop("Condition"),
    "a bucket that may be written": lambda r: r["SiteBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][
        0
    ].update(Action=["s3:GetObject", "s3:PutObject"]),
    "a second bucket": lambda r: r.update(Uploads={"Type": "AWS::S3::Bucket", "Properties": {}}),
    "a queue, which is not encrypted": lambda r: r.update(Queue={"Type": "AWS::SQS::Queue", "Properties": {}}),
    "a table that is not encrypted": lambda r: r["Table"]["Properties"].pop("SSESpecification"),
    "a table without recovery": lambda r: r["Table"]["Properties"].pop("PointInTimeRecoverySpecification"),
    "a stream without images": lambda r: r["Table"]["Properties"].update(StreamSpecification={"StreamViewType": "KEYS_ONLY"}),
    "a table without a stream": lambda r: r["Table"]["Properties"].pop("StreamSpecification"),
    "a table that goes with the stack": lambda r: r["Table"].pop("DeletionPolicy"),
    "a function without a log group": lambda r: r["LoginFunction"]["Properties"].pop("LoggingConfig"),
    "a log group for ever": lambda r: r["LoginLogs"]["Properties"].pop("RetentionInDays"),
    "a function without a timeout": lambda r: r["LoginFunction"]["Properties"].pop("Timeout"),
    "a function without an alarm": lambda r: r.pop("LoginErrorsAlarm"),
    "an alarm of another function": lambda r: r["LoginErrorsAlarm"]["Properties"]["Dimensions"][0].update(
        Value={"Ref": "RefreshFunction"}
    ),
    "an alarm that tells nobody": lambda r: r["ReuseAlarm"]["Properties"].pop("AlarmActions"),
    "an alarm that the runbook lacks": lambda r: r.update(AnotherAlarm=r["ReuseAlarm"]),
    "a runbook entry of no alarm": lambda r: r.pop("ReuseAlarm"),
    "tokens in a cache": lambda r: behaviour(r, "/auth/*").update(CachePolicyId="658327ea-f89d-4fab-a63d-7e88639e58f6"),
    "passwords by http": lambda r: behaviour(r, "/auth/*").update(ViewerProtocolPolicy="allow-all"),
    "keys made of somebody's headers": lambda r: behaviour(r, "/.well-known/*").update(
        OriginRequestPolicyId="b689b0a8-53d0-40ab-baf2-68738e2966ac"
    ),
    "errors of the API replaced": lambda r: config(r)["CustomErrorResponses"][0].update(ResponsePagePath="/404.html"),
    "one client's errors kept for others": lambda r: config(r).pop("CustomErrorResponses"),
    "the viewer's address is the client's word": lambda r: behaviour(r, "/auth/*").pop("FunctionAssociations"),
    "the proof in clear": lambda r: config(r)["Origins"][1]["OriginCustomHeaders"][0].update(HeaderValue="proof"),
    "a proof that can be guessed": lambda r: r["KeySetSecret"]["Properties"]["GenerateSecretString"].update(PasswordLength=4),
    "a function that asks for no proof": lambda r: r["LoginFunction"]["Properties"]["Environment"]["Variables"].pop(
        "REQUIRE_ORIGIN_PROOF"
    ),
    "the API under the pages' cache": lambda r: config(r)["DefaultCacheBehavior"].update(TargetOriginId="api"),
    "a path that nobody has reviewed": lambda r: config(r)["CacheBehaviors"].append(
        {**behaviour(r, "/health"), "PathPattern": "/admin/*"}
    ),
    "passwords that are redirected": lambda r: behaviour(r, "/auth/*").update(ViewerProtocolPolicy="redirect-to-https"),
    "pages without their headers": lambda r: config(r)["DefaultCacheBehavior"].pop("ResponseHeadersPolicyId"),
    "an old TLS": lambda r: config(r).update(ViewerCertificate={"CloudFrontDefaultCertificate": True}),
    "any API may invoke": lambda r: r["LoginFunctionLoginPermission"]["Properties"].update(SourceArn="*"),
    "a permission for more than invoking": lambda r: r["RotateKeysPermission"]["Properties"].update(Action="lambda:*"),
    "keys that a deployment loses": lambda r: r["KeySetSecret"]["Properties"]["GenerateSecretString"].update(PasswordLength=44),
    "accounts that a slip deletes": lambda r: r["Table"]["Properties"].update(DeletionProtectionEnabled=False),
    "a firewall without rules": lambda r: r["WebAcl"]["Properties"].update(Rules=[]),
    "sign-ins without a limit of their own": lambda r: stage(r)["RouteSettings"].pop("ANY /auth/login"),
    "an alarm that is off": lambda r: r["ReuseAlarm"]["Properties"].update(ActionsEnabled=False),
    "an alarm on a metric that is not": lambda r: r["ReuseAlarm"]["Properties"].update(MetricName="Reuse"),
    "an alarm on another stack": lambda r: r["FaultsAlarm"]["Properties"]["Dimensions"][0].update(Name="Route"),
    "a release that nothing stops": lambda r: r["LoginFunctionAliaslive"].pop("UpdatePolicy"),
    "no proof of origin": lambda r: config(r)["Origins"][1].pop("OriginCustomHeaders"),
    "http to the API": lambda r: config(r)["Origins"][1]["CustomOriginConfig"].update(OriginProtocolPolicy="match-viewer"),
    "a bucket that is read without access control": lambda r: config(r)["Origins"][0].pop("OriginAccessControlId"),
    "a route without a limit": lambda r: stage(r)["RouteSettings"]["ANY /auth/login"].pop("ThrottlingRateLimit"),
    "addresses in the access log": lambda r: stage(r)["AccessLogSettings"].update(Format="$context.identity.sourceIp"),
    "no access log": lambda r: stage(r).pop("AccessLogSettings"),
}


def main(path, runbook):
    with open(path, encoding="utf-8") as file, open(runbook, encoding="utf-8") as pages:
        template, runbook = json.load(file), pages.read()
    missed = [f"the template is at fault as it is: {fault}" for fault in faults_of(template, runbook)]
    for what, change in BREAKS.items():
        broken = copy.deepcopy(template)
        change(broken["Resources"])
        if not faults_of(broken, runbook):
            missed.append(f"not noticed: {what}")
    for fault in missed:
        print(f"check_template_test: {fault}", file=sys.stderr)
    if not missed:
        print(f"check_template_test: {len(BREAKS)} ways to break the template, all noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
