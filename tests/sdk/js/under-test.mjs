// Shared by the tests: the installed SDK, clients of the running emulator, and its control API.
import { createRequire } from "node:module";
import { join } from "node:path";
import { controlOf } from "./dev.mjs";

const { folder, functions, emulator, http, https } = JSON.parse(process.env.UNDER_TEST);

const installed = createRequire(join(folder, "package.json"));
export const { CommunicationIdentityClient } = installed("@azure/communication-identity");
export const { AzureCommunicationTokenCredential } = installed("@azure/communication-common");
export const { AzureKeyCredential } = installed("@azure/core-auth");
export const commonVersion = installed(join(folder, "node_modules/@azure/communication-common/package.json")).version;

/** The base URL of the functions. */
export { functions };

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
