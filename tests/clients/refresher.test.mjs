// Tests the package of clients/js, as npm packs it, with `acs-tokens dev` and each published @azure/communication-common.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AzureAbortController, COMMON, claims, dev, installPackage, packages, repository, run } from "./under-test.mjs";

const files = installPackage();
const { TokenError, tokenRefresher } = await import(join(packages, "node_modules/acs-tokens-client/index.js"));
const TOKEN_POLICY = JSON.stringify({ default: { scopes: ["chat.join", "voip.join"], maxMinutes: 60 } });
const { functions, control } = await dev(after, { TOKEN_POLICY });
const url = `${functions}/me/token`;

/** Returns the options of a refresher for a new user. */
async function newUser(more) {
  const authorization = await control.signIn(randomUUID());
  return { url, getAuthorization: () => authorization, ...more };
}

/** Starts a server that answers with these answers in turn, and then with the last one. */
async function server(t, ...answers) {
  const received = [];
  const server = createServer((request, response) => {
    received.push(request);
    const { status, headers, body = "" } = answers.length > 1 ? answers.shift() : answers[0];
    response.writeHead(status, headers);
    if (headers?.["Content-Length"]) response.write(body, () => response.destroy());
    else response.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  return { url: `http://127.0.0.1:${server.address().port}/api/me/token`, received };
}

const anyone = { getAuthorization: () => "Bearer of-a-test" };
const TOKEN = { token: "opaque", expiresOnTimestamp: Date.now() + 3_600_000 };
const OK = { status: 200, body: JSON.stringify({ ...TOKEN, expiresOn: "2030-01-01T00:00:00+00:00" }) };
const rejection = (promise) => promise.then(() => assert.fail("was not rejected"), (error) => error);

beforeEach(control.reset);

test("the package has the documented files, no dependencies and no scripts", () => {
  assert.deepEqual(files, ["LICENSE", "README.md", "index.d.ts", "index.js", "package.json"]);
  const { dependencies, scripts } = JSON.parse(readFileSync(join(packages, "node_modules/acs-tokens-client/package.json")));
  assert.deepEqual({ dependencies, scripts }, { dependencies: undefined, scripts: undefined });
});

for (const { version, takesObjects, AzureCommunicationTokenCredential } of COMMON) {
  describe(`with common ${version}`, () => {
    for (const compat of takesObjects ? [false, true] : [true]) {
      test(`a user gets a token and another one for the same identity, compat: ${compat}`, async (t) => {
        const credential = new AzureCommunicationTokenCredential({ tokenRefresher: tokenRefresher(await newUser({ compat })) });
        t.after(() => credential.dispose());
        await control.settings({ tokenLifetimeSeconds: 1 });
        const first = await credential.getToken();
        await control.settings({});
        const deadline = Date.now() + 20_000;
        let second = first;
        while (second.token === first.token && Date.now() < deadline) {
          await pause(50);
          second = await credential.getToken();
        }
        assert.notEqual(second.token, first.token);
        assert.equal(await control.tokenStatus(second.token), "valid");
        assert.equal(Math.floor(second.expiresOnTimestamp / 1000), claims(second.token).exp);
        assert.equal(claims(second.token).skypeid, claims(first.token).skypeid);
        assert.equal((await control.state()).identities.length, 1);
      });
    }

    test("a refusal reaches the caller of getToken with code and remedy", async () => {
      const options = { url, getAuthorization: () => "Bearer no.token.at-all", compat: !takesObjects };
      const credential = new AzureCommunicationTokenCredential({ tokenRefresher: tokenRefresher(options) });
      const error = await rejection(credential.getToken());
      assert.deepEqual([error.constructor, error.status, error.code], [TokenError, 401, "unauthorized"]);
      assert.match(error.remedy, /JWT/);
    });
  });
}

test("a token that no SDK can decode has the expiry of the answer, with common 2.5", async (t) => {
  const { url } = await server(t, OK);
  const { AzureCommunicationTokenCredential } = COMMON.find(({ takesObjects }) => takesObjects);
  const credential = new AzureCommunicationTokenCredential({ tokenRefresher: tokenRefresher({ ...anyone, url }) });
  assert.deepEqual(await credential.getToken(), TOKEN);
});

test("the fields of getBody are sent", async () => {
  const token = await tokenRefresher(await newUser({ getBody: () => ({ scopes: ["chat.join"] }), compat: true }))();
  assert.equal(claims(token).acsScope, "chat.join");
});

test("onAnswer gets the user's identity", async () => {
  const answers = [];
  const { token } = await tokenRefresher(await newUser({ onAnswer: (answer) => answers.push(answer) }))();
  const [{ id }] = (await control.state()).identities;
  assert.deepEqual(answers.map(({ user, ...answer }) => [user.communicationUserId, answer.token]), [[id, token]]);
});

/** Creates a pass with one use. Returns the options of a refresher for a guest. */
async function guestsOfOnePass() {
  const answer = await fetch(`${functions}/guests`, { method: "POST" });
  assert.equal(answer.status, 201);
  const { pass } = await answer.json();
  const getBody = (guest) => () => ({ guest });
  return (guest) => ({ url: `${functions}/guests/token`, getAuthorization: () => `Bearer ${pass}`, getBody: getBody(guest) });
}

test("a guest gets tokens for one identity, and another guest code and remedy", async () => {
  const guest = await guestsOfOnePass();
  const refresh = tokenRefresher(guest("the-first-guest-"));
  const ids = [await refresh(), await refresh()].map(({ token }) => claims(token).skypeid);
  assert.equal(ids[0], ids[1]);
  const error = await rejection(tokenRefresher(guest("the-second-guest"))());
  assert.deepEqual([error.name, error.status, error.code], ["TokenError", 403, "pass-used-up"]);
  assert.match(error.remedy, /guest/);
});

test("errors in fields are part of the remedy", async () => {
  const error = await rejection(tokenRefresher(await newUser({ getBody: async () => ({ scopes: ["chat"] }) }))());
  assert.deepEqual([error.name, error.status, error.code], ["TokenError", 403, "beyond-policy"]);
  assert.deepEqual(error.errors.map(({ pointer }) => pointer), ["/scopes/0"]);
  assert.ok(error.remedy.includes(error.errors[0].detail) && error.message.includes(error.remedy), error.message);
  assert.match(error.requestId, /^[0-9a-f-]{36}$/);
});

test("an error has no authorization and no token", async () => {
  const options = await newUser({ getBody: () => ({ scopes: ["chat"] }) });
  const error = await rejection(tokenRefresher(options)());
  const text = `${error.stack} ${JSON.stringify(error)}`;
  assert.ok(!text.includes(options.getAuthorization().split(" ")[1]), text);
});

test("Retry-After of ACS's limit is obeyed", async () => {
  await control.fault({ operation: "create-identity", answer: { status: 429, headers: { "Retry-After": "2" } } });
  const options = await newUser();
  const first = performance.now();
  const { token } = await tokenRefresher(options)();
  assert.ok(performance.now() - first >= 1990, "it did not wait");
  assert.equal(await control.tokenStatus(token), "valid");
  assert.deepEqual((await control.state()).identities.length, 1);
});

test("a wait beyond maxWaitSeconds is an error at once", async () => {
  await control.fault({ operation: "create-identity", times: 9, answer: { status: 429, headers: { "Retry-After": "31" } } });
  const error = await rejection(tokenRefresher(await newUser())());
  assert.deepEqual([error.status, error.code], [429, "throttled"]);
  assert.ok(error.retryAfterSeconds > 25 && error.retryAfterSeconds <= 31, error.retryAfterSeconds);
});

test("waits are bounded in sum, and one of zero counts as a second", async (t) => {
  const { url, received } = await server(t, { status: 503, headers: { "Retry-After": "0" } });
  const error = await rejection(tokenRefresher({ ...anyone, url, maxWaitSeconds: 2 })());
  assert.deepEqual([error.status, error.code, received.length], [503, "unexpected-answer", 3]);
});

test("a date in Retry-After is obeyed", async (t) => {
  const until = Math.ceil(Date.now() / 1000 + 1) * 1000;
  const { url } = await server(t, { status: 503, headers: { "Retry-After": new Date(until).toUTCString() } }, OK);
  assert.deepEqual(await tokenRefresher({ ...anyone, url })(), TOKEN);
  assert.ok(Date.now() >= until - 5);
});

for (const header of ["", "soon", "-1", "soon GMT"]) {
  test(`the Retry-After '${header}' is not obeyed`, async (t) => {
    const { url, received } = await server(t, { status: 429, headers: { "Retry-After": header } });
    const error = await rejection(tokenRefresher({ ...anyone, url })());
    assert.deepEqual([error.status, error.retryAfterSeconds, received.length], [429, undefined, 1]);
  });
}

test("only 429 and 503 are repeated", async (t) => {
  const { url, received } = await server(t, { status: 500, headers: { "Retry-After": "1" } });
  await rejection(tokenRefresher({ ...anyone, url })());
  assert.equal(received.length, 1);
});

for (const [name, answer] of Object.entries({
  "an empty 401 of the Functions host": { status: 401 },
  "a page of a proxy": { status: 200, body: "<html></html>" },
  "JSON without a token": { status: 200, body: '{"expiresOnTimestamp":1}' },
  "JSON null": { status: 200, body: "null" },
  "another service's problem": { status: 403, body: '{"title":"Forbidden"}' },
})) {
  test(`${name} is an unexpected answer`, async (t) => {
    const { url } = await server(t, answer);
    const error = await rejection(tokenRefresher({ ...anyone, url })());
    assert.deepEqual([error.status, error.code], [answer.status, "unexpected-answer"]);
    assert.match(error.remedy, /url/);
  });
}

test("an answer that is cut off rejects as fetch does", async (t) => {
  const { url } = await server(t, { status: 200, headers: { "Content-Length": "9999" }, body: "{" });
  await assert.rejects(tokenRefresher({ ...anyone, url })(), TypeError);
});

test("a redirect is not followed", async (t) => {
  const other = await server(t, OK);
  const { url } = await server(t, { status: 307, headers: { Location: other.url } });
  await assert.rejects(tokenRefresher({ ...anyone, url })(), TypeError);
  assert.equal(other.received.length, 0);
});

for (const [name, Controller] of [["AbortController", AbortController], ["@azure/abort-controller 1", AzureAbortController]]) {
  test(`an abort ends the request, with ${name}`, async (t) => {
    const waiting = createServer(() => controller.abort()); // never answers
    waiting.listen(0, "127.0.0.1");
    await once(waiting, "listening");
    t.after(() => (waiting.closeAllConnections(), waiting.close()));
    const controller = new Controller();
    const refresh = tokenRefresher({ ...anyone, url: `http://127.0.0.1:${waiting.address().port}/` });
    assert.equal((await rejection(refresh(controller.signal))).name, "AbortError");
  });

  test(`an abort ends the wait, with ${name}`, async (t) => {
    const { url, received } = await server(t, { status: 503, headers: { "Retry-After": "25" } });
    const controller = new Controller();
    const refresh = tokenRefresher({ ...anyone, url })(controller.signal);
    while (received.length === 0) await pause(5);
    await pause(50); // the answer arrives, and the wait begins
    controller.abort();
    assert.equal((await rejection(refresh)).name, "AbortError");
    assert.equal(received.length, 1);
  });

  test(`nothing is requested after an abort, with ${name}`, async (t) => {
    const { url, received } = await server(t, OK);
    const controller = new Controller();
    controller.abort();
    assert.equal((await rejection(tokenRefresher({ ...anyone, url })(controller.signal))).name, "AbortError");
    assert.equal(received.length, 0);
  });
}

test("require() loads the package", () => {
  const script = 'console.log(typeof require("acs-tokens-client").tokenRefresher)';
  assert.equal(run(process.execPath, ["--no-warnings", "-e", script], { cwd: packages }), "function\n");
});

test("the types fit each published CommunicationTokenRefreshOptions", () => {
  const lines = COMMON.flatMap(({ name, takesObjects }, i) => [
    `import type { CommunicationTokenRefreshOptions as Options${i} } from "${name}";`,
    `({ tokenRefresher: tokenRefresher({ url, getAuthorization, compat: true }) }) satisfies Options${i};`,
    ...(takesObjects ? [] : ["// @ts-expect-error: this version takes only a string"]),
    `({ tokenRefresher: tokenRefresher({ url, getAuthorization }) }) satisfies Options${i};`,
  ]);
  const header = 'import { tokenRefresher, TokenError } from "acs-tokens-client";\nconst url = "";\nconst getAuthorization = async () => "";\n';
  const uses = 'const error: Error = new TokenError(429, { title: "", code: "", detail: "" });\nexport const remedy: string = (error as TokenError).remedy;\n';
  writeFileSync(join(packages, "types.mts"), header + lines.join("\n") + "\n" + uses);
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2024", "--module", "nodenext"];
  const tsc = join(packages, "node_modules/typescript/bin/tsc");
  run(process.execPath, [tsc, ...options, "types.mts"], { cwd: packages, stdio: ["ignore", "inherit", "inherit"] });
  const source = ["--allowJs", "--checkJs", "--lib", "es2024,dom", "--types", "", join(repository, "clients/js/index.js")];
  run(process.execPath, [tsc, ...options, ...source], { cwd: packages, stdio: ["ignore", "inherit", "inherit"] });
});
