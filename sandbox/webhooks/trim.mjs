// Cuts the example payloads down to the events of a GitHub App that runs plans and writes examples.json.gz.
// Usage: node trim.mjs DIR, where DIR holds node_modules/@octokit/webhooks-examples.
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";

const events = ["check_run", "check_suite", "deployment_status", "installation", "installation_repositories", "issue_comment",
  "merge_group", "ping", "pull_request", "pull_request_review", "push"];

const source = path.join(process.argv[2], "node_modules/@octokit/webhooks-examples/api.github.com/index.json");
const all = new Map(JSON.parse(fs.readFileSync(source)).map((e) => [e.name, e.examples]));
const examples = events.flatMap((event) => {
  if (!all.has(event)) throw new Error(`no examples of ${event}`);
  return all.get(event).map((payload) => ({ event, payload }));
});
const json = JSON.stringify(examples);
const file = path.join(import.meta.dirname, "examples.json.gz");
fs.writeFileSync(file, zlib.gzipSync(json, { level: 9 }));
console.log(`${file}: ${examples.length} examples, ${json.length} bytes, ${fs.statSync(file).size} compressed`);
