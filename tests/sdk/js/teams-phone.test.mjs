// Tests tokens of Teams Phone with AzureCommunicationTokenCredential: it exchanges Entra tokens itself, with the options
// of EntraCommunicationTokenCredential, or the functions are its tokenRefresher. The tokens are encrypted, as those of ACS.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, describe, test } from "node:test";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import {
  APP_ID, AzureCommunicationTokenCredential, USER_ID, commonVersion, connectionString, control, endpoint, program, resourceEndpoint, run, snippet,
} from "./under-test.mjs";

const TENANT = "11111111-2222-4333-8444-555555555555";
const ISSUER = `${TENANT}/v2.0`;
const SCOPE = "https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls";
const AUDIENCE = "api://acs-tokens";
const KEY = "a-key-of-these-tests";
const COMMAND = ["teams-phone", "assign", "--tenant", TENANT, "--object", USER_ID, "--client-id", APP_ID];

// Older versions have no exchange, and accept no encrypted tokens.
describe(`Teams Phone with common ${commonVersion}`, { skip: commonVersion.startsWith("2.3.") }, () => {
  let server;
  let api;

  // Users of `dev` have no Entra accounts. The test issuer's path with a tenant stands for Entra.
  before(async () => {
    const env = {
      PATH: process.env.PATH,
      COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString,
      CALLER_KEYS: `tests=${KEY}`,
      OIDC_ISSUERS: `${endpoint}/_emulator/oidc/${ISSUER}`,
      OIDC_AUDIENCES: AUDIENCE,
    };
    server = spawn(program, ["serve", "--port", "0"], { env, stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface({ input: server.stdout })) {
      const log = JSON.parse(line);
      if (log.message === "serving") api = `http://${log.address}/api`;
      if (api) break;
    }
    server.stdout.resume();
  });

  after(async () => {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, "close");
  });

  beforeEach(async () => {
    await control.reset();
    await control.settings({ encryptedTokens: true });
    await promisify(execFile)(program, COMMAND, { env: { COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString } });
  });

  const expiry = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).exp * 1000;

  /** Returns a token credential that keeps an Entra token until it has expired. */
  function entra(lifetimes) {
    let token = { token: "", expiresOnTimestamp: 0 };
    const getToken = async (scopes) => {
      assert.deepEqual(scopes, [SCOPE]);
      if (token.expiresOnTimestamp <= Date.now()) {
        const expiresInSeconds = lifetimes.shift();
        const more = { tenantId: TENANT, scope: "openid TeamsExtension.ManageCalls", expiresInSeconds };
        const text = await control.entraToken(more);
        token = { token: text, expiresOnTimestamp: expiry(text) }; // the emulator's, so that both agree when it is over
      }
      return token;
    };
    return { getToken };
  }

  /** Gets a token that expires after 3 s, and calls the credential until it returns another token. */
  async function assertRefreshes(credential) {
    const first = await credential.getToken();
    assert.equal(first.token.split(".").length, 5);
    assert.ok(first.expiresOnTimestamp - Date.now() <= 3000);
    const deadline = Date.now() + 60_000;
    let second = first;
    while (second.token === first.token && Date.now() < deadline) {
      await pause(25);
      second = await credential.getToken();
    }
    assert.deepEqual([await control.tokenStatus(first.token), await control.tokenStatus(second.token)], ["expired", "valid"]);
    // The expiry is that of the answer, not the ten minutes that are assumed for a text that cannot be decoded.
    assert.ok(second.expiresOnTimestamp - Date.now() > 3_590_000);
    assert.equal((await control.calls())["exchange-teams-phone-token"].received, 2);
  }

  test("the exchange of EntraCommunicationTokenCredential gets tokens and refreshes them", async (t) => {
    const tokenCredential = entra([3, 3600]);
    const credential = new AzureCommunicationTokenCredential({ resourceEndpoint, tokenCredential, scopes: [SCOPE] });
    t.after(() => credential.dispose());
    await assertRefreshes(credential);
  });

  test("the exchange is refused without an assignment", async (t) => {
    await promisify(execFile)(program, ["teams-phone", "unassign", "--yes", ...COMMAND.slice(2, 6)], {
      env: { COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString },
    });
    const credential = new AzureCommunicationTokenCredential({ resourceEndpoint, tokenCredential: entra([3600]), scopes: [SCOPE] });
    t.after(() => credential.dispose());
    await assert.rejects(credential.getToken(), /Status: 403/);
  });

  test("the tokenRefresher of docs/teams.md, with my-teams-phone-token", async (t) => {
    const claims = { aud: AUDIENCE, tid: TENANT, oid: USER_ID, azp: APP_ID, sub: "a user", scp: "access_as_user" };
    const signIn = await control.signedToken(ISSUER, claims);
    const account = entra([3, 3600]);
    const acquireTokenSilent = async ({ scopes }) =>
      ({ accessToken: scopes[0] === SCOPE ? (await account.getToken(scopes)).token : signIn });
    const { credential } = run(snippet("Teams Phone extensibility"), { FUNCTIONS_URL: api.replace("/api", ""), msal: { acquireTokenSilent } });
    t.after(() => credential.dispose());
    await assertRefreshes(credential);
  });

  test("a back end passes on the accessToken of exchange-teams-phone-token", async (t) => {
    const account = entra([3, 3600]);
    const headers = { "Content-Type": "application/json", "x-functions-key": KEY };
    const tokenRefresher = async (signal) => {
      const body = JSON.stringify({ token: (await account.getToken([SCOPE])).token });
      const response = await fetch(`${api}/teams-phone/tokens`, { method: "POST", headers, body, signal });
      assert.equal(response.status, 200);
      return (await response.json()).accessToken;
    };
    const credential = new AzureCommunicationTokenCredential({ tokenRefresher });
    t.after(() => credential.dispose());
    await assertRefreshes(credential);
  });
});
