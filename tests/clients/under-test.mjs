// Shared by the tests: `acs-tokens dev`, the installed packages, and the package of clients/js as npm packs it.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { controlOf, start } from "../sdk/js/dev.mjs";

export { claims } from "../sdk/js/dev.mjs";

export const repository = fileURLToPath(new URL("../../", import.meta.url));

/** The folder with the packages that tests/clients/run installed. */
export const packages = process.env.CLIENTS_PACKAGES;

const require = createRequire(join(packages, "package.json"));

/** The published versions of `@azure/communication-common` by their names in package.json. */
export const COMMON = Object.keys(JSON.parse(readFileSync(join(packages, "package.json"))).dependencies)
  .filter((name) => name.startsWith("common-") || name === "@azure/communication-common")
  .map((name) => {
    const { version } = JSON.parse(readFileSync(join(packages, "node_modules", name, "package.json")));
    const [major, minor] = version.split(".").map(Number);
    return { name, version, takesObjects: major === 2 && minor >= 5, ...require(name) };
  });

export const { AbortController: AzureAbortController } = require("@azure/abort-controller");

/** Packs clients/js and unpacks it where the installed packages can be imported. Returns the names of its files. */
export function installPackage() {
  const folder = join(packages, "node_modules/acs-tokens-client");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const into = mkdtempSync(join(tmpdir(), "pack-"));
  execFileSync("npm", ["pack", "--silent", "--pack-destination", into], { cwd: join(repository, "clients/js") });
  const [tarball] = readdirSync(into);
  execFileSync("tar", ["-xzf", join(into, tarball), "--strip-components=1", "-C", folder]);
  return readdirSync(folder).sort();
}

/** Starts `acs-tokens dev` and stops it after the tests of the calling file. */
export async function dev(after, env) {
  const running = await start(process.env.ACS_TOKENS, env);
  after(running.stop);
  return { ...running, control: controlOf(running.emulator) };
}

/** Runs a program and returns what it prints. */
export function run(program, args, options) {
  return execFileSync(program, args, { encoding: "utf8", timeout: 60_000, ...options });
}
