// Starts the real program on a file in a temporary folder.
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** Finds the program: TRACKLITE names it, otherwise the newest build of this repository is taken. */
export function program() {
  const root = join(here, "../..");
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  const candidates = [process.env.TRACKLITE, join(target, "release/tracklite"), join(target, "debug/tracklite")];
  return candidates.find((path) => path && existsSync(path)) ?? null;
}

export const dist = join(here, "../dist");

async function addressOf(child) {
  let text = "";
  for await (const chunk of child.stdout) {
    text += chunk;
    const match = /https?:\/\/\S+/.exec(text);
    if (match) return match[0].replace(/\/$/, "");
  }
  throw new Error(`the server ended without an address: ${text}`);
}

const newFolder = () => mkdtempSync(join(tmpdir(), "tracklite-page-"));

/** Serves a copy of a file, so that tests that write do not meet. */
export async function serveCopy(path) {
  const folder = newFolder();
  const file = join(folder, "runs.tracklite");
  copyFileSync(path, file);
  const server = await serve({ file });
  const stop = async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...server, stop };
}

export async function serve({ file, args = [], port = 0 } = {}) {
  const folder = file ? null : newFolder();
  const path = file ?? join(folder, "runs.tracklite");
  const child = spawn(program(), ["serve", path, "--port", String(port), "--quiet", "--assets", dist, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  const url = await addressOf(child).catch((error) => {
    throw new Error(`${error.message}\n${errors}`);
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    if (folder) rmSync(folder, { recursive: true, force: true });
  };
  return { url, path, child, stop };
}

/** Calls MLflow's REST API. */
export async function call(url, path, body, method = "POST") {
  const response = await fetch(`${url}/api/2.0/mlflow/${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

/** Calls the API of the page. */
export async function api(url, path, body, method = "POST") {
  const init = body === undefined ? {} : { method, headers: { "Content-Type": "application/json", "X-Tracklite": "page" }, body: JSON.stringify(body) };
  const response = await fetch(`${url}/api/v1/${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Waits until something holds that no page shows. */
export async function until(holds, what, milliseconds = 10_000) {
  for (const end = Date.now() + milliseconds; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`did not happen in ${milliseconds} ms: ${what}`);
}
