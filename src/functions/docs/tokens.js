// --- The token on the page: its state, remaining lifetime, scopes and claims.

// Tokens are kept in variables only: not in storage, and never in an address.
let answer = null, received = 0, count = 0;

/** Returns the claims of a token. An encrypted token has five parts (RFC 7516), and nobody but ACS can read it. */
function claims(token) {
  if (token.split(".").length !== 3) return null;
  const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Shows a token that was just received. Its number and the end of its text tell it from the one before. */
function showToken(body, kind, owner) {
  answer = body;
  received = Date.now();
  count += 1;
  const own = claims(answer.token);
  const id = answer.user?.communicationUserId ?? answer.identity?.id ?? (own ? `8:${own.skypeid}` : "encrypted");
  const scopes = own?.acsScope?.split(",");
  const minutes = Math.round((answer.expiresOnTimestamp - received) / 60000);
  $("answer-title").textContent = `${kind} ${count} of ${owner}, ends with …${answer.token.slice(-6)}`;
  $("granted").replaceChildren(...scopes?.map((scope) => element("span", { class: "state" }, scope)) ?? ["encrypted"]);
  $("identity").textContent = id;
  $("received").textContent = at(received);
  list("token-claims", own ?? { token: "encrypted: only ACS can read its claims" });
  $("raw").textContent = answer.token;
  done("token-done", `${kind} ${count} received. Scopes: ${scopes?.join(", ") ?? "encrypted"}. Valid for ${minutes} minutes.`);
  status("");
  remember(id, owner);
  show("answer", true);
  // On a phone, the token may be below the fold.
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  if ($("granted").getBoundingClientRect().bottom > innerHeight) $("token-title").scrollIntoView({ behavior });
}

function hideToken() {
  answer = null;
  count = 0;
  show("answer", false);
}

function status(word) {
  $("status").textContent = word;
  $("status").className = `state ${word}`;
}

/** Shows how long the token is valid, by the clock of this machine. */
function tick() {
  if (!answer) return;
  const end = answer.expiresOnTimestamp;
  const seconds = Math.max(0, Math.floor((end - Date.now()) / 1000));
  if (seconds === 0 && $("status").textContent === "valid") status("expired");
  const ended = ["revoked", "deleted"].includes($("status").textContent);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  if (ended) $("left").textContent = `It would have expired at ${at(end)}.`;
  else if (seconds === 0) $("left").textContent = `Expired at ${at(end)}.`;
  else $("left").textContent = `Expires in ${hours > 0 ? `${hours} h ` : ""}${two(minutes)} min ${two(seconds % 60)} s, at ${at(end)}.`;
  // ACS issues tokens for 24 hours at most; this token's whole lifetime began when it was received.
  $("bar").value = ended ? 0 : seconds * 1000 / (end - received);
}

/** Asks the emulator for the state of the token. */
async function checkToken() {
  if (!answer) return;
  status((await control("POST", "tokens/check", { token: answer.token })).status);
  tick();
}

// --- Names of identities. The emulator does not know the users, so this browser keeps the names that it has seen.

const names = () => {
  try { return JSON.parse(localStorage.getItem("acs-tokens.names")) ?? {}; } catch { return {}; }
};

function remember(id, name) {
  const kept = Object.entries(names()).slice(-499);
  localStorage.setItem("acs-tokens.names", JSON.stringify({ ...Object.fromEntries(kept), [id]: name }));
}

/** Shows the identities of the emulator, newest first. */
function showIdentities(identities) {
  const most = 100, known = names();
  show("none", identities.length === 0);
  show("identities", identities.length > 0);
  show("older", identities.length > most);
  $("older").textContent = `${identities.length - most} older identities are not shown.`;
  $("rows").replaceChildren(...identities.slice(-most).reverse().map((identity) => {
    const own = identity.id === $("identity").textContent && answer;
    const state = identity.deletedAt ? "deleted" : "active";
    return element("tr", own ? { class: "own" } : {},
      element("td", { "data-label": "User" }, known[identity.id] ?? element("span", { class: "soft" }, "not from this browser")),
      element("td", { class: "id mono" }, identity.id),
      element("td", {}, element("span", { class: `state ${state}` }, state)),
      element("td", { "data-label": "Created" }, at(identity.createdAt)),
      element("td", { "data-label": "Tokens" }, String(identity.tokensIssued)),
      element("td", { "data-label": "Last token" }, identity.lastTokenIssuedAt ? at(identity.lastTokenIssuedAt) : "none"));
  }));
}
