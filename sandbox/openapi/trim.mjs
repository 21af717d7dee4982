// Cuts GitHub's OpenAPI description down to operations.txt and webhooks.txt and writes gh.json.gz.
// Usage: node trim.mjs DIR, where DIR holds node_modules/@octokit/openapi.
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";

const here = import.meta.dirname;
const lines = (name) => fs.readFileSync(path.join(here, name), "utf8").split("\n").filter(Boolean);
const source = path.join(process.argv[2], "node_modules/@octokit/openapi/generated/api.github.com.json");
const full = JSON.parse(fs.readFileSync(source));

// Prose, examples and GitHub's own bookkeeping: nothing that a message can be checked against.
const dropped = new Set(["description", "summary", "title", "example", "examples", "externalDocs", "tags", "servers",
  "deprecated", "x-github", "x-octokit", "x-github-breaking-changes"]);

// named: the keys of this object are names chosen by GitHub (properties, paths), not OpenAPI keywords.
function clean(value, named = false) {
  if (Array.isArray(value)) return value.map((v) => clean(v));
  if (value === null || typeof value !== "object") return value;
  const out = {};
  for (const key of Object.keys(value).sort()) {
    if (!named && dropped.has(key)) continue;
    // GitHub itself breaks every other format (an empty homepage is no "uri").
    if (!named && key === "format" && value[key] !== "date-time") continue;
    out[key] = clean(value[key], !named && (key === "properties" || key === "patternProperties"));
  }
  return out;
}

// The description says that the account of a listed installation is a user AND an enterprise; elsewhere it says OR, as GitHub answers.
function patchInstallationAccount() {
  const items = full.paths["/app/installations"].get.responses["200"].content["application/json"].schema.items;
  const account = items.properties.account;
  if (!account.allOf) throw new Error("GET /app/installations: `account` has no allOf any more, remove this patch");
  account.anyOf = account.allOf;
  delete account.allOf;
}

function pick(wanted, all, keyOf) {
  const missing = new Set(wanted);
  const found = all.filter((x) => missing.delete(keyOf(x)));
  if (missing.size) throw new Error(`not in the description: ${[...missing].join(", ")}`);
  return found;
}

function operations() {
  const all = Object.entries(full.paths).flatMap(([p, item]) =>
    Object.entries(item).filter(([, op]) => op.operationId).map(([method, op]) => ({ p, method, op })));
  const paths = {};
  for (const { p, method, op } of pick(lines("operations.txt"), all, (x) => x.op.operationId))
    (paths[p] ??= {})[method] = clean(op);
  return paths;
}

function webhooks() {
  const out = {};
  for (const [key, item] of pick(lines("webhooks.txt"), Object.entries(full["x-webhooks"]), ([key]) => key)) {
    out[key] = clean(item);
    delete out[key].post.parameters;
    delete out[key].post.responses;
  }
  return out;
}

// Copies every component that roots reach.
function components(...roots) {
  const out = {};
  const visit = (value) => {
    if (value === null || typeof value !== "object") return;
    if (typeof value.$ref === "string") {
      const [, , kind, name] = value.$ref.split("/");
      if (!out[kind]?.[name]) visit(((out[kind] ??= {})[name] = clean(full.components[kind][name])));
    }
    Object.values(value).forEach(visit);
  };
  roots.forEach(visit);
  return Object.fromEntries(Object.entries(out).sort().map(([kind, c]) =>
    [kind, Object.fromEntries(Object.entries(c).sort(([a], [b]) => (a < b ? -1 : 1)))]));
}

patchInstallationAccount();
const paths = operations();
const hooks = webhooks();
const { openapi, info } = full;
const trimmed = { openapi, info: { title: info.title, version: info.version, license: info.license }, paths,
  "x-webhooks": hooks, components: components(paths, hooks) };
const json = JSON.stringify(trimmed);
const file = path.join(here, "gh.json.gz");
fs.writeFileSync(file, zlib.gzipSync(json, { level: 9 }));
console.log(`${file}: ${json.length} bytes, ${fs.statSync(file).size} compressed`);
