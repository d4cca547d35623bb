// Starts the program and opens its page in Chromium, for the tests.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { after, before } from "node:test";

const require = createRequire(process.env.PAGE_PACKAGES + "/");
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const TIMEOUT_MS = 30_000; // long enough for a slow machine; passing tests do not wait for it
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

/** The screens on which the page is looked at. */
export const DESKTOP = { viewport: { width: 1180, height: 900 } };
export const DARK = { ...DESKTOP, colorScheme: "dark" };
export const SMALL = { viewport: { width: 320, height: 640 }, colorScheme: "dark" };
export const PHONE = { viewport: { width: 390, height: 664 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

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

/** Starts the program. Returns the lines that it prints until one of them matches `last`. */
export async function start(args, last, env = {}) {
  const child = spawn(process.env.ACS_TOKENS, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  children.push(child);
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (last.test(line)) {
      child.stdout.resume();
      return lines;
    }
  }
  throw new Error(`${args} ended`);
}

const FREE_PORTS = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];

/** Starts the functions with the emulator. Returns the addresses of the page and of the control API. */
export async function startDev(name, env = {}, ports = FREE_PORTS) {
  const lines = await start(["dev", ...ports, "--data", join(tmpdir(), name)], /Ctrl\+C stops it\.$/, env);
  const find = (label) => lines.find((line) => line.startsWith(label)).slice(label.length).trim();
  return { page: find("A page to try it"), control: find("Its control API") };
}

let shared;

/** Returns the addresses of the functions that the tests of a file share. */
export const sharedDev = () => shared ??= startDev("shared", { RATE_LIMIT: "none" });

/** Opens an address in a new browser profile. Collects the URLs of its requests, and its errors. */
export async function open(address, options = DESKTOP, prepare = async () => {}) {
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
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
  await prepare(page);
  await page.goto(address);
  await idle(page);
  await page.locator("#reference h3").first().waitFor();
  return { page, requested, errors };
}

/** Waits until the page has finished its requests. */
export const idle = (page) => page.locator("main[aria-busy=false]").waitFor();

/** Presses a button and waits until its action has finished. */
export async function press(page, name) {
  await page.getByRole("button", { name, exact: true }).click();
  await idle(page);
}

export async function signIn(page, name, { entra = false } = {}) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Microsoft Entra account").setChecked(entra);
  await press(page, "Sign in");
  assert.equal(await page.locator("#who").textContent(), entra ? `${name} (Microsoft Entra)` : name);
}

/** Gets or refreshes a token. Returns its identity. */
export async function getToken(page) {
  await page.locator("#get").click();
  await idle(page);
  assert.equal(await page.locator("#status").textContent(), "valid", await page.locator("#token").textContent());
  return page.locator("#identity").textContent();
}

/** Returns the text that a screen reader announces for an area. */
export const announced = (page, area) => page.locator(`#${area}-done[role=status]`).textContent();

/** Asserts that axe-core finds nothing, and that the page fits the width of the screen. */
export async function assertAccessible(page) {
  const found = await page.evaluate(async (axe) => {
    (0, eval)(axe);
    const { violations } = await globalThis.axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`);
  }, AXE);
  assert.deepEqual(found, []);
  const [page_, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(page_ <= screen, `the page has ${page_} pixels on a screen of ${screen}`);
}
