"""Signs schemathesis in (tools/schemathesis.sh), and lets half of the cases that are right by the schema use what is right by
the rules as well, and what belongs to the account: its password, its refresh token, its session. Else they would all be
refused at the door."""

import atexit
import collections
import itertools
import json
import os
import threading
import time

import requests
import schemathesis
from schemathesis.generation import GenerationMode

BASE = os.environ["VESTIBULE_BASE_URL"]
PASSWORD = "correct horse battery staple 42"
BY_COOKIE = {"POST /auth/refresh", "POST /auth/logout"}
MAY_END_THE_SESSION = BY_COOKIE | {
    "DELETE /auth/sessions",
    "DELETE /auth/sessions/{id}",
    "POST /auth/password/change",
}
LIFETIME = 300  # seconds; an access token has 600

numbers = itertools.count()
# The attack comes in several processes, one after the other, against one table.
PROCESS = os.getpid()
worker = threading.local()


class Account:
    def __init__(self):
        name = f"subject{PROCESS}x{next(numbers)}"
        self.credentials = {"email": f"{name}@example.com", "password": PASSWORD}
        self.call("POST", "/auth/register", json={**self.credentials, "username": name}).raise_for_status()
        self.sign_in()

    def sign_in(self):
        answer = self.call("POST", "/auth/login", json=self.credentials)
        answer.raise_for_status()
        self.since = time.monotonic()
        self.refresh_token = answer.json()["refresh_token"]
        self.bearer = f"Bearer {answer.json()['access_token']}"
        sessions = self.sessions().json()["sessions"]
        self.session = next(session["id"] for session in sessions if session["current"])

    @staticmethod
    def call(method, path, **rest):
        return requests.request(method, BASE + path, timeout=20, **rest)

    def sessions(self):
        return self.call("GET", "/auth/sessions", headers={"Authorization": self.bearer})


def account():
    current = getattr(worker, "account", None)
    if current is None:
        current = worker.account = Account()
    elif time.monotonic() - current.since > LIFETIME:
        try:
            current.sign_in()
        except requests.HTTPError:
            # The attack may have used up the tries of this one.
            current = worker.account = Account()
    return current


OPEN = r"^/(health|\.well-known/.*|auth/(openapi\.json|register|login))$"


@schemathesis.auth(refresh_interval=None).skip_for(path_regex=OPEN)
class SignedIn:
    def get(self, case, context):
        return account()

    def set(self, case, data, context):
        if case.operation.label in BY_COOKIE:
            case.cookies["__Host-refresh"] = data.refresh_token
        else:
            case.headers["Authorization"] = data.bearer


@schemathesis.hook
def map_case(context, case):
    is_positive = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if not is_positive or next(numbers) % 2:
        return case
    label = case.operation.label
    body = case.body if isinstance(case.body, dict) else {}
    if label in BY_COOKIE or "transport" in body:
        case.headers["Origin"] = BASE
    if label in BY_COOKIE and body.get("refresh_token"):
        body["refresh_token"] = account().refresh_token
    if label == "POST /auth/login" and body.get("email"):
        body.update(account().credentials)
    if label == "POST /auth/password/change":
        body["current_password"] = PASSWORD
        # Each that succeeds costs an account.
        if body.get("new_password") and next(numbers) % 8 == 0:
            body["new_password"] = f"wooden lantern {next(numbers)} over quiet harbour"
    if label == "POST /auth/register":
        body.update(username=f"guest{PROCESS}x{next(numbers)}", password=PASSWORD)
    if label == "PATCH /auth/profile":
        case.headers.pop("If-Match", None)
        if "username" in body:
            body["username"] = f"guest{PROCESS}x{next(numbers)}"
    if label == "DELETE /auth/sessions/{id}":
        case.path_parameters["id"] = account().session
    return case


# An attack that is refused at the door finds nothing: tools/schemathesis.sh looks at what came through.
successes = collections.Counter({label: 0 for label in os.environ["VESTIBULE_OPERATIONS"].split(",")})


@atexit.register
def report():
    with open(os.environ["VESTIBULE_SUCCESSES"], "a", encoding="utf-8") as file:
        json.dump(successes, file)
        file.write("\n")


@schemathesis.hook
def after_call(context, case, response):
    # Of the method that was sent: some cases try another one.
    label = case.operation.label
    if 200 <= response.status_code < 300 and label == f"{case.method} {case.operation.path}":
        successes[label] += 1
    current = getattr(worker, "account", None)
    if current is None or case.operation.label not in MAY_END_THE_SESSION:
        return
    if case.operation.label == "POST /auth/password/change":
        # Another password, or the ten tries of a session used up.
        if response.status_code in (200, 429):
            worker.account = None
    elif current.sessions().status_code != 200:
        current.since = float("-inf")
    elif case.operation.label == f"{case.method} /auth/refresh" and response.status_code == 200:
        by_cookie = response.headers.get("set-cookie", [""])[0].partition(";")[0].partition("=")[2]
        current.refresh_token = response.json().get("refresh_token", by_cookie)
