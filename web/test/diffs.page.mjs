import assert from "node:assert/strict";
import { test } from "node:test";
import { findings, open, settled, stage, visit, visitRuns } from "./pages.mjs";

const here = stage("shared");

const CODE = {
  same: false, commits: ["a".repeat(40), "b".repeat(40)], patches: [true, true], left_out: 3,
  hunks: [{ starts: [4, 5], lines: [" def loss(x):", "-    return x", "+    return x * 2 # <script>window.attacked=1</script>"] }],
};
const PACKAGES = { known: true, same: 40, added: [{ name: "rich", version: "13.7" }], removed: [{ name: "six", version: "1.16" }], changed: [{ name: "numpy", before: "1.26", after: "2.1" }] };

/** A tab whose server says this about the code and the packages. */
async function tabWith(code, packages) {
  const tab = await open(here.browser, here.server.url);
  await tab.context.route("**/api/v1/diff/code?*", (route) => route.fulfill({ json: code }));
  await tab.context.route("**/api/v1/diff/packages?*", (route) => route.fulfill({ json: packages }));
  return tab;
}

test("code and packages are compared as differences (requirement 37)", async () => {
  const [first, second, third] = here.made.runs;
  const tab = await tabWith(CODE, PACKAGES);
  const { page } = tab;
  await visitRuns(here, `tab=compare&s=${first},${second},${third}&b=${second}`, tab);
  const lines = await page.$$eval(".diff > div", (found) => found.map((line) => [line.className, line.textContent]));
  assert.deepEqual(lines.map(([kind]) => kind), ["hunk", "", "removed", "added"]);
  assert.equal(lines[2][1], "-    return x");
  assert.equal(await page.evaluate(() => window.attacked), undefined);
  const packages = await page.$$eval(".packages tbody tr", (rows) => rows.map((row) => row.innerText.split("\t")));
  assert.deepEqual(packages, [["numpy", "1.26", "2.1", "changed"], ["rich", "–", "13.7", "added"], ["six", "1.16", "–", "removed"]]);
  assert.match(await page.textContent(".diffs"), /3 further lines.*40 packages the same/s);
  const asked = tab.seen.requests.findLast((request) => request.includes("diff/code"));
  assert.match(asked, new RegExp(`a=${second}&b=${first}`), "the baseline is the one before");
  await page.click(".diffs button[title='after']");
  await page.click(".panel >> text=digits-02");
  await settled(page);
  assert.match(tab.seen.requests.findLast((request) => request.includes("diff/code")), new RegExp(`a=${second}&b=${third}`));
  assert.deepEqual(await findings(page), []);
  await tab.close();
});

test("runs without recorded code have no empty part about it", async () => {
  const [first, second] = here.made.runs;
  const tab = await tabWith({ same: true, commits: [null, null], patches: [false, false], hunks: [], left_out: 0 }, { known: false, same: 0, added: [], removed: [], changed: [] });
  await visitRuns(here, `tab=compare&s=${first},${second}`, tab);
  assert.equal(await tab.page.$(".diffs"), null);
  assert.ok(await tab.page.$(".compare tr.differs"));
  await tab.close();
});

const IMPORTANCE = {
  runs: 24, explained: 0.87, dependence: [],
  params: [{ key: "lr", importance: 0.7, error: 0.1, correlation: 0.92, runs: 24 }, { key: "optimizer", importance: 0.2, error: 0.05, correlation: null, runs: 24 }],
};

test("importance names the params that matter, with errors and signs", async () => {
  const tab = await open(here.browser, here.server.url);
  const { page } = tab;
  const asked = [];
  await tab.context.route("**/api/v1/importance", (route) => {
    const body = route.request().postDataJSON();
    asked.push(body);
    const dependence = body.dependence === "lr" ? [{ number: 0.1, text: null, mean: 0.5 }, { number: 1, text: null, mean: 0.9 }] : [];
    return route.fulfill({ json: { ...IMPORTANCE, dependence } });
  });
  await visitRuns(here, "tab=importance&io=metrics.val/accuracy", tab);
  const rows = await page.$$eval(".importance tbody tr", (found) => found.map((row) => row.innerText.replace(/\s+/g, " ").trim()));
  assert.deepEqual(rows, ["lr 0.7 ± 0.1 grows with it, 0.92 24", "optimizer 0.2 ± 0.05 24"]);
  assert.match(await page.textContent(".bar .fact >> nth=-1"), /24 runs, the params explain 87 %/);
  await page.click("button[title='What lr does']");
  await settled(page);
  assert.equal(new URL(page.url()).searchParams.get("ip"), "lr");
  assert.deepEqual(await page.$$eval(".dependence tr", (found) => found.map((row) => row.innerText.replace(/\s+/g, " ").trim())), ["0.1 0.5", "1 0.9"]);
  assert.equal(asked.at(-1).objective, "metrics.val/accuracy");
  assert.deepEqual(await findings(page), []);
  await tab.close();
});

test("importance of too few runs says what is missing", async () => {
  const tab = await open(here.browser, here.server.url);
  await tab.context.route("**/api/v1/importance", (route) => route.fulfill({ status: 400, json: { error_code: "INVALID_PARAMETER_VALUE", message: "4 runs have the metric: at least 20 are needed" } }));
  await visit(tab, "/ui/runs?tab=importance&io=metrics.lr");
  assert.match(await tab.page.textContent(".right [role=alert]"), /at least 20 are needed/);
  await tab.close();
});
