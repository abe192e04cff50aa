import assert from "node:assert/strict";
import { test } from "node:test";
import { open, settled, stage, visit, visitRuns } from "./pages.mjs";
import { api, call } from "./server.mjs";

const here = stage("copy");

test("many runs are tagged, deleted and restored at once (requirement 34)", async () => {
  const [first, second] = here.made.runs.slice(-2);
  await visitRuns(here, `s=${first},${second}`);
  await here.page.click("button[aria-label^='Actions for 2']");
  await here.page.fill("input[aria-label^='Tag for all']", "stage=best");
  await here.page.keyboard.press("Enter");
  await here.page.waitForSelector("text=Tagged 2 runs");
  assert.equal((await api(here.server.url, `runs/${first}`)).tags.stage, "best");
  await here.page.click("button[aria-label^='Actions for 2']");
  await here.page.click("text=Delete them");
  await here.page.waitForFunction(() => document.querySelector("[role=grid]").getAttribute("aria-rowcount") === "24");
  await here.page.keyboard.press("u");
  await here.page.waitForFunction(() => document.querySelector("[role=grid]").getAttribute("aria-rowcount") === "26");
});

test("a run's page has its metrics, params, children and a note that is kept (requirement 34)", async () => {
  await visit(here.tab, `/ui/run/${here.made.runs[0]}`);
  const { metrics } = await api(here.server.url, `runs/${here.made.runs[0]}`);
  assert.equal((await here.page.$$(".overview .wide tbody tr")).length, metrics.length);
  assert.match(await here.page.textContent(".family"), /child of digits-00/);
  await here.page.click("text=Write a note");
  await here.page.fill("textarea", "# Title\n\nA **note** <b>x</b>");
  await here.page.click('.note-editor button:has-text("Keep")');
  await here.page.waitForSelector(".markdown strong");
  await settled(here.page);
  assert.equal((await api(here.server.url, `runs/${here.made.runs[0]}`)).note, "# Title\n\nA **note** <b>x</b>");
  await here.page.keyboard.press("u");
  await here.page.waitForSelector("text=Write a note");
  assert.ok(!(await api(here.server.url, `runs/${here.made.runs[0]}`)).note);
});

test("a name is edited in place and undone (requirement 34)", async () => {
  await visit(here.tab, `/ui/run/${here.made.runs[2]}`);
  await here.page.click('button[aria-label="Change the name"]');
  await here.page.fill("input.edit-line", "a better name");
  await here.page.keyboard.press("Enter");
  await here.page.waitForFunction(() => document.querySelector(".run-head h2")?.textContent.includes("a better name"));
  await here.page.keyboard.press("u");
  await here.page.waitForFunction(() => document.querySelector(".run-head h2")?.textContent.includes("digits-02"));
});

test("who loses a race for an alias sees who won (requirement 35)", async () => {
  const other = await open(here.browser, here.server.url);
  await visit(here.tab, "/ui/models/digits");
  await visit(other, "/ui/models/digits");
  await other.context.route("**/api/v1/models/digits", (route) => route.abort());
  await move(here.page, "1", "champion");
  await here.page.waitForFunction(() => document.querySelector("tbody tr:last-child .alias")?.textContent === "champion");
  await move(other.page, "3", "champion");
  await other.page.waitForSelector(".conflict");
  assert.match(await other.page.textContent(".conflict"), /pointed to version 2.*points to version 1/s);
  assert.equal((await api(here.server.url, "models/digits")).model.aliases.champion, 1);
  await other.page.click("text=Move it all the same");
  await other.page.waitForSelector(".conflict", { state: "detached" });
  assert.equal((await api(here.server.url, "models/digits")).model.aliases.champion, 3);
  await other.context.unroute("**/api/v1/models/digits");
  await other.close();
});

async function move(page, version, alias) {
  await page.click(`button[aria-label="Aliases of version ${version}"]`);
  await page.click(`.panel button:has-text("Move ${alias} here")`);
}

test("a view is saved in the file, opened from it, and a conflict is shown (requirement 14)", async () => {
  const other = await open(here.browser, here.server.url);
  await visitRuns(here, "o=-metrics.val%2Floss&ly=1");
  await visit(other, "/ui/runs");
  const saveAs = async (page, name) => {
    await page.click("button[title='Views']");
    await page.fill("input[aria-label='Name of the view']", name);
    await page.keyboard.press("Enter");
    await settled(page);
  };
  await saveAs(here.page, "best first");
  await here.page.waitForSelector("text=Saved the view best first");
  assert.deepEqual((await api(here.server.url, "views/best%20first")).state, { e: here.made.id, o: "-metrics.val/loss", ly: "1" });
  await saveAs(other.page, "best first");
  assert.match(await other.page.textContent(".panel [role=alert]"), /revision 1/);
  await other.page.click("text=Save over it");
  await other.page.waitForSelector("text=Saved the view best first");
  await visit(here.tab, "/ui/views");
  assert.match(await here.page.textContent("table.list"), /best first/);
  await here.page.click("button[title='Open best first']");
  await settled(here.page);
  assert.equal(new URL(here.page.url()).searchParams.get("ly"), null, "the newer revision");
  await visit(here.tab, "/ui/views");
  await here.page.hover("table.list tbody tr");
  await here.page.click("button[aria-label='Delete the view best first']");
  await here.page.waitForSelector("text=No views yet");
  await other.close();
});

test("a param of a megabyte is cut and shown on demand", async () => {
  const { page, server } = here;
  const { run } = await call(server.url, "runs/create", { experiment_id: here.odd.id, run_name: "long" });
  const id = run.info.run_id;
  await api(server.url, `runs/${id}`, { tags: { long: "abcdefgh".repeat(1000) } }, "PATCH");
  await visit(here.tab, `/ui/runs?e=${here.odd.id}&c=tags.long`);
  assert.ok((await page.textContent("main")).length < 20_000, "the table cuts it");
  // The server takes no such param by default, but programs may raise the limit.
  const value = "0123456789".repeat(100_000);
  await page.route(`**/api/v1/runs/${id}?*`, async (route) => {
    const answer = await (await route.fetch()).json();
    await route.fulfill({ json: { ...answer, params: { long: value } } });
  });
  await visit(here.tab, `/ui/run/${id}/config`);
  assert.ok((await page.textContent("main")).length < 4000);
  await page.click('button[title="Show all"] >> nth=0');
  assert.ok((await page.textContent("main")).includes(value));
});
