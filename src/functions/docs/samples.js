// --- Requests as code: curl, JavaScript, Python and C#.

/** A value that the caller keeps outside of the code, such as a token. */
class Variable {
  constructor(name) { this.name = name; }
  toJSON() { return `\u0000${this.name}\u0000`; }
}

/** Replaces each variable in a text of JSON, with the quotation marks around it or without. */
const fill = (text, quoted, replace) => text.replace(quoted ? /"\\u0000(\w+)\\u0000"/g : /\\u0000(\w+)\\u0000/g, (_, name) => replace(name));

/** Returns JSON on one line, with spaces as code has them. */
const spaced = (value) => JSON.stringify(value, null, 1).replace(/\n\s*/g, " ").replace(/\[ /g, "[").replace(/ \]/g, "]");

const camel = (name) => name.toLowerCase().replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const python = (text) => text.replace(/"(?:[^"\\]|\\.)*"|true|false|null/g, (part) => ({ true: "True", false: "False", null: "None" })[part] ?? part);

const isVariable = (value) => value instanceof Variable;
const hasVariable = ({ body }) => Object.values(body ?? {}).some(isVariable);

/** The headers of a request in a language: `variable` writes a text with a variable at its end. */
const headers = ({ auth, body }, variable) => [
  ...(auth ? [[auth.header, variable(auth.prefix, auth.variable.name)]] : []),
  ...(body ? [["Content-Type", "\"application/json\""]] : []),
];

const LANGUAGES = {
  curl(request) {
    const lines = [`curl -X ${request.method} '${request.url}'`];
    for (const [name, value] of headers(request, (prefix, name) => `${prefix}$${name}`)) lines.push(`-H "${name}: ${value.replaceAll("\"", "")}"`);
    if (request.body) lines.push(`-d '${fill(JSON.stringify(request.body).replaceAll("'", "'\\''"), false, (name) => `'"$${name}"'`)}'`);
    return lines.join(" \\\n  ");
  },
  JavaScript(request) {
    const own = headers(request, (prefix, name) => prefix ? `\`${prefix}\${process.env.${name}}\`` : `process.env.${name}`);
    const options = [`  method: "${request.method}",`];
    if (own.length) options.push(`  headers: { ${own.map(([name, value]) => `${name.includes("-") ? `"${name}"` : name}: ${value}`).join(", ")} },`);
    if (request.body) options.push(`  body: JSON.stringify(${fill(spaced(request.body), true, (name) => `process.env.${name}`)}),`);
    return `const answer = await fetch("${request.url}", {\n${options.join("\n")}\n});\nconsole.log(answer.status, await answer.text());`;
  },
  Python(request) {
    const variable = (prefix, name) => `${prefix ? `"${prefix}" + ` : ""}os.environ["${name}"]`;
    const own = headers(request, variable);
    const options = [`    "${request.url}",`, `    method="${request.method}",`];
    if (own.length) options.push(`    headers={${own.map(([name, value]) => `"${name}": ${value}`).join(", ")}},`);
    if (request.body) options.push(`    data=json.dumps(${fill(python(spaced(request.body)), true, (name) => variable("", name))}).encode(),`);
    const modules = [request.body && "json", (request.auth || hasVariable(request)) && "os", "urllib.request"].filter(Boolean).join(", ");
    return `import ${modules}\n\nrequest = urllib.request.Request(\n${options.join("\n")}\n)\n`
      + "with urllib.request.urlopen(request) as answer:\n    print(answer.status, answer.read().decode())";
  },
  "C#"(request) {
    const read = (name) => `Environment.GetEnvironmentVariable("${name}")`;
    const variables = [request.auth?.variable, ...Object.values(request.body ?? {})].filter(isVariable);
    const lines = variables.map(({ name }) => `var ${camel(name)} = ${read(name)};`);
    const method = request.method[0] + request.method.slice(1).toLowerCase();
    lines.push("using var client = new HttpClient();", `using var request = new HttpRequestMessage(HttpMethod.${method}, "${request.url}");`);
    if (request.auth) {
      const { header, prefix, variable } = request.auth;
      lines.push(`request.Headers.Add("${header}", ${prefix ? `$"${prefix}{${camel(variable.name)}}"` : camel(variable.name)});`);
    }
    if (request.body) {
      const json = fill(JSON.stringify(request.body), false, (name) => `{{${camel(name)}}}`);
      lines.push(`request.Content = new StringContent(${hasVariable(request) ? "$$" : ""}"""${json}""", System.Text.Encoding.UTF8, "application/json");`);
    }
    lines.push("using var answer = await client.SendAsync(request);", "Console.WriteLine($\"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}\");");
    return lines.join("\n");
  },
};

let language = "curl";

/** Returns an element with the request as code. A choice of language holds for all of them. */
function sample(request) {
  const code = element("code", {});
  const text = element("pre", { tabindex: "0", role: "group", "aria-label": `${request.method} ${request.url} as code` }, code);
  const buttons = Object.keys(LANGUAGES).map((name) => {
    const button = element("button", { type: "button", class: "tab" }, name);
    button.addEventListener("click", () => {
      language = name;
      for (const one of document.querySelectorAll(".sample")) one.dispatchEvent(new Event("language"));
    });
    return button;
  });
  const copy = copies(element("button", { type: "button", class: "plain" }, "Copy code"), () => code.textContent);
  const tabs = element("div", { class: "tabs", role: "group", "aria-label": "Language" }, ...buttons);
  const made = element("div", { class: "sample" }, element("div", { class: "heading" }, tabs, copy), text);
  const write = () => {
    code.textContent = LANGUAGES[language](request);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === language));
  };
  made.addEventListener("language", write);
  write();
  return made;
}

/** Shows the request as code in a `details` element. */
function showCode(id, request) {
  // Open at first where there is room.
  if ($(id).hidden && id === "token-code") $(id).open = matchMedia("(min-width: 52rem)").matches;
  show(id, true);
  $(id).replaceChildren($(id).firstElementChild, sample(request));
}
