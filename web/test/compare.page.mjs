import assert from "node:assert/strict";
import { test } from "node:test";
import { settled, stage, visit } from "./pages.mjs";
import { call } from "./server.mjs";

/** The params of two runs, of which this many differ. */
const [PARAMS, DIFFERENT] = [117, 3];

const here = stage("empty", async (made) => {
  const { url } = made.server;
  made.pair = [];
  for (const run of [0, 1]) {
    const { run: created } = await call(url, "runs/create", { experiment_id: "0", run_name: `run ${run}`, start_time: 1_795_953_600_000 });
    const run_id = created.info.run_id;
    const params = Array.from({ length: PARAMS }, (_, at) => ({ key: `config.${String(at).padStart(3, "0")}`, value: at < DIFFERENT ? `${at} of ${run}` : "same" }));
    for (let at = 0; at < PARAMS; at += 100) await call(url, "runs/log-batch", { run_id, params: params.slice(at, at + 100) });
    made.pair.push(run_id);
  }
});

const keysOf = (page, kind) => page.$$eval(`.compare tr.${kind} th`, (found) => found.map((one) => one.textContent).filter((key) => key.startsWith("config.")));

test("two runs of 117 params, 3 of which differ, are three rows, and 114 are counted (requirement 8)", async () => {
  const { page } = here;
  await visit(here.tab, `/ui/runs?tab=compare&s=${here.pair.join(",")}`);
  assert.deepEqual(await keysOf(page, "differs"), ["config.000", "config.001", "config.002"]);
  assert.deepEqual(await keysOf(page, "same"), []);
  const same = Number((await page.textContent('button[title^="Show rows that are the same"]')).split(" ")[0]);
  await page.click('button[title^="Show rows that are the same"]');
  await settled(page);
  assert.equal((await keysOf(page, "same")).length, PARAMS - DIFFERENT);
  assert.equal((await page.$$(".compare tr.same")).length, same, "what is counted is what is shown");
});
