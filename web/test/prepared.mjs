// Prepares what all files of tests share: one fixture, one server on it, one browser.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { files, hostile, models, sweep } from "./fixture.mjs";
import { serve } from "./server.mjs";

export const CHROMIUM = "/usr/bin/chromium";

/** No name leads to another machine, so that a page that asks one gets no answer. */
const ARGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"];

export const launch = () => chromium.launch({ executablePath: CHROMIUM, args: ARGS });

/** What `prepare` made, as the files of tests see it. */
export function fixture() {
  return JSON.parse(process.env.TRACKLITE_FIXTURE ?? "{}");
}

async function write(path) {
  const server = await serve({ file: path });
  try {
    const made = await sweep(server.url, 1500);
    const odd = await hostile(server.url);
    await files(server.url, made.id, made.runs);
    await models(server.url, made.runs);
    return { made, odd };
  } finally {
    await server.stop();
  }
}

/** Returns the environment of the tests, and what ends it. */
export async function prepare() {
  const folder = mkdtempSync(join(tmpdir(), "tracklite-pages-"));
  const path = join(folder, "runs.tracklite");
  const [made, browser] = await Promise.all([write(path), chromium.launchServer({ executablePath: CHROMIUM, args: ARGS })]);
  const server = await serve({ file: path });
  const end = async () => {
    await browser.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const variables = { TRACKLITE_BROWSER: browser.wsEndpoint(), TRACKLITE_FIXTURE: JSON.stringify({ path, url: server.url, made }) };
  return { variables, end };
}
