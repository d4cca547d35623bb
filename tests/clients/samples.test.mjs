// Runs the samples of README.md, docs/clients.md and examples/back-end as they stand, with the SDKs and `acs-tokens`.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { after, beforeEach, describe, test } from "node:test";
import { promisify } from "node:util";
import { blocks, extract } from "./samples.mjs";
import { COMMON, claims, dev, installPackage, packages, repository } from "./under-test.mjs";

const { functions, control, certificate, http } = await dev(after);
const base = functions.replace(/\/api$/, "");
const python = join(process.env.CLIENTS_PYTHON, "bin/python");
const classpath = readFileSync(process.env.CLIENTS_CLASSPATH, "utf8");
const newest = COMMON.find(({ takesObjects }) => takesObjects);
const AsyncFunction = (async () => {}).constructor;

installPackage();
const folder = join(packages, "samples"); // beside node_modules, so that the samples can import the packages
mkdirSync(folder, { recursive: true });
extract(folder);

/** Runs a program without blocking the event loop. Returns its exit code and what it prints. */
async function run(program, args, options) {
  const result = promisify(execFile)(program, args, { cwd: folder, timeout: 60_000, ...options });
  return result.then(({ stdout }) => ({ code: 0, stdout }), ({ code, stdout, stderr }) => ({ code, stdout, stderr }));
}

const signInToken = async () => (await control.signIn(randomUUID())).replace("Bearer ", "");

beforeEach(control.reset);

test("each sample is run, or its section says that it is not", () => {
  const marked = blocks("docs/clients.md").filter(({ mark }) => mark === "file").map(({ name }) => name);
  assert.deepEqual(marked, ["credential.mjs", "errors.mjs", "credential.py", "Credential.java", "keytool.sh"]);
  const text = readFileSync(join(repository, "docs/clients.md"), "utf8");
  for (const section of text.split("\n## ").slice(1)) {
    const isRun = /<!-- file: /.test(section) || section.includes("examples/back-end");
    if (section.includes("```")) assert.ok(isRun || /^[^]*?is not run/.test(section), section.split("\n")[0]);
  }
});

describe("README.md", () => {
  const [backEnd, browser] = blocks("README.md").filter(({ language }) => language === "js");

  test("the sample for a back end issues a token", async () => {
    const { identity } = await (await fetch(`${functions}/identities`, { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } })).json();
    const call = new AsyncFunction("FUNCTIONS_URL", "FUNCTION_KEY", "id", `${backEnd.code}; return answer.json();`);
    assert.equal(await control.tokenStatus((await call(base, "key", identity.id)).token), "valid");
  });

  for (const { version, AzureCommunicationTokenCredential } of COMMON) {
    test(`the sample for a browser works with common ${version}`, async (t) => {
      const accessToken = await signInToken();
      const msal = { acquireTokenSilent: async () => ({ accessToken }) };
      const make = new Function("AzureCommunicationTokenCredential", "msal", "FUNCTIONS_URL", `${browser.code}; return credential;`);
      const credential = make(AzureCommunicationTokenCredential, msal, base);
      t.after(() => credential.dispose());
      const { token, expiresOnTimestamp } = await credential.getToken();
      assert.equal(await control.tokenStatus(token), "valid");
      assert.equal(Math.floor(expiresOnTimestamp / 1000), claims(token).exp);
    });
  }

  test("the sample for a browser rejects with the status", async () => {
    const msal = { acquireTokenSilent: async () => ({ accessToken: "none" }) };
    class Options {
      constructor(options) {
        Object.assign(this, options);
      }
    }
    const make = new Function("AzureCommunicationTokenCredential", "msal", "FUNCTIONS_URL", `${browser.code}; return credential;`);
    await assert.rejects(make(Options, msal, base).tokenRefresher(), { message: "no token: 401" });
  });
});

test("the sample of the package's README has the token of the user", async (t) => {
  const [{ code }] = blocks("clients/js/README.md");
  const address = "https://<app>.azurewebsites.net";
  assert.ok(code.includes(address));
  globalThis.signInToken = signInToken;
  writeFileSync(join(folder, "readme.mjs"), `${code.replace(address, base)}\nexport { credential };`);
  const { credential } = await import(join(folder, "readme.mjs"));
  t.after(() => credential.dispose());
  assert.equal(await control.tokenStatus((await credential.getToken()).token), "valid");
});

describe("JavaScript", async () => {
  const { credentialFor } = await import(join(folder, "credential.mjs"));
  const { tokenOrAdvice } = await import(join(folder, "errors.mjs"));

  test("the credential has the token of the user", async (t) => {
    const token = await signInToken();
    const credential = credentialFor(base, async () => token);
    t.after(() => credential.dispose());
    const advice = await tokenOrAdvice(credential, () => assert.fail("signed in again"));
    assert.equal(await control.tokenStatus(advice.token), "valid");
    assert.equal((await control.state()).identities.length, 1);
  });

  const noRefresh = (tokenRefresher) => new newest.AzureCommunicationTokenCredential({ tokenRefresher });
  const { tokenRefresher } = await import(join(packages, "node_modules/acs-tokens-client/index.js"));

  test("an invalid sign-in token leads to a new sign-in", async () => {
    const credential = noRefresh(tokenRefresher({ url: `${functions}/me/token`, getAuthorization: () => "Bearer none" }));
    assert.equal(await tokenOrAdvice(credential, () => "signed in again"), "signed in again");
  });

  test("a refusal is advice", async () => {
    const authorization = await control.signIn(randomUUID());
    const options = { url: `${functions}/me/token`, getAuthorization: () => authorization, getBody: () => ({ scopes: ["chat"] }) };
    assert.match((await tokenOrAdvice(noRefresh(tokenRefresher(options)))).advice, /\/scopes\/0/);
  });

  test("a missing network is advice", async () => {
    const options = { url: "http://127.0.0.1:1/api/me/token", getAuthorization: () => "Bearer none" };
    assert.match((await tokenOrAdvice(noRefresh(tokenRefresher(options)))).advice, /cannot be reached: fetch failed/);
  });

  test("a failed proactive refresh is an unhandled rejection, as documented", async () => {
    const script = `
      import { credentialFor } from "./credential.mjs";
      process.once("unhandledRejection", (error) => { console.log(error.code); process.exit(); });
      credentialFor("${base}", async () => "none");
      setTimeout(() => console.log("nothing happened"), 20_000);`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
    assert.equal(stdout, "unauthorized\n");
  });
});

