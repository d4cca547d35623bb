"""Checks `bootstrap` under AWS's runtime interface emulator with each form of event.

python3 check.py <runtime interface emulator> <bootstrap> <acs-tokens>
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from urllib.parse import urljoin, urlsplit

from events import FORMS, event

KEY = ("x-functions-key", "key-of-the-test-events")
JSON = ("Content-Type", "application/json")
SCOPES = '{"scopes":["voip"]}'
LIMIT_S = 60
checks = 0


def check(what, condition, shown):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"{what}: {shown}")


def post(url, body):
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
        return json.load(answer)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(what, condition):
    end = time.monotonic() + LIMIT_S
    while not (result := condition()):
        if time.monotonic() > end:
            sys.exit(f"timed out waiting for {what}")
        time.sleep(0.05)
    return result


class Lambda:
    """`bootstrap` under the runtime interface emulator."""

    def __init__(self, emulator, bootstrap, environment):
        self.log = tempfile.NamedTemporaryFile()
        port = free_port()
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        command = [emulator, "--log-level", "error", *addresses, bootstrap]
        # A process group, so that `bootstrap` is stopped too.
        self.process = subprocess.Popen(
            command, env=environment, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        wait_for("the runtime interface emulator", lambda: listens(port))

    def invoke(self, payload):
        return post(self.url, payload if isinstance(payload, str) else json.dumps(payload))

    def lines(self):
        """Returns the JSON lines of the log. Exits if there is text of the program between them."""
        lines = []
        for line in open(self.log.name, encoding="utf-8"):
            if line.startswith("{"):
                lines.append(json.loads(line))
            else:
                # The lines of Lambda itself.
                check("plain text in the log", line.split(" ")[0] in {"START", "END", "REPORT"} or not line.strip(), line)
        return lines


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


class Form:
    """Sends requests as events of one form."""

    def __init__(self, function, name):
        self.function, self.name = function, name

    def send(self, what, status, method, target, headers=(), body=None, code=None, change=None):
        sent = event(self.name, method, target, headers, body)
        if change:
            change(sent)
        result = self.function.invoke(sent)
        what = f"{self.name}, {what}"
        check(what, isinstance(result, dict) and result.get("statusCode") == status, result)
        # The sender reads the field that its event has.
        if "multiValueHeaders" in sent:
            headers = {name: ", ".join(values) for name, values in result["multiValueHeaders"].items()}
        else:
            headers = result["headers"]
        check(f"{what}: request id", headers.get("x-request-id"), result)
        check(f"{what}: caching", headers.get("cache-control") == "no-store", result)
        body = result["body"]
        if code:
            check(f"{what}: code", json.loads(body)["code"] == code, result)
            check(f"{what}: type", headers["content-type"] == "application/problem+json", result)
        check(f"{what}: no names of Rust types", "::" not in body, result)
        return headers, body


def lifecycle(form):
    """Creates an identity, issues and revokes its tokens, and deletes it. Follows the Location behind a stage."""
    headers, body = form.send("create", 201, "POST", "/api/identities", [KEY, JSON], "{}")
    location = urljoin("https://tokens.example/prod/api/identities", headers["location"])
    identity = urlsplit(location).path.removeprefix("/prod")
    check(f"{form.name}: Location", location.startswith("https://tokens.example/prod/api/identities/8:acs:"), location)
    check(f"{form.name}: Location", identity.endswith(json.loads(body)["identity"]["id"]), location)
    created = '{"createTokenWithScopes":["chat","voip"]}'
    _, body = form.send("create with a token", 201, "POST", "/api/identities", [KEY, JSON], created)
    check(f"{form.name}: token", json.loads(body)["accessToken"]["token"].count(".") == 2, body)
    tokens = f"{identity}/tokens"
    headers, body = form.send("issue", 200, "POST", tokens, [KEY, JSON], SCOPES)
    check(f"{form.name}: token as JSON", json.loads(body)["token"].count(".") == 2, body)
    headers, body = form.send("issue as text", 200, "POST", tokens, [KEY, JSON, ("Accept", "text/plain")], SCOPES)
    check(f"{form.name}: token as text", body.count(".") == 2 and headers["content-type"].startswith("text/plain"), body)
    refusals(form, identity)
    for what, target in ("revoke", tokens), ("delete", identity):
        headers, body = form.send(what, 204, "DELETE", target, [KEY])
        check(f"{form.name}, {what}: no body and no length", body == "" and "content-length" not in headers, headers)
    form.send("delete again", 404, "DELETE", identity, [KEY], code="identity-not-found")


def refusals(form, identity):
    """Requests that are refused, none of which may change the identity."""
    for name, method, target, headers, body, status, code in [
        ("no key", "POST", "/api/identities", [JSON], "{}", 401, "unauthorized"),
        ("a wrong key", "POST", "/api/identities", [("x-functions-key", "wrong"), JSON], "{}", 401, "unauthorized"),
        ("no body", "POST", "/api/identities", [KEY, JSON], None, 400, "empty-body"),
        ("no JSON", "POST", "/api/identities", [KEY, JSON], "{", 400, "malformed-json"),
        ("no media type", "POST", "/api/identities", [KEY], "{}", 415, "unsupported-media-type"),
        ("an invalid field", "POST", "/api/identities", [KEY, JSON], '{"a":1}', 400, "invalid-fields"),
        ("an invalid id", "DELETE", "/api/identities/a", [KEY], None, 400, "invalid-identity-id"),
        ("no function", "GET", "/api/caf%C3%A9", [KEY], None, 404, "not-found"),
        ("a wrong method", "PUT", "/api/identities", [KEY], None, 405, "method-not-allowed"),
        *(
            (f"{part} in the path", "DELETE", f"{identity}{part}/tokens", [KEY], None, 400, "invalid-url")
            for part in ("%23", "%3F", "%3fx=1", "%5C", "%0A", "%00", "%7F", "#", "\\")
        ),
        ("a host that is none", "DELETE", identity, [KEY, ("Host", "[")], None, 400, "invalid-url"),
    ]:
        headers, _ = form.send(name, status, method, target, headers, body, code)
        if status == 401:
            challenges = 'FunctionsKey header="x-functions-key", Bearer'
            check(f"{form.name}, {name}: both challenges", headers["www-authenticate"] == challenges, headers)
        if status == 405:
            check(f"{form.name}, {name}: Allow", headers["allow"] == "POST", headers)

    def says_base64(sent):
        sent["isBase64Encoded"] = True

    post_json = ("POST", "/api/identities", [KEY, JSON], '{"a":"!"}')
    form.send("a plain body that is said to be base64", 400, *post_json, code="invalid-event", change=says_base64)
    if form.name in ("HTTP API 2.0", "function URL", "load balancer", "load balancer, multi-value"):
        form.send("a space in the query", 400, "GET", "/api/health?a b=c", code="invalid-url")
    form.send("a query", 200, "GET", "/api/health?a=b&a=%20%23")
    _, body = form.send("HEAD", 200, "HEAD", "/api/health")
    check(f"{form.name}: HEAD has no body", body == "", body)


def users(form, alice, bob):
    """A user's token, and repeated credentials where the event shows them."""
    bearer = [("Authorization", f"Bearer {token}") for token in (alice, bob)]
    target = "/api/me/token"
    _, own = form.send("a user", 200, "POST", target, bearer[:1])
    if form.name == "load balancer":
        return  # The event has the last header only.
    ambiguous = "ambiguous-authorization"
    form.send("two users", 400, "POST", target, bearer, code=ambiguous)
    form.send("a user twice", 400, "POST", target, bearer[:1] * 2, code=ambiguous)
    keys = [("x-functions-key", "wrong"), KEY]
    form.send("two keys", 401, "POST", "/api/identities", [*keys, JSON], "{}", code="unauthorized")
    _, after = form.send("the user again", 200, "POST", target, bearer[:1])
    check(f"{form.name}: the user's identity", json.loads(own)["user"] == json.loads(after)["user"], after)


