import assert from "node:assert/strict";
import { test } from "node:test";
import { ariaTree, drag, open, penLog, settled, stage, visit, visitRuns } from "./pages.mjs";
import { api, call, serve } from "./server.mjs";

const here = stage("copy");

const stateOf = (page) => new URL(page.url()).searchParams;

/** A tab of somebody who has a view of their own. */
async function readerWith(query) {
  const tab = await open(here.browser, here.server.url, { permissions: ["clipboard-read", "clipboard-write"] });
  await visitRuns(here, query, tab);
  return tab;
}

test("a link from somebody else does not overwrite the reader's own view (requirement 13)", async () => {
  const tab = await readerWith("ly=1&v=first:3");
  const { page } = tab;
  assert.equal(await page.$(".shared-bar"), null, "there was no other view before");
  await visitRuns(here, "tab=compare&v=first:2", tab);
  await page.waitForSelector(".shared-bar");
  await page.keyboard.press("l");
  await settled(page);
  await page.reload({ waitUntil: "commit" });
  await settled(page);
  assert.ok(await page.$(".shared-bar"), "a reload does not make it mine");
  await page.click("text=Back to mine");
  await settled(page);
  assert.equal(await page.$(".shared-bar"), null);
  assert.deepEqual([stateOf(page).get("ly"), stateOf(page).get("v"), stateOf(page).get("tab")], ["1", "first:3", null]);
  await visitRuns(here, "tab=compare&v=first:2", tab);
  await page.click("text=Keep this one");
  await visit(tab, "/ui/models");
  await page.click(".rail a:has-text('Runs')");
  await settled(page);
  assert.deepEqual([stateOf(page).get("tab"), stateOf(page).get("v")], ["compare", "first:2"], "what was kept is mine now");
  await tab.close();
});

const manyRuns = (count) => Array.from({ length: count }, (_, at) => at.toString(16).padStart(32, "0"));

test("a view that is too long for an address is a short link to the file (requirement 13)", async () => {
  const tab = await readerWith("");
  const { page } = tab;
  const selected = [...here.made.runs, ...manyRuns(100)].join(",");
  await page.evaluate((address) => {
    const anchor = Object.assign(document.createElement("a"), { href: address });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
  }, `/ui/runs#s=e=${here.made.id}&s=${selected}`);
  await settled(page);
  assert.ok(page.url().length > 3000);
  assert.equal(new URL(page.url()).search, "", "the server never sees it");
  assert.match(await page.textContent(".table-foot"), /124 selected/);
  const before = await ariaTree(page);
  await page.reload({ waitUntil: "commit" });
  await settled(page);
  assert.equal(await ariaTree(page), before);
  await page.click("button[title='Views']");
  await page.click("text=Copy the link to this view");
  await page.waitForSelector("text=Copied the link");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /\/ui\/runs\?view=~[0-9a-f]{16}$/);
  const other = await open(here.browser, here.server.url);
  await visit(other, copied.slice(here.server.url.length));
  assert.match(await other.page.textContent(".table-foot"), /124 selected/);
  await visit(other, "/ui/views");
  assert.ok(!(await other.page.textContent("main")).includes("~"), "such views have no name to list");
  await other.close();
  await tab.close();
});

