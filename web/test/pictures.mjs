// Draws the pages in both themes as PNG, so that a reader sees them all at once: `npm run pictures -- FOLDER [WORDS]`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { fixture, launch, prepare } from "./prepared.mjs";
import { open, visit } from "./pages.mjs";
import { call, serve, serveCopy } from "./server.mjs";

/** The pages that both themes must show alike (requirement 32). */
export function places({ made, odd }) {
  const [first, second] = made.runs;
  return {
    charts: `runs?e=${made.id}`,
    table: `runs?e=${made.id}&g=auto&b=${first}`,
    compare: `runs?e=${made.id}&tab=compare&s=${first},${second}&b=${first}`,
    parallel: `runs?e=${made.id}&tab=parallel&pa=params.lr,params.width,metrics.val/loss`,
    run: `run/${first}`,
    models: "models/digits",
    lineage: "lineage?kind=version&id=models%3A%2Fdigits%2F3",
    hostile: `runs?e=${odd.id}`,
  };
}

/** All other pages that a reader meets. */
function morePlaces({ made, odd }) {
  const [first, second] = made.runs;
  return {
    now: "now",
    experiments: "experiments",
    experiment: `experiments?id=${made.id}`,
    scatter: `runs?e=${made.id}&tab=scatter&sx=params.lr&sy=metrics.val/loss&sc=metrics.val/accuracy`,
    importance: `runs?e=${made.id}&tab=importance&io=metrics.val/loss`,
    media: `runs?e=${made.id}&tab=media&s=${first},${second}`,
    card: `runs?e=${made.id}&card=train/loss`,
    smooth: `runs?e=${made.id}&sm=time_ema:0.9&v=first:4&cc=2`,
    peek: `runs?e=${made.id}&i=${first}`,
    filter: `runs?e=${made.id}&f=metrcs.x%20%3C%201`,
    config: `run/${first}/config`,
    runcharts: `run/${first}/charts`,
    runmedia: `run/${first}/media`,
    files: `run/${first}/files?folder=tables&file=tables%2Fscores.csv`,
    filelist: `run/${first}/files`,
    modellist: "models",
    lineagelist: "lineage",
    views: "views",
    jobs: "jobs",
    serving: "serving",
    tables: "tables",
    oddrun: `run/${odd.runs[0]}`,
    oddcompare: `runs?e=${odd.id}&tab=compare`,
    lost: "nothing",
  };
}

const SIZES = { "": {}, narrow: { width: 400, height: 800 }, wide: { width: 2560, height: 1300 } };

async function draw(browser, url, folder, named, only) {
  for (const [size, shape] of Object.entries(SIZES)) {
    for (const colorScheme of size === "" ? ["light", "dark"] : ["light"]) {
      const tab = await open(browser, url, { colorScheme, ...shape });
      for (const [name, place] of Object.entries(named)) {
        const file = [name, size || colorScheme].join("-");
        if (only && !file.includes(only)) continue;
        await visit(tab, `/ui/${place}`);
        await tab.page.screenshot({ path: join(folder, `${file}.png`) });
      }
      await tab.context.close();
    }
  }
}

async function extras(url) {
  const rest = (path, body) => call(url, `../../${path}`, body);
  for (const [name, command] of [["nightly training", ["sh", "-c", "echo done"]], ["broken", ["sh", "-c", "exit 3"]]]) {
    const { job_id } = await rest("2.2/jobs/create", { name, tasks: [{ task_key: "train", command_task: { command } }], schedule: { quartz_cron_expression: "0 0 6 * * ?", timezone_id: "America/New_York" } });
    await rest("2.2/jobs/run-now", { job_id });
  }
}

async function empty(browser, folder, only) {
  const server = await serve();
  const pages = Object.fromEntries(["runs", "experiments", "models", "lineage", "now", "jobs", "tables", "views"].map((name) => [`empty-${name}`, name]));
  await draw(browser, server.url, folder, pages, only);
  await call(server.url, "runs/create", { experiment_id: "0", run_name: "only" });
  await draw(browser, server.url, folder, { "one-run": "runs", "one-compare": "runs?tab=compare", "one-scatter": "runs?tab=scatter", "one-parallel": "runs?tab=parallel" }, only);
  await server.stop();
}

async function main(folder, only = "") {
  mkdirSync(folder, { recursive: true });
  const { variables, end } = await prepare();
  Object.assign(process.env, variables);
  const browser = await launch();
  const server = await serveCopy(fixture().path);
  try {
    await extras(server.url);
    await draw(browser, server.url, folder, { ...places(fixture().made), ...morePlaces(fixture().made) }, only);
    await empty(browser, folder, only);
  } finally {
    await server.stop();
    await browser.close();
    await end();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder, only] = process.argv.slice(2);
  if (!folder) throw new Error("expected a folder for the pictures: npm run pictures -- FOLDER");
  await main(folder, only);
}
