// The operations that both Node peers serve: the same checks and the same log line as this service has.
import { createHash, timingSafeEqual } from "node:crypto";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { CONNECTION_STRING, ISSUER, JWKS, AUDIENCE, KEY, IDENTITY } = process.env;
const client = new CommunicationIdentityClient(CONNECTION_STRING, { allowInsecureConnection: true });
const keys = createRemoteJWKSet(new URL(JWKS));
const digest = (text) => createHash("sha256").update(text ?? "").digest();
const expected = digest(KEY);
const allowed = new Set(["chat", "voip", "chat.join", "chat.join.limited", "voip.join"]);
const identities = new Map();

const log = (fields) => process.stdout.write(JSON.stringify({ timestamp: new Date().toISOString(), level: "INFO", ...fields }) + "\n");
const answer = ({ token, expiresOn }) => ({ token, expiresOn: expiresOn.toISOString(), expiresOnTimestamp: expiresOn.getTime() });
const problem = (status, code) => ({ status, body: { type: `urn:problem:${code}`, status, code } });

export const port = Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT);

export async function issueToken(headers, id, body) {
  if (!timingSafeEqual(digest(headers["x-functions-key"]), expected)) return problem(401, "unauthorized");
  const scopes = body?.scopes;
  if (!Array.isArray(scopes) || !scopes.every((scope) => allowed.has(scope))) return problem(400, "invalid-fields");
  const token = answer(await client.getToken({ communicationUserId: id }, scopes));
  log({ message: "issued token", identity: digest(id).toString("hex", 0, 8), scopes, status: 200 });
  return { status: 200, body: token };
}

export async function myToken(headers) {
  const [, token] = (headers.authorization ?? "").split(" ");
  let claims;
  try {
    ({ payload: claims } = await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE }));
  } catch {
    return problem(401, "unauthorized");
  }
  if (!identities.has(claims.sub)) identities.set(claims.sub, IDENTITY);
  const id = identities.get(claims.sub);
  const issued = answer(await client.getToken({ communicationUserId: id }, ["chat", "voip"]));
  log({ message: "issued token", identity: digest(id).toString("hex", 0, 8), user: digest(claims.sub).toString("hex", 0, 8), status: 200 });
  return { status: 200, body: { ...issued, user: { communicationUserId: id } } };
}
