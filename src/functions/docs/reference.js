// --- The functions, from the OpenAPI document.

/** The callers by the security scheme of a function, in the order of the page. */
const CALLERS = [
  { title: "Signed-in users", caller: "user", is: (scheme) => scheme?.type === "http" && !/pass|guest/i.test(scheme.name) },
  { title: "Guests", caller: "guest", is: (scheme) => scheme?.type === "http" },
  { title: "Back ends", caller: "key", is: (scheme) => scheme?.type === "apiKey" },
  { title: "Anyone", caller: "anyone", is: () => true },
];

/** The credential of each kind of caller, as a header. */
const CREDENTIALS = {
  user: { header: "Authorization", prefix: "Bearer ", variable: new Variable("SIGN_IN_TOKEN") },
  guest: { header: "Authorization", prefix: "Bearer ", variable: new Variable("GUEST_PASS") },
  key: { header: "x-functions-key", prefix: "", variable: new Variable("FUNCTION_KEY") },
};

/** Follows a reference within the document. */
const resolve = (api, value) => value?.$ref ? resolve(api, value.$ref.slice(2).split("/").reduce((at, name) => at?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], api)) : value;

/** Returns the first example of a media type or a schema. */
function example(api, media) {
  const named = Object.values(media?.examples ?? {})[0];
  return resolve(api, named)?.value ?? media?.example ?? resolve(api, media?.schema)?.examples?.[0] ?? resolve(api, media?.schema)?.example;
}

/** Returns a schema in words, such as `array of chat, voip`. */
function type(api, schema) {
  const { type: kind, items, enum: values, const: only, format, minimum, maximum, oneOf, anyOf } = resolve(api, schema) ?? {};
  const options = oneOf ?? anyOf;
  if (options) return options.map((option) => type(api, option)).filter((text) => text !== "null").join(" or ");
  if (values) return values.join(", ");
  if (only !== undefined) return String(only);
  if (items) return `array of ${type(api, items)}`;
  const name = [kind].flat().filter((one) => one !== "null").join(" or ") || "any";
  return `${name}${format && kind === "string" ? ` (${format})` : ""}${maximum === undefined ? "" : ` from ${minimum ?? 0} to ${maximum}`}`;
}

/** Returns all forms of an object: itself, or each of its alternatives. */
function forms(api, schema) {
  const { oneOf, anyOf, allOf, ...own } = resolve(api, schema) ?? {};
  const parts = (allOf ?? []).flatMap((part) => forms(api, part));
  const merged = [own, ...parts].reduce((all, part) => ({ properties: { ...all.properties, ...part.properties }, required: [...all.required ?? [], ...part.required ?? []] }), {});
  return oneOf ?? anyOf ? (oneOf ?? anyOf).flatMap((form) => forms(api, form)) : [merged];
}

/** Returns a table of the parameters and fields that a function takes, or null. */
function inputs(api, operation) {
  const parameters = (operation.parameters ?? []).map((one) => resolve(api, one));
  const rows = parameters.map((one) => [one.name, one.in, one.required, type(api, one.schema), one.description ?? resolve(api, one.schema)?.description]);
  const schema = operation.requestBody && Object.values(resolve(api, operation.requestBody).content ?? {})[0]?.schema;
  for (const form of schema ? forms(api, schema) : []) {
    for (const [name, field] of Object.entries(form.properties)) {
      if (rows.some((row) => row[0] === name)) continue;
      rows.push([name, "body", form.required.includes(name), type(api, field), field.description ?? resolve(api, field)?.description]);
    }
  }
  if (rows.length === 0) return [];
  const names = ["Name", "In", "Required", "Type", "Meaning"];
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map(([name, place, required, kind, meaning]) => element("tr", {},
    element("td", {}, element("code", {}, name)), element("td", { "data-label": "In" }, place),
    element("td", { "data-label": "Required" }, required ? "yes" : "no"), element("td", { class: "id", "data-label": "Type" }, kind), element("td", { class: "id" }, ...prose(meaning))));
  return [element("h4", {}, "Takes"), element("table", {}, element("thead", {}, head), element("tbody", {}, ...body))];
}

/** Returns a text of the document as elements: code between backticks, and a line for each of its lines. */
const prose = (text = "") => text.split(/\n+/).flatMap((line, i) => [...i > 0 ? [element("br", {})] : [],
  ...line.split("`").map((part, i) => i % 2 ? element("code", {}, part) : part)]);

/** Returns the answers of a function: its success with an example, and all of its problems with one. */
function outputs(api, operation) {
  const answers = Object.entries(operation.responses ?? {}).map(([status, response]) => {
    const { description, content } = resolve(api, response);
    return { status, description, json: example(api, Object.values(content ?? {})[0]) };
  });
  const lines = (some) => element("dl", { class: "answers" }, ...some.flatMap(({ status, description }) =>
    [element("dt", {}, element("span", { class: `state ${status < 300 ? "valid" : ""}` }, status)), element("dd", {}, ...prose(description))]));
  const shown = (some) => some.filter(({ json }) => json).slice(0, 1).map(({ status, json }) =>
    element("pre", { tabindex: "0", role: "group", "aria-label": `Answer ${status}` }, element("code", {}, typeof json === "string" ? json : JSON.stringify(json, null, 2))));
  const [good, bad] = [answers.filter(({ status }) => status < 300), answers.filter(({ status }) => status >= 300)];
  return [element("h4", {}, "Answers"), lines(good), ...shown(good),
    element("details", {}, element("summary", {}, "Problems"), lines(bad), ...shown(bad))];
}

/** Returns the part of the page for one function. */
function reference(api, { path, method, operation, caller }) {
  const route = path.replace(/^\/(api\/)?/, "");
  const content = Object.values(resolve(api, operation.requestBody)?.content ?? {})[0];
  const request = { method, url: BASE + route, auth: CREDENTIALS[caller], body: example(api, content) };
  const shown = element("details", { class: "function", id: `function-${operation.operationId}` },
    element("summary", {}, element("span", { class: `method ${method.toLowerCase()}` }, method), " ", element("code", {}, `/api/${route}`), " ", element("span", { class: "summary" }, operation.summary ?? "")));
  // The content is made when it is opened, since the page has many functions.
  shown.addEventListener("toggle", () => {
    if (!shown.open || shown.children.length > 1) return;
    const credentials = Object.keys((operation.security ?? [])[0] ?? {}).map((name) => api.components.securitySchemes[name].description);
    for (const text of [operation.description, ...credentials]) if (text) shown.append(element("p", {}, ...prose(text)));
    shown.append(...inputs(api, operation), ...outputs(api, operation), element("h4", {}, "As code"), sample(request));
  });
  return shown;
}

async function showFunctions() {
  const api = await send(`${BASE}openapi.json`);
  const schemes = Object.fromEntries(Object.entries(api.components?.securitySchemes ?? {}).map(([name, one]) => [name, { ...one, name }]));
  const all = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([method]) => ["get", "post", "put", "delete"].includes(method))
    .map(([method, operation]) => {
      const scheme = schemes[Object.keys((operation.security ?? api.security ?? [])[0] ?? {})[0]];
      return { path, method: method.toUpperCase(), operation, caller: CALLERS.find(({ is }) => is(scheme)).caller };
    }));
  $("reference").replaceChildren(...CALLERS.flatMap(({ title, caller }) => {
    const own = all.filter((one) => one.caller === caller);
    return own.length ? [element("h3", {}, title), ...own.map((one) => reference(api, one))] : [];
  }));
}
