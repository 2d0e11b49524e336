"""Our reading of the profile as a Lambda function in Python: boto3 and PyJWT, under AWS's own runtime client (awslambdaric).

Its key is in a file, where ours reads the published set from the table.
"""

import time

import jwt
from lambda_common import TABLE, answer, dynamodb, signing

key = jwt.PyJWK(signing["jwk"], "RS256")


def handler(event, _context):
    token = event["headers"].get("authorization", "").removeprefix("Bearer ")
    try:
        decoded = jwt.decode_complete(
            token, key, algorithms=["RS256"], issuer="https://bench.example", audience="vestibule"
        )
    except jwt.InvalidTokenError:
        return answer(401, {"code": "invalid_token"})
    if decoded["header"].get("typ") != "at+jwt":
        return answer(401, {"code": "invalid_token"})

    claims = decoded["payload"]
    subject = claims["sub"]
    user_key, session_key, roles_key = f"USER#{subject}", f"SESSION#{subject}", f"ROLES#{subject}"
    keys = [
        {"pk": {"S": user_key}, "sk": {"S": "USER"}},
        {"pk": {"S": session_key}, "sk": {"S": claims["sid"]}},
        {"pk": {"S": roles_key}, "sk": {"S": "ROLES"}},
    ]
    read = dynamodb.batch_get_item(RequestItems={TABLE: {"ConsistentRead": True, "Keys": keys}})
    items = {item["pk"]["S"]: item for item in read["Responses"][TABLE]}
    user, session = items.get(user_key), items.get(session_key)
    if not user or not session or not is_live(user, session):
        return answer(401, {"code": "invalid_token"})
    roles = [role["S"] for role in items[roles_key]["roles"]["L"]] if roles_key in items else []
    body = {"id": subject, "email": user["email"]["S"], "username": user["username"]["S"], "roles": roles}
    return answer(200, {"user": body})


def is_live(user, session):
    end = min(int(session[name]["N"]) for name in ("idle_expires_at", "absolute_expires_at"))
    return (
        user["status"]["S"] == "active"
        and session["session_epoch"]["N"] == user["session_epoch"]["N"]
        and end > time.time() * 1000
    )
