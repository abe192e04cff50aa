import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { files, hostile, models, sweep } from "./fixture.mjs";
import { launch, open, settled, visit, watch } from "./pages.mjs";
import { api, call, serve } from "./server.mjs";

let server;
let browser;
let made;
let odd;
let tab;

before(async () => {
  server = await serve();
  made = await sweep(server.url, 200);
  odd = await hostile(server.url);
  await files(server.url, made.id, made.runs);
  await models(server.url, made.runs);
  browser = await launch();
  tab = await open(browser, server.url);
});

after(async () => {
  await tab?.close();
  await browser?.close();
  await server?.stop();
});

test("an empty file says what to do", async () => {
  const empty = await serve();
  const own = await open(browser, empty.url);
  for (const path of ["/ui/runs", "/ui/models", "/ui/now", "/ui/lineage", "/ui/experiments"]) {
    await visit(own, path);
    assert.ok(await own.page.$(path === "/ui/experiments" ? "table.list" : ".empty"), path);
  }
  await visit(own, "/ui/runs");
  assert.match(await own.page.textContent(".grid .empty"), /log_metric/);
  await own.close();
  await empty.stop();
});

test("a run's page has its metrics, params, children and a note that is kept (requirement 34)", async () => {
  await visit(tab, `/ui/run/${made.runs[0]}`);
  const { metrics } = await api(server.url, `runs/${made.runs[0]}`);
  assert.equal((await tab.page.$$(".overview .wide tbody tr")).length, metrics.length);
  assert.match(await tab.page.textContent(".family"), /child of digits-00/);
  await tab.page.click("text=Write a note");
  await tab.page.fill("textarea", "# Title\n\nA **note** <b>x</b>");
  await tab.page.click('.note-editor button:has-text("Keep")');
  await tab.page.waitForSelector(".markdown strong");
  await settled(tab.page);
  assert.equal((await api(server.url, `runs/${made.runs[0]}`)).note, "# Title\n\nA **note** <b>x</b>");
  await tab.page.keyboard.press("u");
  await tab.page.waitForSelector("text=Write a note");
  assert.ok(!(await api(server.url, `runs/${made.runs[0]}`)).note);
});

test("a name is edited in place and undone (requirement 34)", async () => {
  await visit(tab, `/ui/run/${made.runs[2]}`);
  await tab.page.click('button[aria-label="Change the name"]');
  await tab.page.fill("input.edit-line", "a better name");
  await tab.page.keyboard.press("Enter");
  await tab.page.waitForFunction(() => document.querySelector(".run-head h2")?.textContent.includes("a better name"));
  await tab.page.keyboard.press("u");
  await tab.page.waitForFunction(() => document.querySelector(".run-head h2")?.textContent.includes("digits-02"));
});

test("charts of a run are drawn", async () => {
  await visit(tab, `/ui/run/${made.runs[0]}/charts`);
  const cards = await tab.page.$$eval("[data-card] canvas.front", (found) => found.length);
  assert.ok(cards >= 6);
  assert.ok((await tab.page.$eval('[data-card="train/loss"] canvas', (canvas) => canvas.penLog())).some((line) => line.startsWith("stroke #")));
});

test("files are listed and previewed, and HTML and SVG cannot reach the page (requirement 30)", async () => {
  await visit(tab, `/ui/run/${made.runs[0]}/files`);
  for (const name of ["report.html", "attack.svg", "config.json", "weights.bin"]) {
    await tab.page.click(`.file-list button:has-text("${name}")`);
    await settled(tab.page);
    await tab.page.waitForTimeout(150);
  }
  assert.match(await tab.page.textContent(".preview"), /No preview/);
  assert.equal(await tab.page.evaluate(() => window.attacked), undefined);
  await visit(tab, `/ui/run/${made.runs[0]}/files?file=report.html`);
  assert.equal(await tab.page.getAttribute("iframe", "sandbox"), "");
  await visit(tab, `/ui/run/${made.runs[0]}/files?folder=tables&file=tables%2Fscores.csv`);
  assert.deepEqual(await tab.page.$$eval(".preview td", (cells) => cells.map((cell) => cell.textContent)), ["a,b", "1", "<b>x</b>", "2"]);
  await visit(tab, `/ui/run/${made.runs[0]}/files?file=config.json`);
  assert.match(await tab.page.textContent(".preview pre"), /"b": 1/);
});

test("images go by step, and the end of the slider is each run's newest (requirement 25)", async () => {
  await visit(tab, `/ui/runs?tab=media&s=${made.runs[0]},${made.runs[1]}`);
  const steps = () => tab.page.$$eval(".pictures tr:last-child figcaption", (found) => found.map((one) => one.textContent));
  assert.deepEqual(await steps(), ["step 10", "step 5"]);
  await tab.page.click('button[aria-label="Earlier step"]');
  await tab.page.click('button[aria-label="Earlier step"]');
  await settled(tab.page);
  assert.deepEqual(await steps(), ["step 5", "step 5"]);
  assert.match(tab.page.url(), /ms=5/);
});

