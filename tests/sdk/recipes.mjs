// Runs the recipes in examples/emulator that need no container engine, with the SDKs: node recipes.mjs <program> <node packages> <python>
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [program, packages, python] = process.argv.slice(2);
const recipes = fileURLToPath(new URL("../../examples/emulator/", import.meta.url));

// Beside node_modules, so that the recipe finds the SDK.
const folder = join(packages, "recipes");
mkdirSync(folder, { recursive: true });
copyFileSync(join(recipes, "emulator.mjs"), join(folder, "emulator.mjs"));
writeFileSync(join(folder, "client.mjs"), 'export { CommunicationIdentityClient } from "@azure/communication-identity";\n');
const load = (name) => import(pathToFileURL(join(folder, name)));
const { startEmulator } = await load("emulator.mjs");
const { CommunicationIdentityClient } = await load("client.mjs");
const { connectionString, stop } = await startEmulator(program);
try {
  const client = new CommunicationIdentityClient(connectionString, { allowInsecureConnection: true });
  const { user, token } = await client.createUserAndToken(["voip"]);
  assert.match(user.communicationUserId, /^8:acs:/);
  assert.match(token, /^eyJ/);
} finally {
  stop();
}

const tests = mkdtempSync(join(tmpdir(), "recipes-"));
copyFileSync(join(recipes, "conftest.py"), join(tests, "conftest.py"));
writeFileSync(
  join(tests, "test_recipe.py"),
  `from azure.communication.identity import CommunicationIdentityClient, CommunicationTokenScope


def test_the_sdk_trusts_the_emulator(acs_connection_string):
    client = CommunicationIdentityClient.from_connection_string(acs_connection_string)
    user, token = client.create_user_and_token([CommunicationTokenScope.VOIP])
    assert user.raw_id.startswith("8:acs:") and token.token.startswith("eyJ")
`,
);
const arguments_ = ["-m", "pytest", "-q", "-p", "no:cacheprovider", tests];
const env = { ...process.env, ACS_TOKENS: program, PYTHONDONTWRITEBYTECODE: "1" };
assert.equal(spawnSync(python, arguments_, { env, stdio: "inherit" }).status, 0);
for (const source of ["conftest.py", "testcontainers_acs.py"]) {
  const check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
  assert.equal(spawnSync(python, ["-c", check, join(recipes, source)], { stdio: "inherit" }).status, 0);
}
const checked = spawnSync(process.execPath, ["--check", join(recipes, "testcontainers.mjs")], { stdio: "inherit" });
assert.equal(checked.status, 0);
console.log("recipes of examples/emulator: passed");
