// --- The place to try the functions, under `dev` only: users, guests, and what a back end does.

const SCOPES = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"];
const APP = "11111111-1111-4111-8111-111111111111"; // the application that test users of Entra sign in to
const TEAMS = "Teams.ManageCalls Teams.ManageChats", TEAMS_PHONE = "TeamsExtension.ManageCalls";

// The values that `dev` puts into the page; the signed-in user; the guest pass and the identity that were created here as a back end.
let functions = null, user = null, pass = null, identity = null;
// The pass in the fragment of this page's address, which browsers do not send to servers.
const guestPass = new URLSearchParams(location.hash.slice(1)).get("guest");

/** Runs one action at a time, shows its problem, and reloads the list of identities. */
async function attempt(area, work) {
  const main = document.querySelector("main");
  if (main.getAttribute("aria-busy") === "true") return;
  main.setAttribute("aria-busy", "true");
  clear(...[`${area}-problem`, "token-done", "back-end-done"].filter($));
  try {
    await work();
  } catch (failure) {
    problem(`${area}-problem`, failure, ...remedy(area, failure.problem ?? {}));
  }
  await refresh();
  main.setAttribute("aria-busy", "false");
}

/** Calls a function, and shows the request as code. */
function perform(area, caller, method, route, body, variables = {}) {
  const auth = CREDENTIALS[caller];
  const value = { user: user?.token, guest: guestPass, key: $("key").value }[caller];
  const request = { method, url: BASE + route };
  showCode(`${area}-code`, { ...request, auth, body: body && { ...body, ...variables } });
  return send(request.url, { method, body, headers: value ? { [auth.header]: auth.prefix + value } : {} });
}

/** Returns elements that say what to do about a problem, beyond its own text. */
function remedy(area, { code }) {
  const text = (...parts) => element("p", {}, ...parts);
  if (code === "beyond-policy") {
    const scopes = chosenScopes().length > 0 ? chosenScopes() : ["chat", "voip"];
    const policy = JSON.stringify({ default: { scopes, maxMinutes: 1440 } });
    return [text(`To allow ${scopes.join(", ")} to all users, stop the program and start it with this policy:`),
      element("pre", { tabindex: "0", role: "group", "aria-label": "Command" }, element("code", {}, `TOKEN_POLICY='${policy}' acs-tokens dev`)),
      text("To allow it to some users, put the entry under ", element("code", {}, "roles"), " and sign in with the role.")];
  }
  if (code === "unauthorized" && area === "back-end") {
    show("key-field", true);
    return [text("Enter a key of ", element("code", {}, "CALLER_KEYS"), " above.")];
  }
  if (code === "unauthorized" && area === "token" && user) return [text("The sign-in token is valid for an hour. Change the user, and sign in again.")];
  if (code === "blocked") return [text("To accept the user again, choose “Unblock user”.")];
  if (code === "not-assigned") return [text("To assign the user, choose “Assign to Teams Phone”.")];
  return [];
}

const chosenScopes = () => SCOPES.filter((scope) => $(`scope-${scope}`).checked);

// --- Users

/** Returns a GUID that is always the same for a text. */
async function guid(text) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const hex = Array.from(hash.slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5");
}

async function signIn() {
  const name = $("name").value.trim();
  $("name").setAttribute("aria-invalid", String(!name));
  $("name-error").textContent = name ? "" : "Enter a name. A user needs one.";
  if (!name) return $("name").focus();
  const roles = $("roles").value.split(",").map((role) => role.trim()).filter(Boolean);
  const { issuer, entraIssuer, audience } = functions;
  const wanted = { iss: issuer, aud: audience, sub: name, name };
  if ($("entra").checked) Object.assign(wanted, { iss: entraIssuer, tid: entraIssuer.split("/").at(-2), oid: await guid(name), azp: APP, scp: "access_as_user" });
  if (roles.length > 0) wanted.roles = roles;
  const { token } = await control("POST", "oidc/tokens", { claims: wanted });
  user = { name, token, claims: claims(token) };
  $("who").textContent = wanted.tid ? `${name} (Microsoft Entra)` : name;
  list("user-claims", user.claims);
  signedIn();
  $("get").focus();
}

/** Shows what a user can do who is signed in, or the form to sign in. */
function signedIn() {
  hideToken();
  $("ask").reset();
  for (const id of ["signed-in", "ask"]) show(id, user);
  for (const id of ["sign-in", "token-wait"]) show(id, !user);
  for (const id of ["block", "unblock"]) {
    $(id).disabled = !user;
    $(id).textContent = `${id === "block" ? "Block" : "Unblock"} ${user?.name ?? "user"}`;
  }
  for (const id of ["teams-token", "teams-phone-token", "assign"]) $(id).disabled = !user?.claims.oid;
  show("no-teams", !user?.claims.oid);
  show("token-code", false); // it is of the user before
  clear("token-problem", "token-done", "user-problem");
}

async function getToken() {
  if (guestPass) {
    showToken(await perform("token", "guest", "POST", "guests/token", { guest: guest() }), "Token", "guest");
  } else {
    const body = {};
    if (chosenScopes().length > 0) body.scopes = chosenScopes();
    if ($("minutes").value) body.expiresInMinutes = Number($("minutes").value);
    showToken(await perform("token", "user", "POST", "me/token", Object.keys(body).length > 0 ? body : undefined), "Token", user.name);
  }
  $("get").textContent = "Refresh the token";
}

/** Exchanges the Entra token that the emulator issues to the user. */
async function exchange(route, kind, scope) {
  const { oid, tid, azp } = user.claims;
  const { token } = await control("POST", "entra/tokens", { appId: azp, userId: oid, tenantId: tid, scope });
  showToken(await perform("token", "user", "POST", route, { token }, { token: new Variable("ENTRA_TOKEN") }), kind, user.name);
}

