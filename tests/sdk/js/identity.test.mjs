// Tests every operation of @azure/communication-identity over http and https.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { APP_ID, TRANSPORTS, USER_ID, claims, client, commonVersion, control } from "./under-test.mjs";

const SCOPES = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"];
const ID = /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$/;

/** Asserts that the emulator issued the token for this user, these scopes and this lifetime. */
async function assertToken({ token, expiresOn }, user, scopes, minutes) {
  assert.equal(await control.tokenStatus(token), "valid");
  const { skypeid, acsScope, iat, exp } = claims(token);
  assert.equal(`8:${skypeid}`, user.communicationUserId);
  assert.equal(acsScope, scopes.join(","));
  assert.equal(exp - iat, minutes * 60);
  assert.equal(Math.floor(expiresOn.getTime() / 1000), exp);
}

for (const transport of TRANSPORTS) {
  describe(`operations over ${transport}, with common ${commonVersion}`, () => {
    beforeEach(control.reset);
    const acs = client(transport);

    test("creates an identity", async () => {
      const user = await acs.createUser();
      assert.match(user.communicationUserId, ID);
      const { identities } = await control.state();
      assert.deepEqual(identities.map(({ id }) => id), [user.communicationUserId]);
    });

    test("creates an identity with its first token", async () => {
      const created = await acs.createUserAndToken(SCOPES);
      await assertToken(created, created.user, SCOPES, 1440);
    });

    for (const minutes of [60, 1440]) {
      test(`issues tokens with a lifetime of ${minutes} minutes`, async () => {
        const options = { tokenExpiresInMinutes: minutes };
        const created = await acs.createUserAndToken(["chat"], options);
        await assertToken(created, created.user, ["chat"], minutes);
        await assertToken(await acs.getToken(created.user, ["voip"], options), created.user, ["voip"], minutes);
      });
    }

    for (const scope of SCOPES) {
      test(`issues a token for ${scope}`, async () => {
        const user = await acs.createUser();
        await assertToken(await acs.getToken(user, [scope]), user, [scope], 1440);
      });
    }

    test("revokes existing tokens, not later ones", async () => {
      const { user, token } = await acs.createUserAndToken(["voip"]);
      await acs.revokeTokens(user);
      assert.equal(await control.tokenStatus(token), "revoked");
      await assertToken(await acs.getToken(user, ["voip"]), user, ["voip"], 1440);
    });

    test("deletes an identity and its tokens", async () => {
      const { user, token } = await acs.createUserAndToken(["chat"]);
      await acs.deleteUser(user);
      assert.equal(await control.tokenStatus(token), "deleted");
      await assert.rejects(acs.getToken(user, ["chat"]), { statusCode: 404, code: "IdentityNotFound" });
    });

    test("exchanges a Teams user's token for one that expires in the same second", async () => {
      const teamsUserAadToken = await control.entraToken({ expiresInSeconds: 1800 });
      const answer = await acs.getTokenForTeamsUser({ teamsUserAadToken, clientId: APP_ID, userObjectId: USER_ID });
      assert.equal(await control.tokenStatus(answer.token), "valid");
      assert.equal(claims(answer.token).exp, claims(teamsUserAadToken).exp);
      assert.equal(Math.floor(answer.expiresOn.getTime() / 1000), claims(teamsUserAadToken).exp);
    });
  });
}
