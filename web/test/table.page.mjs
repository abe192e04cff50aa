import assert from "node:assert/strict";
import { test } from "node:test";
import { cellTexts, drag, open, rowCount, penLog, rowIds, settled, stage, visitRuns } from "./pages.mjs";
import { api } from "./server.mjs";

const here = stage("shared");

test("the table shows all runs with few rows in the page (requirements 1 and 26)", async () => {
  await visitRuns(here);
  assert.equal(await rowCount(here.page), 25);
  assert.ok((await rowIds(here.page)).length <= 60);
  const bytes = here.tab.seen.requests.filter((request) => request.includes("runs/query")).length;
  assert.ok(bytes <= 3, "queries of the first screen");
});

test("sorting by the best value moves the right run up (requirement 9)", async () => {
  await visitRuns(here, "c=max.val/accuracy,min.train/loss");
  await here.page.click('[data-column="max.val/accuracy"] .head-words');
  await settled(here.page);
  await here.page.click('[data-column="max.val/accuracy"] .head-words');
  await settled(here.page);
  const values = (await cellTexts(here.page, "max.val/accuracy")).filter((text) => text !== "").map(Number);
  assert.deepEqual(values, [...values].sort((a, b) => b - a));
  const best = await bestOf(here.made.runs, "val/accuracy", "max");
  assert.equal((await rowIds(here.page))[0], best.run);
  assert.equal(await here.page.getAttribute('[data-column="max.val/accuracy"]', "aria-sort"), "descending");
});

async function bestOf(runs, key, aggregate) {
  const all = await Promise.all(runs.map(async (run) => ({ run, metric: (await api(here.server.url, `runs/${run}`)).metrics.find((one) => one.key === key) })));
  return all.reduce((best, one) => (one.metric[aggregate] > best.metric[aggregate] ? one : best));
}

test("several columns sort one after the other (requirement 9)", async () => {
  await visitRuns(here, "c=params.width,params.lr&f=params.seed%20%3D%20%271%27");
  await here.page.click('[data-column="params.width"] .head-words');
  await here.page.click('[data-column="params.lr"] .head-words', { modifiers: ["Shift"] });
  await settled(here.page);
  assert.match(new URL(here.page.url()).searchParams.get("o"), /^params\.width,params\.lr$/);
  assert.equal((await rowIds(here.page)).length, 8);
});

test("groups fold seeds into rows with n, mean and deviation, and bands (requirements 10 and 11)", async () => {
  await visitRuns(here, "g=auto&f=params.seed%20!%3D%20%2799%27&c=metrics.val/accuracy");
  const rows = await here.page.$$eval(".row.group .badge:not(.bad)", (badges) => badges.map((badge) => badge.textContent));
  assert.deepEqual(rows, Array(8).fill("3"));
  const before = await cellTexts(here.page, "metrics.val/accuracy");
  assert.match(before[0], /±/);
  const log = await penLog(here.page, "val/accuracy");
  assert.equal(log.filter((line) => line.startsWith("fill")).length, 8, "a band for each group");
  await here.page.locator(".row.group .swatch").nth(1).click();
  await settled(here.page);
  assert.deepEqual(await cellTexts(here.page, "metrics.val/accuracy"), before, "hiding a group changes no number");
  assert.equal((await penLog(here.page, "val/accuracy")).filter((line) => line.startsWith("fill")).length, 7);
  await here.page.locator(".row.group .expander").first().click();
  await settled(here.page);
  assert.equal((await here.page.$$(".grid-body .row:not(.group)")).length, 3);
});

test("a wrong filter shows the words of the command line with a caret (requirement 12)", async () => {
  await visitRuns(here);
  await here.page.fill(".filter input", "metrcs.loss < 1");
  await here.page.keyboard.press("Enter");
  await settled(here.page);
  const text = await here.page.textContent(".caret");
  assert.match(text, /metrcs/);
  const lines = text.split("\n");
  const caret = lines.findIndex((line) => /^\s*\^+/.test(line));
  assert.ok(caret > 0, text);
  assert.equal(lines[caret].indexOf("^"), lines[caret - 1].indexOf("metrcs"), "the caret is under the word that is wrong");
  assert.ok((await rowIds(here.page)).length > 0, "the former table stays");
});

