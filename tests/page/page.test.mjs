// Tests the page with the real functions and the emulator: users who sign in, their tokens, and what a back end does.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { DARK, DESKTOP, PHONE, SMALL, announced, assertAccessible, getToken, idle, open, press, signIn, sharedDev, startDev } from "./browser.mjs";

const IMAGES = process.env.PAGE_IMAGES; // the folder for new screenshots; empty without

test("a user gets tokens for their own identity, revokes them, and deletes the identity", async () => {
  const { page: address, control } = await sharedDev();
  const { page, requested, errors } = await open(address);

  await signIn(page, "alice");
  const alice = await getToken(page);
  assert.match(alice, /^8:acs:/);
  assert.match(await page.locator("#left").textContent(), /^Expires in (1 h 00|59) min \d\d s, at /);
  assert.equal(await page.locator("#token-claims dd").first().textContent(), alice.slice("8:".length));
  await press(page, "Refresh the token");
  assert.equal(await page.locator("#identity").textContent(), alice);

  await press(page, "Change user");
  await signIn(page, "bob");
  const bob = await getToken(page);
  assert.notEqual(bob, alice);
  await press(page, "Change user");
  await signIn(page, "alice");
  assert.equal(await getToken(page), alice);

  await press(page, "Revoke my tokens");
  assert.equal(await page.locator("#status").textContent(), "revoked");
  assert.equal(await page.locator("#bar").evaluate((bar) => bar.value), 0);
  await press(page, "Delete me");
  assert.equal(await page.locator("#status").textContent(), "deleted");
  await page.getByRole("row", { name: alice }).getByText("deleted").waitFor();
  assert.notEqual(await getToken(page), alice);

  assert.deepEqual(errors, []);
  const origins = new Set(requested.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).origin));
  assert.deepEqual(origins, new Set([new URL(address).origin, new URL(control).origin]));
  assert.deepEqual(requested.filter((url) => url.includes("eyJ") || url.includes("?")), []);
});

test("the remaining lifetime is a bar that moves", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address, DESKTOP, (page) => page.clock.install());
  await signIn(page, "alice");
  await getToken(page);
  const bar = page.getByRole("progressbar", { name: "Remaining lifetime" });
  const value = () => bar.evaluate((element) => element.value);
  assert.ok(await value() > 0.99);
  await page.clock.runFor("30:00");
  assert.ok(Math.abs(await value() - 0.5) < 0.01, String(await value()));
  assert.match(await page.locator("#left").textContent(), /^Expires in (29|30) min/);
  await page.clock.runFor("31:00");
  assert.equal(await page.locator("#status").textContent(), "expired");
  assert.equal(await value(), 0);
  assert.deepEqual(errors, []);
});

test("a back end does the quickstart, and blocks a user", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);

  await press(page, "Create identity");
  const identity = await page.locator("#identity").textContent();
  assert.equal(await page.locator("#granted").innerText(), "chatvoip");
  await press(page, "Issue token");
  assert.equal(await page.locator("#granted").innerText(), "voip");
  assert.equal(await page.locator("#identity").textContent(), identity);
  await page.getByRole("row", { name: identity }).getByText("back end").waitFor();
  await press(page, "Revoke tokens");
  assert.equal(await page.locator("#status").textContent(), "revoked");
  await press(page, "Delete identity");
  assert.equal(await page.locator("#status").textContent(), "deleted");
  assert.equal(await page.getByRole("button", { name: "Issue token" }).isDisabled(), true);

  await signIn(page, "mallory");
  await getToken(page);
  await press(page, "Block mallory");
  assert.equal(await page.locator("#status").textContent(), "revoked");
  await page.locator("#get").click();
  await idle(page);
  const refusal = await page.locator("#token-problem").innerText();
  assert.ok(refusal.includes("blocked") && refusal.includes("Unblock user"), refusal);
  await press(page, "Unblock mallory");
  await getToken(page);
  assert.deepEqual(errors, []);
});

test("a back end with a key enters it when it is required", async () => {
  const key = "a-key-of-the-web-app-that-is-long-enough";
  const { page: address } = await startDev("key", { CALLER_KEYS: `web=${key}` });
  const { page, errors } = await open(address);
  assert.equal(await page.getByLabel("Function key").isVisible(), false);
  await press(page, "Create identity");
  const refusal = await page.locator("#back-end-problem").innerText();
  assert.ok(refusal.includes("unauthorized") && refusal.includes("Enter a key of CALLER_KEYS"), refusal);
  await page.getByLabel("Function key").fill(key);
  await press(page, "Create identity");
  assert.equal(await page.locator("#status").textContent(), "valid");
  assert.deepEqual(errors, []);
});

