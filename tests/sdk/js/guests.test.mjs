// Tests AzureCommunicationTokenCredential for a guest, with guest-token as its tokenRefresher.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AzureCommunicationTokenCredential, claims, commonVersion, control, functions, run, snippet } from "./under-test.mjs";

/** Posts JSON, or no body. Returns the answer. */
async function post(route, body, headers) {
  const json = body && { "Content-Type": "application/json" };
  const request = { method: "POST", headers: { ...json, ...headers }, body: body && JSON.stringify(body) };
  const response = await fetch(`${functions}/${route}`, request);
  assert.ok(response.ok, `${response.status}`);
  return response.json();
}

/** Returns the pass as the page of an invitation reads it: from the fragment of the link, which no server receives. */
function fromLink(pass) {
  const link = new URL(`https://contoso.example/join#pass=${pass}`);
  return new URLSearchParams(link.hash.slice(1)).get("pass");
}

/** Returns the credential of the page in docs/teams.md, opened by the link of an invitation. */
function onThePage(pass) {
  const location = new URL(`https://contoso.example/join#pass=${pass}`);
  return run(snippet("Guests of Teams meetings"), { location, FUNCTIONS_URL: functions.replace("/api", "") }).credential;
}

/** Returns a refresher whose result is the answer as it stands, or for older versions, which accept only a string, its token. */
function refresher(pass, guest) {
  const call = () => post("guests/token", guest && { guest }, { Authorization: `Bearer ${fromLink(pass)}` });
  return commonVersion.startsWith("2.3.") ? () => call().then(({ token }) => token) : call;
}

describe(`a guest's token, with common ${commonVersion}`, () => {
  beforeEach(control.reset);

  test("is refreshed for the same identity when it has expired", async (t) => {
    const { pass } = await post("guests");
    const credential = new AzureCommunicationTokenCredential({ tokenRefresher: refresher(pass) });
    t.after(() => credential.dispose());
    await control.settings({ tokenLifetimeSeconds: 3 });
    const first = await credential.getToken();
    await control.settings({});
    const deadline = Date.now() + 60_000;
    let second = first;
    while (second.token === first.token && Date.now() < deadline) {
      await pause(25);
      second = await credential.getToken();
    }
    assert.equal(await control.tokenStatus(first.token), "expired");
    assert.equal(await control.tokenStatus(second.token), "valid");
    assert.equal(claims(second.token).skypeid, claims(first.token).skypeid);
    assert.equal((await control.state()).identities.length, 1);
  });

  test("is issued by the example of docs/teams.md", { skip: commonVersion.startsWith("2.3.") }, async (t) => {
    const { pass } = await post("guests");
    const ids = [];
    for (const credential of [onThePage(pass), onThePage(pass)]) {
      t.after(() => credential.dispose());
      ids.push(claims((await credential.getToken()).token).skypeid);
    }
    assert.equal(ids[0], ids[1]);
    assert.equal((await control.state()).identities.length, 1);
  });

  test("is that of the guest of a pass for several", async (t) => {
    const { pass } = await post("guests", { uses: 2 });
    const guests = [randomUUID(), randomUUID()];
    const ids = [];
    for (const guest of [...guests, ...guests]) {
      const credential = new AzureCommunicationTokenCredential({ tokenRefresher: refresher(pass, guest) });
      t.after(() => credential.dispose());
      ids.push(claims((await credential.getToken()).token).skypeid);
    }
    assert.notEqual(ids[0], ids[1]);
    assert.deepEqual(ids.slice(2), ids.slice(0, 2));
  });
});
