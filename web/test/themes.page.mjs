// Both themes have the same pages. Their colours are checked by axe, and on the tokens by the tests of the logic.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, settled, stage, visit } from "./pages.mjs";
import { places } from "./pictures.mjs";

const here = stage("shared");

/** The place and the size of all that is seen, and how bright the ground is. */
const layout = (page) => page.evaluate(() => {
  const seen = [...document.querySelectorAll("body :not(use)")].filter((element) => element.checkVisibility());
  const boxes = seen.map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return `${element.tagName} ${element.getAttribute("class") ?? ""} ${[x, y, width, height].map((number) => number.toFixed(1)).join(" ")}`;
  });
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  return { boxes: boxes.map((box) => box.replace(/icon-(sun|moon)/, "")), brightness: (red + green + blue) / 3 };
});

test("eight pages have each box at the same place in both themes (requirement 32)", async () => {
  const tab = await open(here.browser, here.server.url);
  for (const [name, place] of Object.entries(places(here))) {
    await tab.page.emulateMedia({ colorScheme: "light" });
    await visit(tab, `/ui/${place}`);
    const light = await layout(tab.page);
    await tab.page.emulateMedia({ colorScheme: "dark" });
    await settled(tab.page);
    const dark = await layout(tab.page);
    assert.ok(light.brightness > 220 && dark.brightness < 60, `${name}: ${light.brightness}, ${dark.brightness}`);
    assert.deepEqual(dark.boxes, light.boxes, name);
  }
  await tab.close();
});

for (const width of [400, 2560]) {
  test(`nothing is cut off or lies on its neighbour at a width of ${width} pixels (requirement 32)`, async () => {
    const tab = await open(here.browser, here.server.url, { width, height: 800 });
    for (const [name, place] of Object.entries(places(here))) {
      await visit(tab, `/ui/${place}`);
      const outside = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(outside <= 0, `${name} is ${outside} pixels wider than its window`);
      // A heading is never squeezed to nothing by its buttons.
      const headings = await tab.page.$$eval("main h2", (found) => found.filter((one) => one.checkVisibility()).map((one) => [one.clientWidth, one.scrollWidth]));
      assert.ok(headings.every(([width, whole]) => width >= Math.min(80, whole)), `${name}: headings are ${headings} pixels wide`);
    }
    await tab.close();
  });
}
