// Tests the list of functions, and the page of a deployed service and of an emulator without functions.
import assert from "node:assert/strict";
import { test } from "node:test";

import { PHONE, assertAccessible, open, start, sharedDev } from "./browser.mjs";

test("every function of the OpenAPI document is shown, with what it takes and answers", async () => {
  const { page: address } = await sharedDev();
  const { page, errors } = await open(address);
  const api = await (await fetch(new URL("openapi.json", address))).json();
  const operations = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([method]) => method !== "head").map(([method, operation]) => ({ path, method, operation })));
  assert.ok(operations.length > 14);
  assert.equal(await page.locator(".function").count(), operations.length);
  assert.deepEqual(await page.locator("#reference h3").allTextContents(), ["Signed-in users", "Guests", "Back ends", "Anyone"]);
  for (const { path, method, operation } of operations) {
    const shown = page.locator(`#function-${operation.operationId}`);
    await shown.locator("summary").first().click();
    await shown.locator(".sample").waitFor();
    const text = await shown.evaluate((details) => {
      for (const one of details.querySelectorAll("details")) one.open = true;
      return details.innerText;
    });
    for (const part of [method.toUpperCase(), `/api${path}`, operation.summary, ...Object.keys(operation.responses)]) {
      assert.ok(text.includes(part), `${operation.operationId}: ${part} is not in\n${text}`);
    }
    const schema = operation.requestBody?.content["application/json"].schema.$ref?.split("/").at(-1);
    for (const name of fields(api.components.schemas[schema])) assert.ok(text.includes(name), `${operation.operationId}: ${name}`);
    assert.ok(!/undefined|\[object|NaN/.test(text), text);
  }
  assert.deepEqual(errors, []);
});

/** Returns the names of the fields of a schema and of its alternatives. */
const fields = (schema) => [...Object.keys(schema?.properties ?? {}), ...(schema?.oneOf ?? []).flatMap(fields)];

test("a deployed service shows its functions and signs nobody in", async () => {
  const settings = {
    COMMUNICATION_SERVICES_CONNECTION_STRING: "endpoint=http://127.0.0.1:9/;accesskey=c2VjcmV0",
    CALLER_KEYS: "web=a-key-of-the-web-app-that-is-long-enough",
  };
  const line = (await start(["serve", "--port", "0"], /"serving"/, settings)).at(-1);
  const address = `http://${JSON.parse(line).address}/api/docs`;
  // Also if somebody opens a guest link there.
  for (const url of [address, `${address}#guest=x`]) {
    const { page, requested, errors } = await open(url, PHONE);
    await page.getByText("signs nobody in").waitFor();
    assert.equal(await page.locator("#try").isVisible(), false);
    assert.deepEqual(await page.getByRole("button").allTextContents(), []);
    await page.getByText("/api/me/token", { exact: true }).click();
    await page.locator("#function-my-token .sample").waitFor();
    await assertAccessible(page);
    assert.deepEqual(requested.map((url) => new URL(url)).filter(({ protocol }) => protocol !== "data:").map(({ pathname }) => pathname), ["/api/docs", "/api/openapi.json"]);
    assert.deepEqual(errors, []);
  }
});

test("an emulator without functions says how to start them", async () => {
  const lines = await start(["emulator", "--port", "0", "--https-port", "0"], /Ctrl\+C stops it\.$/);
  const control = lines.find((line) => line.startsWith("Its control API")).split(/\s+/).at(-1);
  const answer = await fetch(control);
  assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.match(await answer.text(), /acs-tokens dev/);
});
