"""Gives the functions what no schema can describe: a trusted issuer, tokens of a Teams user, ids of passes."""

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


def pass_id():
    """Returns the id of a new guest pass, which has check bytes."""
    key = {"x-functions-key": os.environ["FUNCTION_KEY"]}
    answer = requests.post(f"{os.environ['FUNCTIONS']}/api/guests", headers=key, timeout=10)
    answer.raise_for_status()
    return answer.json()["id"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Replaces values in valid requests. Invalid requests stay as they are."""
    body, path = case.body, case.operation.path
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "passId" in case.path_parameters:
        case.path_parameters["passId"] = pass_id()
    if not isinstance(body, dict):
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
