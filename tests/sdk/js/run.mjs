// Starts the program and runs the tests against it, once for each installed SDK:
//   node run.mjs <acs-tokens> <folder with an installed SDK>...
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "./dev.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const tests = readdirSync(here).filter((name) => name.endsWith(".test.mjs")).map((name) => here + name);

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

const [program, ...folders] = process.argv.slice(2).map((path) => resolve(path));
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
