// Starts Azurite, runs the tests with it as one more place, and looks at what it holds then:
//   node run.mjs <folder with Azurite installed>
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [folder] = process.argv.slice(2);
const installed = createRequire(join(folder, "package.json"));
const { BlobServiceClient, StorageSharedKeyCredential } = installed("@azure/storage-blob");

// The account and key of every Azurite, published.
const ACCOUNT = "devstoreaccount1";
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const CONTAINER = "users";

/** Azurite on a free port, in memory; resolves to its address as soon as it listens. */
function start() {
  const args = ["--inMemoryPersistence", "--blobPort", "0", "--disableTelemetry", "--silent"];
  const child = spawn(join(folder, "node_modules/.bin/azurite-blob"), args, { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill());
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Azurite ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const address = /successfully listens on (\S+)$/.exec(line)?.[1];
      if (address) resolve(address);
    });
  });
}

/** Runs the tests; gives the names of those that say they used it. */
function test(env) {
  const args = ["test", "--test", "it", "--", "people::", "--nocapture"];
  const child = spawn("cargo", args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const used = new Set();
  createInterface({ input: child.stdout }).on("line", (line) => {
    console.log(line);
    const name = /(\w+): in Azure Blob Storage$/.exec(line)?.[1];
    if (name) used.add(name);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(used) : reject(new Error(`the tests ended with ${code}`))));
  });
}

const address = await start();
const service = new BlobServiceClient(`${address}/${ACCOUNT}`, new StorageSharedKeyCredential(ACCOUNT, KEY));
const container = service.getContainerClient(CONTAINER);
await container.create();
const used = await test({ ACS_TOKENS_TEST_BLOB: container.url });

// What is left there, test by test: nothing but names that say nothing, and identities.
const left = {};
for await (const { name } of container.listBlobsFlat()) {
  const [test, , file, ...more] = name.split("/");
  assert.ok(used.has(test) && more.length === 0, name);
  assert.match(file, /^[0-9a-f]{64}\.json$/);
  const content = await container.getBlobClient(name).downloadToBuffer();
  assert.match(content.toString(), /^(\{\}|\{"identity":"8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}"\})$/, name);
  left[test] = (left[test] ?? 0) + 1;
}
console.log("Blobs left in Azurite:", left);
assert.equal(left.of_a_hundred_first_calls_on_two_instances_one_identity_is_left, 1);
assert.equal(left.users_do_not_get_into_each_others_way, 30);
process.exit();
