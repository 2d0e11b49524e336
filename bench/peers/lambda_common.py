"""What the functions in Python have in common: the table, the first key of the set, and an answer's shape."""

import json
import os
from pathlib import Path

import boto3

TABLE = os.environ["TABLE_NAME"]

dynamodb = boto3.client("dynamodb")
signing = json.loads(Path(os.environ["KEY_SET_FILE"]).read_text())["signing"][0]


def answer(status, body):
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
