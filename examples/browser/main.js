// Signs a user in, and gives the SDKs of ACS a credential that gets the user's access tokens from acs-tokens.
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { tokenRefresher } from "acs-tokens-client";
import { UserManager } from "oidc-client-ts";
import { settings } from "./settings.js";

const element = (id) => document.getElementById(id);
const here = location.origin + location.pathname;
const users = new UserManager({
  authority: settings.authority,
  client_id: settings.clientId,
  scope: settings.scope,
  redirect_uri: here,
  post_logout_redirect_uri: here,
});
let credential;

/** Returns the sign-in token. Renews it if it has expired. */
async function signInToken() {
  let user = await users.getUser();
  if (user?.expired) user = await users.signinSilent();
  if (!user) throw new Error("You are signed out.");
  return user.access_token;
}

/** Creates the credential. Pass it on: `new ChatClient(endpoint, credential)`, `callClient.createCallAgent(credential)`. */
function createCredential() {
  credential?.dispose();
  credential = new AzureCommunicationTokenCredential({
    refreshProactively: true,
    tokenRefresher: tokenRefresher({
      url: `${settings.functionsUrl}/api/me/token`,
      getAuthorization: async () => `Bearer ${await signInToken()}`,
      onAnswer: ({ user, expiresOnTimestamp }) => {
        element("identity").textContent = user.communicationUserId;
        element("expiry").textContent = new Date(expiresOnTimestamp).toLocaleString();
        element("details").hidden = false;
      },
    }),
  });
  return credential;
}

/** Gets a token, as the clients of chat and calling do. */
async function getToken() {
  await createCredential().getToken();
  element("status").textContent = "You have a token.";
}

function report(error) {
  element("details").hidden = true;
  element("status").textContent = error.remedy ?? error.message; // TokenError has a remedy
}

/** Runs an action. Reports its error, and which buttons are of use after it. */
async function run(action) {
  element("status").textContent = "Working";
  await action().catch(report);
  const user = await users.getUser();
  element("sign-in").hidden = Boolean(user);
  for (const id of ["renew", "sign-out"]) element(id).hidden = !user;
}

element("sign-in").onclick = () => run(() => users.signinRedirect());
element("renew").onclick = () => run(getToken);
element("sign-out").onclick = () => run(() => users.signoutRedirect());
// The error of a proactive refresh, which has no caller.
window.addEventListener("unhandledrejection", (event) => (event.preventDefault(), report(event.reason)));

run(async () => {
  const query = new URLSearchParams(location.search);
  if (query.has("code") || query.has("error")) {
    history.replaceState(null, "", here); // the code counts once
    await users.signinCallback(`${here}?${query}`);
  }
  if (await users.getUser()) return getToken();
  element("status").textContent = "Sign in to get a token.";
});
