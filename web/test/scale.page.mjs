import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, penLog, rowIds, rowNames, settled, visit } from "./pages.mjs";
import { call, serve } from "./server.mjs";

const RUNS = 2000;
const KEYS = 12_345;
const SPIKE = 61_803;

let server;
let browser;
let tab;
let many;
let wide;
let long;

async function createRun(experiment_id, name, at) {
  const { run } = await call(server.url, "runs/create", { experiment_id, run_name: name, start_time: 1_795_953_600_000 + at * 1000 });
  return run.info.run_id;
}

async function logAll(run_id, rows) {
  for (let at = 0; at < rows.length; at += 1000) await call(server.url, "runs/log-batch", { run_id, metrics: rows.slice(at, at + 1000) });
}

async function manyRuns() {
  const { experiment_id } = await call(server.url, "experiments/create", { name: "/many" });
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < RUNS; at = next++) {
      const run_id = await createRun(experiment_id, `run-${String(at).padStart(6, "0")}`, at);
      await call(server.url, "runs/log-batch", { run_id, params: [{ key: "lr", value: String(10 ** -(at % 4)) }], metrics: [{ key: "loss", value: (at * 7919) % 10_007, step: 0, timestamp: 1 }] });
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return experiment_id;
}

async function manyKeys() {
  const { experiment_id } = await call(server.url, "experiments/create", { name: "/keys" });
  const run_id = await createRun(experiment_id, "wide", 0);
  for (const step of [0, 1]) await logAll(run_id, Array.from({ length: KEYS }, (_, at) => ({ key: `layer${at % 50}/w${at}`, value: at + step, step, timestamp: step })));
  return experiment_id;
}

async function longCurve() {
  const { experiment_id } = await call(server.url, "experiments/create", { name: "/long" });
  const run_id = await createRun(experiment_id, "long", 0);
  await logAll(run_id, Array.from({ length: 100_000 }, (_, step) => ({ key: "noise", value: step === SPIKE ? 1000 : Math.sin(step), step, timestamp: step })));
  return experiment_id;
}

before(async () => {
  server = await serve();
  many = await manyRuns();
  wide = await manyKeys();
  long = await longCurve();
  browser = await launch();
  tab = await open(browser, server.url);
});

after(async () => {
  await tab?.close();
  await browser?.close();
  await server?.stop();
});

test("a jump to a far row shows the right runs with few rows and bytes (requirements 1 and 5)", async () => {
  const sizes = [];
  tab.page.on("response", async (response) => {
    if (response.url().includes("runs/query")) sizes.push((await response.body().catch(() => Buffer.alloc(0))).length);
  });
  await visit(tab, `/ui/runs?e=${many}&o=attributes.start_time&tab=compare&v=first:0`);
  assert.equal(await tab.page.getAttribute("[role=grid]", "aria-rowcount"), String(RUNS + 1));
  await tab.page.evaluate(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ["longtask"] });
  });
  await tab.page.$eval("[role=grid]", (grid) => (grid.scrollTop = 1800 * 28));
  await tab.page.waitForSelector(".run-name:has-text('run-001810')");
  await settled(tab.page);
  const names = await rowNames(tab.page);
  assert.ok(names.includes("run-001800") && names.includes("run-001820"));
  assert.ok((await rowIds(tab.page)).length <= 60);
  for (const size of sizes) assert.ok(size <= 40_000, `a window has ${size} bytes`);
  const slow = (await tab.page.evaluate(() => window.longTasks)).filter((duration) => duration > 200);
  assert.deepEqual(slow, [], "long tasks");
});

test("sorting and filtering take all runs, not only the loaded ones (requirement 1)", async () => {
  await visit(tab, `/ui/runs?e=${many}&o=-metrics.loss&c=metrics.loss&tab=compare&v=first:0`);
  const best = Array.from({ length: RUNS }, (_, at) => (at * 7919) % 10_007).reduce((most, value) => Math.max(most, value), 0);
  const shown = await tab.page.textContent('.grid-body .row [data-name="metrics.loss"]');
  assert.equal(Number(shown.replace(/\D/g, "")), best);
  await visit(tab, `/ui/runs?e=${many}&f=params.lr%20%3D%20%270.01%27&tab=compare&v=first:0`);
  assert.equal(await tab.page.getAttribute("[role=grid]", "aria-rowcount"), String(RUNS / 4 + 1));
});

