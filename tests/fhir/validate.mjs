// Asks npm fhir about our exports: as validate.py, with another validator. DIR holds node_modules.
//
//     node validate.mjs DIR EXAMPLES OUT

import { createRequire } from "node:module";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const [dir, examples, out] = process.argv.slice(2).map((p) => resolve(p));
const { Fhir } = createRequire(join(dir, "package.json"))("fhir");
const fhir = new Fhir();

/** Undefined if valid, else the first error. */
function fault(path) {
  try {
    const result = fhir.validate(JSON.parse(readFileSync(path, "utf8")));
    if (result.valid) return undefined;
    const first = result.messages.find((m) => m.severity === "error") ?? result.messages[0];
    return `${first?.location}: ${first?.message}`;
  } catch (error) {
    return String(error);
  }
}

const originals = new Map();
(function walk(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path);
    else if (entry.name.endsWith(".json")) originals.set(entry.name, path);
  }
})(examples);

const list = (folder) => (existsSync(folder) ? readdirSync(folder).sort() : []);
let bad = 0;
const made = list(join(out, "made"));
for (const name of made) {
  const why = fault(join(out, "made", name));
  if (why) {
    bad += 1;
    console.log(`INVALID ${name}: ${why}`);
  }
}
let [valid, invalid] = [0, 0];
for (const name of list(join(out, "examples"))) {
  if (!originals.has(name)) throw new Error(`${name} is not among the examples`);
  if (fault(originals.get(name))) {
    invalid += 1;
    continue;
  }
  valid += 1;
  const why = fault(join(out, "examples", name));
  if (why) {
    bad += 1;
    console.log(`WORSE ${name}: ${why}`);
  }
}
console.log(`fhir: ${made.length} made here; ${valid} examples valid before, ${invalid} not; ${bad} invalid or worse`);
process.exit(bad || !made.length || !valid ? 1 : 0);
