import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sweep } from "./fixture.mjs";
import { launch, open, penLog, settled, visit } from "./pages.mjs";
import { call, serve } from "./server.mjs";

let server;
let browser;
let made;

before(async () => {
  server = await serve();
  made = await sweep(server.url, 100);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("a quiet file costs no request (requirement 6)", async () => {
  const tab = await open(browser, server.url);
  await visit(tab, "/ui/runs");
  await pause(1500);
  const before = tab.seen.requests.length;
  await pause(6000);
  assert.deepEqual(tab.seen.requests.slice(before), []);
  await tab.close();
});

test("new runs and points appear by themselves (requirement 6)", async () => {
  const tab = await open(browser, server.url);
  await visit(tab, "/ui/runs?m=fresh&v=first:3&o=-attributes.start_time&card=fresh");
  const { run } = await call(server.url, "runs/create", { experiment_id: made.id, run_name: "newcomer", start_time: Date.now() });
  const id = run.info.run_id;
  for (let step = 0; step < 5; step += 1) {
    await call(server.url, "runs/log-metric", { run_id: id, key: "fresh", value: step, step, timestamp: Date.now() });
    await pause(150);
  }
  await tab.page.waitForSelector(`.grid-body [data-run="${id}"]`, { timeout: 10_000 });
  await tab.page.waitForFunction(() => document.querySelector('[data-card="fresh"] canvas')?.penLog().some((line) => line.startsWith("stroke #") && line.split("L").length >= 5), null, { timeout: 10_000 });
  const first = await penLog(tab.page, "fresh");
  await call(server.url, "runs/log-metric", { run_id: id, key: "fresh", value: 99, step: 5, timestamp: Date.now() });
  await tab.page.waitForFunction((before) => document.querySelector('[data-card="fresh"] canvas')?.penLog().join() !== before, first.join(), { timeout: 10_000 });
  await call(server.url, "runs/update", { run_id: id, status: "FINISHED", end_time: Date.now() });
  await tab.page.waitForSelector(`.grid-body [data-run="${id}"] .health-finished`, { timeout: 10_000 });
  await tab.close();
});

test("a killed writer is dead within three seconds (requirement 22)", async () => {
  const writer = await serve({ file: server.path });
  const { run } = await call(writer.url, "runs/create", { experiment_id: made.id, run_name: "victim", start_time: Date.now() });
  await call(writer.url, "runs/log-metric", { run_id: run.info.run_id, key: "fresh", value: 1, step: 0, timestamp: Date.now() });
  const tab = await open(browser, server.url);
  await visit(tab, "/ui/now");
  const row = `[data-run="${run.info.run_id}"]`;
  await tab.page.waitForSelector(`${row} .health-running`);
  writer.child.kill("SIGKILL");
  await tab.page.waitForSelector(`${row} .health-dead`, { timeout: 3000 });
  await tab.close();
});

test("a restarted server is found again, and until then the page says how old its data is", async () => {
  const other = await serve({ file: server.path });
  const port = Number(new URL(other.url).port);
  const tab = await open(browser, other.url);
  await visit(tab, "/ui/runs");
  await tab.page.waitForSelector(".live-live");
  await other.stop();
  await tab.page.waitForSelector(".live-lost", { timeout: 15_000 });
  assert.match(await tab.page.textContent(".live"), /data is \d+ s old/);
  assert.ok((await tab.page.$$(".grid-body .row")).length > 0, "the table stays");
  const again = await serve({ file: server.path, port });
  await tab.page.waitForSelector(".live-live", { timeout: 30_000 });
  await tab.close();
  await again.stop();
});

test("without a stream the page polls", async () => {
  const tab = await open(browser, server.url);
  await tab.context.route("**/api/v1/events*", (route) => route.fulfill({ status: 502, body: "no" }));
  await visit(tab, "/ui/runs?o=-attributes.start_time");
  await tab.page.waitForSelector(".live-polling", { timeout: 30_000 });
  const { run } = await call(server.url, "runs/create", { experiment_id: made.id, run_name: "polled", start_time: Date.now() });
  await tab.page.waitForSelector(`.grid-body [data-run="${run.info.run_id}"]`, { timeout: 25_000 });
  await tab.close();
});

/** Numbers that are the same in every run of the test. */
function random(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

const ACTIONS = ["j", "k", "x", "v", "p", "b", "1", "2", "3", "4", "s", "S", "0", "l", "L", "t", "o", "z", "c", "j", "j"];

test("a random walk of actions reloads to the same page from its link (requirement 13)", async () => {
  const tab = await open(browser, server.url);
  const next = random(20261129);
  await visit(tab, `/ui/runs?e=${made.id}`);
  for (let step = 0; step < 50; step += 1) {
    if (next() < 0.2) await clickSomething(tab.page, next);
    else await tab.page.keyboard.press(ACTIONS[Math.floor(next() * ACTIONS.length)]);
    await settled(tab.page);
    if (step % 10 !== 9) continue;
    await tab.page.evaluate(() => document.activeElement?.blur());
    await tab.page.mouse.move(0, 0);
    await settled(tab.page);
    const before = await snapshot(tab.page);
    await tab.page.reload();
    await settled(tab.page);
    assert.equal(await snapshot(tab.page), before, `after step ${step}: ${tab.page.url()}`);
  }
  await tab.close();
});

async function clickSomething(page, next) {
  const selectors = [".head-row .head-words", ".grid-body .swatch", ".grid-body .tool", ".tabs [role=tab]", ".section-head", ".bar > .button"];
  const found = page.locator(selectors[Math.floor(next() * selectors.length)]);
  const count = await found.count();
  if (count > 0) await found.nth(Math.floor(next() * Math.min(count, 6))).dispatchEvent("click");
}

/** The page for a screen reader, without what the keyboard's place adds. */
async function snapshot(page) {
  return (await page.locator("main").ariaSnapshot()).replace(/ \[active\]/g, "");
}

test("back and forward go through the views (requirement 13)", async () => {
  const tab = await open(browser, server.url);
  await visit(tab, "/ui/runs");
  await tab.page.keyboard.press("2");
  await tab.page.keyboard.press("l");
  await tab.page.goBack();
  await tab.page.goBack();
  await settled(tab.page);
  assert.equal(new URL(tab.page.url()).search, "");
  assert.equal(await tab.page.getAttribute('[role=tab][aria-selected="true"]', "aria-selected"), "true");
  assert.match(await tab.page.textContent('[role=tab][aria-selected="true"]'), /Charts/);
  await tab.close();
});

test("an opened group keeps its runs when others move before it (requirement 10)", async () => {
  const { experiment_id } = await call(server.url, "experiments/create", { name: "/moving" });
  const add = async (lr, value) => {
    const { run } = await call(server.url, "runs/create", { experiment_id, run_name: `lr ${lr}`, start_time: Date.now() });
    await call(server.url, "runs/log-batch", { run_id: run.info.run_id, params: [{ key: "lr", value: lr }], metrics: [{ key: "score", value, step: 0, timestamp: 1 }] });
  };
  for (const value of [5, 6]) await add("0.1", value);
  await add("0.2", 3);
  const tab = await open(browser, server.url);
  await visit(tab, `/ui/runs?e=${experiment_id}&g=params.lr&o=-metrics.score&c=metrics.score`);
  await tab.page.locator(".row.group .expander").first().click();
  await settled(tab.page);
  const names = () => tab.page.$$eval(".grid-body .row .run-name", (found) => found.map((one) => one.textContent));
  assert.deepEqual(await names(), ["0.1", "lr 0.1", "lr 0.1", "0.2"]);
  await add("0.3", 9);
  await tab.page.waitForFunction(() => document.querySelector(".grid-body .row .run-name")?.textContent === "0.3", null, { timeout: 10_000 });
  await settled(tab.page);
  assert.deepEqual(await names(), ["0.3", "0.1", "lr 0.1", "lr 0.1", "0.2"]);
  await tab.close();
});
