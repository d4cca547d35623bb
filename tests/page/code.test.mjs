// Tests the requests that the page shows as code: they run as they are.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import { open, press, signIn, sharedDev } from "./browser.mjs";

const run = promisify(execFile);

/** How a test runs the code of each language. There is no compiler for C# here, so that code is compared. */
const RUN = {
  curl: (code, env) => run("sh", ["-e", "-c", code], { env }),
  JavaScript: (code, env) => run(process.execPath, ["--input-type=module", "-e", code], { env }),
  Python: (code, env) => run("python3", ["-c", code], { env }),
};

/** Runs the code that an area shows, in each language, and after each `check` with what it printed. */
async function runCode(page, area, variables, check) {
  const env = { PATH: process.env.PATH, ...variables };
  for (const [language, runIn] of Object.entries(RUN)) await check((await runIn(await codeIn(page, area, language), env)).stdout);
}

/** Checks a body. */
const prints = (pattern) => (printed) => assert.match(printed, pattern);
/** Checks an answer without a body. curl does not print its status. */
const isEmpty = prints(/^(204 ?\n)?$/);

async function codeIn(page, area, language) {
  const code = page.locator(`#${area}-code`);
  if (!await code.evaluate((details) => details.open)) await code.locator("summary").click();
  await code.getByRole("button", { name: language, exact: true }).click();
  assert.equal(await code.locator(".tab[aria-pressed=true]").textContent(), language);
  return code.locator("pre").textContent();
}

/** Copies the sign-in token, as a reader of the page does. */
async function signInToken(page) {
  await press(page, "Copy sign-in token");
  await page.getByRole("button", { name: "Copied" }).waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

const post = (url, body) => fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

test("the code of a user's requests runs, with a body and without", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  await signIn(page, "alice");
  const variables = { SIGN_IN_TOKEN: await signInToken(page) };
  await press(page, "Get a token");
  await runCode(page, "token", variables, prints(/"token":"eyJ.+"communicationUserId":"8:acs:/));
  assert.equal(await codeIn(page, "token", "C#"), [
    'var signInToken = Environment.GetEnvironmentVariable("SIGN_IN_TOKEN");',
    "using var client = new HttpClient();",
    `using var request = new HttpRequestMessage(HttpMethod.Post, "${new URL("me/token", address)}");`,
    'request.Headers.Add("Authorization", $"Bearer {signInToken}");',
    "using var answer = await client.SendAsync(request);",
    'Console.WriteLine($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");',
  ].join("\n"));

  await page.getByText("Scopes and lifetime").click();
  await page.getByLabel("voip.join", { exact: true }).check();
  await page.getByLabel("Minutes").first().fill("60");
  await press(page, "Refresh the token");
  await runCode(page, "token", variables, prints(/"token":"eyJ/));
  await press(page, "Delete me");
  await runCode(page, "token", variables, isEmpty);
  assert.deepEqual(errors, []);
});

test("the code of a back end and of an exchange runs", async () => {
  const { page: address, control } = await sharedDev();
  const { page, errors } = await open(address);
  await press(page, "Create identity");
  await runCode(page, "back-end", { FUNCTION_KEY: "any" }, prints(/"identity":\{"id":"8:acs:/));

  // A name that has a meaning in each of the languages.
  const name = `o'brien "$HOME" true {x}`;
  await signIn(page, name);
  await press(page, `Block ${name}`);
  const { iss, sub } = claims(await signInToken(page));
  const unblock = () => post(new URL("users/unblock", address), { issuer: iss, subject: sub });
  await unblock();
  await runCode(page, "back-end", { FUNCTION_KEY: "any" }, async (printed) => {
    isEmpty(printed);
    await press(page, "Get a token");
    assert.match(await page.locator("#token-problem").innerText(), /403 · blocked/);
    await unblock();
  });
  await press(page, "Get a token");
  assert.equal(await page.locator("#token-problem").innerText(), "");
  await press(page, "Change user");

  await signIn(page, "alice", { entra: true });
  await page.getByText("Teams", { exact: true }).click();
  await press(page, "Get a Teams token");
  const token = await signInToken(page);
  const { oid, tid, azp } = claims(token);
  const answer = await post(`${control}entra/tokens`, { appId: azp, userId: oid, tenantId: tid });
  const variables = { SIGN_IN_TOKEN: token, ENTRA_TOKEN: (await answer.json()).token };
  await runCode(page, "token", variables, prints(/"token":"eyJ/));
  assert.match(await codeIn(page, "token", "C#"), /new StringContent\(\$\$"""\{"token":"\{\{entraToken\}\}"\}""", /);
  assert.deepEqual(errors, []);
});

test("the code of a guest's request runs", async () => {
  const { page: address } = await sharedDev();
  const { pass } = await (await post(new URL("guests", address), { uses: 1 })).json();
  const { page, errors } = await open(`${address}#guest=${encodeURIComponent(pass)}`);
  await press(page, "Get a token");
  const identity = await page.locator("#identity").textContent();
  await runCode(page, "token", { GUEST_PASS: pass }, (printed) => assert.ok(printed.includes(identity), printed));
  assert.deepEqual(errors, []);
});
