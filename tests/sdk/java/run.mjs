// Starts the program, creates a trust store with its certificate, and runs the tests: node run.mjs <acs-tokens> <target folder>
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "../js/dev.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const [program, target] = process.argv.slice(2);
const running = await start(program);

function run(command, args, env) {
  const { status, error } = spawnSync(command, args, { cwd: here, env: { ...process.env, ...env }, stdio: ["ignore", "inherit", "inherit"] });
  if (error) throw error;
  return status;
}

try {
  const store = join(tmpdir(), "emulator.p12");
  const importing = ["-importcert", "-noprompt", "-alias", "emulator", "-file", running.certificate];
  if (run("keytool", [...importing, "-keystore", store, "-storepass", "changeit"]) !== 0) throw new Error("keytool failed");
  const trust = `-Djavax.net.ssl.trustStore=${store} -Djavax.net.ssl.trustStorePassword=changeit`;
  const args = ["--batch-mode", "-Dstyle.color=never", "--no-transfer-progress", `-Dtarget=${resolve(target)}`, `-DargLine=${trust}`];
  process.exitCode = run("mvn", [...args, "compiler:testCompile", "surefire:test"], {
    FUNCTIONS: running.functions,
    EMULATOR: running.emulator,
    CONNECTION_STRING: running.https,
  });
} finally {
  await running.stop();
}
if (process.exitCode) console.error(`\nLog of acs-tokens:\n${running.log.slice(-100).join("\n")}`);