test("filters that were used are offered again (requirement 12)", async () => {
  const own = await open(here.browser, here.server.url);
  await visitRuns(here, "", own);
  await own.page.fill(".filter input", "params.width = '64'");
  await own.page.keyboard.press("Enter");
  await settled(own.page);
  await own.page.fill(".filter input", "");
  await settled(own.page);
  await own.page.click(".filter input");
  assert.deepEqual(await own.page.$$eval("[role=option] .words", (found) => found.map((one) => one.textContent)), ["params.width = '64'"]);
  await own.page.keyboard.press("ArrowDown");
  await own.page.keyboard.press("Enter");
  await settled(own.page);
  assert.equal(new URL(own.page.url()).searchParams.get("f"), "params.width = '64'");
  await own.close();
});

test("completions come while typing and fit the text (requirement 12)", async () => {
  await visitRuns(here);
  await here.page.locator(".filter input").pressSequentially("params.opt");
  await here.page.waitForSelector("[role=option]");
  await here.page.keyboard.press("ArrowDown");
  await here.page.keyboard.press("Enter");
  assert.match(await here.page.inputValue(".filter input"), /^params\.optimizer/);
});

test("a cell becomes a filter (requirement 12)", async () => {
  await visitRuns(here, "c=params.optimizer");
  await here.page.locator('.grid-body [data-name="params.optimizer"]', { hasText: "sgd" }).first().click({ button: "right" });
  await settled(here.page);
  assert.equal(new URL(here.page.url()).searchParams.get("f"), "params.optimizer = 'sgd'");
  assert.deepEqual([...new Set(await cellTexts(here.page, "params.optimizer"))], ["sgd"]);
});

test("the baseline stays on top under each sort and its deltas are exact (requirement 15)", async () => {
  const [baseline, pin] = here.made.runs;
  await visitRuns(here, `b=${baseline}&p=${pin}&c=metrics.test_accuracy&o=-metrics.test_accuracy`);
  const kept = await here.page.$$eval(".pinned-lines .row", (rows) => rows.map((row) => row.dataset.run));
  assert.deepEqual(kept, [baseline, pin]);
  const row = `.grid-body [data-run="${here.made.runs[23]}"] [data-name="metrics.test_accuracy"]`;
  assert.equal(await here.page.textContent(row), "0.915+0.115");
  assert.ok(await here.page.$(`${row} .delta.good`), "higher accuracy is better");
});

test("only differences are compared, and the rest is counted (requirement 8)", async () => {
  await visitRuns(here, `tab=compare&s=${here.made.runs[0]},${here.made.runs[1]}`);
  const keys = await here.page.$$eval(".compare tr.differs th", (cells) => cells.map((cell) => cell.textContent));
  assert.ok(keys.includes("seed") && !keys.includes("lr") && !keys.includes("dropout"));
  assert.equal((await here.page.$$(".compare tr.same")).length, 0);
  const same = await here.page.textContent('button[title^="Show rows that are the same"]');
  assert.match(same, /^\d+ the same$/);
  await here.page.click('button[title^="Show rows that are the same"]');
  await settled(here.page);
  const rows = (await here.page.$$(".compare tr.same")).length;
  assert.equal(rows, Number(same.split(" ")[0]));
});

test("a brush leaves the runs that the filter leaves (requirement 28)", async () => {
  await visitRuns(here, "tab=parallel&pa=params.lr,metrics.val/accuracy&br=params.lr:0.0009:0.002");
  const brushed = await here.page.$$eval(".brushed tr[data-run]", (rows) => rows.map((row) => row.dataset.run).sort());
  await visitRuns(here, "f=params.lr%20%3D%20%270.001%27");
  assert.deepEqual(brushed, (await rowIds(here.page)).sort());
});

test("a scatter plot selects what is dragged over (requirements 16 and 28)", async () => {
  await visitRuns(here, "tab=scatter&sx=params.lr&sy=metrics.val/accuracy&lx=1");
  await drag(here.page, ".scatter canvas", [0.01, 0.01], [0.99, 0.99]);
  assert.equal(new URL(here.page.url()).searchParams.get("s").split(",").length, 24);
});

test("the whole way to a comparison works without a mouse (requirement 33)", async () => {
  await visitRuns(here);
  await here.page.focus("[role=grid]");
  for (const key of ["j", "x", "j", "x", "c"]) await here.page.keyboard.press(key);
  await settled(here.page);
  assert.match(await here.page.textContent(".compare .corner"), /difference/);
  assert.equal((await here.page.$$(".compare thead th")).length, 3);
});

