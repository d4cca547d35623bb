// Starts the program and runs the tests against it, once for each installed SDK:
//   node run.mjs <acs-tokens> <folder with an installed SDK>...
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const tests = readdirSync(here).filter((name) => name.endsWith(".test.mjs")).map((name) => here + name);

const PRINTED = {
  functions: /^Functions\s+(\S+)$/,
  emulator: /^Emulator of ACS\s+(\S+)/,
  certificate: /^Its certificate\s+(.+)$/,
  http: /^(endpoint=http:.+)$/,
  https: /^(endpoint=https:.+)$/,
};

/** Starts `acs-tokens dev` on free ports and resolves once it has printed its addresses. */
function start(program) {
  const ports = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];
  const data = ["--data", join(tmpdir(), "dev")];
  const child = spawn(program, ["dev", ...ports, ...data], { stdio: ["ignore", "pipe", "inherit"] });
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

/** Runs the test files one after the other, because they share the emulator. Returns the exit code. */
function test(program, folder, { functions, emulator, certificate, http, https }) {
  const env = {
    ...process.env,
    NODE_EXTRA_CA_CERTS: certificate, // Node reads it at its start only
    UNDER_TEST: JSON.stringify({ program, folder, functions, emulator, http, https }),
  };
  const args = ["--test", "--test-reporter=spec", "--test-concurrency=1", ...tests];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1)));
}

const [program, ...folders] = process.argv.slice(2);
if (!program || folders.length === 0) throw new Error("usage: run.mjs <acs-tokens> <folder>...");
const running = await start(program);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => running.stop().then(() => process.exit(1)));
try {
  for (const folder of folders) {
    const code = await test(program, folder, running);
    if (code !== 0) process.exitCode = 1;
  }
} finally {
  await running.stop();
}
if (process.exitCode) console.error(`\nLog of acs-tokens:\n${running.log.slice(-200).join("\n")}`);
