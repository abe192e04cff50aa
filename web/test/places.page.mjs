import assert from "node:assert/strict";
import { test } from "node:test";
import { open, rowCount, settled, stage, visit, visitRuns } from "./pages.mjs";
import { serve } from "./server.mjs";

const here = stage("shared");

test("an empty file says what to do", async () => {
  const empty = await serve();
  const own = await open(here.browser, empty.url);
  for (const path of ["/ui/runs", "/ui/models", "/ui/now", "/ui/lineage", "/ui/experiments"]) {
    await visit(own, path);
    assert.ok(await own.page.$(path === "/ui/experiments" ? "table.list" : ".empty"), path);
  }
  await visit(own, "/ui/runs");
  assert.match(await own.page.textContent(".grid .empty"), /log_metric/);
  await own.close();
  await empty.stop();
});

test("charts of a run are drawn", async () => {
  await visit(here.tab, `/ui/run/${here.made.runs[0]}/charts`);
  const cards = await here.page.$$eval("[data-card] canvas.front", (found) => found.length);
  assert.ok(cards >= 6);
  assert.ok((await here.page.$eval('[data-card="train/loss"] canvas', (canvas) => canvas.penLog())).some((line) => line.startsWith("stroke #")));
});

test("files are listed and previewed, and HTML and SVG cannot reach the page (requirement 30)", async () => {
  await visit(here.tab, `/ui/run/${here.made.runs[0]}/files`);
  for (const name of ["report.html", "attack.svg", "config.json", "weights.bin"]) {
    await here.page.click(`.file-list button:has-text("${name}")`);
    await settled(here.page);
    await here.page.waitForTimeout(150);
  }
  assert.match(await here.page.textContent(".preview"), /No preview/);
  assert.equal(await here.page.evaluate(() => window.attacked), undefined);
  await visit(here.tab, `/ui/run/${here.made.runs[0]}/files?file=report.html`);
  assert.equal(await here.page.getAttribute("iframe", "sandbox"), "");
  await visit(here.tab, `/ui/run/${here.made.runs[0]}/files?folder=tables&file=tables%2Fscores.csv`);
  assert.deepEqual(await here.page.$$eval(".preview td", (cells) => cells.map((cell) => cell.textContent)), ["a,b", "1", "<b>x</b>", "2"]);
  await visit(here.tab, `/ui/run/${here.made.runs[0]}/files?file=config.json`);
  assert.match(await here.page.textContent(".preview pre"), /"b": 1/);
});

test("images go by step, and the end of the slider is each run's newest (requirement 25)", async () => {
  await visitRuns(here, `tab=media&s=${here.made.runs[0]},${here.made.runs[1]}`);
  const steps = () => here.page.$$eval(".pictures tr:last-child figcaption", (found) => found.map((one) => one.textContent));
  assert.deepEqual(await steps(), ["step 10", "step 5"]);
  await here.page.click('button[aria-label="Earlier step"]');
  await here.page.click('button[aria-label="Earlier step"]');
  await settled(here.page);
  assert.deepEqual(await steps(), ["step 5", "step 5"]);
  assert.match(here.page.url(), /ms=5/);
});

test("images of two runs blink at one place, and their difference is drawn (requirement 25)", async () => {
  const [first, second] = here.made.runs;
  await visitRuns(here, `tab=media&s=${first},${second}&ms=5`);
  const { page } = here;
  await page.click(".segments >> text=Blink");
  await settled(page);
  const faces = ".stacks section:has(bdi:text-is('faces'))";
  const shown = () => page.$$eval(`${faces} .stack img`, (images) => images.map((image) => (image.checkVisibility({ visibilityProperty: true }) ? new URL(image.src).pathname.split("/").at(-2) : null)));
  assert.deepEqual(await shown(), [first, null]);
  assert.match(await page.textContent(`${faces} figcaption`), /digits-00, step 5/);
  await page.click("button:has-text('Next run')");
  assert.deepEqual(await shown(), [null, second]);
  assert.match(await page.textContent(`${faces} figcaption`), /digits-01, step 5/);
  const boxes = await page.$$eval(`${faces} .stack img`, (images) => images.map((image) => JSON.stringify(image.getBoundingClientRect())));
  assert.equal(new Set(boxes).size, 1, "both are at the same place");
  await page.click(".segments >> text=Difference");
  await settled(page);
  assert.match(page.url(), /mm=difference/);
  assert.deepEqual(await shown(), [first, second]);
  assert.deepEqual(await page.$$eval(`${faces} .stack img`, (images) => images.map((image) => getComputedStyle(image).mixBlendMode)), ["normal", "difference"]);
});

