// Writes runs through MLflow's REST API: a sweep with seeds, and runs that try to break the page.
// As a program: `node fixture.mjs URL [POINTS]`.
import { pathToFileURL } from "node:url";
import { deflateSync } from "node:zlib";
import { call } from "./server.mjs";

const START = Date.UTC(2026, 10, 29, 12);
const METRICS = ["train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr", "grad_norm", "system/memory", "epoch_time"];

/** Numbers from 0 to 1 that are the same in every run of the script. */
export function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

async function experiment(url, name) {
  return (await call(url, "experiments/create", { name })).experiment_id;
}

async function createRun(url, experiment_id, name, { start = START, tags = [], params = {} } = {}) {
  const { run } = await call(url, "runs/create", { experiment_id, run_name: name, start_time: start, tags });
  const entries = Object.entries(params).map(([key, value]) => ({ key, value: String(value) }));
  if (entries.length > 0) await call(url, "runs/log-batch", { run_id: run.info.run_id, params: entries });
  return run.info.run_id;
}

async function end(url, run_id, status, end_time) {
  await call(url, "runs/update", { run_id, status, end_time });
}

async function logPoints(url, run_id, metrics) {
  for (let at = 0; at < metrics.length; at += 1000) await call(url, "runs/log-batch", { run_id, metrics: metrics.slice(at, at + 1000) });
}

function curve(config, seed, points) {
  const next = random(seed * 7919 + config.width);
  const speed = Math.log10(config.lr / 1e-5) * 0.9 + config.width / 256;
  const rows = [];
  for (let step = 0; step < points; step += 1) {
    const time = START + step * 1000 + seed;
    const part = (step + 1) / points;
    const noise = () => (next() - 0.5) * 0.12;
    const loss = 2.3 * Math.exp(-part * speed * 1.6) + 0.08 + noise() * (1 - part * 0.6);
    const values = [
      Math.max(1e-3, loss), Math.min(0.999, 1 - loss / 2.6 + noise() * 0.1), Math.max(2e-3, loss * 1.12 + 0.05 * part + noise()), Math.min(0.99, 1 - loss / 2.4 + noise() * 0.2),
      config.lr * (1 - part * 0.9), 1 + next() * 3 * (1 - part), 2e9 + 1e9 * part + next() * 5e7, 12 + next(),
    ];
    METRICS.forEach((key, at) => rows.push({ key, value: values[at], step, timestamp: time }));
  }
  return rows;
}

/** Makes 24 runs: 8 configurations with 3 seeds. One has NaN at the end, one failed. */
export async function sweep(url, points = 2000) {
  const id = await experiment(url, "/Shared/team/digits");
  const runs = [];
  for (const lr of [1e-4, 3e-4, 1e-3, 3e-3]) {
    for (const width of [64, 128]) {
      for (const seed of [1, 2, 3]) {
        const number = runs.length;
        const params = { lr, width, seed, optimizer: width === 64 ? "adam" : "sgd", dropout: 0.1, batch_size: 64 };
        const run = await createRun(url, id, `digits-${String(number).padStart(2, "0")}`, { start: START + number * 60_000, params, tags: [{ key: "team", value: "vision" }] });
        const rows = curve(params, seed, points);
        if (number === 5) rows.filter(({ key, step }) => key === "train/loss" && step > points * 0.8).forEach((row) => (row.value = "NaN"));
        await logPoints(url, run, rows);
        await call(url, "runs/log-batch", { run_id: run, metrics: [{ key: "test_accuracy", value: 0.8 + number / 200, step: 0, timestamp: START }] });
        await end(url, run, number === 7 ? "FAILED" : "FINISHED", START + number * 60_000 + points * 1000);
        runs.push(run);
      }
    }
  }
  const child = await createRun(url, id, "child of digits-00", { tags: [{ key: "mlflow.parentRunId", value: runs[0] }], params: { lr: 1e-4 } });
  await end(url, child, "FINISHED", START + 1000);
  return { id, runs, child };
}

