// Opens MLflow's and TensorBoard's pages on the data of the bench: `node bench/rivals.mjs FOLDER [POINTS]`. RIVALS names
// an environment of Python that has both. Prints rows of a table: how long until the first row or chart is seen.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../test/prepared.mjs";
import { until } from "../test/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const LONGEST = 120_000;

const [given = "target/page-bench", points = "1000000"] = process.argv.slice(2);
const folder = join(resolve(given), "rivals");
const python = process.env.RIVALS;
if (!python) throw new Error("RIVALS names no environment: `python -m venv E && E/bin/pip install mlflow==3.17.2 tensorboard`, then RIVALS=E");

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => probe.once("listening", done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

/** Starts a server in a process group of its own, and waits until it answers. */
async function started(command, wordsOf) {
  const port = await freePort();
  const child = spawn(join(python, "bin", command), wordsOf(port), { cwd: folder, stdio: "ignore", detached: true });
  const url = `http://127.0.0.1:${port}`;
  const answers = () => fetch(url).then(({ ok }) => ok, () => false);
  await until(answers, `${command} answers`, LONGEST);
  const exited = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    process.kill(-child.pid, "SIGTERM");
    await exited;
  };
  return { url, stop };
}

const mlflow = () => started("mlflow", (port) => ["server", "--port", String(port), "--backend-store-uri", "sqlite:///mlflow.db", "--workers", "2"]);
const tensorboard = () => started("tensorboard", (port) => ["--port", String(port), "--logdir", "events"]);

/** Opens an address and returns when something of it is seen, and what was sent for it. */
async function seen(browser, address, shown) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const sent = { bytes: 0, requests: 0 };
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    sent.bytes += encodedDataLength;
    sent.requests += 1;
  });
  const start = performance.now();
  const found = await page.goto(address, { waitUntil: "commit", timeout: LONGEST }).then(() => page.waitForFunction(shown, null, { timeout: LONGEST, polling: 20 })).then(() => true, () => false);
  const took = performance.now() - start;
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${Date.now()}.png`) }).catch(() => undefined);
  await context.close();
  return { ...sent, took: found ? took : null };
}

function print(work, rival, { took, bytes, requests }) {
  const time = took === null ? `not in ${LONGEST / 1000} s` : `${Math.round(took).toLocaleString("en")} ms`;
  console.log(`| ${work} | ${rival} | ${time} | ${Math.round(bytes / 1000).toLocaleString("en")} kB | ${requests} |`);
}

const gridRows = () => document.querySelectorAll(".ag-center-cols-container .ag-row").length > 0;
const plotly = () => document.querySelectorAll(".js-plotly-plot .scatterlayer path").length > 0;
const lineChart = () => document.querySelectorAll("line-chart svg path, line-chart canvas").length > 0;

async function ofMlflow(browser) {
  mkdirSync(folder, { recursive: true });
  await (await mlflow()).stop();
  const { wide, long } = JSON.parse(execFileSync(join(python, "bin/python"), [join(here, "rivals.py"), folder, points], { encoding: "utf8" }));
  const { url, stop } = await mlflow();
  const places = [["100,000 runs: first rows", "/#/experiments/0/runs", gridRows], ["12,345 metrics: first chart", `/#/experiments/1/runs/${wide}/model-metrics`, plotly], [`50 metrics x ${points} points: first chart`, `/#/experiments/2/runs/${long}/model-metrics`, plotly]];
  for (const [work, place, shown] of places) print(work, "MLflow", await seen(browser, url + place, shown));
  await stop();
}

async function ofTensorBoard(browser) {
  const { url, stop } = await tensorboard();
  const scalars = () => fetch(`${url}/data/plugin/timeseries/tags`).then((answer) => answer.json()).then(({ scalars: all }) => Object.keys(all?.tagDescriptions ?? {}).length >= 12_345, () => false);
  const start = performance.now();
  await until(scalars, "TensorBoard has read its files", 600_000);
  console.log(`| both runs: until the server has read them | TensorBoard | ${Math.round(performance.now() - start).toLocaleString("en")} ms | | |`);
  print(`both runs, 50 metrics x ${points} points and 12,345 metrics: first chart`, "TensorBoard", await seen(browser, `${url}/#timeseries`, lineChart));
  await stop();
}

const browser = await launch();
try {
  await ofMlflow(browser);
  await ofTensorBoard(browser);
} finally {
  await browser.close();
}
