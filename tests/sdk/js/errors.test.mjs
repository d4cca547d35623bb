// Tests errors as the SDK reports them: status, code and message of ACS, see tests/recorded.
import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import {
  APP_ID, AzureKeyCredential, CommunicationIdentityClient, FOREIGN, TRANSPORTS, USER_ID, client, commonVersion, control,
  endpoint,
} from "./under-test.mjs";

const OTHER = "11111111-2222-4333-8444-555555555555";
const DENIED = { statusCode: 401, code: "Denied", message: "Denied by the resource provider." };
const invalid = (message, target) => ({ statusCode: 400, code: "ValidationError", message, target });

/** Asserts that a call fails with this error. The SDK does not report `target`; it is compared in the body. */
async function assertRejected(call, { statusCode, code, message, target }) {
  await assert.rejects(call, (error) => {
    assert.equal(error.name, "RestError");
    assert.deepEqual([error.statusCode, error.code, error.message], [statusCode, code, message]);
    const wire = JSON.parse(error.response.bodyAsText);
    assert.deepEqual(wire, { error: { code, message, ...(target && { target }) } });
    return true;
  });
}

for (const transport of TRANSPORTS) {
  describe(`errors over ${transport}, with common ${commonVersion}`, () => {
    beforeEach(control.reset);
    const acs = client(transport);

    for (const minutes of [59, 1441]) {
      const error = invalid(
        `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`,
        "ExpiresInMinutes",
      );
      test(`a lifetime of ${minutes} minutes`, async () => {
        const options = { tokenExpiresInMinutes: minutes };
        const user = await acs.createUser();
        await assertRejected(acs.createUserAndToken(["chat"], options), error);
        await assertRejected(acs.getToken(user, ["chat"], options), error);
      });
    }

    test("no scopes", async () => {
      const user = await acs.createUser();
      await assertRejected(acs.getToken(user, []), invalid("Invalid scopes - Scopes field is required.", "scopes"));
    });

    test("an identity of another resource", async () => {
      const message = "Provided identity doesn't belong to the resource.";
      const error = { statusCode: 401, code: "IdentityNotOwned", message };
      await assertRejected(acs.getToken(FOREIGN, ["chat"]), error);
      await assertRejected(acs.revokeTokens(FOREIGN), error);
      await assertRejected(acs.deleteUser(FOREIGN), error);
    });

    const appId = (value, message, target) => ({ name: `appId ${value}`, clientId: value, error: invalid(message, target) });
    const userId = (value, message, target) => ({ name: `userId ${value}`, userObjectId: value, error: invalid(message, target) });
    const token = (name, value) => ({
      name: `${name} token`,
      teamsUserAadToken: value,
      error: { statusCode: 401, code: "InvalidAccessToken", message: "Provided access token is not valid." },
    });
    const exchanges = [
      token("an empty", ""),
      token("a garbage", "garbage"),
      { ...token("an expired"), entra: { expiresInSeconds: -60 } },
      appId("", "AppId: The AppId field is required.", "AppId"),
      appId("invalid", "Provided AppId has invalid format.", "appId"),
      appId(OTHER, "AAD application is not the expected one.", "appId"),
      userId("", "UserId: The UserId field is required.", "UserId"),
      userId("invalid", "Provided UserId has invalid format.", "userId"),
      userId(OTHER, "Provided AAD token issued for unexpected user.", "userId"),
    ];
    for (const { name, entra, error, ...wrong } of exchanges) {
      test(`a Teams exchange with ${name}`, async () => {
        const right = { teamsUserAadToken: await control.entraToken(entra), clientId: APP_ID, userObjectId: USER_ID };
        if (wrong.teamsUserAadToken === undefined) delete wrong.teamsUserAadToken;
        await assertRejected(acs.getTokenForTeamsUser({ ...right, ...wrong }), error);
      });
    }

    test("429 with Retry-After is retried after that time", async () => {
      const answer = { status: 429, headers: { "Retry-After": "1" } };
      await control.fault({ operation: "create-identity", answer });
      const before = performance.now();
      const user = await acs.createUser();
      assert.ok(performance.now() - before >= 1000, "it did not wait");
      const { calls, identities } = await control.state();
      assert.deepEqual(calls["create-identity"], { received: 2, faulted: 1 });
      assert.deepEqual(identities.map(({ id }) => id), [user.communicationUserId]);
    });

    test("429 without Retry-After is not retried", async () => {
      await control.fault({ operation: "create-identity", answer: { status: 429 } });
      await assert.rejects(acs.createUser(), { statusCode: 429 });
      assert.deepEqual((await control.state()).calls["create-identity"], { received: 1, faulted: 1 });
    });
  });
}

describe(`credentials, with common ${commonVersion}`, () => {
  beforeEach(control.reset);
  const withKey = (key) =>
    new CommunicationIdentityClient(endpoint, new AzureKeyCredential(key), { allowInsecureConnection: true });

  test("a wrong key", async () => {
    const acs = withKey(Buffer.from("not the emulator's key").toString("base64"));
    await assertRejected(acs.createUser(), DENIED);
    assert.deepEqual((await control.state()).identities, []);
  });

  test("a clock that is ten minutes slow", async () => {
    const message =
      "The given request could not be resolved.\n" +
      "The time difference between the originating client and the server is greater than the allowed margin of 5 minutes.";
    const now = Date.now() - 600_000;
    mock.timers.enable({ apis: ["Date"], now });
    try {
      await assertRejected(client("http").createUser(), { statusCode: 401, code: "Denied", message });
    } finally {
      mock.timers.reset();
    }
  });
});
