"""A peer: FastAPI with Microsoft's asynchronous SDK."""

import hashlib
import hmac
import json
import os
import sys
from datetime import datetime, timezone

import jwt
from azure.communication.identity import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

ENV = os.environ
ALLOWED = {"chat", "voip", "chat.join", "chat.join.limited", "voip.join"}

app = FastAPI()
# From a connection string, this client always uses https.
endpoint, access_key = ENV["CONNECTION_STRING"].removeprefix("endpoint=").split(";accesskey=")
client = CommunicationIdentityClient(endpoint, AzureKeyCredential(access_key))
keys = jwt.PyJWKClient(ENV["JWKS"], lifespan=3600)
identities: dict[str, str] = {}


class Scopes(BaseModel):
    scopes: list[str]


def log(**fields):
    now = datetime.now(timezone.utc).isoformat()
    sys.stdout.write(json.dumps({"timestamp": now, "level": "INFO", **fields}) + "\n")


def short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def answer(status: int, body: dict) -> JSONResponse:
    return JSONResponse(body, status, {"Cache-Control": "no-store"})


async def issue(identity: str, scopes: list[str]) -> dict:
    token = await client.get_token(CommunicationUserIdentifier(identity), scopes)
    timestamp = int(datetime.fromisoformat(token.expires_on).timestamp() * 1000)
    return {"token": token.token, "expiresOn": token.expires_on, "expiresOnTimestamp": timestamp}


@app.post("/api/identities/{identity}/tokens")
async def issue_token(identity: str, body: Scopes, request: Request):
    if not hmac.compare_digest(request.headers.get("x-functions-key", ""), ENV["KEY"]):
        return answer(401, {"code": "unauthorized", "status": 401})
    if not ALLOWED.issuperset(body.scopes):
        return answer(400, {"code": "invalid-fields", "status": 400})
    issued = await issue(identity, body.scopes)
    log(message="issued token", identity=short(identity), scopes=body.scopes, status=200)
    return answer(200, issued)


@app.post("/api/me/token")
async def my_token(request: Request):
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, ["RS256"], audience=ENV["AUDIENCE"], issuer=ENV["ISSUER"])
    except jwt.PyJWTError:
        return answer(401, {"code": "unauthorized", "status": 401})
    identity = identities.setdefault(claims["sub"], ENV["IDENTITY"])
    issued = await issue(identity, ["chat", "voip"])
    log(message="issued token", identity=short(identity), user=short(claims["sub"]), status=200)
    return answer(200, {**issued, "user": {"communicationUserId": identity}})


@app.get("/api/health")
async def health():
    return answer(200, {"status": "alive"})
