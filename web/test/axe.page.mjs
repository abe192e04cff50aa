import assert from "node:assert/strict";
import { test } from "node:test";
import { findings, open, settled, stage, visit } from "./pages.mjs";

const here = stage("shared");

/** The rules that see colours. All others see the same in both themes. */
const COLOURS = ["color-contrast", "link-in-text-block"];

/** Opens what the page has, and calls `check` on each state. */
async function everyState(tab, check) {
  const [first, second] = here.made.runs;
  const places = [`runs?b=${first}`, "runs?g=auto", `runs?tab=compare&s=${first},${second}`, "runs?tab=parallel", "runs?tab=scatter", `runs?tab=media&s=${first},${second}`, "experiments?id=1", "models/digits", "now", `run/${first}`, `run/${first}/config`, `run/${first}/files`, "lineage", "views", "jobs", "serving", "tables"];
  for (const place of places) {
    await visit(tab, `/ui/${place}`);
    await check(place);
  }
  for (const [place, keys] of [["runs?f=metrcs.x%20%3C%201", "0"], ["runs?d=deleted", "0"], ["runs", "?"], ["runs", "Control+k"]]) {
    await visit(tab, `/ui/${place}`);
    await tab.page.keyboard.press(keys);
    await settled(tab.page);
    await check(`${place} ${keys}`);
  }
  await visit(tab, "/ui/runs");
  for (const opener of ["Columns", "Group runs", "Smoothing", "Chart settings", "Views"]) {
    await tab.page.click(`button[title='${opener}']`);
    await settled(tab.page);
    await check(opener);
    await tab.page.keyboard.press("Escape");
  }
}

for (const [colorScheme, rules] of [["light", undefined], ["dark", COLOURS]]) {
  test(`axe finds nothing serious in ${colorScheme} colours (requirements 32 and 33)`, async () => {
    const own = await open(here.browser, here.server.url, { colorScheme });
    await everyState(own, async (state) => assert.deepEqual(await findings(own.page, rules), [], state));
    await own.close();
  });
}
