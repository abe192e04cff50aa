// Opens pages in the browser of the run, and fails if one of them asks another machine or throws.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { fixture } from "./prepared.mjs";
import { serve, serveCopy } from "./server.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Answers that tests provoke, and what the browser says of files that attack and are stopped. */
const EXPECTED = /Failed to load resource|\/api\/v1\/runs\/[0-9a-f]+\/(file\?path=|x')/;

/**
 * What a file of tests needs: the browser of the run, a server, a tab, and what the fixture made.
 *
 * - `"shared"`: one server for all files that only read the fixture.
 * - `"copy"`: a server on a copy of the fixture, for tests that write.
 * - `"empty"`: a server on a new file.
 *
 * `prepare` runs once before the tests.
 */
export function stage(kind, prepare = () => undefined) {
  const here = { ...fixture().made };
  before(async () => {
    here.browser = await chromium.connect(process.env.TRACKLITE_BROWSER);
    here.server = kind === "shared" ? { url: fixture().url } : kind === "copy" ? await serveCopy(fixture().path) : await serve();
    here.tab = await open(here.browser, here.server.url);
    here.page = here.tab.page;
    await prepare(here);
  });
  after(async () => {
    try {
      await here.tab?.close();
    } finally {
      await here.browser?.close();
      await here.server?.stop?.();
    }
  });
  return here;
}

/** A context that remembers what its pages asked for and threw. The browser finds no other machine. */
export async function open(browser, url, { width = 1440, height = 900, colorScheme = "light", refusals = 0, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce", ...more });
  const seen = { foreign: [], errors: [], requests: [] };
  context.on("request", (request) => {
    const asked = request.url();
    if (!/^(data|blob|about):/.test(asked) && !asked.startsWith(url)) seen.foreign.push(asked);
    seen.requests.push(`${request.method()} ${asked.slice(url.length)}`);
  });
  const page = await context.newPage();
  watch(page, seen);
  const close = async () => {
    await context.close();
    assert.deepEqual(seen.foreign, [], "requests to other machines (requirement 30)");
    assert.deepEqual(seen.errors.slice(refusals), [], "errors in the page");
  };
  return { context, page, seen, close, url };
}

export function watch(page, seen) {
  page.on("pageerror", (error) => seen.errors.push(error.stack ?? String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) seen.errors.push(message.text());
  });
}

/** Counts the bytes of the answers whose address has these words, until `stop` is called. The stream of changes never ends. */
export function countBytes(page, words) {
  const sizes = [];
  const pending = [];
  const onResponse = (response) => {
    if (!response.url().includes(words) || response.url().includes("/api/v1/events")) return;
    pending.push(response.body().then((body) => sizes.push(body.length), () => undefined));
  };
  page.on("response", onResponse);
  return {
    stop: async () => {
      page.off("response", onResponse);
      await Promise.all(pending);
      return sizes;
    },
  };
}

/** Notes how long the tasks of the page take, from now on or from its next load on. */
export async function watchTasks(page) {
  const note = () => {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ["longtask"] });
  };
  await page.addInitScript(note);
  await page.evaluate(note);
  return () => page.evaluate(() => window.longTasks);
}

export async function settled(page) {
  await page.waitForSelector("html[data-settled]", { state: "attached", timeout: 20_000 });
}

export async function visit(tab, path) {
  await tab.page.goto(tab.url + path, { waitUntil: "commit" });
  await settled(tab.page);
}

/** Drags with the mouse between two places of an element, given as parts of its size. */
export async function drag(page, selector, from, to, modifier) {
  const box = await page.locator(selector).first().boundingBox();
  const at = ([x, y]) => [box.x + box.width * x, box.y + box.height * y];
  if (modifier) await page.keyboard.down(modifier);
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at(to), { steps: 3 });
  await page.mouse.up();
  if (modifier) await page.keyboard.up(modifier);
  await settled(page);
}

/** The drawing of a card as the calls of the recorded pen. */
export async function penLog(page, card, layer = "canvas:not(.front)") {
  return page.$eval(`[data-card="${card}"] ${layer}`, (canvas) => canvas.penLog());
}

/** Serious findings of axe. `rules` narrows what is checked. */
export async function findings(page, rules) {
  await page.evaluate(AXE);
  const options = { resultTypes: ["violations"], ...(rules ? { runOnly: rules } : {}) };
  const { violations } = await page.evaluate((given) => window.axe.run(document, given), options);
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 160) + " " + failureSummary.split("\n").pop()).join(" | ")}`);
}

export async function downloaded(page, click) {
  const [file] = await Promise.all([page.waitForEvent("download"), click()]);
  const chunks = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk);
  return { name: file.suggestedFilename(), bytes: Buffer.concat(chunks), text: Buffer.concat(chunks).toString("utf8") };
}

/** The page for a screen reader, without what the keyboard's place adds. */
export async function ariaTree(page) {
  return (await page.locator("main").ariaSnapshot()).replace(/ \[active\]/g, "");
}

export const rowCount = async (page) => Number(await page.getAttribute("[role=grid]", "aria-rowcount")) - 1;
export const rowIds = (page) => page.$$eval(".grid-body .row[data-run]", (rows) => rows.map((row) => row.dataset.run));
export const rowNames = (page) => page.$$eval(".grid-body .row[data-run] .run-name", (rows) => rows.map((row) => row.textContent));
export const cellTexts = (page, column) => page.$$eval(`.grid-body .row [data-name="${column}"]`, (cells) => cells.map((cell) => cell.textContent));

/** Opens the Runs page on the sweep of the fixture, with further parts of the view. */
export async function visitRuns(here, query = "", tab = here.tab) {
  await visit(tab, `/ui/runs?e=${here.made.id}${query && `&${query}`}`);
}
