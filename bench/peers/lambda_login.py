"""Our login as a Lambda function in Python: boto3, PyJWT and argon2-cffi, under AWS's own runtime client (awslambdaric)."""

import hashlib
import json
import secrets
import time
import uuid
from base64 import urlsafe_b64decode

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from cryptography.hazmat.primitives.serialization import load_der_private_key
from lambda_common import TABLE, answer, dynamodb, signing

ACCESS_SECONDS = 600
SESSION_SECONDS = 1_209_600

key = load_der_private_key(urlsafe_b64decode(signing["pkcs8"] + "=="), None)
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# What an unknown account's password is compared with.
nobody = "$argon2id$v=19$m=19456,t=2,p=1$d/sRtnyUBiramd42QJHmPA$E/BeIo0Y5y0XcsfB5D8h9rJGofIBYZwGeg4ONDA+MRc"


def handler(event, _context):
    attempt = json.loads(event["body"])
    email, password = attempt.get("email"), attempt.get("password")
    if not isinstance(email, str) or not isinstance(password, str):
        return answer(422, {"code": "invalid"})
    item_key = {"pk": {"S": f"EMAIL#{email.lower()}"}, "sk": {"S": "CREDENTIAL"}}
    user = dynamodb.get_item(TableName=TABLE, Key=item_key).get("Item")
    try:
        is_right = hasher.verify(user["password_hash"]["S"] if user else nobody, password)
    except VerifyMismatchError:
        is_right = False
    if not user or not is_right or user["status"]["S"] != "active":
        return answer(401, {"code": "invalid_credentials"})

    now = int(time.time())
    session, subject = str(uuid.uuid4()), user["user_id"]["S"]
    refresh_token = secrets.token_urlsafe(32)
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "pk": {"S": f"PEER#{subject}"},
            "sk": {"S": session},
            "refresh_hash": {"B": hashlib.sha256(refresh_token.encode()).digest()},
            "created_at": {"N": str(now)},
            "expires_at": {"N": str(now + SESSION_SECONDS)},
        },
    )
    claims = {
        "iss": "https://bench.example",
        "aud": "vestibule",
        "sub": subject,
        "sid": session,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + ACCESS_SECONDS,
    }
    access_token = jwt.encode(claims, key, "RS256", headers={"kid": signing["jwk"]["kid"], "typ": "at+jwt"})
    return answer(
        200,
        {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "refresh_token": refresh_token,
        },
    )
