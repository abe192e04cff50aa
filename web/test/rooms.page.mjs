// Jobs, serving and tables. The server runs the jobs of this file for real.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ariaTree, findings, open, settled, stage, visit } from "./pages.mjs";
import { call, serve, until } from "./server.mjs";

/** Calls an API of Databricks. */
const rest = (url, path, body, method = "POST") => call(url, `../../${path}`, body, method);

async function createJob(url, name, command, more = {}) {
  const { job_id } = await rest(url, "2.2/jobs/create", { name, tasks: [{ task_key: "train", command_task: { command } }], ...more });
  return job_id;
}

async function runToEnd(url, job_id) {
  const { run_id } = await rest(url, "2.2/jobs/run-now", { job_id });
  await until(async () => (await rest(url, `2.2/jobs/runs/get?run_id=${run_id}`, undefined, "GET")).state.life_cycle_state === "TERMINATED", "the run ends", 30_000);
  return run_id;
}

const DAILY = { schedule: { quartz_cron_expression: "0 0 6 * * ?", timezone_id: "America/New_York" } };

const here = stage("copy", async (made) => {
  const { url } = made.server;
  made.daily = await createJob(url, "<b>daily</b> training", ["sh", "-c", "echo 'epoch 1 <script>window.attacked=1</script>'; echo done"], DAILY);
  made.broken = await createJob(url, "broken", ["sh", "-c", "echo before; exit 3"]);
  made.run = await runToEnd(url, made.daily);
  await runToEnd(url, made.broken);
});

test("jobs are listed with their schedule in words, the next fire and the last result", async () => {
  const { page } = here;
  await visit(here.tab, "/ui/jobs");
  const lines = await page.$$eval("table.list tbody tr", (rows) => rows.map((row) => row.innerText));
  assert.equal(lines.length, 2);
  const daily = lines.find((line) => line.includes("daily"));
  assert.match(daily, /<b>daily<\/b> training.*at 06:00 every day America\/New_York.*in \d+ \S+.*success/s);
  assert.match(lines.find((line) => line.includes("broken")), /on request.*failed/s);
  assert.deepEqual(await findings(page), []);
});

test("a job has its next fires, its history, and what its tasks printed", async () => {
  const { page } = here;
  await visit(here.tab, `/ui/jobs/${here.daily}`);
  assert.equal((await page.$$(".next-fires time")).length, 5);
  await page.click("button[aria-label='Tasks of run 1']");
  await page.click("button:has-text('Output')");
  await page.waitForSelector(".printed pre");
  assert.match(await page.textContent(".printed pre"), /epoch 1 <script>.*\ndone/);
  assert.equal(await page.evaluate(() => window.attacked), undefined);
  assert.deepEqual(await findings(page), []);
  assert.match(await page.getAttribute(".list a:has-text('Its runs')", "href"), new RegExp(`jobRunID.*${here.run}`));
  await page.click(".list a:has-text('Its runs')");
  await settled(page);
  assert.equal(await page.$(".caret"), null, "the filter of the link is valid");
});

test("a job runs at once, is paused and continues", async () => {
  const { page } = here;
  await visit(here.tab, `/ui/jobs/${here.daily}`);
  const before = (await page.$$("[aria-label^='Tasks of run']")).length;
  await page.click("button:has-text('Run now')");
  await page.waitForFunction((count) => document.querySelectorAll("[aria-label^='Tasks of run']").length === count + 1, before);
  // The end of the run arrives by the stream of changes.
  await page.waitForFunction(() => document.querySelector("table.list tbody tr .health-finished"), null, { timeout: 20_000 });
  await page.click("button:has-text('Pause')");
  await page.waitForSelector(".chip:has-text('paused')");
  assert.equal((await page.$$(".next-fires time")).length, 0);
  await page.click("button:has-text('Continue')");
  await page.waitForSelector(".next-fires time");
});