test("charts never block the table (requirement 26)", async () => {
  const own = await open(here.browser, here.server.url);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await own.context.route("**/api/v1/curves", async (route) => {
    await held;
    await route.continue().catch(() => undefined);
  });
  await own.page.goto(`${here.server.url}/ui/runs?e=${here.made.id}`, { waitUntil: "commit" });
  await own.page.waitForSelector(".grid-body .row[data-run]");
  await own.page.click('[data-column="attributes.run_name"] .head-words');
  await own.page.waitForFunction(() => document.querySelector(".grid-body .run-name")?.textContent === "child of digits-00");
  assert.equal(await own.page.$eval("[data-card] canvas", (canvas) => canvas.penLog().length), 0, "no curve came before");
  release();
  await settled(own.page);
  await own.close();
});

/** Ten tasks with the clicks that they take from the Runs page. */
const TASKS = [
  ["logarithmic y axis", ["button[title^='Logarithmic y axis']"], /ly=1/],
  ["wall time on the x axis", ["button[title='X axis']", "text=Wall time"], /xa=time/],
  ["group by what differs", ["button[title='Group runs']", ".segments >> text=Automatic"], /g=auto/],
  ["sort by a column", [".head-row [data-column='metrics.train/loss'] .head-words"], /o=/],
  ["draw all runs", ["button[title='Which runs are drawn']", ".choices >> text=All"], /v=all/],
  ["hide a run", [".grid-body .swatch >> nth=0"], /v=-/],
  ["make a run the baseline", [".grid-body .row >> nth=1", ".grid-body .row >> nth=1 >> button[aria-label^=Baseline]"], /b=/],
  ["see one chart in full size", ["[data-card] button[aria-label='Full size'] >> nth=0"], /card=/],
  ["compare", [".grid-body input[type=checkbox] >> nth=0", "[role=tab] >> text=Compare"], /tab=compare/],
  ["leave outliers out", ["button[aria-label='Chart settings']", "text=Leave outliers out"], /ol=1/],
];

test("ten tasks take at most two clicks each (requirement 39)", async () => {
  for (const [task, clicks, expected] of TASKS) {
    await visitRuns(here, "c=metrics.train%2Floss");
    assert.ok(clicks.length <= 2, task);
    for (const click of clicks) await here.page.locator(click).first().click();
    await settled(here.page);
    assert.match(here.page.url(), expected, task);
  }
});

test("rows have two heights, and nothing moves for longer than 100 ms (requirement 39)", async () => {
  const own = await open(here.browser, here.server.url, { reducedMotion: "no-preference" });
  await visitRuns(here, "", own);
  const height = () => own.page.$eval(".grid-body .row", (row) => row.getBoundingClientRect().height);
  const low = await height();
  await own.page.click("button[title='Higher rows']");
  await settled(own.page);
  assert.ok((await height()) > low);
  const times = await own.page.evaluate(() => [...document.querySelectorAll("*")].flatMap((element) => {
    const { transitionDuration, animationDuration, animationIterationCount } = getComputedStyle(element);
    return animationIterationCount === "infinite" ? [] : [...transitionDuration.split(","), ...animationDuration.split(",")].map(parseFloat);
  }));
  assert.ok(Math.max(...times) <= 0.1, `${Math.max(...times)} s`);
  await own.close();
});

test("a jump and a sort use the lines that are there again", async () => {
  await visitRuns(here, "c=metrics.test_accuracy");
  await here.page.$eval(".grid-body .row[data-run]", (row) => (row.dataset.mine = "1"));
  await here.page.click('[data-column="metrics.test_accuracy"] .head-words');
  await settled(here.page);
  const marked = await here.page.$$eval(".grid-body .row[data-mine]", (rows) => rows.map((row) => row.dataset.run));
  assert.equal(marked.length, 1);
  const [first, second] = await rowIds(here.page);
  assert.equal(marked[0], first);
  await here.page.hover(`.grid-body [data-run="${second}"]`);
  assert.deepEqual(await here.page.$$eval(".grid-body .row.hovered", (rows) => rows.map((row) => row.dataset.run)), [second]);
});
