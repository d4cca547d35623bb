"use strict";
// --- Elements, calls and problems. Data from the network is inserted as text, never as markup.

const $ = (id) => document.getElementById(id);
const EMULATOR = document.querySelector("meta[name=emulator]").content;
// The functions are beside this page, also behind a gateway that adds a prefix.
const BASE = new URL("./", location.href.split("#")[0]).href;

/** Creates an element with texts and elements in it. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const show = (id, shown) => { $(id).hidden = !shown; };
const at = (time) => new Date(time).toLocaleString();
const clear = (...ids) => { for (const id of ids) $(id).replaceChildren(); };

/** A problem of the functions (RFC 9457), or one of this page. */
class Failure extends Error {
  constructor(problem) { super(problem.title); this.problem = problem; }
}

/** Sends a request and returns the JSON of the answer. */
async function send(url, { method = "GET", headers = {}, body } = {}) {
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, { method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit" });
  } catch {
    throw new Failure({ title: "No answer", detail: `${new URL(url).origin} does not answer. Is the program still running?` });
  }
  const text = await response.text();
  let answer = null;
  try { answer = text ? JSON.parse(text) : null; } catch { /* reported below */ }
  if (response.ok) return answer;
  if (answer?.title) throw new Failure(answer);
  throw new Failure({ title: `Answer ${response.status}`, status: response.status, detail: answer?.error ?? "" });
}

/** Calls the control API of the emulator. */
const control = (method, path, body) => send(`${EMULATOR}/_emulator/${path}`, { method, body });

/** Shows a problem, and below it what to do about it. */
function problem(id, failure, ...remedy) {
  const { title, status, detail, code, requestId, errors } = failure.problem ?? { title: "This page failed", detail: String(failure) };
  const facts = [status, code, requestId && `request ${requestId}`].filter(Boolean).join(" · ");
  const box = element("div", { class: "box problem" }, element("p", { class: "title" }, title));
  if (detail) box.append(element("p", {}, detail));
  if (errors) box.append(element("ul", {}, ...errors.map((e) => element("li", {}, element("code", {}, e.pointer), ` ${e.detail}`))));
  if (facts) box.append(element("p", { class: "soft small" }, facts));
  box.append(...remedy);
  $(id).replaceChildren(box);
  box.scrollIntoView({ block: "nearest" });
}

const done = (id, text) => $(id).replaceChildren(element("div", { class: "box done" }, element("p", {}, text)));

/** Copies a text when the button is pressed, and says so on the button. */
function copies(button, text) {
  const label = button.textContent;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(text()).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "The browser does not allow it";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  return button;
}

/** Fills a list of names and values. */
function list(id, object) {
  const times = ["exp", "iat", "nbf"];
  const rows = Object.entries(object).flatMap(([name, value]) => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return [element("dt", { class: "mono" }, name), element("dd", {}, times.includes(name) ? `${text} (${at(value * 1000)})` : text)];
  });
  $(id).replaceChildren(...rows);
}
