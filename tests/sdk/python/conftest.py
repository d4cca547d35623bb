"""Fixtures: the running emulator, its control API, and SDK clients (sync and async, by connection string and by key)."""

import asyncio
import base64
import json
import os
import re
import subprocess
import threading
import urllib.request

import pytest
from azure.communication.identity import CommunicationIdentityClient
from azure.communication.identity.aio import CommunicationIdentityClient as AsyncClient
from azure.core.credentials import AzureKeyCredential

APP_ID = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac"
USER_ID = "32c0a5db-05ec-78ea-51ab-3f06b329397e"

PRINTED = {
    "emulator": re.compile(r"Emulator of ACS\s+(\S+)"),
    "certificate": re.compile(r"Its certificate\s+(.+)"),
    "http": re.compile(r"(endpoint=http:.+)"),
    "https": re.compile(r"(endpoint=https:.+)"),
}


class Emulator:
    """Runs `acs-tokens emulator` on free ports and reads the addresses it prints."""

    def __init__(self, program):
        command = [program, "emulator", "--port", "0", "--https-port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.found = {}
        while len(self.found) < len(PRINTED):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"{program} ended with {self.process.wait()}")
            for name, pattern in PRINTED.items():
                if match := pattern.match(line):
                    self.found[name] = match[1]
        # The emulator logs to the same pipe and would block if the pipe were full.
        self.drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self.drain.start()
        self.endpoint = self.found["emulator"]
        self.key = self.found["http"].split("accesskey=")[1]

    def stop(self):
        self.process.terminate()
        self.drain.join()
        self.process.stdout.close()
        self.process.wait()

    def control(self, method, path, body=None):
        """Calls the emulator's control API."""
        request = urllib.request.Request(
            f"{self.endpoint}/_emulator/{path}",
            method=method,
            headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request) as response:
            return json.loads(response.read() or "null")

    def state(self):
        return self.control("GET", "state")

    def token_status(self, token):
        return self.control("POST", "tokens/check", {"token": token})["status"]

    def entra_token(self, **more):
        return self.control("POST", "entra/tokens", {"appId": APP_ID, "userId": USER_ID, **more})["token"]


class Blocking:
    """Makes the calls of an async client blocking, so that the same tests can use it."""

    def __init__(self, client):
        self.loop = asyncio.new_event_loop()
        self.client = client

    def __getattr__(self, operation):
        call = getattr(self.client, operation)
        return lambda *args, **kwargs: self.loop.run_until_complete(call(*args, **kwargs))

    def close(self):
        self.loop.run_until_complete(self.client.close())
        self.loop.close()


def by_connection_string(kind, emulator):
    return kind.from_connection_string(emulator.found["https"], connection_verify=emulator.found["certificate"])


def by_key(kind, emulator):
    return kind(emulator.endpoint, AzureKeyCredential(emulator.key))


@pytest.fixture(scope="session")
def running():
    emulator = Emulator(os.environ["ACS_TOKENS"])
    yield emulator
    emulator.stop()


@pytest.fixture
def emulator(running):
    """Returns the emulator after a reset."""
    running.control("POST", "reset")
    return running


@pytest.fixture(params=["sync", "aio"])
def make(request):
    """Creates sync or async clients. Closes the async ones at the end; sync clients have no close method."""
    waiting = []

    def make(build):
        if request.param == "sync":
            return build(CommunicationIdentityClient)
        waiting.append(Blocking(build(AsyncClient)))
        return waiting[-1]

    yield make
    for client in waiting:
        client.close()


@pytest.fixture(params=[by_connection_string, by_key], ids=["https-connection-string", "http-key"])
def acs(request, make, emulator):
    """Returns a client: each of sync and async, each by connection string and by key."""
    return make(lambda kind: request.param(kind, emulator))


def claims(token):
    """Returns the claims of a token without verifying it."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
