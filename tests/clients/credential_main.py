"""Prints two tokens of the credential in docs/clients.md, one a line: the first, and the one that replaces it."""

import os
import time

from credential import credential_for

with credential_for(os.environ["FUNCTIONS_URL"], lambda: os.environ["SIGN_IN_TOKEN"]) as credential:
    first = second = credential.get_token().token
    print(first)
    deadline = time.monotonic() + 30
    while second == first and time.monotonic() < deadline:
        time.sleep(0.05)
        second = credential.get_token().token
    print(second)
