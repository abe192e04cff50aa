// Serving for real: a model of MLflow answers, and its requests become the rows of a stored table.
// Needs a Python with MLflow, which the variable TRACKLITE_PYTHON names.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { findings, settled, stage, visit } from "./pages.mjs";
import { call, until } from "./server.mjs";

const python = process.env.TRACKLITE_PYTHON;
const skip = python ? false : "SKIPPED: TRACKLITE_PYTHON names no Python with MLflow";
const TABLE = "ml.live.digits_payload";

const LOG = `
import mlflow, pandas, sys
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("/serving")
class Twice(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * value for value in model_input["x"]]
rows = pandas.DataFrame({"x": [3, 4]})
source = mlflow.data.from_pandas(rows, name="numbers")
with mlflow.start_run(run_name="twice"):
    mlflow.log_input(source, context="train")
    made = mlflow.pyfunc.log_model(name="model", python_model=Twice(), input_example=rows, pip_requirements=[])
mlflow.register_model(made.model_uri, "twice")
mlflow.MlflowClient().set_registered_model_alias("twice", "champion", 1)
`;

/** Calls an API of Databricks. */
const rest = (url, path, body, method = "POST") => call(url, `../../${path}`, body, method);

const here = stage("empty", async ({ server: { url } }) => {
  if (!python) return;
  // MLflow looks for the source of the model, so the program is a file.
  const folder = mkdtempSync(join(tmpdir(), "tracklite-serving-"));
  try {
    writeFileSync(join(folder, "log.py"), LOG);
    await promisify(execFile)(python, [join(folder, "log.py"), url], { env: { ...process.env, GIT_PYTHON_REFRESH: "quiet" } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const served = { entity_name: "twice", entity_version: "@champion", workload_size: "Small", scale_to_zero_enabled: true };
  const table = { catalog_name: "ml", schema_name: "live", table_name_prefix: "digits", enabled: true };
  await rest(url, "2.0/serving-endpoints", { name: "twice-live", config: { served_entities: [served] }, ai_gateway: { inference_table_config: table } });
});

test("a model that MLflow logged answers from the page, and its counters rise", { skip }, async () => {
  const { page } = here;
  await visit(here.tab, "/ui/serving/twice-live");
  await page.waitForSelector("button:has-text('Send'):enabled", { timeout: 120_000 });
  await page.click("button:has-text('Send')");
  await page.waitForSelector("pre[aria-label=Answer]", { timeout: 60_000 });
  const answer = JSON.parse(await page.textContent("pre[aria-label=Answer]"));
  assert.deepEqual(answer.predictions, [6, 8]);
  assert.match(await page.textContent(".try [role=status]"), /^200 in .*version 1/);
  await visit(here.tab, "/ui/serving");
  assert.match(await page.innerText("table.list tbody tr"), /twice-live.*ready.*twice 1/s);
  assert.deepEqual(await findings(page), []);
});

test("requests to an endpoint are rows of a table, and its lineage leads back to the dataset (requirement 36)", { skip }, async () => {
  const { page, server } = here;
  await until(async () => (await fetch(`${server.url}/api/v1/tables/${TABLE}/rows`)).ok, "the request is written", 60_000);
  await visit(here.tab, `/ui/tables/${TABLE}`);
  assert.match(await page.textContent(".pane .fact"), /rows 1 to 1 of 1/);
  assert.match(await page.textContent(".window tbody"), /dataframe_split.*predictions/s);
  await page.click("[role=tab] >> text=Lineage");
  await settled(page);
  await page.click("button:has-text('Table')");
  const lines = await page.$$eval("table.list tbody tr", (rows) => rows.map((row) => row.innerText.replace(/\s+/g, " ")));
  for (const part of [/dataset numbers.*input run twice/, /alias twice@champion served endpoint twice-live/, /endpoint twice-live recorded table ml\.live/]) assert.ok(lines.some((line) => part.test(line)), `${part}: ${lines.join("; ")}`);
});