test("a user of Teams exchanges tokens, and an encrypted token is not decoded", async () => {
  const { page: address, control } = await startDev("teams");
  const { page, errors } = await open(address);

  await signIn(page, "alice");
  await page.getByText("Teams", { exact: true }).click();
  assert.equal(await page.getByRole("button", { name: "Get a Teams token" }).isDisabled(), true);
  await page.getByText("sign in with a Microsoft Entra account").waitFor();
  await press(page, "Change user");
  await signIn(page, "alice", { entra: true });

  await press(page, "Get a Teams token");
  assert.match(await page.locator("#identity").textContent(), /^8:orgid:/);
  assert.equal(await page.locator("#status").textContent(), "valid");
  await press(page, "Get a Teams Phone token");
  const refusal = await page.locator("#token-problem").innerText();
  assert.ok(refusal.includes("not-assigned") && refusal.includes("Assign to Teams Phone"), refusal);
  await press(page, "Assign to Teams Phone");
  await press(page, "Get a Teams Phone token");
  assert.match(await page.locator("#identity").textContent(), /^8:acs:.*_.*_/);
  assert.equal(await page.locator("#granted").innerText(), "voip");

  const settings = { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ encryptedTokens: true }) };
  assert.equal((await fetch(`${control}settings`, settings)).status, 204);
  await press(page, "Get a Teams Phone token");
  assert.equal((await page.locator("#raw").textContent()).split(".").length, 5);
  assert.equal(await page.locator("#granted").textContent(), "encrypted");
  assert.match(await page.locator("#token-claims dd").textContent(), /^encrypted/);
  assert.match(await page.locator("#left").textContent(), /^Expires in /);
  assert.deepEqual(errors, []);
});

test("the sign-in token is copied, and the functions accept it", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  await signIn(page, "alice");
  await press(page, "Copy sign-in token");
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const token = await page.evaluate(() => navigator.clipboard.readText());
  const answer = await fetch(new URL("me/token", address), { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  assert.deepEqual(errors, []);
});

test("the page works at localhost, too", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address.replace("127.0.0.1", "localhost"));
  await signIn(page, "alice");
  await getToken(page);
  assert.deepEqual(errors, []);
});

// --- Found by using an earlier page

test("on a phone, a new token is visible", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address, PHONE);
  await signIn(page, "alice");
  await getToken(page);
  for (const part of ["#answer-title", "#status", "#bar", "#granted"]) {
    const { y, height } = await page.locator(part).boundingBox();
    assert.ok(y >= 0 && y + height <= PHONE.viewport.height, `${part} is at ${y}`);
  }
  await page.locator("#limits summary").click();
  await page.getByLabel("chat", { exact: true }).check();
  await press(page, "Refresh the token");
  const { y } = await page.locator("#token-problem .title").boundingBox();
  assert.ok(y >= 0 && y <= PHONE.viewport.height, `the problem is at ${y}`);
  assert.deepEqual(errors, []);
});

test("success is announced to screen readers, and a second token differs from the first", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  await signIn(page, "alice");
  await getToken(page);
  const first = [await announced(page, "token"), await page.locator("#answer-title").textContent()];
  assert.match(first[0], /^Token 1 received\. Scopes: .+\. Valid for 60 minutes\.$/);
  await getToken(page);
  const second = [await announced(page, "token"), await page.locator("#answer-title").textContent()];
  assert.match(second[0], /^Token 2 received\./);
  assert.match(second[1], /^Token 2 of alice, ends with …/);
  // Tokens of the same second are equal, so the end of the text alone does not tell them apart.
  assert.equal(second[1].slice(-6), (await page.locator("#raw").textContent()).slice(-6));
  assert.notEqual(first[1], second[1]);
  assert.equal(await page.getByRole("heading", { name: second[1] }).isVisible(), true);
  for (const [button, text] of [["Revoke my tokens", /^All tokens of alice are revoked\./], ["Delete me", /^The identity of alice /]]) {
    await press(page, button);
    assert.match(await announced(page, "token"), text);
  }
  // A live region must be in the page before its text changes.
  assert.equal(await page.locator("#token-done[role=status], #back-end-done[role=status]").count(), 2);
  assert.deepEqual(errors, []);
});

