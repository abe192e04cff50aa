import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "./fixture.mjs";
import { ariaTree, settled, stage, visitRuns } from "./pages.mjs";

const here = stage("shared");

const ACTIONS = ["j", "k", "x", "v", "p", "b", "1", "2", "3", "4", "s", "S", "0", "l", "L", "t", "o", "z", "c", "j", "j"];

test("a random walk of actions reloads to the same page from its link (requirement 13)", async () => {
  const { page } = here;
  const next = random(20261129);
  await visitRuns(here);
  for (let step = 0; step < 50; step += 1) {
    if (next() < 0.2) await clickSomething(page, next);
    else await page.keyboard.press(ACTIONS[Math.floor(next() * ACTIONS.length)]);
    await settled(page);
    if (step % 10 !== 9) continue;
    await page.evaluate(() => document.activeElement?.blur());
    await page.mouse.move(0, 0);
    await settled(page);
    const before = await ariaTree(page);
    await page.reload({ waitUntil: "commit" });
    await settled(page);
    assert.equal(await ariaTree(page), before, `after step ${step}: ${page.url()}`);
  }
});

async function clickSomething(page, next) {
  const selectors = [".head-row .head-words", ".grid-body .swatch", ".grid-body .tool", ".tabs [role=tab]", ".section-head", ".bar > .button"];
  const found = page.locator(selectors[Math.floor(next() * selectors.length)]);
  const count = await found.count();
  if (count > 0) await found.nth(Math.floor(next() * Math.min(count, 6))).dispatchEvent("click");
}

test("back and forward go through the views (requirement 13)", async () => {
  const { page } = here;
  await visitRuns(here);
  await page.keyboard.press("2");
  await page.keyboard.press("l");
  await page.goBack();
  await page.goBack();
  await settled(page);
  assert.equal(new URL(page.url()).search, `?e=${here.made.id}`);
  assert.match(await page.textContent('[role=tab][aria-selected="true"]'), /Charts/);
});
