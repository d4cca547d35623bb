// Reads the samples of a document: each code block, with the comment before it that says what the tests do with it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./under-test.mjs";

/** Returns the code blocks of a document: language, code, and `file: <name>` or `types: <name>` if a comment marks it. */
export function blocks(document) {
  const text = readFileSync(join(repository, document), "utf8");
  const block = /(?:<!-- (file|types): (\S+) -->\n)?```(\w+)\n(.*?)```/gs;
  return [...text.matchAll(block)].map(([, mark, name, language, code]) => ({ mark, name, language, code }));
}

/** Writes the marked blocks of docs/clients.md into a folder, for the tests that run them. */
export function extract(folder) {
  for (const { name, code } of blocks("docs/clients.md")) if (name) writeFileSync(join(folder, name), code);
}
