// Parses the Mermaid diagrams in documents: node parse.mjs <document>...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(process.env.DIAGRAM_PACKAGES + "/");
const load = (name) => import(pathToFileURL(resolve(name)));

// Mermaid sanitizes texts with the DOM of a browser.
const { JSDOM } = await load("jsdom");
const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await load("mermaid");

let found = 0;
for (const document of process.argv.slice(2)) {
  for (const [, diagram] of readFileSync(document, "utf8").matchAll(/^ *```mermaid\n(.*?)^ *```$/gms)) {
    found += 1;
    try {
      await mermaid.parse(diagram);
    } catch (error) {
      console.error(`${document}: ${error.message}\n${diagram}`);
      process.exitCode = 1;
    }
  }
}
if (found === 0) throw new Error("no diagram was found");
console.log(`${found} diagrams`);
