import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "./prepared.mjs";
import { countBytes, open, penLog, settled, stage, visit, visitRuns } from "./pages.mjs";
import { call, serve } from "./server.mjs";

/** How long a file without writers is watched. The other tests of this file run meanwhile. */
const QUIET = 15_000;

let quiet;
let since;

const here = stage("copy", async (made) => {
  quiet = await open(made.browser, fixture().url);
  await visitRuns(made, "", quiet);
  await quiet.page.waitForSelector(".live-live");
  quiet.seen.requests.length = 0;
  since = Date.now();
});

async function startRun(url, name, experiment_id = here.made.id) {
  const { run } = await call(url, "runs/create", { experiment_id, run_name: name, start_time: Date.now() });
  return run.info.run_id;
}

const log = (url, run_id, key, value, step) => call(url, "runs/log-metric", { run_id, key, value, step, timestamp: Date.now() });

/** Waits until the line of a card has this many points or more. */
const lineOf = (page, card, points) =>
  page.waitForFunction(([id, least]) => document.querySelector(`[data-card="${id}"] canvas`)?.penLog().some((line) => line.startsWith("stroke #") && line.split("L").length >= least), [card, points], { timeout: 10_000 });

test("new runs and points appear by themselves (requirement 6)", async () => {
  const { page, server } = here;
  await visitRuns(here, "m=fresh&v=first:3&o=-attributes.start_time&card=fresh");
  const id = await startRun(server.url, "newcomer");
  for (let step = 0; step < 5; step += 1) await log(server.url, id, "fresh", step, step);
  await page.waitForSelector(`.grid-body [data-run="${id}"]`, { timeout: 10_000 });
  await lineOf(page, "fresh", 5);
  const first = await penLog(page, "fresh");
  await log(server.url, id, "fresh", 99, 5);
  await page.waitForFunction((old) => document.querySelector('[data-card="fresh"] canvas')?.penLog().join() !== old, first.join(), { timeout: 10_000 });
  await call(server.url, "runs/update", { run_id: id, status: "FINISHED", end_time: Date.now() });
  await page.waitForSelector(`.grid-body [data-run="${id}"] .health-finished`, { timeout: 10_000 });
});

test("a tick costs what is new, not the whole curves (requirement 6)", async () => {
  const { page, server } = here;
  const id = await startRun(server.url, "long one");
  const keys = ["tick/a", "tick/b", "tick/c"];
  let next = 0;
  const grow = async (count) => {
    const rows = Array.from({ length: count }, (_, at) => keys.map((key) => ({ key, value: Math.sin(next + at), step: next + at, timestamp: Date.now() }))).flat();
    next += count;
    for (let at = 0; at < rows.length; at += 1000) await call(server.url, "runs/log-batch", { run_id: id, metrics: rows.slice(at, at + 1000) });
  };
  await grow(3000);
  await visitRuns(here, "m=tick&v=first:1&o=-attributes.start_time");
  const whole = countBytes(page, "/curves");
  await page.reload({ waitUntil: "commit" });
  await settled(page);
  const [before] = await whole.stop();
  const ticks = countBytes(page, "/curves");
  const lastTick = () => page.$eval('[data-card="tick/a"] canvas', (canvas) => canvas.penLog().filter((line) => line.startsWith("stroke #")).at(-1).split("L").at(-1));
  for (let round = 0; round < 3; round += 1) {
    const old = await lastTick();
    await grow(10);
    await page.waitForFunction((was) => document.querySelector('[data-card="tick/a"] canvas').penLog().filter((line) => line.startsWith("stroke #")).at(-1).split("L").at(-1) !== was, old, { timeout: 10_000 });
  }
  await settled(page);
  const sizes = await ticks.stop();
  assert.ok(sizes.length >= 3);
  for (const size of sizes) assert.ok(size <= before / 8, `${size} bytes of ${before}`);
  const joined = await penLog(page, "tick/a");
  await page.reload({ waitUntil: "commit" });
  await settled(page);
  const ends = (log) => log.filter((line) => line.startsWith("text"));
  assert.deepEqual(ends(joined), ends(await penLog(page, "tick/a")), "the same axes as if asked as a whole");
});

test("a killed writer is dead within three seconds (requirement 22)", async () => {
  const { page, server } = here;
  const writer = await serve({ file: server.path });
  const id = await startRun(writer.url, "victim");
  await log(writer.url, id, "fresh", 1, 0);
  await visit(here.tab, "/ui/now");
  await page.waitForSelector(`[data-run="${id}"] .health-running`);
  writer.child.kill("SIGKILL");
  await page.waitForSelector(`[data-run="${id}"] .health-dead`, { timeout: 3000 });
});

test("a restarted server is found again, and until then the page says how old its data is", async () => {
  const other = await serve({ file: here.server.path });
  const port = Number(new URL(other.url).port);
  const tab = await open(here.browser, other.url);
  await visit(tab, "/ui/runs");
  await tab.page.waitForSelector(".live-live");
  await other.stop();
  await tab.page.waitForSelector(".live-lost", { timeout: 15_000 });
  assert.match(await tab.page.textContent(".live"), /data is \d+ s old/);
  assert.ok((await tab.page.$$(".grid-body .row")).length > 0, "the table stays");
  const again = await serve({ file: here.server.path, port });
  await tab.page.waitForSelector(".live-live", { timeout: 30_000 });
  await tab.close();
  await again.stop();
});

test("without a stream the page polls", async () => {
  const tab = await open(here.browser, here.server.url);
  await tab.context.route("**/api/v1/events*", (route) => route.fulfill({ status: 502, body: "no" }));
  await visitRuns(here, "o=-attributes.start_time", tab);
  await tab.page.waitForSelector(".live-polling", { timeout: 5000 });
  const id = await startRun(here.server.url, "polled");
  await tab.page.waitForSelector(`.grid-body [data-run="${id}"]`, { timeout: 10_000 });
  await tab.close();
});

test("an opened group keeps its runs when others move before it (requirement 10)", async () => {
  const { page, server } = here;
  const { experiment_id } = await call(server.url, "experiments/create", { name: "/moving" });
  const add = async (lr, value) => {
    const run_id = await startRun(server.url, `lr ${lr}`, experiment_id);
    await call(server.url, "runs/log-batch", { run_id, params: [{ key: "lr", value: lr }], metrics: [{ key: "score", value, step: 0, timestamp: 1 }] });
  };
  for (const value of [5, 6]) await add("0.1", value);
  await add("0.2", 3);
  await visit(here.tab, `/ui/runs?e=${experiment_id}&g=params.lr&o=-metrics.score&c=metrics.score`);
  await page.locator(".row.group .expander").first().click();
  await settled(page);
  const names = () => page.$$eval(".grid-body .row .run-name", (found) => found.map((one) => one.textContent));
  assert.deepEqual(await names(), ["0.1", "lr 0.1", "lr 0.1", "0.2"]);
  await add("0.3", 9);
  await page.waitForFunction(() => document.querySelector(".grid-body .row .run-name")?.textContent === "0.3", null, { timeout: 10_000 });
  await settled(page);
  assert.deepEqual(await names(), ["0.3", "0.1", "lr 0.1", "lr 0.1", "0.2"]);
});

test("a quiet file costs no request (requirement 6)", async () => {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, since + QUIET - Date.now())));
  assert.deepEqual(quiet.seen.requests, []);
  await quiet.close();
});
