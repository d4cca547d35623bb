"""Tests every operation of azure-communication-identity."""

import re
from datetime import datetime, timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError
from conftest import APP_ID, USER_ID, claims

SCOPES = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"]


def check_token(emulator, token, user, scopes, minutes):
    """Asserts that the emulator issued the token for this user, these scopes and this lifetime."""
    assert emulator.token_status(token.token) == "valid"
    found = claims(token.token)
    assert f"8:{found['skypeid']}" == user.properties["id"]
    assert found["acsScope"] == ",".join(scopes)
    assert found["exp"] - found["iat"] == minutes * 60
    assert seconds(token.expires_on) == found["exp"]


def seconds(expires_on):
    """Returns `expires_on` in seconds. It has up to seven decimals, of which Python 3.10 parses at most six."""
    return int(datetime.fromisoformat(re.sub(r"\.\d+", "", expires_on)).timestamp())


def test_creates_an_identity(acs, emulator):
    user = acs.create_user()
    assert re.fullmatch(r"8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}", user.properties["id"])
    assert [identity["id"] for identity in emulator.state()["identities"]] == [user.properties["id"]]


def test_creates_an_identity_with_its_first_token(acs, emulator):
    user, token = acs.create_user_and_token(scopes=SCOPES)
    check_token(emulator, token, user, SCOPES, 1440)


@pytest.mark.parametrize("minutes", [60, 1440])
def test_issues_tokens_with_a_lifetime(acs, emulator, minutes):
    lifetime = timedelta(minutes=minutes)
    user, token = acs.create_user_and_token(scopes=["chat"], token_expires_in=lifetime)
    check_token(emulator, token, user, ["chat"], minutes)
    check_token(emulator, acs.get_token(user, ["voip"], token_expires_in=lifetime), user, ["voip"], minutes)


@pytest.mark.parametrize("scope", SCOPES)
def test_issues_a_token(acs, emulator, scope):
    user = acs.create_user()
    check_token(emulator, acs.get_token(user, [scope]), user, [scope], 1440)


def test_revokes_existing_tokens_not_later_ones(acs, emulator):
    user, token = acs.create_user_and_token(scopes=["voip"])
    acs.revoke_tokens(user)
    assert emulator.token_status(token.token) == "revoked"
    check_token(emulator, acs.get_token(user, ["voip"]), user, ["voip"], 1440)


def test_deletes_an_identity_and_its_tokens(acs, emulator):
    user, token = acs.create_user_and_token(scopes=["chat"])
    acs.delete_user(user)
    assert emulator.token_status(token.token) == "deleted"
    with pytest.raises(ResourceNotFoundError):
        acs.get_token(user, ["chat"])


def test_exchanges_a_teams_users_token_for_one_that_expires_in_the_same_second(acs, emulator):
    entra = emulator.entra_token(expiresInSeconds=1800)
    token = acs.get_token_for_teams_user(entra, APP_ID, USER_ID)
    assert emulator.token_status(token.token) == "valid"
    assert claims(token.token)["exp"] == claims(entra)["exp"] == seconds(token.expires_on)
