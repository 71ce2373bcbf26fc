// Renders formulas: one JSON object a line in ({tex, display}), one a line out ({html} or {message, position}).
// Started by vaultsite/katex.py with the folder of the npm package `katex`.

import { createInterface } from "node:readline";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { default: katex } = await import(pathToFileURL(join(process.argv[2], "dist", "katex.mjs")));

// KaTeX warns about characters that it has no measures for; Chinese in a formula is meant.
console.warn = () => {};

const LINKS = new Set(["\\href", "\\url"]);

function trust({ command }) {
  if (LINKS.has(command)) return true;
  // Without this KaTeX would print the command in red and let the build pass.
  throw new katex.ParseError(`${command} is not allowed in a formula`);
}

function render({ tex, display }) {
  try {
    const html = katex.renderToString(tex, {
      displayMode: display,
      output: "htmlAndMathml",
      strict: "ignore", // as lenient as Obsidian's MathJax: Chinese in math, \\ at the top level
      throwOnError: true,
      trust,
    });
    return { html };
  } catch (error) {
    if (!(error instanceof katex.ParseError)) throw error;
    const position = Number.isInteger(error.position) ? [...tex.slice(0, error.position)].length : null;
    return { message: error.rawMessage ?? error.message, position };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(render(JSON.parse(line))) + "\n");
}
