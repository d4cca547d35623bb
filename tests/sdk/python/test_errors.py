"""Errors as the SDK reports them: status, code and message of ACS, see tests/recorded."""

import base64
import time
from datetime import timedelta

import pytest
from azure.communication.identity import CommunicationUserIdentifier
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from conftest import APP_ID, USER_ID

FOREIGN = CommunicationUserIdentifier(
    "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000"
)
OTHER = "11111111-2222-4333-8444-555555555555"
DENIED = (401, "Denied", "Denied by the resource provider.", None)
NOT_OWNED = (401, "IdentityNotOwned", "Provided identity doesn't belong to the resource.", None)
NOT_VALID = (401, "InvalidAccessToken", "Provided access token is not valid.", None)


def invalid(message, target):
    return (400, "ValidationError", message, target)


def check_rejected(expected, call, *args, **kwargs):
    """Asserts that a call fails with this error."""
    with pytest.raises(HttpResponseError) as raised:
        call(*args, **kwargs)
    status, code, message, target = expected
    error = raised.value
    assert (error.status_code, error.error.code, error.error.message) == (status, code, message)
    wire = {"code": code, "message": message}
    assert error.response.json() == {"error": wire if target is None else wire | {"target": target}}


@pytest.mark.parametrize("minutes", [59, 1441])
def test_a_lifetime_outside_60_to_1440_minutes(acs, minutes):
    message = f"ExpiresInMinutes value {minutes} is invalid. Value must be within the [60, 1440] interval."
    expected, lifetime = invalid(message, "ExpiresInMinutes"), timedelta(minutes=minutes)
    user = acs.create_user()
    check_rejected(expected, acs.create_user_and_token, ["chat"], token_expires_in=lifetime)
    check_rejected(expected, acs.get_token, user, ["chat"], token_expires_in=lifetime)


def test_no_scopes(acs):
    user = acs.create_user()
    check_rejected(invalid("Scopes: The Scopes field is required.", "Scopes"), acs.get_token, user, None)
    check_rejected(invalid("Invalid scopes - Scopes field is required.", "scopes"), acs.get_token, user, [])


def test_an_identity_of_another_resource(acs):
    check_rejected(NOT_OWNED, acs.get_token, FOREIGN, ["chat"])
    check_rejected(NOT_OWNED, acs.revoke_tokens, FOREIGN)
    check_rejected(NOT_OWNED, acs.delete_user, FOREIGN)


@pytest.mark.parametrize("token", ["", "garbage", None], ids=["empty", "garbage", "expired"])
def test_a_teams_exchange_with_an_invalid_token(acs, emulator, token):
    token = emulator.entra_token(expiresInSeconds=-60) if token is None else token
    check_rejected(NOT_VALID, acs.get_token_for_teams_user, token, APP_ID, USER_ID)


@pytest.mark.parametrize(
    "app_id, expected",
    [
        ("", invalid("AppId: The AppId field is required.", "AppId")),
        ("invalid", invalid("Provided AppId has invalid format.", "appId")),
        (OTHER, invalid("AAD application is not the expected one.", "appId")),
    ],
    ids=["empty", "no-guid", "other"],
)
def test_a_teams_exchange_with_a_wrong_app(acs, emulator, app_id, expected):
    check_rejected(expected, acs.get_token_for_teams_user, emulator.entra_token(), app_id, USER_ID)


@pytest.mark.parametrize(
    "user_id, expected",
    [
        ("", invalid("UserId: The UserId field is required.", "UserId")),
        ("invalid", invalid("Provided UserId has invalid format.", "userId")),
        (OTHER, invalid("Provided AAD token issued for unexpected user.", "userId")),
    ],
    ids=["empty", "no-guid", "other"],
)
def test_a_teams_exchange_with_a_wrong_user(acs, emulator, user_id, expected):
    check_rejected(expected, acs.get_token_for_teams_user, emulator.entra_token(), APP_ID, user_id)


def test_a_wrong_key(make, emulator):
    key = AzureKeyCredential(base64.b64encode(b"not the emulator's key").decode())
    acs = make(lambda kind: kind(emulator.endpoint, key))
    check_rejected(DENIED, acs.create_user)
    assert emulator.state()["identities"] == []


def test_an_endpoint_with_a_trailing_slash_which_this_sdk_signs_as_part_of_the_host(make, emulator):
    acs = make(lambda kind: kind(emulator.endpoint + "/", AzureKeyCredential(emulator.key)))
    check_rejected(DENIED, acs.create_user)


def test_a_retired_api_version(make, emulator):
    version = "2020-07-20-preview2"
    acs = make(lambda kind: kind(emulator.endpoint, AzureKeyCredential(emulator.key), api_version=version))
    with pytest.raises(HttpResponseError) as raised:
        acs.create_user()
    assert (raised.value.status_code, raised.value.error.code) == (400, "UnsupportedApiVersion")
    assert f"does not support the API version '{version}'." in raised.value.error.message


def test_429_with_retry_after_is_retried_after_that_time(acs, emulator):
    answer = {"status": 429, "headers": {"Retry-After": "1"}}
    emulator.control("POST", "faults", {"operation": "create-identity", "answer": answer})
    before = time.monotonic()
    user = acs.create_user()
    assert time.monotonic() - before >= 1
    state = emulator.state()
    assert state["calls"]["create-identity"] == {"received": 2, "faulted": 1}
    assert [identity["id"] for identity in state["identities"]] == [user.properties["id"]]


def test_429_without_retry_after_is_not_retried(acs, emulator):
    emulator.control("POST", "faults", {"operation": "create-identity", "answer": {"status": 429}})
    with pytest.raises(HttpResponseError) as raised:
        acs.create_user()
    assert raised.value.status_code == 429
    assert emulator.state()["calls"]["create-identity"] == {"received": 1, "faulted": 1}
