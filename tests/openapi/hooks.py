"""Gives the functions what no schema can describe: an issuer that they trust, and tokens of a Teams user."""

import os

import requests
import schemathesis

EMULATOR, TENANT, OBJECT, APP = (os.environ[name] for name in ("EMULATOR", "TENANT", "OBJECT", "APP"))
USER = {"appId": APP, "userId": OBJECT, "tenantId": TENANT}


def entra_token(more):
    """Returns an Entra token of the user."""
    answer = requests.post(f"{EMULATOR}/_emulator/entra/tokens", json=USER | more, timeout=10)
    answer.raise_for_status()
    return answer.json()["token"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Replaces values in valid bodies. Invalid bodies stay as they are."""
    body, path = case.body, case.operation.path
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(body, dict):
        return
    if "issuer" in body:
        body["issuer"] = f"{EMULATOR}/_emulator/oidc"
    if "tenantId" in body:
        body["tenantId"] = TENANT
    if "teams-phone" in path:
        body["token"] = entra_token({"scope": "TeamsExtension.ManageCalls"})
    elif "teams" in path:
        body["token"] = entra_token({})
        body.update({name: value for name, value in USER.items() if name in body})