test("a run of a job is canceled", async () => {
  const { page, server } = here;
  const long = await createJob(server.url, "long", ["sleep", "60"]);
  await rest(server.url, "2.2/jobs/run-now", { job_id: long });
  await visit(here.tab, `/ui/jobs/${long}`);
  await page.click("button:has-text('Cancel')");
  await page.waitForSelector("table.list .health:has-text('canceled')", { timeout: 20_000 });
  await rest(server.url, "2.2/jobs/delete", { job_id: long });
});

test("jobs of a file that cannot be written are shown, and their controls say why they are off", async () => {
  const reader = await serve({ file: here.server.path, args: ["--read-only"] });
  const tab = await open(here.browser, reader.url);
  await visit(tab, `/ui/jobs/${here.daily}`);
  for (const words of ["Run now", "Pause"]) {
    const button = tab.page.locator(`button:has-text('${words}')`);
    assert.equal(await button.isDisabled(), true, words);
    assert.match(await button.getAttribute("title"), /read/);
  }
  await tab.close();
  await reader.stop();
});

test("a refused change of a job says why and changes nothing", async () => {
  const tab = await open(here.browser, here.server.url);
  await tab.context.route("**/api/2.2/jobs/run-now", (route) => route.fulfill({ status: 403, json: { error_code: "PERMISSION_DENIED", message: "this call needs the scope \"write\", the token has \"read\"" } }));
  await visit(tab, `/ui/jobs/${here.broken}`);
  await tab.page.click("button:has-text('Run now')");
  assert.match(await tab.page.textContent("[role=alert]"), /needs the scope "write"/);
  assert.equal((await tab.page.$$("[aria-label^='Tasks of run']")).length, 1);
  await tab.close();
});

test("without jobs, endpoints and tables the pages say what to do, and unknown ones say so", async () => {
  const empty = await serve();
  const tab = await open(here.browser, empty.url);
  for (const [path, words] of [["jobs", /jobs create/], ["serving", /endpoints create/], ["tables", /create_table/]]) {
    await visit(tab, `/ui/${path}`);
    assert.match(await tab.page.textContent(".empty"), words);
    assert.deepEqual(await findings(tab.page), [], path);
    await visit(tab, `/ui/${path}/nothing`);
    assert.match(await tab.page.textContent(".empty h2"), /^No such/);
  }
  await tab.close();
  await empty.stop();
});

const COUNTERS = { entity: "digits-2", version: 2, requests: 1200, refused: 3, failed: 1, mean: 4.25, p50: 5, p95: 10, p99: null, workers: 1, waiting: 0, cold_starts: 1, deaths: 0, dropped: 0 };
const FACTS = { name: "digits-live", path: "serving-endpoints/digits-live/invocations", counters: [COUNTERS], example: "{\"dataframe_records\": [{\"age\": 35}]}", signature: null, failure: null, table: null };

/** A tab whose server says that this endpoint is ready, and answers with `answer`. */
async function readyTab(answer) {
  const tab = await open(here.browser, here.server.url);
  const served = (name, version, extra) => ({ name, entity_name: "digits", entity_version: version, state: { deployment: "DEPLOYMENT_READY", deployment_state_message: "" }, ...extra });
  const config = { config_version: 4, served_entities: [served("digits-2", "2", { alias: "champion" }), served("digits-3", "3", {})], traffic_config: { routes: [{ served_entity_name: "digits-2", traffic_percentage: 90 }, { served_entity_name: "digits-3", traffic_percentage: 10 }] } };
  const endpoint = { name: "digits-live", creator: "ada", last_updated_timestamp: Date.now() - 60_000, state: { ready: "READY", config_update: "NOT_UPDATING" }, config };
  await tab.context.route("**/api/2.0/serving-endpoints", (route) => route.fulfill({ json: { endpoints: [endpoint] } }));
  await tab.context.route("**/api/v1/endpoints", (route) => route.fulfill({ json: { endpoints: [{ name: "digits-live", counters: [COUNTERS] }] } }));
  await tab.context.route("**/api/2.0/serving-endpoints/digits-live", (route) => route.fulfill({ json: endpoint }));
  await tab.context.route("**/api/v1/endpoints/digits-live", (route) => route.fulfill({ json: FACTS }));
  await tab.context.route("**/serving-endpoints/digits-live/invocations", answer);
  return tab;
}

