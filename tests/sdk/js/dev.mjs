// Starts `acs-tokens dev` and calls the control API of its emulator. Shared with tests/clients.
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PRINTED = {
  functions: /^Functions\s+(\S+)$/,
  emulator: /^Emulator of ACS\s+(\S+)/,
  certificate: /^Its certificate\s+(.+)$/,
  http: /^(endpoint=http:.+)$/,
  https: /^(endpoint=https:.+)$/,
};

/** Starts `acs-tokens dev` on free ports and resolves once it has printed its addresses. */
export function start(program, env) {
  const ports = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];
  const data = ["--data", join(tmpdir(), "dev")];
  const child = spawn(program, ["dev", ...ports, ...data], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const found = {};
  const log = [];
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}: ${log.join("\n")}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      log.push(line);
      for (const [name, pattern] of Object.entries(PRINTED)) found[name] ??= pattern.exec(line)?.[1];
      if (Object.values(found).every(Boolean)) {
        resolve({ ...found, log, stop: () => (child.kill(), ended) });
      }
    });
  });
}

export const APP_ID = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
export const USER_ID = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

/** Returns the control API of an emulator. */
export function controlOf(emulator) {
  const call = async (method, path, body) => {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${emulator}/_emulator/${path}`, { method, headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
  return {
    reset: () => call("POST", "reset"),
    state: () => call("GET", "state"),
    calls: () => call("GET", "calls"),
    fault: (fault) => call("POST", "faults", fault),
    settings: (settings) => call("PUT", "settings", settings),
    tokenStatus: async (token) => (await call("POST", "tokens/check", { token })).status,
    entraToken: async (more) => (await call("POST", "entra/tokens", { appId: APP_ID, userId: USER_ID, ...more })).token,
    /** Returns a token with these claims, of the test issuer with this path. */
    signedToken: async (path, claims) => (await call("POST", `oidc/${path}/tokens`, { claims })).token,
    /** Returns the `Authorization` header of a user of the test issuer. */
    signIn: async (sub) => `Bearer ${(await call("POST", "oidc/tokens", { claims: { aud: "acs-tokens-dev", sub } })).token}`,
  };
}

/** Returns the claims of a token without verifying it. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
}
