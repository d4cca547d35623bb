"""A back end that calls acs-tokens with a function key: creates an identity, issues, revokes and deletes.

    FUNCTIONS_URL=http://127.0.0.1:7071 FUNCTION_KEY=… python token_service.py
"""

import os

import requests


class TokenServiceError(Exception):
    """An error answer: a problem (RFC 9457). docs/problems.md lists the codes."""

    def __init__(self, answer):
        is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
        problem = answer.json() if is_problem else {}
        self.status = answer.status_code
        self.code = problem.get("code", "unexpected-answer")
        self.retry_after = answer.headers.get("Retry-After")
        super().__init__(f"{self.status} {self.code}: {problem.get('detail', 'the answer is not one of acs-tokens')}")


class TokenService:
    def __init__(self, functions_url, function_key):
        self.base = f"{functions_url}/api/identities"
        self.session = requests.Session()
        self.session.headers["x-functions-key"] = function_key

    def create_identity(self, scopes):
        """Creates an identity with its first token. Returns the id, which you store, and the token."""
        created = self._call("POST", "", {"createTokenWithScopes": scopes})
        return created["identity"]["id"], created["accessToken"]

    def issue_token(self, identity, scopes, minutes=60):
        """Issues a token: `token`, `expiresOn` and `expiresOnTimestamp`."""
        return self._call("POST", f"/{identity}/tokens", {"scopes": scopes, "expiresInMinutes": minutes})

    def revoke_tokens(self, identity):
        self._call("DELETE", f"/{identity}/tokens")

    def delete_identity(self, identity):
        self._call("DELETE", f"/{identity}")

    def _call(self, method, path, body=None):
        # A redirect could send the key to another server.
        answer = self.session.request(method, self.base + path, json=body, timeout=30, allow_redirects=False)
        if not 200 <= answer.status_code < 300:
            raise TokenServiceError(answer)
        return answer.json() if answer.content else None


if __name__ == "__main__":
    service = TokenService(os.environ["FUNCTIONS_URL"], os.environ["FUNCTION_KEY"])
    user, first = service.create_identity(["voip"])
    print("created", user, "with a token until", first["expiresOn"])
    token = service.issue_token(user, ["chat", "voip"])
    print("issued a token until", token["expiresOn"])
    service.revoke_tokens(user)
    print("revoked the tokens")
    service.delete_identity(user)
    print("deleted the identity")
    try:
        service.issue_token(user, ["chat"])
    except TokenServiceError as error:
        print("refused:", error.code)
