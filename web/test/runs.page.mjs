import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { models, sweep } from "./fixture.mjs";
import { cellTexts, findings, launch, open, penLog, rowIds, rowNames, settled, visit } from "./pages.mjs";
import { api, call, serve } from "./server.mjs";

let server;
let browser;
let made;
let tab;

before(async () => {
  server = await serve();
  made = await sweep(server.url, 2000);
  await models(server.url, made.runs);
  browser = await launch();
  tab = await open(browser, server.url);
});

after(async () => {
  await tab?.close();
  await browser?.close();
  await server?.stop();
});

test("the table shows all runs with few rows in the page (requirements 1 and 26)", async () => {
  await visit(tab, "/ui/runs");
  assert.equal(await tab.page.getAttribute("[role=grid]", "aria-rowcount"), "26");
  assert.ok((await rowIds(tab.page)).length <= 60);
  const bytes = tab.seen.requests.filter((request) => request.includes("runs/query")).length;
  assert.ok(bytes <= 3, "queries of the first screen");
});

test("sorting by the best value moves the right run up (requirement 9)", async () => {
  await visit(tab, "/ui/runs?c=metrics.val/accuracy:max,metrics.train/loss:min");
  await tab.page.click('[data-column="metrics.val/accuracy:max"] .head-words');
  await settled(tab.page);
  await tab.page.click('[data-column="metrics.val/accuracy:max"] .head-words');
  await settled(tab.page);
  const values = (await cellTexts(tab.page, "metrics.val/accuracy:max")).filter((text) => text !== "").map(Number);
  assert.deepEqual(values, [...values].sort((a, b) => b - a));
  const best = await bestOf(made.runs, "val/accuracy", "max");
  assert.equal((await rowIds(tab.page))[0], best.run);
  assert.equal(await tab.page.getAttribute('[data-column="metrics.val/accuracy:max"]', "aria-sort"), "descending");
});

async function bestOf(runs, key, aggregate) {
  const all = await Promise.all(runs.map(async (run) => ({ run, metric: (await api(server.url, `runs/${run}`)).metrics.find((one) => one.key === key) })));
  return all.reduce((best, one) => (one.metric[aggregate] > best.metric[aggregate] ? one : best));
}

test("several columns sort one after the other (requirement 9)", async () => {
  await visit(tab, "/ui/runs?c=params.width,params.lr&f=params.seed%20%3D%20%271%27");
  await tab.page.click('[data-column="params.width"] .head-words');
  await tab.page.click('[data-column="params.lr"] .head-words', { modifiers: ["Shift"] });
  await settled(tab.page);
  assert.match(new URL(tab.page.url()).searchParams.get("o"), /^params\.width,params\.lr$/);
  assert.equal((await rowIds(tab.page)).length, 8);
});

test("groups fold seeds into rows with n, mean and deviation, and bands (requirements 10 and 11)", async () => {
  await visit(tab, `/ui/runs?g=auto&e=${made.id}&f=params.seed%20!%3D%20%2799%27&c=metrics.val/accuracy`);
  const rows = await tab.page.$$eval(".row.group .badge:not(.bad)", (badges) => badges.map((badge) => badge.textContent));
  assert.deepEqual(rows, Array(8).fill("3"));
  const before = await cellTexts(tab.page, "metrics.val/accuracy");
  assert.match(before[0], /±/);
  const log = await penLog(tab.page, "val/accuracy");
  assert.equal(log.filter((line) => line.startsWith("fill")).length, 8, "a band for each group");
  await tab.page.locator(".row.group .swatch").nth(1).click();
  await settled(tab.page);
  assert.deepEqual(await cellTexts(tab.page, "metrics.val/accuracy"), before, "hiding a group changes no number");
  assert.equal((await penLog(tab.page, "val/accuracy")).filter((line) => line.startsWith("fill")).length, 7);
  await tab.page.locator(".row.group .expander").first().click();
  await settled(tab.page);
  assert.equal((await tab.page.$$(".grid-body .row:not(.group)")).length, 3);
});

test("a wrong filter shows the words of the command line with a caret (requirement 12)", async () => {
  await visit(tab, "/ui/runs");
  await tab.page.fill(".filter input", "metrcs.loss < 1");
  await tab.page.keyboard.press("Enter");
  await settled(tab.page);
  const text = await tab.page.textContent(".caret");
  assert.match(text, /\^/);
  assert.match(text, /metrcs/);
  assert.ok((await rowIds(tab.page)).length > 0, "the former table stays");
});

