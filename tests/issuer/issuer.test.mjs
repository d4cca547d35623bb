// Tokens of an independent issuer, node-oidc-provider, at `acs-tokens serve`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";

const require = createRequire(process.env.ISSUER_PACKAGES + "/");
const { Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const AUDIENCE = "https://tokens.example";
const OTHER = "https://other.example";
const SECRET = "a secret of these tests";
const children = [];
const server = createServer();
let issuer;
let api;

/** Starts the program and returns the first match in its output. */
async function start(args, environment, pattern) {
  const child = spawn(process.env.ACS_TOKENS, args, { env: { PATH: process.env.PATH, ...environment }, stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = line.match(pattern);
    if (found) {
      child.stdout.resume();
      return found[1];
    }
  }
  throw new Error(`${args} ended without ${pattern}`);
}

function signingKey(kid, type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

function provider() {
  const resource = (alg) => ({ audience: AUDIENCE, scope: "", accessTokenFormat: "jwt", accessTokenTTL: 300, jwt: { sign: { alg } } });
  const resources = {
    [AUDIENCE]: resource("RS256"),
    [`${AUDIENCE}/es256`]: resource("ES256"),
    [`${AUDIENCE}/ps256`]: resource("PS256"),
    [OTHER]: { ...resource("RS256"), audience: OTHER },
  };
  const client = (client_id) => ({
    client_id,
    client_secret: SECRET,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "client_secret_post",
  });
  return new Provider(issuer, {
    clients: [client("backend"), client("stranger")],
    jwks: {
      keys: [
        signingKey("r", "rsa", { modulusLength: 2048 }, "RS256"),
        signingKey("e", "ec", { namedCurve: "P-256" }, "ES256"),
        signingKey("p", "rsa", { modulusLength: 2048 }, "PS256"),
      ],
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: (_, indicator) => resources[indicator] },
    },
    extraTokenClaims: (_, token) => ({ sub: token.clientId, ...(token.clientId === "backend" && { roles: ["Tokens.Manage"] }) }),
  });
}

async function token(client_id, resource) {
  const body = new URLSearchParams({ grant_type: "client_credentials", client_id, client_secret: SECRET, resource });
  const answer = await fetch(`${issuer}/token`, { method: "POST", body });
  const json = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(json));
  return json.access_token;
}

async function create(bearer) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${bearer}` };
  const answer = await fetch(`${api}/api/identities`, { method: "POST", headers, body: "{}" });
  return { status: answer.status, body: await answer.json() };
}

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  issuer = `http://127.0.0.1:${server.address().port}`;
  server.on("request", provider().callback());
  const emulator = ["emulator", "--port", "0", "--https-port", "0"];
  const connectionString = await start(emulator, {}, /(endpoint=http:\/\/\S+)/);
  const environment = { COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString, OIDC_ISSUERS: issuer, OIDC_AUDIENCES: AUDIENCE };
  const address = await start(["serve", "--port", "0"], environment, /"address":"([^"]+)"/);
  api = `http://${address}`;
});

after(() => {
  children.forEach((child) => child.kill());
  server.closeAllConnections();
  server.close();
});

for (const resource of [AUDIENCE, `${AUDIENCE}/es256`, `${AUDIENCE}/ps256`]) {
  test(`a back end's token for ${resource} is accepted`, async () => {
    const { status, body } = await create(await token("backend", resource));
    assert.equal(status, 201, JSON.stringify(body));
    assert.match(body.identity.id, /^8:acs:/);
  });
}

test("a token without the role is rejected", async () => {
  const { status, body } = await create(await token("stranger", AUDIENCE));
  assert.deepEqual([status, body.code], [403, "forbidden"]);
});

test("a token for another audience is rejected", async () => {
  const { status, body } = await create(await token("backend", OTHER));
  assert.deepEqual([status, body.code], [401, "unauthorized"]);
  assert.match(body.detail, /aud/);
});

test("a modified token is rejected", async () => {
  const [header, claims, signature] = (await token("backend", AUDIENCE)).split(".");
  const changed = { ...JSON.parse(Buffer.from(claims, "base64url")), sub: "another subject" };
  const parts = [header, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature];
  const { status, body } = await create(parts.join("."));
  assert.equal(status, 401);
  assert.match(body.detail, /signature/);
});
