// A report opens from disk, and shows what the page of the server shows (requirement 38).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { cellTexts, open, penLog, rowIds, settled, stage, visit } from "./pages.mjs";
import { call, program } from "./server.mjs";

const folder = mkdtempSync(join(tmpdir(), "tracklite-report-"));

const here = stage("empty", async ({ server }) => {
  for (let seed = 0; seed < 4; seed += 1) {
    const { run } = await call(server.url, "runs/create", { experiment_id: "0", start_time: 1_700_000_000_000 + seed, run_name: `<b>${seed}` });
    const run_id = run.info.run_id;
    const metrics = Array.from({ length: 50 }, (_, step) => ({ key: "loss", value: 1 / (1 + step + seed), timestamp: step, step }));
    await call(server.url, "runs/log-batch", { run_id, metrics, params: [{ key: "seed", value: String(seed) }], tags: [] });
    await call(server.url, "runs/update", { run_id, status: "FINISHED", end_time: 1_700_000_001_000 });
  }
});

after(() => rmSync(folder, { recursive: true, force: true }));

async function shown(tab) {
  await tab.page.waitForSelector('[data-card="loss"] canvas');
  await settled(tab.page);
  return { ids: await rowIds(tab.page), values: await cellTexts(tab.page, "min.loss"), lines: (await penLog(tab.page, "loss")).filter((line) => line.startsWith("stroke #") && line.split("L").length > 20).length };
}

test("a report shows the view without a server", async () => {
  const { server } = here;
  const state = { f: "params.seed != '2'", o: "-min.loss", c: "params.seed,min.loss" };
  execFileSync(program(), ["view", "save", server.path, "three", JSON.stringify(state)]);
  const out = join(folder, "r.html");
  execFileSync(program(), ["report", server.path, "--view", "three", "-o", out]);
  const live = await open(here.browser, server.url);
  await visit(live, `/ui/runs?${new URLSearchParams(state)}`);
  const wanted = await shown(live);
  await live.close();
  const tab = await open(here.browser, `file://${out}`);
  await tab.page.goto(`file://${out}`);
  await settled(tab.page);
  assert.deepEqual(await shown(tab), wanted);
  assert.equal(wanted.ids.length, 3);
  assert.equal(wanted.lines, 3);
  assert.match(await tab.page.textContent(".live"), /report of three.*3 runs/);
  assert.equal(await tab.page.$eval(".icon-logo use", (use) => document.querySelector(use.getAttribute("href")) !== null), true);
  // A change of the view stays within the page, and the history goes back.
  await tab.page.keyboard.press("l");
  assert.match(await tab.page.evaluate(() => location.hash), /ly=1/);
  await tab.close();
});
