import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fixture } from "./prepared.mjs";
import { open, settled, stage, visit, watch } from "./pages.mjs";
import { call, program, serve, until } from "./server.mjs";

const here = stage("shared");

test("a read-only server disables the controls and says why (requirement 34)", async () => {
  const reader = await serve({ file: fixture().path, args: ["--read-only"] });
  const own = await open(here.browser, reader.url);
  await visit(own, `/ui/run/${here.made.runs[0]}`);
  const note = own.page.locator('button:has-text("Write a note")');
  assert.equal(await note.isDisabled(), true);
  assert.match(await note.getAttribute("title"), /read/);
  await visit(own, "/ui/models/digits");
  assert.equal(await own.page.locator('button[aria-label="Aliases of version 1"]').isDisabled(), true);
  await own.close();
  await reader.stop();
});

test("ten tabs share one stream (requirement 7)", async () => {
  const own = await open(here.browser, here.server.url);
  await visit(own, "/ui/runs");
  for (let count = 1; count < 10; count += 1) {
    const page = await own.context.newPage();
    watch(page, own.seen);
    await visit({ page, url: here.server.url }, "/ui/runs");
    assert.ok((await page.$$(".grid-body .row")).length > 0, `tab ${count}`);
  }
  assert.equal(own.seen.requests.filter((request) => request.includes("/api/v1/events")).length, 1);
  const pages = own.context.pages();
  await pages[9].waitForFunction(() => document.querySelector(".live")?.className.includes("live-live"));
  await pages[0].close();
  const streams = () => own.seen.requests.filter((request) => request.includes("/api/v1/events")).length;
  await until(() => streams() === 2, "another tab leads");
  await own.close();
});

test("a file with tokens asks for one, takes it from the address, and hides it", async () => {
  const locked = await serve();
  await call(locked.url, "experiments/create", { name: "/locked" });
  const token = /tlk_\S+/.exec(execFileSync(program(), ["token", "create", locked.path, "--user", "ada", "--scope", "write"], { encoding: "utf8" }))[0].replace(/["',]+$/, "");
  await until(async () => (await fetch(`${locked.url}/api/v1/file`)).status === 401, "the server asks for the token");
  const own = await open(here.browser, locked.url);
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

test("a part of the page that fails leaves the others working", async () => {
  const own = await open(here.browser, here.server.url, { refusals: Infinity });
  await own.context.route("**/api/v1/compare", (route) => route.fulfill({ json: {} }));
  await visit(own, `/ui/runs?tab=compare&s=${here.made.runs[0]}`);
  assert.match(await own.page.textContent(".right [role=alert]"), /This part of the page failed/);
  assert.ok((await own.page.$$(".grid-body .row")).length > 10);
  await own.page.click("[role=tab] >> text=Charts");
  await settled(own.page);
  assert.ok(await own.page.$("[data-card]"));
  await own.close();
});

test("a curve that cannot be read says so on its card", async () => {
  const own = await open(here.browser, here.server.url, { refusals: Infinity });
  await own.context.route("**/api/v1/curves", (route) => route.fulfill({ body: "not a frame" }));
  await visit(own, "/ui/runs");
  assert.match(await own.page.textContent(".card .over"), /frame: expected TLFRAME1/);
  await own.close();
});