async function assign() {
  const { oid, tid, azp } = user.claims;
  await control("PUT", "assignments", { objectId: oid, tenantId: tid, principalType: "user", clientIds: [azp] });
  done("token-done", `${user.name} is assigned to Teams Phone.`);
}

// --- What a back end does: identities of its own, blocking, and guest links

/** Creates an identity with a token, as Microsoft's quickstart does. */
async function create() {
  const made = await perform("back-end", "key", "POST", "identities", { createTokenWithScopes: ["chat", "voip"] });
  own(made.identity.id);
  showToken({ ...made.accessToken, identity: made.identity }, "Token", "back end");
  done("back-end-done", "The identity is created, with a token.");
}

async function issue() {
  const token = await perform("back-end", "key", "POST", `identities/${identity}/tokens`, { scopes: ["voip"], expiresInMinutes: 60 });
  showToken(token, "Token", "back end");
}

async function end(route, text) {
  await perform("back-end", "key", "DELETE", `identities/${identity}${route}`);
  if (!route) own(null);
  done("back-end-done", text);
}

function own(id) {
  identity = id;
  for (const button of document.querySelectorAll(".has-identity")) button.disabled = !id;
}

async function block(route, text) {
  const { oid, tid, iss, sub } = user.claims;
  await perform("back-end", "key", "POST", route, oid ? { tenantId: tid, objectId: oid } : { issuer: iss, subject: sub });
  done("back-end-done", `${user.name} ${text}`);
}

async function invite() {
  const body = { uses: Number($("uses").value), passExpiresInMinutes: Number($("pass-minutes").value) };
  pass = await perform("back-end", "key", "POST", "guests", body);
  $("guest-link").href = `${location.href.split("#")[0]}#guest=${encodeURIComponent(pass.pass)}`;
  $("pass-end").textContent = `It admits guests until ${at(pass.expiresOn)}.`;
  show("pass", true);
  done("back-end-done", body.uses === 1 ? "The link admits one guest." : `The link admits ${body.uses} guests.`);
}

async function endPass() {
  await perform("back-end", "key", "DELETE", `guests/${pass.id}`);
  show("pass", false);
  done("back-end-done", "The link has ended, and the identities of its guests are deleted.");
}

/** Returns the random text by which a pass knows this guest again. The browser keeps it. */
function guest() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const made = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const kept = localStorage.getItem("acs-tokens.guest") ?? made;
  localStorage.setItem("acs-tokens.guest", kept);
  return kept;
}

// --- The start

/** Shows the state of the emulator: all identities, and the status of the token. */
async function refresh() {
  try {
    const state = await control("GET", "state");
    functions = state.functions;
    showIdentities(state.identities);
    await checkToken();
    clear("state-problem");
  } catch (failure) {
    problem("state-problem", failure);
  }
}

/** Calls an action when an element is used. */
const on = (id, event, area, work) => $(id).addEventListener(event, (e) => { e.preventDefault(); attempt(area, work); });

async function startTrying() {
  show("try", true);
  show("to-try", true);
  $("scopes").append(...SCOPES.map((scope) => element("label", { class: "choice" }, element("input", { type: "checkbox", id: `scope-${scope}` }), scope)));
  on("sign-in", "submit", "user", signIn);
  on("sign-out", "click", "user", () => { user = null; $("get").textContent = "Get a token"; signedIn(); $("name").focus(); });
  on("ask", "submit", "token", getToken);
  on("revoke", "click", "token", async () => {
    await perform("token", "user", "DELETE", "me/tokens");
    done("token-done", `All tokens of ${user.name} are revoked. The identity stays.`);
  });
  on("forget", "click", "token", async () => {
    await perform("token", "user", "DELETE", "me");
    done("token-done", `The identity of ${user.name} and its tokens are deleted. The next token is for a new identity.`);
  });
  on("teams-token", "click", "token", () => exchange("me/teams-token", "Teams token", TEAMS));
  on("teams-phone-token", "click", "token", () => exchange("me/teams-phone-token", "Teams Phone token", TEAMS_PHONE));
  on("assign", "click", "token", assign);
  on("create", "click", "back-end", create);
  on("issue", "click", "back-end", issue);
  on("revoke-tokens", "click", "back-end", () => end("/tokens", "All tokens of the identity are revoked. The identity stays."));
  on("delete-identity", "click", "back-end", () => end("", "The identity and its tokens are deleted."));
  on("block", "click", "back-end", () => block("users/block", "is blocked, and the tokens are revoked."));
  on("unblock", "click", "back-end", () => block("users/unblock", "is accepted again."));
  on("invite", "submit", "back-end", invite);
  on("end-pass", "click", "back-end", endPass);
  on("refresh", "click", "state", () => {});
  copies($("copy"), () => answer.token);
  copies($("copy-sign-in"), () => user.token);
  copies($("copy-link"), () => $("guest-link").href);
  signedIn();
  if (guestPass) showGuest();
  // A guest link that is opened where this page is already open changes the fragment alone.
  addEventListener("hashchange", () => { if (location.hash.startsWith("#guest=") || guestPass) location.reload(); });
  setInterval(tick, 1000);
  await attempt("state", () => {});
}

/** Shows the page to a guest: the token, and nothing else. */
function showGuest() {
  for (const id of ["user", "back-end", "identities-of-acs", "intro", "token-wait"]) show(id, false);
  for (const one of document.querySelectorAll(".user-only")) one.hidden = true;
  for (const id of ["guest-intro", "ask"]) show(id, true);
}

showFunctions().catch((failure) => problem("reference-problem", failure));
if (EMULATOR) startTrying();
else $("about").textContent += " This page shows them and signs nobody in.";
