// Runs examples/browser in Chromium: built as its package.json says, on another origin than the functions.
import assert from "node:assert/strict";
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { after, test } from "node:test";
import { dev, packages, repository, run } from "./under-test.mjs";

const { chromium } = createRequire(join(packages, "package.json"))("playwright-core");
const TIMEOUT_MS = 60_000; // long enough for a slow machine; passing tests do not wait for it
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"];
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript" };
const folder = process.env.CLIENTS_BROWSER;

const server = createServer((request, response) => {
  const path = new URL(request.url, "http://x").pathname;
  const file = path === "/" ? "index.html" : path.slice(1);
  if (!["index.html", "bundle.js"].includes(file)) return response.writeHead(404).end();
  response.setHeader("Content-Type", TYPES[extname(file)]);
  response.end(readFileSync(join(folder, file)));
});
server.listen(0, "localhost");
await once(server, "listening");
after(() => (server.closeAllConnections(), server.close()));
const origin = `http://localhost:${server.address().port}`;

const { functions, emulator, control } = await dev(after, { CORS_ALLOWED_ORIGINS: origin });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: TIMEOUT_MS });
after(() => browser.close());

/** Builds the example with the addresses of this run in place of the default ones. */
function build() {
  for (const file of ["main.js", "index.html"]) cpSync(join(repository, "examples/browser", file), join(folder, file));
  const settings = readFileSync(join(repository, "examples/browser/settings.js"), "utf8");
  const [defaults, ports] = [["http://127.0.0.1:7071", "http://127.0.0.1:7072"], [functions.replace(/\/api$/, ""), emulator]];
  for (const address of defaults) assert.ok(settings.includes(`"${address}`), `settings.js lacks ${address}`);
  writeFileSync(join(folder, "settings.js"), settings.replace(defaults[0], ports[0]).replace(defaults[1], ports[1]));
  run("npm", ["run", "build"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
}

/** Opens the page in a context of its own, which has no cookies and no storage. Collects its errors. */
async function open() {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(origin);
  return { page, errors };
}

const status = (page, text) => page.getByRole("status").getByText(text).waitFor();
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const identity = (page) => page.locator("#identity").textContent();

async function signIn(page, name) {
  await status(page, "Sign in to get a token.");
  await press(page, "Sign in");
  await page.getByLabel("Name").fill(name);
  await press(page, "Sign in");
}

build();

test("a user signs in, gets tokens for one identity, and signs out", async () => {
  const { page, errors } = await open();
  await signIn(page, "ada");
  await status(page, "You have a token.");
  const [{ id, tokensIssued }] = (await control.state()).identities;
  assert.equal(await identity(page), id);
  assert.equal(tokensIssued, 1);
  const until = await page.locator("#expiry").textContent();
  const minutes = (await page.evaluate((text) => Date.parse(text), until) - Date.now()) / 60_000;
  assert.ok(minutes > 55 && minutes < 61, until);

  await press(page, "Get another token");
  await status(page, "You have a token.");
  await page.reload(); // the user stays signed in
  await status(page, "You have a token.");
  const [after] = (await control.state()).identities;
  assert.deepEqual([after.id, after.tokensIssued], [id, 3]);

  await press(page, "Sign out");
  await status(page, "Sign in to get a token.");
  assert.deepEqual(errors, []);

  const other = await open();
  await signIn(other.page, "ada");
  await status(other.page, "You have a token.");
  assert.equal(await identity(other.page), id);
  assert.deepEqual(other.errors, []);
});

test("a refusal is shown with its remedy", async () => {
  const { page } = await open();
  await signIn(page, "grace");
  await status(page, "You have a token.");
  const user = { issuer: `${emulator}/_emulator/oidc`, subject: "grace" };
  const headers = { "Content-Type": "application/json" };
  const blocked = await fetch(`${functions}/users/block`, { method: "POST", headers, body: JSON.stringify(user) });
  assert.equal(blocked.status, 204);
  await press(page, "Get another token");
  await status(page, /blocked/i);
  assert.equal(await page.locator("#details").isVisible(), false);
});
