// Tests guest links: one browser creates a link, and others open it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { PHONE, announced, assertAccessible, getToken, idle, open, press, signIn, sharedDev } from "./browser.mjs";

/** Creates a link for some guests. Returns its address. */
async function invite(page, uses) {
  await page.getByLabel("Guests").fill(String(uses));
  await press(page, "Create guest link");
  return page.getByRole("link", { name: "Open as a guest" }).getAttribute("href");
}

/** Asserts that the page refuses a token with a code. */
async function assertRefused(page, code) {
  await page.locator("#get").click();
  await idle(page);
  assert.match(await page.locator("#token-problem").innerText(), new RegExp(` · ${code} · `));
}

test("a guest opens the link in another browser, and the same browser refreshes the token", async () => {
  const { page: address } = await sharedDev();
  const { page: host, errors } = await open(address);
  await signIn(host, "alice");
  const link = await invite(host, 1);
  assert.equal(link.split("#")[0], address);
  assert.match(await announced(host, "back-end"), /^The link admits one guest\./);

  const { page: guest, requested, errors: errorsOfGuest } = await open(link, PHONE);
  assert.equal(await guest.getByLabel("Name", { exact: true }).isVisible(), false);
  assert.equal(await guest.getByRole("button", { name: "Delete me" }).isVisible(), false);
  const identity = await getToken(guest);
  assert.match(await announced(guest, "token"), /^Token 1 received\. Scopes: voip\.join\. Valid for 60 minutes\./);
  await assertAccessible(guest);
  assert.equal(await getToken(guest), identity);
  // The guest is known again after a reload.
  await guest.reload();
  await idle(guest);
  assert.equal(await getToken(guest), identity);
  // A pass is in the fragment only, which is sent to no server.
  const pass = decodeURIComponent(new URLSearchParams(link.split("#")[1]).get("guest"));
  assert.deepEqual(requested.filter((url) => url.split("#")[0].includes(pass)), []);

  // Another browser is another guest, whom the link no longer admits.
  const { page: other } = await open(link);
  await assertRefused(other, "pass-used-up");

  await press(host, "End the link");
  assert.match(await announced(host, "back-end"), /^The link has ended/);
  await host.getByRole("row", { name: identity }).getByText("deleted").waitFor();
  await assertRefused(guest, "pass-ended");
  assert.deepEqual(errors, []);
  assert.deepEqual(errorsOfGuest, []);
});

test("a link for several guests gives each an identity of their own", async () => {
  const { page: address } = await sharedDev();
  const { page: host, errors } = await open(address);
  const link = await invite(host, 2);
  const guests = [await open(link), await open(link)];
  const identities = new Set();
  for (const { page } of guests) identities.add(await getToken(page));
  assert.equal(identities.size, 2);
  const { page: third } = await open(link);
  await assertRefused(third, "pass-used-up");
  // A link that is opened in the browser that made it opens the guest's view there, too.
  await host.goto(link);
  await host.locator("#guest-intro").waitFor();
  await idle(host);
  await assertRefused(host, "pass-used-up");
  assert.deepEqual(errors, []);
});
