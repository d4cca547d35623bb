"""A fixture for pytest: the connection string of an emulator that runs as a process on free ports."""

import os
import subprocess

import pytest


@pytest.fixture(scope="session")
def acs_connection_string():
    command = [os.environ.get("ACS_TOKENS", "acs-tokens"), "emulator", "--port", "0", "--https-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator, pytest.MonkeyPatch.context() as patch:
        found = {}
        for line in emulator.stdout:
            if line.startswith("export REQUESTS_CA_BUNDLE="):
                patch.setenv("REQUESTS_CA_BUNDLE", line.split("=", 1)[1].strip().strip("'"))
            elif line.startswith("endpoint=https:"):
                found.setdefault("connection string", line.strip())
            elif line.startswith("It keeps nothing"):
                break
        yield found["connection string"]
        emulator.terminate()
