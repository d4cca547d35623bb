// Tests the emulator's page in a real browser, with the real functions and the emulator.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

const { chromium } = createRequire(process.env.PAGE_PACKAGES + "/")("playwright-core");

const TIMEOUT_MS = 120_000; // long enough for a slow machine; passing tests do not wait for it
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const JSON_HEADERS = { "Content-Type": "application/json" };
const children = [];
let browser;

/** Starts the program. Returns the address of its page, and of the functions if it serves them. */
async function start(args) {
  const child = spawn(process.env.ACS_TOKENS, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const found = {};
  for await (const line of createInterface({ input: child.stdout })) {
    found.functions ??= /^Functions\s+(\S+)/.exec(line)?.[1];
    found.page ??= /^A page to try it\s+(\S+)/.exec(line)?.[1];
    if (line.endsWith("Ctrl+C stops it.")) {
      child.stdout.resume();
      return found;
    }
  }
  throw new Error(`${args} ended`);
}

/** Opens the page at an address. Collects the URLs of its requests, and its errors. */
async function open(address, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const requested = [];
  const errors = [];
  page.on("request", (request) => requested.push(request.url()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The console reports responses of status 400 and above as errors. The page shows them as problems.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  await page.goto(address);
  await idle(page);
  return { page, requested, errors };
}

/** Waits until the page has finished its requests. */
const idle = (page) => page.locator("main[aria-busy=false]").waitFor();

/** Presses a button and waits until its action has finished. */
async function press(page, name) {
  await page.getByRole("button", { name }).click();
  await idle(page);
}

async function signIn(page, name) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await press(page, "Sign in");
  assert.equal(await page.locator("#who").textContent(), name);
}

/** Gets a token. Returns its identity. */
async function getToken(page) {
  await press(page, "Get a token");
  assert.equal(await page.locator("#status").textContent(), "valid");
  assert.match(await page.locator("#left").textContent(), /^Expires in /);
  return page.locator("#identity").textContent();
}

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: TIMEOUT_MS });
});

after(async () => {
  await browser?.close();
  for (const child of children) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  }
});

test("a user gets tokens for their own identity, revokes them, and deletes the identity", async () => {
  const ports = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];
  const { functions, page: address } = await start(["dev", ...ports, "--data", join(tmpdir(), "dev")]);
  const { page, requested, errors } = await open(address);

  await signIn(page, "alice");
  const alice = await getToken(page);
  assert.match(alice, /^8:acs:/);
  assert.equal(await getToken(page), alice);
  assert.equal(await page.locator("#token-claims dd").first().textContent(), alice.slice("8:".length));
  await page.locator("tr.own").getByText(alice).waitFor();

  await page.getByText("Scopes and lifetime").click();
  await page.getByLabel("chat", { exact: true }).check();
  await press(page, "Get a token");
  await page.locator("#token-problem").getByText("beyond-policy").waitFor();

  await press(page, "Change user");
  await signIn(page, "bob");
  const bob = await getToken(page);
  assert.notEqual(bob, alice);
  await press(page, "Change user");
  await signIn(page, "alice");
  assert.equal(await getToken(page), alice);

  await press(page, "Revoke my tokens");
  assert.equal(await page.locator("#status").textContent(), "revoked");
  await press(page, "Delete me");
  assert.equal(await page.locator("#status").textContent(), "deleted");
  await page.getByRole("row", { name: alice }).getByText("deleted").waitFor();
  assert.notEqual(await getToken(page), alice);

  assert.deepEqual(errors, []);
  const origins = new Set(requested.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).origin));
  assert.deepEqual(origins, new Set([new URL(address).origin, new URL(functions).origin]));
  assert.deepEqual(requested.filter((url) => url.includes("eyJ") || url.includes("?")), []);
});

/** Returns an encrypted token of Teams Phone, which has five parts. */
async function encryptedToken(functions, origin) {
  const post = async (url, body) => (await fetch(url, { method: "POST", headers: JSON_HEADERS, body: JSON.stringify(body) })).json();
  await fetch(`${origin}/_emulator/settings`, { method: "PUT", headers: JSON_HEADERS, body: '{"encryptedTokens":true}' });
  const [tenantId, userId, appId] = [randomUUID(), randomUUID(), randomUUID()];
  const { primaryKey } = await (await fetch(`${origin}/_emulator/keys`)).json();
  const env = { COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${origin}/;accesskey=${primaryKey}` };
  const user = ["--tenant", tenantId, "--object", userId, "--client-id", appId];
  await promisify(execFile)(process.env.ACS_TOKENS, ["teams-phone", "assign", ...user], { env });
  const wanted = { appId, userId, tenantId, scope: "TeamsExtension.ManageCalls" };
  const { token } = await post(`${origin}/_emulator/entra/tokens`, wanted);
  return (await post(`${functions}/teams-phone/tokens`, { token })).accessToken.token;
}

test("an encrypted token, which has five parts, is shown without claims", async () => {
  const ports = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];
  const { functions, page: address } = await start(["dev", ...ports, "--data", join(tmpdir(), "encrypted")]);
  const token = await encryptedToken(functions, new URL(address).origin);
  assert.equal(token.split(".").length, 5);
  const { page, errors } = await open(address);
  await page.route("**/api/me/token", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), token } });
  });
  await signIn(page, "alice");
  await getToken(page);
  assert.match(await page.locator("#token-claims").textContent(), /encrypted/);
  assert.deepEqual(errors, []);
});

test("without functions the page says how to start them, and fits a narrow screen in dark mode", async () => {
  const { page: address } = await start(["emulator", "--port", "0", "--https-port", "0"]);
  const { page, errors } = await open(address, { viewport: { width: 320, height: 640 }, colorScheme: "dark" });
  await page.getByText("acs-tokens dev").waitFor();
  assert.equal(await page.getByRole("button", { name: "Sign in" }).isVisible(), false);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "the page is wider than the screen");
  assert.deepEqual(errors, []);
});
