// Signs in at the test issuer of `dev` from pages of another origin, with oidc-client-ts and MSAL as published.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

const packages = process.env.SIGNIN_PACKAGES;
const { chromium } = createRequire(`${packages}/`)("playwright-core");

const TIMEOUT_MS = 60_000; // long enough for a slow machine; passing tests do not wait for it
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"];
const FILES = {
  "/oidc.html": "oidc.html",
  "/msal.html": "msal.html",
  "/page.js": "page.js",
  "/oidc-client-ts.min.js": `${packages}/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js`,
  "/msal-browser.min.js": `${packages}/node_modules/@azure/msal-browser/lib/msal-browser.min.js`,
};
const settings = {};
let server, origin, dev, browser;

/** Serves the pages, and the addresses of `dev` as a script. */
async function serve(request, response) {
  const path = new URL(request.url, "http://x").pathname;
  if (path === "/settings.js") {
    response.setHeader("Content-Type", "text/javascript");
    return response.end(`const settings = ${JSON.stringify(settings)};`);
  }
  if (!FILES[path]) return response.writeHead(404).end();
  response.setHeader("Content-Type", path.endsWith(".html") ? "text/html; charset=utf-8" : "text/javascript");
  response.end(await readFile(FILES[path]));
}

/** Starts `dev` and reads the addresses from what it prints. */
async function start() {
  const args = ["dev", "--port", "0", "--emulator-port", "0", "--emulator-https-port", "0", "--data", join(tmpdir(), "dev")];
  const env = { ...process.env, CORS_ALLOWED_ORIGINS: origin };
  dev = spawn(process.env.ACS_TOKENS, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: dev.stdout })) {
    settings.functions ??= /^Functions\s+(\S+)/.exec(line)?.[1];
    const emulator = /^Emulator of ACS\s+(\S+)\s+https:\/\/[^:]+:(\d+)/.exec(line);
    if (emulator) {
      settings.authority = `${emulator[1]}/_emulator/oidc`;
      settings.secureAuthority = `https://localhost:${emulator[2]}/_emulator/oidc`;
    }
    if (line.endsWith("Ctrl+C stops it.")) return dev.stdout.resume();
  }
  throw new Error("dev ended");
}

/** Opens a page in a context of its own, which has no cookies and no storage. Collects its errors. */
async function open(path) {
  // A developer trusts the certificate, or starts `dev` with one that is trusted.
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(origin + path);
  return { page, errors };
}

const status = (page, text) => page.locator("#status").getByText(text, { exact: true }).waitFor();
const json = async (page, id) => JSON.parse(await page.locator(id).textContent());
const press = (page, name) => page.getByRole("button", { name }).click();

/** Enters a name in the form of the issuer. */
async function enter(page, name) {
  await page.getByLabel("Name").fill(name);
  await press(page, "Sign in");
}

/** Signs in on a page, and checks the user and the token of ACS. Returns the identity. */
async function signIn(page, name) {
  await status(page, "signed out");
  await press(page, "Sign in");
  await enter(page, name);
  await status(page, "signed in");
  const user = await json(page, "#user");
  assert.deepEqual([user.sub, user.name], [name, name]);
  return identity(page);
}

async function identity(page) {
  const { status, body } = await json(page, "#answer");
  assert.equal(status, 200, JSON.stringify(body));
  assert.match(body.token, /^eyJ/);
  assert.match(body.user.communicationUserId, /^8:acs:/);
  return body.user.communicationUserId;
}

before(async () => {
  server = createServer(serve).listen(0, "localhost");
  await once(server, "listening");
  origin = `http://localhost:${server.address().port}`;
  await start();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: TIMEOUT_MS });
});

after(async () => {
  await browser?.close();
  server.close();
  dev?.kill();
  if (dev?.exitCode === null && dev.signalCode === null) await once(dev, "close");
});

for (const [library, path] of [["oidc-client-ts", "/oidc.html"], ["MSAL", "/msal.html"]]) {
  test(`${library} signs a user in, renews the token, and signs out`, async () => {
    const { page, errors } = await open(path);
    const alice = await signIn(page, "alice");

    // The refresh token, without another sign-in.
    const requests = [];
    page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
    const renewed = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/me/token"));
    await Promise.all([renewed, press(page, "Renew")]);
    await status(page, "signed in");
    assert.equal(await identity(page), alice);
    assert.ok(requests.includes("POST /_emulator/oidc/token"), requests.join());
    assert.ok(!requests.some((request) => request.endsWith("/authorize")), requests.join());

    await page.reload();
    await status(page, "signed in");
    assert.equal(await identity(page), alice);

    await press(page, "Sign out");
    const bob = await signIn(page, "bob");
    assert.notEqual(bob, alice);
    await press(page, "Sign out");
    assert.equal(await signIn(page, "alice"), alice);
    assert.deepEqual(errors, []);
  });
}

test("a user is the same one with both libraries", async () => {
  const identities = [];
  for (const path of ["/oidc.html", "/msal.html"]) {
    const { page } = await open(path);
    identities.push(await signIn(page, "carol"));
  }
  assert.equal(identities[0], identities[1]);
});

test("the form asks for a name", async () => {
  const { page, errors } = await open("/oidc.html");
  await status(page, "signed out");
  await press(page, "Sign in");
  // The browser refuses both itself. The server does, too, which the tests in Rust show.
  for (const blank of ["", "   "]) {
    await enter(page, blank);
    assert.equal(await page.locator("#name:invalid").count(), 1);
  }
  assert.equal(await page.locator("#name:focus").count(), 1);
  await page.getByText("The client spa at").waitFor();
  await enter(page, "dave");
  await status(page, "signed in");
  assert.deepEqual(errors, []);
});