test("a blank name does not sign in", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  for (const name of ["", "   "]) {
    await page.getByLabel("Name", { exact: true }).fill(name);
    await press(page, "Sign in");
    assert.equal(await page.locator("#name-error[role=alert]").textContent(), "Enter a name. A user needs one.");
    assert.equal(await page.locator("#name[aria-invalid=true]:focus").count(), 1);
    assert.equal(await page.locator("#signed-in").isVisible(), false);
  }
  await signIn(page, "alice");
  assert.deepEqual(errors, []);
});

test("the table says whose an identity is", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  const identities = {};
  for (const name of ["alice", "bob"]) {
    await signIn(page, name);
    identities[name] = await getToken(page);
    await press(page, "Change user");
  }
  await fetch(new URL("identities", address), { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  // The names outlive a reload.
  await page.reload();
  await idle(page);
  for (const [name, identity] of Object.entries(identities)) {
    assert.equal(await page.getByRole("row", { name: identity }).getByRole("cell").first().textContent(), name);
  }
  await page.getByText("not from this browser").first().waitFor();
  assert.deepEqual(errors, []);
});

test("a refusal says how to get chat, and that works", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  await signIn(page, "alice");
  await page.getByText("Scopes and lifetime").click();
  await page.getByLabel("chat", { exact: true }).check();
  await press(page, "Get a token");
  await page.locator("#token-problem[role=alert]").getByText("beyond-policy").waitFor();
  const command = await page.locator("#token-problem pre").textContent();
  const [, policy] = /^TOKEN_POLICY='(.+)' acs-tokens dev$/.exec(command);

  const { page: again } = await startDev("allowed", { TOKEN_POLICY: policy });
  const { page: allowed } = await open(again);
  await signIn(allowed, "alice");
  await getToken(allowed);
  assert.equal(await allowed.locator("#granted").innerText(), "chat");
  assert.deepEqual(errors, []);
});

for (const [name, options] of Object.entries({ page: DESKTOP, "page-dark": DARK, "page-phone": PHONE, "page-small": SMALL })) {
  test(`axe-core finds nothing, and the page fits the screen: ${name}`, async () => {
    const { page: address } = await sharedDev();
    const { page, errors } = await open(address, options);
    await assertAccessible(page);
    await signIn(page, "alice");
    await getToken(page);
    await page.locator("#limits summary").click();
    await page.getByLabel("chat", { exact: true }).check();
    await press(page, "Refresh the token");
    await page.evaluate(() => { for (const part of document.querySelectorAll("#try details")) part.open = true; });
    await assertAccessible(page);
    await page.locator("#reference .function").evaluateAll((parts) => { for (const part of parts.slice(0, 3)) part.open = true; });
    await page.locator("#reference .function[open] .sample").first().waitFor();
    await page.locator("#reference .function details").evaluateAll((parts) => { for (const part of parts) part.open = true; });
    await assertAccessible(page);
    assert.deepEqual(errors, []);
  });
}

test("the keyboard reaches everything in order", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the functions");
  const reached = [];
  for (let i = 0; i < 9; i++) {
    await page.keyboard.press("Tab");
    reached.push(await focused());
  }
  assert.deepEqual(reached, ["Try it", "Functions", "OpenAPI document", "name", "roles", "entra", "Sign in", "Create identity", "uses"]);
  await page.getByLabel("Name", { exact: true }).focus();
  await page.keyboard.press("Enter");
  await idle(page);
  // The next step has the focus.
  assert.equal(await focused(), "Get a token");
  await page.keyboard.press("Enter");
  await idle(page);
  assert.equal(await page.locator("#status").textContent(), "valid");
  assert.equal(await focused(), "Refresh the token");
  assert.deepEqual(errors, []);
});

test("the screenshots of the documents show the page as it is", { skip: !IMAGES }, async () => {
  const { page: address } = await startDev("screenshots", {}, []);
  for (const [name, options] of Object.entries({ page: DESKTOP, "page-phone": PHONE })) {
    const { page, errors } = await open(address, options);
    await signIn(page, "alice");
    await getToken(page);
    await page.screenshot({ path: join(IMAGES, `${name}.png`) });
    assert.deepEqual(errors, []);
  }
});