test("experiments are a tree whose folders open the runs below them", async () => {
  await visit(tab, "/ui/experiments");
  await tab.page.fill('input[aria-label="Filter experiments"]', "digits");
  await settled(tab.page);
  assert.deepEqual(await tab.page.$$eval("table.list tbody th a", (found) => found.map((one) => one.textContent)), ["Shared", "team", "digits"]);
  await tab.page.click('table.list a:has-text("team")');
  await settled(tab.page);
  assert.equal(await tab.page.getAttribute("[role=grid]", "aria-rowcount"), "26");
});

test("who loses a race for an alias sees who won (requirement 35)", async () => {
  const other = await open(browser, server.url);
  await visit(tab, "/ui/models/digits");
  await visit(other, "/ui/models/digits");
  await tab.context.route("**/api/v1/events*", (route) => route.abort());
  await other.context.route("**/api/v1/models/digits", (route) => route.abort());
  await move(tab.page, "1", "champion");
  await tab.page.waitForFunction(() => document.querySelector("tbody tr:last-child .alias")?.textContent === "champion");
  await move(other.page, "3", "champion");
  await other.page.waitForSelector(".conflict");
  assert.match(await other.page.textContent(".conflict"), /pointed to version 2.*points to version 1/s);
  assert.equal((await api(server.url, "models/digits")).model.aliases.champion, 1);
  await other.page.click("text=Move it all the same");
  await other.page.waitForSelector(".conflict", { state: "detached" });
  assert.equal((await api(server.url, "models/digits")).model.aliases.champion, 3);
  await other.context.unroute("**/api/v1/models/digits");
  await other.close();
});

async function move(page, version, alias) {
  await page.click(`button[aria-label="Aliases of version ${version}"]`);
  await page.click(`.panel button:has-text("Move ${alias} here")`);
}

test("lineage leads from a version to its run and alias, as graph and as table (requirement 36)", async () => {
  await visit(tab, "/ui/lineage?kind=version&id=models%3A%2Fdigits%2F3");
  assert.ok((await tab.page.$$(".node")).length >= 3);
  await tab.page.click('button:has-text("Table")');
  assert.match(await tab.page.textContent("table.list"), /digits-02/);
  await tab.page.click('table.list a:has-text("digits-02")');
  await settled(tab.page);
  assert.match(tab.page.url(), new RegExp(`/ui/run/${made.runs[2]}`));
});

test("hostile names break no page and run nothing (requirement 13 of the bad inputs)", async () => {
  const own = await open(browser, server.url);
  for (const path of [`/ui/runs?e=${odd.id}`, `/ui/runs?e=${odd.id}&g=params.lr`, `/ui/runs?e=${odd.id}&tab=compare`, `/ui/runs?e=${odd.id}&tab=parallel`, "/ui/experiments", "/ui/now", ...odd.runs.flatMap((run) => [`/ui/run/${run}`, `/ui/run/${run}/config`, `/ui/run/${run}/charts`, `/ui/run/${run}/files`])]) {
    await visit(own, path);
    assert.equal(await own.page.evaluate(() => window.attacked), undefined, path);
    assert.ok((await own.page.textContent("main")).length > 20, path);
  }
  await own.close();
});

test("params of a megabyte are cut and shown on demand", async () => {
  const { run } = await call(server.url, "runs/create", { experiment_id: odd.id, run_name: "long" });
  const value = "0123456789".repeat(600);
  await call(server.url, "runs/set-tag", { run_id: run.info.run_id, key: "long", value: value.repeat(1) });
  await visit(tab, `/ui/run/${run.info.run_id}/config`);
  assert.ok((await tab.page.textContent("main")).length < 3000);
  await tab.page.click('button[title="Show all"]');
  assert.ok((await tab.page.textContent("main")).includes(value));
});

test("an address that leads nowhere says so", async () => {
  for (const path of ["/ui/nothing", `/ui/run/${"0".repeat(32)}`, "/ui/models/none"]) {
    await visit(tab, path);
    assert.match(await tab.page.textContent(".empty h2"), /^No such/);
  }
});

test("a read-only server disables the controls and says why (requirement 34)", async () => {
  const reader = await serve({ file: server.path, args: ["--read-only"] });
  const own = await open(browser, reader.url);
  await visit(own, `/ui/run/${made.runs[0]}`);
  const note = own.page.locator('button:has-text("Write a note")');
  assert.equal(await note.isDisabled(), true);
  assert.match(await note.getAttribute("title"), /read/);
  await visit(own, "/ui/models/digits");
  assert.equal(await own.page.locator('button[aria-label="Aliases of version 1"]').isDisabled(), true);
  await own.close();
  await reader.stop();
});

