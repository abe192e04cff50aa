// What leaves the page: copies for other programs, and paper.
import assert from "node:assert/strict";
import { test } from "node:test";
import { downloaded, open, penLog, settled, stage, visit, visitRuns } from "./pages.mjs";

const here = stage("shared");

const CLIPBOARD = { permissions: ["clipboard-read", "clipboard-write"] };

const copied = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Opens a menu of a page, chooses an item that copies, and returns the copy. */
async function copy(page, menu, words) {
  // The words of an earlier copy may still be on the page.
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await page.click(`button[aria-label="${menu}"]`);
  await page.click(`.panel >> text=${words}`);
  await page.waitForFunction(async () => (await navigator.clipboard.readText()) !== "");
  return copied(page);
}

test("a table is copied for LaTeX and Markdown with all of its runs (requirement 29)", async () => {
  const tab = await open(here.browser, here.server.url, CLIPBOARD);
  await visitRuns(here, "c=params.lr,metrics.test_accuracy&f=params.seed%20%3D%20'1'&o=params.lr", tab);
  const latex = await copy(tab.page, "Export the table", "Copy as LaTeX");
  assert.equal(latex.match(/\\\\/g).length, 9, "a head and eight runs");
  assert.match(latex, /\\begin\{tabular\}[\s\S]*digits-00 & 0\.0001 & 0\.8[\s\S]*\\end\{tabular\}/);
  const markdown = await copy(tab.page, "Export the table", "Copy as Markdown");
  assert.equal(markdown.trim().split("\n").length, 10);
  assert.match(markdown, /\| digits-00 \| 0\.0001 \| 0\.8 \|/);
  await tab.close();
});

test("a chart is a table too, and its values are copied (requirements 29 and 33)", async () => {
  const tab = await open(here.browser, here.server.url, CLIPBOARD);
  const { page } = tab;
  await visitRuns(here, "card=val%2Floss&v=first:3&o=attributes.run_name", tab);
  await page.click('button[aria-label="Chart val/loss"]');
  await page.click("text=Show as table");
  const rows = await page.$$eval(".card-table tbody tr", (found) => found.map((row) => row.innerText.split(/\s*\t\s*/)));
  assert.deepEqual(rows.map(([name]) => name).sort(), ["child of digits-00", "digits-00", "digits-01"].filter((name) => rows.some(([one]) => one === name)));
  assert.ok(rows.length >= 2 && rows.every(([, points]) => points === "1\u202f500"), JSON.stringify(rows));
  const text = await copy(page, "Chart val/loss", "Copy values as Markdown");
  assert.equal(text.trim().split("\n").length, rows.length + 2);
  await tab.close();
});

test("the kept table of values is sorted by name or value, and is copied with all runs (requirement 17)", async () => {
  const tab = await open(here.browser, here.server.url, CLIPBOARD);
  const { page } = tab;
  await visitRuns(here, "card=val%2Floss&v=all&z=100:400", tab);
  await page.click('[data-card="val/loss"] .front', { position: { x: 200, y: 60 } });
  const names = () => page.$$eval(".values tbody th", (found) => found.map((one) => one.textContent));
  const byValue = await names();
  await page.click(".values button:has-text('Run')");
  const byName = await names();
  assert.notDeepEqual(byName, byValue);
  assert.deepEqual(byName, [...byName].sort((a, b) => a.localeCompare(b)));
  await page.click(".values button[aria-label='Copy as TSV']");
  await page.waitForSelector(".toast");
  const lines = (await copied(page)).trim().split(/\r?\n/);
  assert.deepEqual(lines.slice(1).map((line) => line.split("\t")[0]).sort(), [...byName].sort());
  await tab.close();
});

test("several brushes narrow together, an axis flips, and the plot is saved (requirement 28)", async () => {
  const { page } = here;
  const axes = "tab=parallel&pa=params.lr,params.width,metrics.val/accuracy";
  const ids = () => page.$$eval(".brushed tr[data-run]", (rows) => rows.map((row) => row.dataset.run).sort());
  await visitRuns(here, `${axes}&br=params.lr:0.0009:0.002`);
  const one = await ids();
  await visitRuns(here, `${axes}&br=params.lr:0.0009:0.002,params.width:100:200`);
  const both = await ids();
  assert.equal(both.length, one.length / 2);
  await visitRuns(here, `${axes}&br=params.lr:0.0009:0.002,params.lr:0.00009:0.0002`);
  // The child run has the param too, and nothing else.
  assert.equal((await ids()).length, one.length * 2 + 1, "two brushes on one axis are alternatives");
  const places = async () => {
    const { text } = await downloaded(page, () => page.click("button[aria-label='Save as SVG']"));
    assert.equal(await page.evaluate((source) => new DOMParser().parseFromString(source, "image/svg+xml").querySelector("parsererror"), text), null);
    return Object.fromEntries([...text.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*>(64|128)</g)].map(([, , y, label]) => [label, Number(y)]));
  };
  const before = await places();
  const box = await page.locator(".parallel canvas").first().boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + 12);
  await settled(page);
  assert.match(decodeURIComponent(page.url()), /pa=params\.lr,!params\.width/);
  const after = await places();
  assert.ok(before["64"] > before["128"] && after["64"] < after["128"], JSON.stringify([before, after]));
});

test("paper is light, and has the table and the charts without the controls (requirement 32)", async () => {
  const tab = await open(here.browser, here.server.url, { colorScheme: "dark" });
  const { page } = tab;
  await visit(tab, `/ui/run/${here.made.runs[0]}`);
  await page.emulateMedia({ media: "print" });
  await page.waitForFunction(() => !document.querySelector(".rail")?.checkVisibility());
  // The theme follows in an event after the media.
  await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).every((part) => Number(part) > 200));
  assert.ok(await page.locator(".overview").isVisible());
  await page.emulateMedia({ media: "screen" });
  await tab.close();
});

test("each card says how many points a pixel stands for (requirement 40)", async () => {
  const { page } = here;
  const title = () => page.getAttribute('[data-card="train/loss"] .chips > :last-child', "title");
  await visitRuns(here, "m=train/loss&v=first:2&cc=6");
  const px = (await penLog(page, "train/loss")).findLast((line) => line.startsWith("stroke #") && line.split("L").length > 20).split("L").length;
  assert.match(await title(), /^Each pixel shows .*of up to (\d+) points/);
  const [, points] = /of up to (\d+) points/.exec(await title());
  assert.ok(Number(points) >= Math.floor(1500 / px), `${points} points a pixel over ${px} pixels`);
  await visitRuns(here, "m=train/loss&v=first:2&z=10:40");
  assert.equal(await title(), "Every point is drawn");
});
