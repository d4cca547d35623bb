// Tests AzureCommunicationTokenCredential, which chat and calling clients use, with issue-token as its tokenRefresher.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AzureCommunicationTokenCredential, claims, commonVersion, control, functions } from "./under-test.mjs";

const json = { "Content-Type": "application/json" };

async function createIdentity() {
  const response = await fetch(`${functions}/identities`, { method: "POST", headers: json, body: "{}" });
  assert.equal(response.status, 201);
  return (await response.json()).identity.id;
}

const issue = (id, signal, headers) =>
  fetch(`${functions}/identities/${id}/tokens`, {
    method: "POST",
    headers: { ...json, ...headers },
    body: JSON.stringify({ scopes: ["chat", "voip"] }),
    signal,
  });

/** Refreshers that differ in how they read the response. */
const REFRESHERS = {
  "text": (id) => (signal) => issue(id, signal, { Accept: "text/plain" }).then((response) => response.text()),
  "the token of the JSON": (id) => (signal) => issue(id, signal).then((response) => response.json()).then(({ token }) => token),
};
// Older versions accept only a string.
if (!commonVersion.startsWith("2.3.")) {
  REFRESHERS["the JSON"] = (id) => (signal) => issue(id, signal).then((response) => response.json());
}

/** Returns a credential and the list of its refresher's results. */
function credentialFor(refresher) {
  const results = [];
  const tokenRefresher = async (signal) => {
    const answer = await refresher(signal);
    results.push(answer);
    return answer;
  };
  const credential = new AzureCommunicationTokenCredential({ tokenRefresher });
  return { credential, results };
}

const textOf = (answer) => answer.token ?? answer;

for (const [name, make] of Object.entries(REFRESHERS)) {
  describe(`a refresher that returns ${name}, with common ${commonVersion}`, () => {
    beforeEach(control.reset);

    test("is called once for concurrent calls", async (t) => {
      const id = await createIdentity();
      const { credential, results } = credentialFor(make(id));
      t.after(() => credential.dispose());
      const tokens = await Promise.all([credential.getToken(), credential.getToken()]);
      assert.equal(results.length, 1);
      for (const { token, expiresOnTimestamp } of [...tokens, await credential.getToken()]) {
        assert.equal(token, textOf(results[0]));
        assert.equal(Math.floor(expiresOnTimestamp / 1000), claims(token).exp);
      }
      assert.equal(`8:${claims(tokens[0].token).skypeid}`, id);
      assert.equal(await control.tokenStatus(tokens[0].token), "valid");
      assert.equal((await control.state()).identities[0].tokensIssued, 1);
    });

    test("is called again when the token has expired", async (t) => {
      const { credential, results } = credentialFor(make(await createIdentity()));
      t.after(() => credential.dispose());
      await control.settings({ tokenLifetimeSeconds: 3 });
      const first = await credential.getToken();
      await control.settings({});
      const deadline = Date.now() + 20_000;
      let second = first;
      while (second.token === first.token && Date.now() < deadline) {
        await pause(25);
        second = await credential.getToken();
      }
      assert.deepEqual(results.map(textOf), [first.token, second.token]);
      assert.ok(Date.now() >= claims(first.token).exp * 1000);
      assert.equal(await control.tokenStatus(first.token), "expired");
      assert.equal(await control.tokenStatus(second.token), "valid");
    });
  });
}

test(`an expired token is rejected, with common ${commonVersion}`, async (t) => {
  await control.reset();
  const { credential } = credentialFor(REFRESHERS.text(await createIdentity()));
  t.after(() => credential.dispose());
  await control.settings({ tokenLifetimeSeconds: 0 });
  await assert.rejects(credential.getToken(), { message: "The token returned from the tokenRefresher is expired." });
});
