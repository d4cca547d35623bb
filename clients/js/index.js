// Gets access tokens from acs-tokens for AzureCommunicationTokenCredential.

/** @import * as api from "./index.d.ts" */

export class TokenError extends Error {
  /** @param {number} status @param {api.Problem} problem @param {number} [retryAfterSeconds] */
  constructor(status, { title, code, detail, errors = [], requestId }, retryAfterSeconds) {
    const remedy = [detail, ...errors.map((error) => `${error.pointer}: ${error.detail}`)].join(" ");
    super(`${title} (${status} ${code}): ${remedy}`);
    this.name = "TokenError";
    Object.assign(this, { status, code, remedy, errors, requestId, retryAfterSeconds });
  }
}

/** @type {typeof api.tokenRefresher} */
export const tokenRefresher = (options) => async (abortSignal) => {
  const answer = await request(options, native(abortSignal));
  options.onAnswer?.(answer);
  const { token, expiresOnTimestamp } = answer;
  return /** @type {any} */ (options.compat ? token : { token, expiresOnTimestamp }); // one overload for each
};

/** Requests a token, and waits as the service asks. @param {api.RefresherOptions} options @param {AbortSignal} [signal] */
async function request({ url, getAuthorization, getBody, maxWaitSeconds = 30 }, signal) {
  for (let waited = 0; ; ) {
    const headers = { Authorization: await getAuthorization(), "Content-Type": "application/json" };
    const body = getBody && JSON.stringify(await getBody());
    // A redirect could send the token of `getAuthorization` to another server.
    const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "error" });
    const json = parsed(await answer.text());
    if (answer.ok && typeof json?.token === "string") return /** @type {api.Answer} */ (json);
    const wait = secondsOf(answer.headers.get("Retry-After"));
    const asksToWait = (answer.status === 429 || answer.status === 503) && wait !== undefined;
    if (!asksToWait || waited + wait > maxWaitSeconds) throw errorOf(answer, json, wait);
    waited += wait;
    await pause(wait, signal);
  }
}

/** Returns the seconds of `Retry-After`: a number or a date (RFC 9110, section 10.2.3). @param {string | null} header */
function secondsOf(header) {
  if (/^\d+$/.test(header ?? "")) return Math.max(1, Number(header));
  const date = header?.endsWith("GMT") ? Date.parse(header) : NaN; // Date.parse accepts more than the dates of HTTP
  return Number.isNaN(date) ? undefined : Math.max(1, (date - Date.now()) / 1000);
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {Response} answer @param {api.Problem | undefined} json @param {number} [wait] */
function errorOf(answer, json, wait) {
  if (json?.code && json.detail) return new TokenError(answer.status, json, wait);
  const detail = "The answer is not one of acs-tokens. Check `url`, the CORS and key settings of the host, and proxies.";
  return new TokenError(answer.status, { title: "No token", code: "unexpected-answer", detail }, wait);
}

/** Returns a signal that `fetch` accepts. Older SDKs have a class of their own. @param {api.AbortSignalLike} [signal] */
function native(signal) {
  if (!signal || signal instanceof AbortSignal) return signal;
  const controller = new AbortController();
  if (signal.aborted) controller.abort();
  else signal.addEventListener("abort", () => controller.abort());
  return controller.signal;
}

/** @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>} */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
