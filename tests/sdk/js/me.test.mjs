// Tests AzureCommunicationTokenCredential for a signed-in user, with my-token as its tokenRefresher.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AzureCommunicationTokenCredential, claims, commonVersion, control, functions } from "./under-test.mjs";

/** Calls my-token with the user's bearer token. */
async function myToken(authorization, signal, headers) {
  const response = await fetch(`${functions}/me/token`, { method: "POST", headers: { authorization, ...headers }, signal });
  assert.equal(response.status, 200);
  return response;
}

/** Refreshers that differ in how they read the response. */
const REFRESHERS = {
  "text": (me) => (signal) => myToken(me, signal, { Accept: "text/plain" }).then((response) => response.text()),
  "the token of the JSON": (me) => (signal) => myToken(me, signal).then((response) => response.json()).then(({ token }) => token),
};
// Older versions accept only a string.
if (!commonVersion.startsWith("2.3.")) {
  REFRESHERS["the JSON"] = (me) => (signal) => myToken(me, signal).then((response) => response.json());
}

/** Calls the credential until it returns another token. */
async function nextAfter(credential, first) {
  const deadline = Date.now() + 60_000;
  let next = first;
  while (next.token === first.token && Date.now() < deadline) {
    await pause(25);
    next = await credential.getToken();
  }
  return next;
}

for (const [name, make] of Object.entries(REFRESHERS)) {
  describe(`the user's token, returned as ${name}, with common ${commonVersion}`, () => {
    beforeEach(control.reset);

    test("is refreshed for the same identity when it has expired", async (t) => {
      const tokenRefresher = make(await control.signIn(randomUUID()));
      const credential = new AzureCommunicationTokenCredential({ tokenRefresher });
      t.after(() => credential.dispose());
      await control.settings({ tokenLifetimeSeconds: 3 });
      const first = await credential.getToken();
      await control.settings({});
      const second = await nextAfter(credential, first);

      assert.ok(Date.now() >= claims(first.token).exp * 1000);
      assert.equal(await control.tokenStatus(first.token), "expired");
      assert.equal(await control.tokenStatus(second.token), "valid");
      assert.equal(Math.floor(second.expiresOnTimestamp / 1000), claims(second.token).exp);
      const { identities } = await control.state();
      assert.deepEqual(
        [first, second].map(({ token }) => `8:${claims(token).skypeid}`),
        [identities[0].id, identities[0].id],
      );
      assert.deepEqual([identities.length, identities[0].tokensIssued], [1, 2]);
    });
  });
}

test(`the user's token is refreshed proactively, with common ${commonVersion}`, async (t) => {
  await control.reset();
  const me = REFRESHERS.text(await control.signIn(randomUUID()));
  await control.settings({ tokenLifetimeSeconds: 6 });
  const token = await me();
  await control.settings({});
  const refreshed = new Promise((resolve) => {
    const tokenRefresher = (signal) => (resolve(), me(signal));
    const credential = new AzureCommunicationTokenCredential({ tokenRefresher, token, refreshProactively: true });
    t.after(() => credential.dispose());
  });
  await refreshed; // at half of its lifetime, without a call of getToken
  assert.equal((await control.state()).identities.length, 1);
});

test(`each user gets their own identity, with common ${commonVersion}`, async (t) => {
  await control.reset();
  const users = [randomUUID(), randomUUID()];
  const tokens = [];
  for (const user of [...users, ...users]) {
    const credential = new AzureCommunicationTokenCredential({ tokenRefresher: REFRESHERS.text(await control.signIn(user)) });
    t.after(() => credential.dispose());
    tokens.push((await credential.getToken()).token);
  }
  const ids = tokens.map((token) => claims(token).skypeid);
  assert.notEqual(ids[0], ids[1]);
  assert.deepEqual(ids.slice(2), ids.slice(0, 2));
});