test("the samples for React and Teams meetings have correct types", async () => {
  const names = blocks("docs/clients.md").filter(({ mark }) => mark === "types").map(({ name }) => name);
  assert.deepEqual(names, ["use-credential.js", "meeting.js"]);
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--allowJs", "--checkJs", "--target", "es2024", "--lib", "es2024,dom"];
  const tsc = join(packages, "node_modules/typescript/bin/tsc");
  const args = [tsc, ...options, "--module", "esnext", "--moduleResolution", "bundler", "--types", "", ...names];
  assert.deepEqual(await run(process.execPath, args), { code: 0, stdout: "" });
});

/** Runs a program that prints two tokens of a credential, and checks them. */
async function checkCredential(program, args, env) {
  await control.settings({ tokenLifetimeSeconds: 4 });
  const variables = { ...process.env, ...env, FUNCTIONS_URL: base, SIGN_IN_TOKEN: await signInToken() };
  const { code, stdout, stderr } = await run(program, args, { env: variables });
  assert.equal(code, 0, stderr);
  const [first, second] = stdout.trim().split("\n");
  assert.notEqual(first, second);
  assert.equal(claims(first).skypeid, claims(second).skypeid);
  assert.deepEqual((await control.state()).identities.length, 1);
  const refused = await run(program, args, { env: { ...variables, SIGN_IN_TOKEN: "none" } });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /no token: 401 .*"code":"unauthorized"/);
}

test("the credential for Python gets and refreshes tokens", () =>
  checkCredential(python, [join(repository, "tests/clients/credential_main.py")], { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" }));

describe("Java", () => {
  test("the credential gets and refreshes tokens", async () => {
    const classes = mkdtempSync(join(tmpdir(), "classes-"));
    const sources = [join(folder, "Credential.java"), join(repository, "tests/clients/CredentialMain.java")];
    const compiled = await run("javac", ["-Xlint:all,-classfile,-processing", "-Werror", "-cp", classpath, "-d", classes, ...sources]);
    assert.equal(compiled.code, 0, compiled.stderr);
    await checkCredential("java", ["-cp", [classes, classpath].join(delimiter), "CredentialMain"]);
  });

  test("keytool imports the certificate as documented", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "store-"));
    const imported = await run("sh", ["-e", join(folder, "keytool.sh")], { cwd, env: { ...process.env, CERTIFICATE: certificate } });
    assert.equal(imported.code, 0, imported.stdout);
    const { stdout } = await run("keytool", ["-list", "-keystore", "emulator.p12", "-storepass", "changeit"], { cwd });
    assert.match(stdout, /acs-emulator, .*trustedCertEntry/);
  });
});

describe("back ends, with `acs-tokens serve`", async () => {
  const KEY = "a-key-of-the-samples";
  const env = { PATH: process.env.PATH, COMMUNICATION_SERVICES_CONNECTION_STRING: http, CALLER_KEYS: `samples=${KEY}` };
  const child = spawn(process.env.ACS_TOKENS, ["serve", "--port", "0"], { env, stdio: ["ignore", "pipe", "inherit"] });
  after(() => child.kill());
  let url;
  for await (const line of createInterface({ input: child.stdout })) {
    const found = /"address":"([^"]+)"/.exec(line);
    if (found) {
      url = `http://${found[1]}`;
      break;
    }
  }
  child.stdout.resume();

  const samples = join(repository, "examples/back-end");
  const programs = { Python: [python, [join(samples, "token_service.py")]], Java: ["java", ["-cp", classpath, join(samples, "TokenService.java")]] };
  for (const [language, [program, args]] of Object.entries(programs)) {
    test(`the sample for ${language} creates, issues, revokes and deletes`, async () => {
      const { code, stdout, stderr } = await run(program, args, { env: { ...process.env, FUNCTIONS_URL: url, FUNCTION_KEY: KEY } });
      assert.equal(code, 0, stderr);
      const { identities } = await control.state();
      assert.equal(identities.length, 1);
      const [created, issued, ...rest] = stdout.trim().split("\n");
      assert.match(created, new RegExp(`^created ${identities[0].id} with a token until 20\\S+$`));
      assert.match(issued, /^issued a token until 20\S+$/);
      assert.deepEqual(rest, ["revoked the tokens", "deleted the identity", "refused: identity-not-found"]);
      assert.ok(identities[0].deletedAt && identities[0].tokensIssued === 2, JSON.stringify(identities));
    });

    test(`the sample for ${language} reports a wrong key`, async () => {
      const { code, stderr } = await run(program, args, { env: { ...process.env, FUNCTIONS_URL: url, FUNCTION_KEY: "wrong" } });
      assert.notEqual(code, 0);
      assert.match(stderr, /401/);
      assert.ok(!stderr.includes("not one of acs-tokens"), stderr);
    });
  }
});