export const HOSTILE = [
  "<img src=x onerror=\"window.attacked=1\"><script>window.attacked=1</script>",
  "\u202eتجربة من اليمين",
  "🔥🧪 emoji 👩‍🔬",
  "'; DROP TABLE runs; --`\"",
  "x".repeat(400),
];

/** Makes runs whose names, params, tags and values try to break the page. */
export async function hostile(url) {
  const id = await experiment(url, "/Shared/<b>hostile</b>");
  const runs = [];
  for (const name of HOSTILE) {
    const run = await createRun(url, id, name, { params: { [`p ${name.slice(0, 40).replace(/[^\w ]/g, "_")}`]: name.slice(0, 200), lr: "0.1" }, tags: [{ key: "mlflow.note.content", value: `**bold** <script>window.attacked=1</script> [x](javascript:window.attacked=1)` }] });
    const odd = ["NaN", "Infinity", "-Infinity", 0, -1, 1e308, 5e-324];
    await logPoints(url, run, odd.map((value, step) => ({ key: "odd", value, step, timestamp: START + step })));
    await logPoints(url, run, [
      { key: "steps", value: 1, step: -5, timestamp: START }, { key: "steps", value: 2, step: -5, timestamp: START + 1 }, { key: "steps", value: 3, step: 9007199254740993, timestamp: START + 2 },
      { key: "single", value: 4, step: 0, timestamp: START },
    ]);
    await end(url, run, "FINISHED", START + 5000);
    runs.push(run);
  }
  const bare = await createRun(url, id, "", {});
  return { id, runs: [...runs, bare] };
}

/** Registers a model with three versions of runs and two aliases. */
export async function models(url, runs) {
  await call(url, "registered-models/create", { name: "digits", description: "Reads **handwritten** digits." });
  for (const run of runs.slice(0, 3)) await call(url, "model-versions/create", { name: "digits", source: `runs:/${run}/model`, run_id: run });
  await call(url, "registered-models/alias", { name: "digits", alias: "champion", version: "2" });
  await call(url, "registered-models/alias", { name: "digits", alias: "candidate", version: "3" });
}

const TABLE = Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** The checksum of PNG. */
function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), 4 + body.length);
  return frame;
}

/** Makes a picture of one colour. */
export function png(red, green, blue, size = 64) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 2], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(size * 3, Buffer.from([red, green, blue]))]);
  const pixels = deflateSync(Buffer.concat(Array(size).fill(row)));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

export async function upload(url, experiment, run, path, bytes) {
  const address = `${url}/api/2.0/mlflow-artifacts/artifacts/${experiment}/${run}/artifacts/${path.split("/").map(encodeURIComponent).join("/")}`;
  const response = await fetch(address, { method: "PUT", body: bytes });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

export const ATTACK = `<!doctype html><body>attack<script>parent.attacked = 1; top.attacked = 1; fetch("/api/v1/file")</script><img src=x onerror="top.attacked=1"></body>`;

/** Gives two runs files: images with unequal steps, a table, JSON, and HTML and SVG that attack. */
export async function files(url, experiment, [first, second]) {
  for (const step of [0, 5, 10]) await upload(url, experiment, first, `images/faces%step%${step}%timestamp%${START + step}%aa.png`, png(step * 20, 80, 160));
  for (const step of [0, 5]) await upload(url, experiment, second, `images/faces%step%${step}%timestamp%${START + step}%bb.png`, png(160, step * 20, 80));
  await upload(url, experiment, first, "tables/scores.csv", 'name,score\n"a,b",1\n<b>x</b>,2\n');
  await upload(url, experiment, first, "config.json", '{"a":{"b":1}}');
  await upload(url, experiment, first, "report.html", ATTACK);
  await upload(url, experiment, first, "attack.svg", `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>top.attacked=1</script><rect width="40" height="40" fill="red"/></svg>`);
  await upload(url, experiment, first, "weights.bin", Buffer.from([0, 1, 2, 3, 255, 254]));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [url, points = "2000"] = process.argv.slice(2);
  const made = await sweep(url, Number(points));
  await hostile(url);
  await files(url, made.id, made.runs);
  await models(url, made.runs);
  console.log(`wrote ${made.runs.length} runs and more to ${url}`);
}