test("completions come while typing and fit the text (requirement 12)", async () => {
  await visit(tab, "/ui/runs");
  await tab.page.locator(".filter input").pressSequentially("params.opt");
  await tab.page.waitForSelector("[role=option]");
  await tab.page.keyboard.press("ArrowDown");
  await tab.page.keyboard.press("Enter");
  assert.match(await tab.page.inputValue(".filter input"), /^params\.optimizer/);
});

test("a cell becomes a filter (requirement 12)", async () => {
  await visit(tab, "/ui/runs?c=params.optimizer");
  await tab.page.locator('.grid-body [data-name="params.optimizer"]', { hasText: "sgd" }).first().click({ button: "right" });
  await settled(tab.page);
  assert.equal(new URL(tab.page.url()).searchParams.get("f"), "params.optimizer = 'sgd'");
  assert.deepEqual([...new Set(await cellTexts(tab.page, "params.optimizer"))], ["sgd"]);
});

test("the baseline stays on top under each sort and its deltas are exact (requirement 15)", async () => {
  const [baseline, pin] = made.runs;
  await visit(tab, `/ui/runs?b=${baseline}&p=${pin}&c=metrics.test_accuracy&o=-metrics.test_accuracy`);
  const kept = await tab.page.$$eval(".pinned-lines .row", (rows) => rows.map((row) => row.dataset.run));
  assert.deepEqual(kept, [baseline, pin]);
  const row = `.grid-body [data-run="${made.runs[23]}"] [data-name="metrics.test_accuracy"]`;
  assert.equal(await tab.page.textContent(row), "0.915+0.115");
  assert.ok(await tab.page.$(`${row} .delta.good`), "higher accuracy is better");
});

