// Shared by the tests: the installed SDK, clients of the running emulator, and its control API.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { controlOf } from "./dev.mjs";

const { program, folder, functions, emulator, http, https } = JSON.parse(process.env.UNDER_TEST);

const installed = createRequire(join(folder, "package.json"));
export const { CommunicationIdentityClient } = installed("@azure/communication-identity");
export const { AzureCommunicationTokenCredential } = installed("@azure/communication-common");
export const { AzureKeyCredential } = installed("@azure/core-auth");
export const commonVersion = installed(join(folder, "node_modules/@azure/communication-common/package.json")).version;

/** The program, and the base URL of its functions. */
export { program, functions };

/** The connection string for http, and the endpoint of the resource for https. */
export const connectionString = http;
export const resourceEndpoint = https.slice("endpoint=".length).split("/;")[0];

/** The emulator's base URL, for use with a key. */
export const endpoint = emulator;

export const TRANSPORTS = ["http", "https"];

/** Returns a client for the printed connection string. */
export function client(transport) {
  if (transport === "https") return new CommunicationIdentityClient(https);
  return new CommunicationIdentityClient(http, { allowInsecureConnection: true });
}

/** An identity of another ACS resource. */
export const FOREIGN = {
  communicationUserId: "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000",
};

export { APP_ID, USER_ID, claims } from "./dev.mjs";

/** The emulator's control API. */
export const control = controlOf(emulator);

/** Returns the first example in JavaScript below a heading of docs/teams.md. */
export function snippet(heading) {
  const text = readFileSync(new URL("../../../docs/teams.md", import.meta.url), "utf8");
  return text.split(`\n## ${heading}\n`)[1].split("```js\n")[1].split("```")[0];
}

/** Runs an example with these variables. Returns its `credential`. */
export function run(code, variables) {
  const names = ["AzureCommunicationTokenCredential", ...Object.keys(variables)];
  const values = [AzureCommunicationTokenCredential, ...Object.values(variables)];
  return new Function(...names, `"use strict"; ${code}; return { credential };`)(...values);
}