test("an endpoint has its split, its counters, a test call with the logged example, and programs that call it", async () => {
  const asked = [];
  const tab = await readyTab((route) => {
    asked.push(route.request().postData());
    return route.fulfill({ headers: { "served-model-name": "digits-2", "served-model-version": "2" }, json: { predictions: [7] } });
  });
  const { page } = tab;
  await visit(tab, "/ui/serving");
  assert.match(await page.innerText("table.list tbody tr"), /digits-live.*ready.*90 % digits 2.*10 % digits 3.*1\u202f200.*3.*1.*≤ 10 ms/s);
  await page.click("table.list a:has-text('digits-live')");
  await settled(page);
  assert.match(await page.innerText("table.list tbody tr"), /digits-2.*champion.*90 %.*4\.25 ms.*≤ 5 ms.*≤ 10 ms.*longer/s);
  await page.click("button:has-text('Send')");
  await page.waitForSelector("pre[aria-label=Answer]");
  assert.deepEqual(JSON.parse(asked[0]), { dataframe_records: [{ age: 35 }] });
  assert.match(await page.textContent("pre[aria-label=Answer]"), /"predictions": \[\s*7/);
  assert.match(await page.textContent(".try [role=status]"), /200 in .*, by digits-2, version 2/);
  assert.match(await page.textContent("pre[aria-label=Program]"), /curl -X POST \S+\/serving-endpoints\/digits-live\/invocations/);
  await page.click(".segments >> text=Python");
  assert.match(await page.textContent("pre[aria-label=Program]"), /json=\{"dataframe_records": \[\{"age": 35\}\]\}/);
  assert.deepEqual(await findings(page), []);
  await tab.close();
});

test("a refused request to an endpoint shows its status and its words", async () => {
  const tab = await readyTab((route) => route.fulfill({ status: 400, json: { error_code: "BAD_REQUEST", message: "missing column: tenure" } }));
  await visit(tab, "/ui/serving/digits-live");
  await tab.page.fill(".try textarea", "{\"inputs\": []}");
  await tab.page.click("button:has-text('Send')");
  await tab.page.waitForSelector("pre[aria-label=Answer]");
  assert.match(await tab.page.textContent("pre[aria-label=Answer]"), /missing column: tenure/);
  assert.match(await tab.page.textContent(".try [role=status]"), /^400/);
  await tab.page.click("button:has-text('Back to the example')");
  assert.match(await tab.page.inputValue(".try textarea"), /"age": 35/);
  await tab.close();
});

test("an endpoint that cannot be loaded says why", async () => {
  const { page, server } = here;
  await rest(server.url, "2.0/serving-endpoints", { name: "broken-endpoint", config: { served_entities: [{ entity_name: "digits", entity_version: "1", scale_to_zero_enabled: true, workload_size: "Small" }] } });
  await visit(here.tab, "/ui/serving/broken-endpoint");
  await page.waitForSelector(".error-note", { timeout: 60_000 });
  assert.match(await page.textContent(".error-note"), /\S+ \S+ \S+/);
  assert.equal(await page.locator("button:has-text('Send')").isDisabled(), true);
  await rest(server.url, "2.0/serving-endpoints/broken-endpoint", undefined, "DELETE");
});

test("lineage leads from a dataset to an endpoint and back, as graph and as table (requirement 36)", async () => {
  const { page, server, made } = here;
  const dataset = { name: "<i>digits</i>", digest: "5f2c", source_type: "local", source: "{}" };
  await call(server.url, "runs/log-inputs", { run_id: made.runs[1], datasets: [{ dataset, tags: [] }] });
  await rest(server.url, "2.0/serving-endpoints", { name: "followed", config: { served_entities: [{ entity_name: "digits", entity_version: "@champion", scale_to_zero_enabled: true, workload_size: "Small" }] } });
  const chain = [["dataset", "<i>digits</i> (5f2c)"], ["run", "digits-01"], ["version", "digits version 2"], ["alias", "digits@champion"], ["endpoint", "followed"]];
  for (const [kind, id] of [["dataset", `${made.id}/<i>digits</i>@5f2c`], ["endpoint", "followed"]]) {
    await visit(here.tab, `/ui/lineage?${new URLSearchParams({ kind, id })}`);
    assert.deepEqual((await page.$$eval(".node .words", (nodes) => nodes.map((node) => node.innerText.split("\n")))).map(([name, of]) => [of, name]).sort(), [...chain].sort(), kind);
    assert.match(await page.textContent(".node.start"), kind === "dataset" ? /digits/ : /followed/);
    await page.click("button:has-text('Table')");
    const lines = await page.$$eval("table.list tbody tr", (rows) => rows.map((row) => row.innerText.replace(/\s+/g, " ").trim()));
    for (const [at, [from, name]] of chain.slice(0, -1).entries()) {
      const [to, next] = chain[at + 1];
      assert.ok(lines.some((line) => line.startsWith(`${from} ${name}`) && line.endsWith(`${to} ${next}`)), `${name} to ${next}: ${lines.join("; ")}`);
    }
    assert.deepEqual(await findings(page), []);
  }
  await page.click("table.list a:has-text('followed')");
  await settled(page);
  assert.match(page.url(), /\/ui\/serving\/followed/);
  await rest(server.url, "2.0/serving-endpoints/followed", undefined, "DELETE");
});

/** Writes a frame as the server does: a header in JSON, then columns at multiples of eight. */
function frameOf(rows, meta, columns) {
  const parts = [];
  let size = 0;
  const add = (array) => {
    const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    const offset = size;
    const padded = Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
    parts.push(padded);
    size += padded.length;
    return offset;
  };
  const headers = Object.entries(columns).map(([name, values]) => {
    if (typeof values[0] === "string") {
      const known = [...new Set(values)];
      return { name, type: "dict", offset: add(Uint32Array.from(values, (value) => known.indexOf(value))), count: rows, values: known };
    }
    return { name, type: "f64", offset: add(Float64Array.from(values, (value) => value ?? NaN)), count: rows, nulls: add(Uint8Array.from(values, (value) => (value === null ? 1 : 0))) };
  });
  const json = Buffer.from(JSON.stringify({ rows, columns: headers, ...meta }));
  const head = Buffer.alloc(12);
  head.write("TLFRAME1", 0, "latin1");
  head.writeUInt32LE(json.length, 8);
  return Buffer.concat([head, json, Buffer.alloc((8 - ((12 + json.length) % 8)) % 8), ...parts]);
}

const TABLE = {
  name: "ml.features.users", description: "what **users** do", owner: "ada", created: 0, updated: Date.now() - 1000, version: 2, key: ["user"], timestamp: "time", tags: {},
  columns: [{ name: "user", type: "bigint", comment: null }, { name: "time", type: "timestamp", comment: null }, { name: "day", type: "date", comment: null }, { name: "spend", type: "double", comment: "in <b>euro</b>" }],
};

/** A tab whose server has one table of 450 rows. */
async function tableTab() {
  const tab = await open(here.browser, here.server.url);
  await tab.context.route("**/api/v1/tables", (route) => route.fulfill({ json: { tables: [TABLE] } }));
  await tab.context.route("**/api/v1/tables/ml.features.users", (route) => route.fulfill({ json: { table: TABLE, writes: [{ version: 2, time: Date.now(), user: "ada", mode: "MERGE", rows: 150 }, { version: 1, time: Date.now() - 9000, user: "bob", mode: "MERGE", rows: 300 }] } }));
  await tab.context.route("**/api/v1/tables/ml.features.users/rows?*", (route) => {
    const query = new URL(route.request().url()).searchParams;
    const version = Number(query.get("version") ?? 2);
    const total = version === 2 ? 450 : 300;
    const from = Number(query.get("offset"));
    const rows = Math.max(0, Math.min(200, total - from));
    const each = (make) => Array.from({ length: rows }, (_, row) => make(from + row));
    return route.fulfill({ body: frameOf(rows, { total, offset: from, version, left_out: 0 }, { user: each((row) => String(2n ** 60n + BigInt(row))), time: each(() => Date.UTC(2026, 0, 1)), day: each(() => Date.UTC(2026, 0, 31)), spend: each((row) => (row % 2 === 0 ? row / 4 : null)) }) });
  });
  return tab;
}

test("a table has its rows by window, its columns and its versions", async () => {
  const tab = await tableTab();
  const { page } = tab;
  await visit(tab, "/ui/tables");
  assert.match(await page.innerText("table.list tbody tr"), /ml\.features\.users.*user, time.*4.*2/s);
  await page.click("table.list a:has-text('ml.features.users')");
  await settled(page);
  const cells = () => page.$$eval(".window tbody tr:first-child td", (found) => found.map((cell) => cell.textContent));
  assert.deepEqual((await cells()).filter((_, at) => at !== 1), [String(2n ** 60n), "2026-01-31", "0"]);
  assert.match(await page.textContent(".pane .fact"), /rows 1 to 200 of 450, version 2/);
  for (let window = 0; window < 2; window += 1) {
    await page.click("button[aria-label='Later rows']");
    await settled(page);
  }
  assert.match(await page.textContent(".pane .fact"), /rows 401 to 450 of 450/);
  assert.equal(await page.locator("button[aria-label='Later rows']").isDisabled(), true);
  assert.equal((await cells())[0], String(2n ** 60n + 400n), "whole numbers beyond 2^53 stay exact");
  const before = await ariaTree(page);
  await page.reload({ waitUntil: "commit" });
  await settled(page);
  assert.equal(await ariaTree(page), before, "the link leads to the same rows");
  assert.deepEqual(await findings(page), []);
  await page.click("[role=tab] >> text=Columns");
  await settled(page);
  assert.deepEqual(await page.$$eval("table.list tbody .chip", (chips) => chips.map((chip) => chip.textContent)), ["key", "timestamp"]);
  assert.match(await page.textContent("table.list"), /in <b>euro<\/b>/);
  await page.click("[role=tab] >> text=Versions");
  await page.click("table.list a:has-text('Version 1')");
  await settled(page);
  assert.match(await page.textContent(".pane .fact"), /of 300, version 1/);
  await tab.close();
});

test("a table leads to the runs that used it", async () => {
  const tab = await tableTab();
  await call(here.server.url, "runs/log-inputs", { run_id: here.made.runs[3], datasets: [{ dataset: { name: TABLE.name, digest: "version-2", source_type: "tracklite_table", source: "{}" }, tags: [] }] });
  await visit(tab, `/ui/tables/${TABLE.name}?tab=used`);
  assert.deepEqual(await tab.page.$$eval("table.list tbody th", (found) => found.map((one) => one.textContent)), ["digits-03"]);
  await tab.page.click("text=The run in the table of runs");
  await settled(tab.page);
  assert.equal(await tab.page.getAttribute("[role=grid]", "aria-rowcount"), "2");
  await tab.close();
});

test("a table that is too large says so, and the other parts stay", async () => {
  const tab = await tableTab();
  await tab.context.route("**/api/v1/tables/ml.features.users/rows?*", (route) => route.fulfill({ status: 400, json: { error_code: "INVALID_PARAMETER_VALUE", message: "3000000 rows were written to the table: read it with `tracklite tables read`" } }));
  await visit(tab, `/ui/tables/${TABLE.name}`);
  assert.match(await tab.page.textContent("[role=alert]"), /tracklite tables read/);
  await tab.page.click("[role=tab] >> text=Versions");
  assert.equal((await tab.page.$$("table.list tbody tr")).length, 2);
  await tab.close();
});
