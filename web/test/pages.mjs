// Opens pages in Debian's Chromium, and fails if one of them asks another machine or throws.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Answers that tests provoke, and what the browser says of files that attack and are stopped. */
const EXPECTED = /Failed to load resource|\/api\/v1\/runs\/[0-9a-f]+\/(file\?path=|x')/;

export async function launch() {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/** A context that refuses requests to other machines and remembers what pages asked for and threw. */
export async function open(browser, url, { width = 1440, height = 900, colorScheme = "light", refusals = 0, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce", ...more });
  const seen = { foreign: [], errors: [], requests: [] };
  await context.route("**/*", (route) => {
    const asked = route.request().url();
    if (asked.startsWith(url) || asked.startsWith("data:") || asked.startsWith("blob:")) return route.continue();
    seen.foreign.push(asked);
    return route.abort();
  });
  context.on("request", (request) => seen.requests.push(`${request.method()} ${request.url().slice(url.length)}`));
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

export async function settled(page) {
  await page.waitForSelector("html[data-settled]", { state: "attached", timeout: 20_000 });
}

export async function visit(tab, path) {
  await tab.page.goto(tab.url + path);
  await settled(tab.page);
}

/** The drawing of a card as the calls of the recorded pen. */
export async function penLog(page, card, layer = "canvas:not(.front)") {
  return page.$eval(`[data-card="${card}"] ${layer}`, (canvas) => canvas.penLog());
}

export async function findings(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 160) + " " + failureSummary.split("\n").pop()).join(" | ")}`);
}

export const rowIds = (page) => page.$$eval(".grid-body .row[data-run]", (rows) => rows.map((row) => row.dataset.run));
export const rowNames = (page) => page.$$eval(".grid-body .row[data-run] .run-name", (rows) => rows.map((row) => row.textContent));
export const cellTexts = (page, column) => page.$$eval(`.grid-body .row [data-name="${column}"]`, (cells) => cells.map((cell) => cell.textContent));