test("hover in the table highlights the run on each chart, and hover on a chart in the table (requirement 16)", async () => {
  await visit(tab, "/ui/runs?m=loss");
  const run = (await rowIds(tab.page))[3];
  await tab.page.hover(`[data-run="${run}"] .run-name`);
  await settled(tab.page);
  const cards = await tab.page.$$eval("[data-card]", (found) => found.map((card) => card.dataset.card));
  assert.equal(cards.length, 2);
  for (const card of cards) assert.ok((await penLog(tab.page, card, ".front")).some((line) => / 2\.5 \[/.test(line)), card);
  await tab.page.hover('[data-card="train/loss"] .front', { position: { x: 60, y: 20 } });
  await settled(tab.page);
});

test("the crosshair is on all cards, and the table has the values of the server (requirement 17)", async () => {
  await visit(tab, "/ui/runs?m=loss");
  await tab.page.hover('[data-card="train/loss"] .front', { position: { x: 180, y: 60 } });
  await settled(tab.page);
  const lines = await Promise.all(["train/loss", "val/loss"].map((card) => penLog(tab.page, card, ".front")));
  for (const line of lines) assert.ok(line.filter((one) => one.startsWith("dot")).length >= 20);
  await tab.page.mouse.down();
  await tab.page.mouse.up();
  await settled(tab.page);
  const values = await tab.page.$$eval(".values tbody td:first-of-type", (cells) => cells.map((cell) => Number(cell.textContent)));
  assert.equal(values.length, 20);
  const finite = values.filter((value) => !Number.isNaN(value));
  assert.deepEqual(finite, [...finite].sort((a, b) => b - a));
  await tab.page.keyboard.press("Escape");
  await settled(tab.page);
  assert.equal(await tab.page.$(".values"), null);
});

test("smoothing draws a ghost of the raw line (requirement 18)", async () => {
  await visit(tab, "/ui/runs?m=train/loss&v=first:1");
  assert.equal((await penLog(tab.page, "train/loss")).filter((line) => line.startsWith("stroke #") && line.includes(" 0.25 ")).length, 0);
  await tab.page.keyboard.press("s");
  await settled(tab.page);
  assert.match(tab.page.url(), /sm=time_ema/);
  assert.equal((await penLog(tab.page, "train/loss")).filter((line) => line.startsWith("stroke #") && line.includes(" 0.25 ")).length, 1);
});

test("each x axis draws, and a drag zooms all cards until it is undone (requirements 3 and 19)", async () => {
  await visit(tab, "/ui/runs?m=train/loss");
  for (const axis of ["relative", "time", "metrics.epoch_time"]) {
    await visit(tab, `/ui/runs?m=train/loss&xa=${axis}`);
    assert.ok((await penLog(tab.page, "train/loss")).some((line) => line.startsWith("stroke #")), axis);
  }
  await visit(tab, "/ui/runs?m=train/loss");
  const box = await (await tab.page.$('[data-card="train/loss"] .front')).boundingBox();
  await tab.page.mouse.move(box.x + 100, box.y + 60);
  await tab.page.mouse.down();
  await tab.page.mouse.move(box.x + 160, box.y + 70, { steps: 4 });
  await tab.page.mouse.up();
  await settled(tab.page);
  const zoom = new URL(tab.page.url()).searchParams.get("z").split(":").map(Number);
  assert.ok(zoom[0] > 100 && zoom[1] < 1900);
  await tab.page.keyboard.press("z");
  await settled(tab.page);
  assert.equal(new URL(tab.page.url()).searchParams.get("z"), null);
});

test("NaN is marked with its first step (requirements 20 and 22)", async () => {
  await visit(tab, "/ui/runs?card=train%2Floss");
  assert.match(await tab.page.textContent(".chip.warn"), /NaN/);
  assert.match(await tab.page.getAttribute(".card .chip.warn", "title"), /first NaN at step 1.601/);
});

test("what is drawn is said, and the choice survives a reload (requirements 23 and 40)", async () => {
  await visit(tab, "/ui/runs?v=first:5");
  assert.match(await tab.page.textContent('button[title="Which runs are drawn"]'), /5 of 25/);
  await tab.page.locator(".grid-body .swatch").nth(1).click();
  await tab.page.locator(".grid-body .swatch").nth(9).click();
  await settled(tab.page);
  const drawn = () => tab.page.$$eval('.grid-body .swatch[aria-pressed="true"]', (found) => found.length);
  assert.equal(await drawn(), 5);
  await tab.page.reload();
  await settled(tab.page);
  assert.equal(await drawn(), 5);
  assert.match(await tab.page.textContent('[data-card="val/loss"] .chips'), /of 25/);
});

test("only differences are compared, and the rest is counted (requirement 8)", async () => {
  await visit(tab, `/ui/runs?tab=compare&s=${made.runs[0]},${made.runs[1]}`);
  const keys = await tab.page.$$eval(".compare tr.differs th", (cells) => cells.map((cell) => cell.textContent));
  assert.ok(keys.includes("seed") && !keys.includes("lr") && !keys.includes("dropout"));
  assert.equal((await tab.page.$$(".compare tr.same")).length, 0);
  const same = await tab.page.textContent('button[title^="Show rows that are the same"]');
  assert.match(same, /^\d+ the same$/);
  await tab.page.click('button[title^="Show rows that are the same"]');
  await settled(tab.page);
  const rows = (await tab.page.$$(".compare tr.same")).length;
  assert.equal(rows, Number(same.split(" ")[0]));
});

test("a brush leaves the runs that the filter leaves (requirement 28)", async () => {
  await visit(tab, `/ui/runs?tab=parallel&e=${made.id}&pa=params.lr,metrics.val/accuracy&br=params.lr:0.0009:0.002`);
  const brushed = await tab.page.$$eval(".brushed tr[data-run]", (rows) => rows.map((row) => row.dataset.run).sort());
  await visit(tab, `/ui/runs?e=${made.id}&f=params.lr%20%3D%20%270.001%27`);
  assert.deepEqual(brushed, (await rowIds(tab.page)).sort());
});

test("a scatter plot selects what is dragged over (requirements 16 and 28)", async () => {
  await visit(tab, `/ui/runs?tab=scatter&e=${made.id}&sx=params.lr&sy=metrics.val/accuracy&lx=1`);
  const box = await (await tab.page.$(".scatter canvas")).boundingBox();
  await tab.page.mouse.move(box.x + 2, box.y + 2);
  await tab.page.mouse.down();
  await tab.page.mouse.move(box.x + box.width - 2, box.y + box.height - 2, { steps: 3 });
  await tab.page.mouse.up();
  await settled(tab.page);
  assert.equal(new URL(tab.page.url()).searchParams.get("s").split(",").length, 24);
});

test("tables and charts are saved as files (requirement 29)", async () => {
  await visit(tab, `/ui/runs?e=${made.id}&c=params.lr,metrics.test_accuracy&card=val%2Floss`);
  await tab.page.click('button[aria-label="Export the table"]');
  const [csv] = await Promise.all([tab.page.waitForEvent("download"), tab.page.click("text=Save as CSV")]);
  const text = await read(csv);
  assert.equal(text.split("\r\n").length, 27);
  assert.match(text, /^name,lr,test_accuracy\r\n/);
  await tab.page.click('button[aria-label="Chart val/loss"]');
  const [svg] = await Promise.all([tab.page.waitForEvent("download"), tab.page.click("text=Save as SVG")]);
  const drawing = await read(svg);
  assert.match(drawing, /^<svg xmlns/);
  assert.equal(await tab.page.evaluate((source) => new DOMParser().parseFromString(source, "image/svg+xml").querySelector("parsererror"), drawing), null);
  await tab.page.click('button[aria-label="Chart val/loss"]');
  const [png] = await Promise.all([tab.page.waitForEvent("download"), tab.page.click("text=Save as PNG")]);
  assert.equal(png.suggestedFilename(), "val_loss.png");
});

async function read(download) {
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

test("several metrics are drawn on one card (requirement 27)", async () => {
  await visit(tab, "/ui/runs?ov=train%2Floss%5C%2Cval%2Floss&v=first:2");
  const log = await tab.page.$eval('[data-card="train/loss,val/loss"] canvas', (canvas) => canvas.penLog());
  assert.equal(log.filter((line) => /^stroke #\S+ 1\.5 /.test(line)).length, 4);
});

test("the whole way to a comparison works without a mouse (requirement 33)", async () => {
  await visit(tab, `/ui/runs?e=${made.id}`);
  await tab.page.focus("[role=grid]");
  for (const key of ["j", "x", "j", "x", "c"]) await tab.page.keyboard.press(key);
  await settled(tab.page);
  assert.match(await tab.page.textContent(".compare .corner"), /difference/);
  assert.equal((await tab.page.$$(".compare thead th")).length, 3);
});

test("axe finds nothing serious in both themes (requirements 32 and 33)", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const own = await open(browser, server.url, { colorScheme });
    for (const path of [`/ui/runs?b=${made.runs[0]}`, "/ui/runs?g=auto", `/ui/runs?tab=compare&s=${made.runs[0]},${made.runs[1]}`, "/ui/runs?tab=parallel", "/ui/experiments?id=1", "/ui/models/digits", "/ui/now", `/ui/run/${made.runs[0]}`, `/ui/run/${made.runs[0]}/config`, "/ui/lineage"]) {
      await visit(own, path);
      assert.deepEqual(await findings(own.page), [], `${colorScheme} ${path}`);
    }
    for (const [path, keys] of [["/ui/runs?f=metrcs.x%20%3C%201", "0"], ["/ui/runs?d=deleted", "0"], ["/ui/runs", "?"], ["/ui/runs", "Control+k"]]) {
      await visit(own, path);
      await own.page.keyboard.press(keys);
      await settled(own.page);
      assert.deepEqual(await findings(own.page), [], `${colorScheme} ${path} ${keys}`);
    }
    for (const opener of ["Columns", "Group runs", "Smoothing", "Chart settings"]) {
      await visit(own, "/ui/runs");
      await own.page.click(`button[title='${opener}']`);
      await settled(own.page);
      assert.deepEqual(await findings(own.page), [], `${colorScheme} ${opener}`);
    }
    await own.close();
  }
});

test("charts never block the table (requirement 26)", async () => {
  const own = await open(browser, server.url);
  await own.context.route("**/api/v1/curves", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await route.continue().catch(() => undefined);
  });
  const start = Date.now();
  await own.page.goto(`${server.url}/ui/runs`);
  await own.page.waitForSelector(".grid-body .row[data-run]");
  assert.ok(Date.now() - start < 3000);
  await own.page.click('[data-column="attributes.run_name"] .head-words');
  await own.page.waitForFunction(() => document.querySelector(".grid-body .run-name")?.textContent === "child of digits-00");
  assert.ok(Date.now() - start < 3000, "sorted before the first curve came");
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
    await visit(tab, `/ui/runs?e=${made.id}&c=metrics.train%2Floss`);
    assert.ok(clicks.length <= 2, task);
    for (const click of clicks) await tab.page.locator(click).first().click();
    await settled(tab.page);
    assert.match(tab.page.url(), expected, task);
  }
});

test("many runs are tagged, deleted and restored at once (requirement 34)", async () => {
  const [first, second] = made.runs.slice(-2);
  await visit(tab, `/ui/runs?e=${made.id}&s=${first},${second}`);
  await tab.page.click("button[aria-label^='Actions for 2']");
  await tab.page.fill("input[aria-label^='Tag for all']", "stage=best");
  await tab.page.keyboard.press("Enter");
  await tab.page.waitForSelector("text=Tagged 2 runs");
  assert.equal((await api(server.url, `runs/${first}`)).tags.stage, "best");
  await tab.page.click("button[aria-label^='Actions for 2']");
  await tab.page.click("text=Delete them");
  await tab.page.waitForFunction(() => document.querySelector("[role=grid]").getAttribute("aria-rowcount") === "24");
  await tab.page.keyboard.press("u");
  await tab.page.waitForFunction(() => document.querySelector("[role=grid]").getAttribute("aria-rowcount") === "26");
});