test("images blink by themselves for readers who permit motion (requirement 25)", async () => {
  const [first, second] = here.made.runs;
  const own = await open(here.browser, here.server.url, { reducedMotion: "no-preference" });
  await visitRuns(here, `tab=media&s=${first},${second}&mm=blink`, own);
  await own.page.waitForSelector(".stacks figcaption:has-text('digits-01')");
  await own.page.waitForSelector(".stacks figcaption:has-text('digits-00')");
  await own.page.click("button:has-text('Stop')");
  assert.equal(await own.page.getAttribute("button:has-text('Start')", "aria-pressed"), "false");
  await own.close();
});

test("experiments are a tree whose folders open the runs below them", async () => {
  await visit(here.tab, "/ui/experiments");
  await here.page.fill('input[aria-label="Filter experiments"]', "digits");
  await settled(here.page);
  assert.deepEqual(await here.page.$$eval("table.list tbody th a", (found) => found.map((one) => one.textContent)), ["Shared", "team", "digits"]);
  await here.page.click('table.list a:has-text("team")');
  await settled(here.page);
  assert.equal(await rowCount(here.page), 25);
});

test("lineage leads from a version to its run and alias, as graph and as table (requirement 36)", async () => {
  await visit(here.tab, "/ui/lineage?kind=version&id=models%3A%2Fdigits%2F3");
  assert.ok((await here.page.$$(".node")).length >= 3);
  await here.page.click('button:has-text("Table")');
  assert.match(await here.page.textContent("table.list"), /digits-02/);
  await here.page.click('table.list a:has-text("digits-02")');
  await settled(here.page);
  assert.match(here.page.url(), new RegExp(`/ui/run/${here.made.runs[2]}`));
});

test("hostile names break no page and run nothing (requirement 13 of the bad inputs)", async () => {
  const own = await open(here.browser, here.server.url);
  for (const path of [`/ui/runs?e=${here.odd.id}`, `/ui/runs?e=${here.odd.id}&g=params.lr`, `/ui/runs?e=${here.odd.id}&tab=compare`, `/ui/runs?e=${here.odd.id}&tab=parallel`, "/ui/experiments", "/ui/now", ...here.odd.runs.flatMap((run) => [`/ui/run/${run}`, `/ui/run/${run}/config`, `/ui/run/${run}/charts`, `/ui/run/${run}/files`])]) {
    await visit(own, path);
    assert.equal(await own.page.evaluate(() => window.attacked), undefined, path);
    assert.ok((await own.page.textContent("main")).length > 20, path);
  }
  await own.close();
});

test("an address that leads nowhere says so", async () => {
  for (const path of ["/ui/nothing", `/ui/run/${"0".repeat(32)}`, "/ui/models/none"]) {
    await visit(here.tab, path);
    assert.match(await here.page.textContent(".empty h2"), /^No such/);
  }
});

test("a narrow window cuts no button off, and a long name no column", async () => {
  const small = await open(here.browser, here.server.url, { width: 1000, height: 800 });
  await visit(small, "/ui/runs");
  const right = await small.page.locator(".tab-bar > :last-child").evaluate((last) => last.getBoundingClientRect().right);
  assert.ok(right <= 1000, `the last button ends at ${right}`);
  await visit(small, "/ui/now");
  const widths = await small.page.$$eval(".page table th[scope=row]", (names) => names.map((name) => name.getBoundingClientRect().width));
  assert.ok(widths.length > 20 && widths.every((width) => width <= 450), `names are ${widths} wide`);
  await small.close();
});