test("12,345 metrics open with few cards, requests and bytes (requirements 4 and 5)", async () => {
  const own = await open(browser, server.url);
  let bytes = 0;
  own.page.on("response", async (response) => {
    if (response.url().includes("/api/")) bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
  });
  await visit(own, `/ui/runs?e=${wide}`);
  const requests = own.seen.requests.filter((request) => request.includes("/api/v1/")).length;
  assert.ok(requests <= 24, `${requests} requests`);
  const cards = (await own.page.$$("[data-card]")).length;
  assert.ok(cards > 0 && cards <= 30, `${cards} cards`);
  assert.ok(bytes <= 400_000, `${bytes} bytes`);
  await own.page.$eval(".wall", (wall) => (wall.scrollTop = wall.scrollHeight / 2));
  await own.page.waitForTimeout(50);
  await settled(own.page);
  assert.ok((await own.page.$$("[data-card]")).length > 0, "cards in the middle");
  await own.page.fill(".metric-filter input", "w1234\\d$");
  await own.page.waitForFunction(() => document.querySelectorAll("[data-card]").length === 5);
  await own.close();
});

test("a spike in 100,000 points is drawn at every zoom, down to the point (requirements 2 and 3)", async () => {
  const sizes = [];
  const onResponse = async (response) => {
    if (response.url().includes("/curves")) sizes.push((await response.body().catch(() => Buffer.alloc(0))).length);
  };
  tab.page.on("response", onResponse);
  for (const zoom of ["", `&z=${SPIKE - 20_000}:${SPIKE + 20_000}`, `&z=${SPIKE - 300}:${SPIKE + 300}`, `&z=${SPIKE - 5}:${SPIKE + 5}`]) {
    await visit(tab, `/ui/runs?e=${long}&card=noise${zoom}`);
    const log = await penLog(tab.page, "noise");
    const heights = log.filter((line) => /^(fill|stroke) #/.test(line)).flatMap((line) => [...line.matchAll(/[ML][\d.-]+,([\d.-]+)/g)].map((match) => Number(match[1])));
    const [, top] = log.find((line) => line.startsWith("clip")).split(" ").slice(1).map(Number);
    const highest = heights.reduce((least, height) => Math.min(least, height), Infinity);
    assert.ok(highest < top + 60, `zoom ${zoom}: highest at ${highest}`);
    const ticks = log.flatMap((line) => /^text \S+ \S+ right (.*)$/.exec(line)?.[1] ?? []).map(Number);
    assert.ok(ticks.some((tick) => tick >= 800), `zoom ${zoom}: the y axis ends at ${ticks.at(-1)}`);
  }
  tab.page.off("response", onResponse);
  assert.ok(sizes[sizes.length - 1] < sizes[0], "fewer bytes for less");
});

test("the config of a run is shown beside the curves (requirement 24)", async () => {
  await visit(tab, `/ui/runs?e=${many}&o=attributes.start_time`);
  await tab.page.hover(".grid-body .row >> nth=2");
  await tab.page.click(".grid-body .row >> nth=2 >> button[aria-label^=Details]");
  await settled(tab.page);
  assert.match(await tab.page.textContent(".peek"), /run-000002.*lr.*0\.01/s);
  assert.ok((await tab.page.$$("[data-card]")).length > 0);
});

test("the palette finds runs, metrics and commands and opens them", async () => {
  await visit(tab, "/ui/models");
  await tab.page.keyboard.press("Control+k");
  await tab.page.locator(".palette input").pressSequentially("run-001234");
  await tab.page.waitForSelector(".found .words:has-text('run-001234')");
  await tab.page.keyboard.press("Enter");
  await settled(tab.page);
  assert.match(tab.page.url(), /\/ui\/run\//);
  assert.match(await tab.page.textContent(".run-head h2"), /run-001234/);
});
