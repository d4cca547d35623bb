// Starts the stores, runs the tests of the user directory in them, and checks the objects that the tests left:
//   node run.mjs <installation folder> <folder with certificate.pem and key.pem>
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [folder, certificate] = process.argv.slice(2);
const installed = createRequire(join(folder, "azurite/package.json"));
const { BlobServiceClient, StorageSharedKeyCredential } = installed("@azure/storage-blob");

const TESTS = "directory::";
const TEMPLATE = "settings_of_the_template_issue_the_first_tokens";
const NAME = "users"; // of the container and of the bucket

const STATE = '("identity":"8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}",)?("leaving":true,)?("blocked":true,)?';
/** The record of a user. It is empty after a deletion. */
const USER = new RegExp(`^\\{(${STATE}"user":"[A-Za-z0-9+/]{80}")?\\}$`);
/** The record of a guest, or that of an ended pass. */
const GUEST = new RegExp(`^\\{(${STATE}"guest":"[0-9a-f]{32}"|"blocked":true)\\}$`);

/** Starts a server and resolves to its address once it listens. The server is stopped when this process exits. */
function start(program, args) {
  const child = spawn(join(folder, program), args, { stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => child.kill());
  const errors = [];
  child.stderr.on("data", (data) => errors.push(data)); // printed only on failure: moto logs its requests here
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}: ${Buffer.concat(errors)}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const address = /successfully listens on (\S+)$/.exec(line)?.[1];
      if (address) resolve(address);
    });
  });
}

/** Starts Azurite with more options and creates a container. */
async function azurite(...options) {
  const args = ["--inMemoryPersistence", "--blobPort", "0", "--disableTelemetry", "--silent", ...options];
  const address = await start("azurite/node_modules/.bin/azurite-blob", args);
  // The published account and key of every Azurite.
  const account = "devstoreaccount1";
  const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
  const service = new BlobServiceClient(`${address}/${account}`, new StorageSharedKeyCredential(account, key));
  const container = service.getContainerClient(NAME);
  await container.create();
  async function* objects() {
    for await (const { name } of container.listBlobsFlat()) {
      yield [name, (await container.getBlobClient(name).downloadToBuffer()).toString()];
    }
  }
  return { address, url: container.url, objects };
}

async function azureBlobStorage() {
  const { url, objects } = await azurite();
  return { kind: "Azure Blob Storage", env: { ACS_TOKENS_TEST_BLOB: url }, objects };
}

/** Azurite accepts bearer tokens over https only. */
async function azureBlobStorageByManagedIdentity() {
  const [cert, key] = ["certificate.pem", "key.pem"].map((name) => join(certificate, name));
  const { address, objects } = await azurite("--oauth", "basic", "--cert", cert, "--key", key);
  const env = { ACS_TOKENS_TEST_KEYLESS: new URL(address).host, ACS_TOKENS_TEST_CERTIFICATE: certificate };
  return { kind: "Azure Blob Storage with managed identity", env, objects };
}

async function amazonS3() {
  const address = await start("moto/bin/python", [fileURLToPath(new URL("s3.py", import.meta.url))]);
  const bucket = `${address}/${NAME}`;
  // moto requires credentials but does not verify them.
  const headers = { Authorization: "AWS4-HMAC-SHA256 Credential=anybody/20260101/us-east-1/s3/aws4_request" };
  const get = async (path, method = "GET") => {
    const response = await fetch(`${bucket}${path}`, { method, headers });
    assert.equal(response.status, 200, path);
    return response.text();
  };
  await get("", "PUT");
  async function* objects() {
    const list = await get("?list-type=2");
    assert.match(list, /<IsTruncated>false</);
    for (const [, name] of list.matchAll(/<Key>([^<]+)<\/Key>/g)) yield [name, await get(`/${name}`)];
  }
  return { kind: "Amazon S3", env: { ACS_TOKENS_TEST_S3: bucket }, objects };
}

/** Runs the tests. Returns, for each store, the names of the tests that printed that they use it. */
function test(stores) {
  const env = Object.assign({ ...process.env }, ...stores.map((store) => store.env));
  const args = ["test", "--test", "it", "--", TESTS, "--nocapture"];
  const child = spawn("cargo", args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const used = new Map(stores.map(({ kind }) => [kind, new Set()]));
  createInterface({ input: child.stdout }).on("line", (line) => {
    console.log(line);
    const [, name, kind] = /(\w+): in (.+)$/.exec(line) ?? [];
    used.get(kind)?.add(name);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(used) : reject(new Error(`the tests ended with ${code}`))));
  });
}

const stores = await Promise.all([azureBlobStorage(), azureBlobStorageByManagedIdentity(), amazonS3()]);
const used = await test(stores);
for (const { kind, objects } of stores) {
  // Object names must be hashes, and contents an identity with an encrypted user or a hashed guest, or empty. Counts the objects of each test.
  const left = {};
  for await (const [name, content] of objects()) {
    // The settings of the template name the container only.
    const [test, , ...path] = name.includes("/") ? name.split("/") : [TEMPLATE, "", name];
    assert.ok(used.get(kind).has(test), name);
    const guest = path.length > 1;
    assert.match(path.join("/"), guest ? /^guests\/\d{10}\/[0-9a-f]{64}\.json$/ : /^[0-9a-f]{64}\.json$/);
    assert.match(content, guest ? GUEST : USER, name);
    left[test] = (left[test] ?? 0) + 1;
  }
  console.log(`Left in ${kind}:`, left);
  if (kind.endsWith("with managed identity")) {
    assert.deepEqual(left, { concurrent_first_calls_with_managed_identity_leave_one_identity: 1, [TEMPLATE]: 1 });
    continue;
  }
  assert.equal(left.concurrent_first_calls_in_two_instances_leave_one_identity, 1);
  assert.equal(left.concurrent_first_calls_in_two_processes_leave_one_identity, 1);
  assert.equal(left.crowd_gets_as_many_identities_as_the_pass_has_uses, 50);
  assert.equal(left.concurrent_calls_of_different_users_do_not_interfere, 30);
}
process.exit();
