"""Gives the functions what no schema can describe: an issuer that they trust, and Entra tokens of Teams users."""

import os

import requests
import schemathesis

EMULATOR = os.environ["EMULATOR"]
APP = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac"
USER = "32c0a5db-05ec-78ea-51ab-3f06b329397e"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Replaces values of bodies that are valid. An invalid body stays as it is."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    path = case.operation.path
    if path.startswith("/users/") and "issuer" in case.body:
        case.body["issuer"] = f"{EMULATOR}/_emulator/oidc"
    if path == "/teams/tokens":
        request = {"appId": APP, "userId": USER}
        token = requests.post(f"{EMULATOR}/_emulator/entra/tokens", json=request, timeout=10).json()["token"]
        case.body = {"token": token, **request}