test("a long view of a file that cannot be written is packed into its link, and a damaged link says so", async () => {
  const reader = await serve({ file: here.server.path, args: ["--read-only"] });
  const tab = await open(here.browser, reader.url, { permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = tab;
  await visit(tab, `/ui/runs#s=s=${manyRuns(120).join(",")}`);
  await page.click("button[title='Views']");
  await page.click("text=Copy the link to this view");
  await page.waitForSelector("text=Copied the link");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /\/ui\/runs#z=[\w-]+$/);
  assert.ok(copied.length < 2000, `${copied.length} letters`);
  await page.goto("about:blank");
  await visit(tab, copied.slice(reader.url.length));
  assert.match(await page.textContent(".table-foot"), /120 selected/);
  await page.goto("about:blank");
  await visit(tab, "/ui/runs#z=AAAA");
  assert.match(await page.textContent(".toast"), /cut or damaged/);
  await tab.close();
  await reader.stop();
});

test("a zoom near the newest point follows it, another one stays (requirement 13)", async () => {
  const { page, server } = here;
  const { run } = await call(server.url, "runs/create", { experiment_id: here.made.id, run_name: "growing", start_time: Date.now() });
  const id = run.info.run_id;
  let next = 0;
  const grow = async (count) => {
    const metrics = Array.from({ length: count }, () => ({ key: "grow", value: next, step: next++, timestamp: Date.now() }));
    await call(server.url, "runs/log-batch", { run_id: id, metrics });
  };
  await grow(100);
  await visitRuns(here, "card=grow&v=first:1&o=-attributes.start_time");
  const ends = async () => (await penLog(page, "grow")).flatMap((line) => /^text \S+ \S+ center (.*)$/.exec(line)?.[1] ?? []).map(Number);
  await drag(page, '[data-card="grow"] .front', [0.6, 0.5], [0.995, 0.5]);
  assert.match(stateOf(page).get("z"), /:tail$/);
  const [, high] = stateOf(page).get("z").split(":").map(Number);
  await grow(30);
  await page.waitForFunction((least) => document.querySelector('[data-card="grow"] canvas').penLog().some((line) => Number(/^text \S+ \S+ center (.*)$/.exec(line)?.[1]) > least), high + 15, { timeout: 10_000 });
  await page.keyboard.press("z");
  await settled(page);
  await drag(page, '[data-card="grow"] .front', [0.3, 0.5], [0.6, 0.5]);
  assert.doesNotMatch(stateOf(page).get("z"), /tail/);
  const before = await ends();
  const answers = page.waitForResponse((response) => response.url().includes("/curves"));
  await grow(30);
  await answers;
  await settled(page);
  assert.deepEqual(await ends(), before);
});

test("small curves are in the table, of the rows on the screen only", async () => {
  const tab = await open(here.browser, here.server.url);
  await visitRuns(here, "c=curve.train/loss,curve.test_accuracy&tab=compare&v=first:0", tab);
  const asked = tab.seen.requests.filter((request) => request.includes("/curves"));
  assert.equal(asked.length, 2, "one request a column");
  const drawn = await tab.page.$$eval('[data-name="curve.train/loss"] .spark path', (paths) => paths.map((path) => path.getAttribute("d").split("L").length));
  assert.equal(drawn.length, 24, "the child has no points");
  assert.ok(drawn.every((points) => points > 30));
  await tab.page.click("[data-column='curve.test_accuracy'] button[aria-label^=Column]");
  assert.match(await tab.page.textContent(".panel"), /Show curve/);
  assert.equal(await tab.page.isDisabled("[data-column='curve.test_accuracy'] .head-words"), true, "a curve has no order");
  await tab.close();
});

test("a note cannot link to another machine in the guise of a path", async () => {
  const [run] = here.made.runs;
  await api(here.server.url, `runs/${run}`, { note: "[a](//127.0.0.1:9/x) [b](https://example.org/) [c](/ui/models)" }, "PATCH");
  await visit(here.tab, `/ui/run/${run}`);
  const links = await here.page.$$eval(".markdown a", (found) => found.map((one) => one.getAttribute("href")));
  assert.deepEqual(links, ["https://example.org/", "/ui/models"]);
});

test("an experiment opens with the view that was chosen for it (requirement 14)", async () => {
  const { page, server } = here;
  await visitRuns(here, "o=-metrics.val%2Floss&ly=1");
  await page.click("button[title='Views']");
  await page.fill("input[aria-label='Name of the view']", "losses first");
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=Saved the view losses first");
  await page.click("button[title='Views']");
  await page.click("text=Open the experiment with losses first");
  await page.waitForSelector("text=The experiment opens with losses first");
  const tagged = await call(server.url, `experiments/get?experiment_id=${here.made.id}`, undefined, "GET");
  assert.ok(tagged.experiment.tags.some(({ key, value }) => key === "tracklite.view" && value === "losses first"));
  const other = await open(here.browser, here.server.url);
  await visit(other, "/ui/experiments?q=digits");
  await other.page.click("table.list a:has-text('digits')");
  await other.page.waitForFunction(() => new URLSearchParams(location.search).get("ly") === "1");
  await settled(other.page);
  assert.deepEqual([stateOf(other.page).get("e"), stateOf(other.page).get("o")], [here.made.id, "-metrics.val/loss"]);
  await other.page.click("button[title='Views']");
  assert.equal(await other.page.getAttribute(".choices button:has-text('Open the experiment with')", "aria-checked"), "true");
  await other.close();
  await page.keyboard.press("u");
  await page.waitForSelector("text=Undone");
});
