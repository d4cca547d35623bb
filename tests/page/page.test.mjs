// The emulator's page as a person uses it: a real browser, the real functions, and the emulator behind them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

const { chromium } = createRequire(process.env.PAGE_PACKAGES + "/")("playwright-core");

const PATIENCE = 120_000; // for a slow machine; nothing waits for it where all is well
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const children = [];
let browser;

/** Starts the program and gives the address of its page, and of the functions if there are any. */
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

/** The page at an address, and all that it asked for and complained of. */
async function open(address, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const asked = [];
  const complaints = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // A status of 400 and above is an error to the console, and a problem to the page.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  await page.goto(address);
  await idle(page);
  return { page, asked, complaints };
}

/** Waits until the page has done what it was asked. */
const idle = (page) => page.locator("main[aria-busy=false]").waitFor();

/** Presses a button, and waits until what it does is done. */
async function press(page, name) {
  await page.getByRole("button", { name }).click();
  await idle(page);
}

async function signIn(page, name) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await press(page, "Sign in");
  assert.equal(await page.locator("#who").textContent(), name);
}

/** Gets a token, and gives the identity that it is for. */
async function getToken(page) {
  await press(page, "Get a token");
  assert.equal(await page.locator("#status").textContent(), "valid");
  assert.match(await page.locator("#left").textContent(), /^It ends in /);
  return page.locator("#identity").textContent();
}

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: PATIENCE });
});

after(async () => {
  await browser?.close();
  for (const child of children) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  }
});

test("a person gets tokens for an identity of their own, ends them, and is forgotten", async () => {
  const ports = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];
  const { functions, page: address } = await start(["dev", ...ports, "--data", join(tmpdir(), "dev")]);
  const { page, asked, complaints } = await open(address);

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

  await press(page, "Be somebody else");
  await signIn(page, "bob");
  const bob = await getToken(page);
  assert.notEqual(bob, alice);
  await press(page, "Be somebody else");
  await signIn(page, "alice");
  assert.equal(await getToken(page), alice);

  await press(page, "Revoke my tokens");
  assert.equal(await page.locator("#status").textContent(), "revoked");
  await press(page, "Delete me");
  assert.equal(await page.locator("#status").textContent(), "deleted");
  await page.getByRole("row", { name: alice }).getByText("deleted").waitFor();
  assert.notEqual(await getToken(page), alice);

  assert.deepEqual(complaints, []);
  const origins = new Set(asked.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).origin));
  assert.deepEqual(origins, new Set([new URL(address).origin, new URL(functions).origin]));
  assert.deepEqual(asked.filter((url) => url.includes("eyJ") || url.includes("?")), []);
});

test("without functions it says how to start them, on a narrow and dark screen, too", async () => {
  const { page: address } = await start(["emulator", "--port", "0", "--https-port", "0"]);
  const { page, complaints } = await open(address, { viewport: { width: 320, height: 640 }, colorScheme: "dark" });
  await page.getByText("acs-tokens dev").waitFor();
  assert.equal(await page.getByRole("button", { name: "Sign in" }).isVisible(), false);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "it is too wide");
  assert.deepEqual(complaints, []);
});