test("ten tabs share one stream (requirement 7)", async () => {
  const own = await open(browser, server.url);
  await visit(own, "/ui/runs");
  for (let count = 1; count < 10; count += 1) {
    const page = await own.context.newPage();
    watch(page, own.seen);
    await page.goto(`${server.url}/ui/runs`);
    await settled(page);
    assert.ok((await page.$$(".grid-body .row")).length > 0, `tab ${count}`);
  }
  assert.equal(own.seen.requests.filter((request) => request.includes("/api/v1/events")).length, 1);
  const pages = own.context.pages();
  await pages[9].waitForFunction(() => document.querySelector(".live")?.className.includes("live-live"));
  await pages[0].close();
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(own.seen.requests.filter((request) => request.includes("/api/v1/events")).length, 2, "another tab leads");
  await own.close();
});

test("a file with tokens asks for one, takes it from the address, and hides it", async () => {
  const { execFileSync } = await import("node:child_process");
  const { program } = await import("./server.mjs");
  const locked = await serve();
  await call(locked.url, "experiments/create", { name: "/locked" });
  const token = /tlk_\S+/.exec(execFileSync(program(), ["token", "create", locked.path, "--user", "ada", "--scope", "write"], { encoding: "utf8" }))[0].replace(/["',]+$/, "");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const own = await open(browser, locked.url);
  await visit(own, "/ui/runs");
  assert.match(await own.page.textContent(".empty h2"), /token is needed/);
  await own.page.fill('input[aria-label="Token"]', "tlk_wrong");
  await own.page.click(".sign-in button");
  await own.page.waitForSelector(".sign-in + [role=alert]");
  await own.page.goto("about:blank");
  await visit(own, `/ui/experiments#token=${token}`);
  await own.page.waitForSelector("table.list");
  assert.equal(new URL(own.page.url()).hash, "");
  assert.match(await own.page.textContent("table.list"), /locked/);
  await own.close();
  await locked.stop();
});

test("a view is saved in the file, opened from it, and a conflict is shown (requirement 14)", async () => {
  const other = await open(browser, server.url);
  await visit(tab, `/ui/runs?e=${made.id}&o=-metrics.val%2Floss&ly=1`);
  await visit(other, "/ui/runs");
  const saveAs = async (page, name) => {
    await page.click("button[title='Views']");
    await page.fill("input[aria-label='Name of the view']", name);
    await page.keyboard.press("Enter");
    await settled(page);
  };
  await saveAs(tab.page, "best first");
  await tab.page.waitForSelector("text=Saved the view best first");
  assert.deepEqual((await api(server.url, "views/best%20first")).state, { e: made.id, o: "-metrics.val/loss", ly: "1" });
  await saveAs(other.page, "best first");
  assert.match(await other.page.textContent(".panel [role=alert]"), /revision 1/);
  await other.page.click("text=Save over it");
  await other.page.waitForSelector("text=Saved the view best first");
  await visit(tab, "/ui/views");
  assert.match(await tab.page.textContent("table.list"), /best first/);
  await tab.page.click("button[title='Open best first']");
  await settled(tab.page);
  assert.equal(new URL(tab.page.url()).searchParams.get("ly"), null, "the newer revision");
  await visit(tab, "/ui/views");
  await tab.page.hover("table.list tbody tr");
  await tab.page.click("button[aria-label='Delete the view best first']");
  await tab.page.waitForSelector("text=No views yet");
  await other.close();
});

test("a part of the page that fails leaves the others working", async () => {
  const own = await open(browser, server.url, { refusals: Infinity });
  await own.context.route("**/api/v1/compare", (route) => route.fulfill({ json: {} }));
  await visit(own, `/ui/runs?tab=compare&s=${made.runs[0]}`);
  assert.match(await own.page.textContent(".right [role=alert]"), /This part of the page failed/);
  assert.ok((await own.page.$$(".grid-body .row")).length > 10);
  await own.page.click("[role=tab] >> text=Charts");
  await settled(own.page);
  assert.ok(await own.page.$("[data-card]"));
  await own.close();
});

test("a curve that cannot be read says so on its card", async () => {
  const own = await open(browser, server.url, { refusals: Infinity });
  await own.context.route("**/api/v1/curves", (route) => route.fulfill({ body: "not a frame" }));
  await visit(own, "/ui/runs");
  assert.match(await own.page.textContent(".card .over"), /frame: expected TLFRAME1/);
  await own.close();
});
