// What the service refuses, as the SDK tells it: status, code and message as recorded from the service itself.
import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import {
  APP_ID, AzureKeyCredential, CommunicationIdentityClient, FOREIGN, TRANSPORTS, USER_ID, client, commonVersion, control,
  endpoint,
} from "./under-test.mjs";

const OTHER = "11111111-2222-4333-8444-555555555555";
const DENIED = { statusCode: 401, code: "Denied", message: "Denied by the resource provider." };
const invalid = (message, target) => ({ statusCode: 400, code: "ValidationError", message, target });

/** The call fails with exactly this; `target` stands only in the body. */
async function assertRefused(call, { statusCode, code, message, target }) {
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
      const refusal = invalid(
        `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`,
        "ExpiresInMinutes",
      );
      test(`a lifetime of ${minutes} minutes`, async () => {
        const options = { tokenExpiresInMinutes: minutes };
        const user = await acs.createUser();
        await assertRefused(acs.createUserAndToken(["chat"], options), refusal);
        await assertRefused(acs.getToken(user, ["chat"], options), refusal);
      });
    }

    test("no scopes", async () => {
      const user = await acs.createUser();
      await assertRefused(acs.getToken(user, []), invalid("Invalid scopes - Scopes field is required.", "scopes"));
    });

    test("an identity of another resource", async () => {
      const message = "Provided identity doesn't belong to the resource.";
      const refusal = { statusCode: 401, code: "IdentityNotOwned", message };
      await assertRefused(acs.getToken(FOREIGN, ["chat"]), refusal);
      await assertRefused(acs.revokeTokens(FOREIGN), refusal);
      await assertRefused(acs.deleteUser(FOREIGN), refusal);
    });

    const appId = (value, message, target) => ({ name: `appId ${value}`, clientId: value, refusal: invalid(message, target) });
    const userId = (value, message, target) => ({ name: `userId ${value}`, userObjectId: value, refusal: invalid(message, target) });
    const token = (name, value) => ({
      name: `${name} token`,
      teamsUserAadToken: value,
      refusal: { statusCode: 401, code: "InvalidAccessToken", message: "Provided access token is not valid." },
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
    for (const { name, entra, refusal, ...wrong } of exchanges) {
      test(`a Teams exchange with ${name}`, async () => {
        const right = { teamsUserAadToken: await control.entraToken(entra), clientId: APP_ID, userObjectId: USER_ID };
        if (wrong.teamsUserAadToken === undefined) delete wrong.teamsUserAadToken;
        await assertRefused(acs.getTokenForTeamsUser({ ...right, ...wrong }), refusal);
      });
    }

    test("429 with Retry-After is tried again after that time", async () => {
      const answer = { status: 429, headers: { "Retry-After": "1" } };
      await control.fault({ operation: "create-identity", answer });
      const before = performance.now();
      const user = await acs.createUser();
      assert.ok(performance.now() - before >= 1000, "it waited");
      const { calls, identities } = await control.state();
      assert.deepEqual(calls["create-identity"], { received: 2, faulted: 1 });
      assert.deepEqual(identities.map(({ id }) => id), [user.communicationUserId]);
    });

    test("429 without Retry-After is an error at once", async () => {
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
    await assertRefused(acs.createUser(), DENIED);
    assert.deepEqual((await control.state()).identities, []);
  });

  test("a clock that is ten minutes behind", async () => {
    const message =
      "The given request could not be resolved.\n" +
      "The time difference between the originating client and the server is greater than the allowed margin of 5 minutes.";
    const now = Date.now() - 600_000;
    mock.timers.enable({ apis: ["Date"], now });
    try {
      await assertRefused(client("http").createUser(), { statusCode: 401, code: "Denied", message });
    } finally {
      mock.timers.reset();
    }
  });
});