def other_events(function):
    """Events that are not HTTP are answered with null and one warning each."""
    events = [
        {},
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"warmup": True},
        "null",
        "not JSON",
    ]
    for sent in events:
        check(f"{sent}", (answer := function.invoke(sent)) is None, answer)
    return len(events)


def environment(acs):
    issuer = acs.split(";")[0].removeprefix("endpoint=").rstrip("/") + "/_emulator/oidc"
    tokens = [post(f"{issuer}/tokens", json.dumps({"claims": {"aud": "app", "sub": sub}}))["token"] for sub in "ab"]
    return tokens, {
        "PATH": os.environ["PATH"],
        "COMMUNICATION_SERVICES_CONNECTION_STRING": acs,
        "CALLER_KEYS": f"tests={KEY[1]}",
        "OIDC_ISSUERS": issuer,
        "OIDC_AUDIENCES": "app",
        "USER_DIRECTORY": "memory:",
    }


def run(emulator, bootstrap, acs_tokens, processes):
    with tempfile.NamedTemporaryFile() as output:
        command = [acs_tokens, "emulator", "--port", "0", "--https-port", "0"]
        processes.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True))
        lines = lambda: [line.strip() for line in open(output.name) if line.startswith("endpoint=http:")]
        tokens, variables = environment(wait_for("the emulator of ACS", lines)[0])
    function = Lambda(emulator, bootstrap, variables)
    processes.append(function.process)
    for name in FORMS:
        before, form = checks, Form(function, name)
        lifecycle(form)
        users(form, *tokens)
        print(f"ok  {checks - before:3} checks  {name}")
    before = checks
    warnings = other_events(function)
    lines = function.lines()
    loud = [line for line in lines if line["level"] == "ERROR" or line["target"] == "acs_tokens::lambda"]
    check("one warning for each event that is not HTTP", len(loud) == warnings, loud)
    check("its text", all(line["message"].startswith("ignored ") for line in loud), loud)
    print(f"ok  {checks - before:3} checks  events that are not HTTP, and the log")


if __name__ == "__main__":
    running = []
    try:
        run(*sys.argv[1:], running)
    finally:
        for process in running:
            os.killpg(process.pid, 9)
            process.wait()
