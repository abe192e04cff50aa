// Bundles the tests and runs them: those of the logic by default, those of the pages in a browser with `--pages`.
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CHROMIUM, prepare } from "./prepared.mjs";
import { program } from "./server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const [flag, only = ""] = process.argv.slice(2);

/** How many files of tests of pages run at once. One page draws while another one waits. */
const AT_ONCE = 3;

function run(files, atOnce, variables = {}) {
  const child = spawn(process.execPath, ["--test", "--test-timeout=600000", `--test-concurrency=${atOnce}`, ...files], { stdio: "inherit", cwd: join(here, ".."), env: { ...process.env, ...variables } });
  return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
}

async function logic() {
  const entryPoints = readdirSync(here).filter((name) => name.endsWith(".test.ts")).map((name) => join(here, name));
  const outdir = mkdtempSync(join(tmpdir(), "tracklite-tests-"));
  try {
    await build({ entryPoints, outdir, bundle: true, platform: "node", format: "esm", outExtension: { ".js": ".mjs" }, jsx: "automatic", jsxImportSource: "preact", logLevel: "warning" });
    return await run(readdirSync(outdir).map((name) => join(outdir, name)), 1);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

async function pages() {
  const missing = program() === null ? "the program tracklite (build it, or set TRACKLITE)" : existsSync(CHROMIUM) ? null : "Debian's package chromium";
  if (missing) {
    console.error(`SKIPPED: the tests of the pages need ${missing}`);
    return process.env.CI ? 1 : 0;
  }
  const { variables, end } = await prepare();
  try {
    return await run(readdirSync(here).filter((name) => name.endsWith(".page.mjs") && name.includes(only)).map((name) => join(here, name)), AT_ONCE, variables);
  } finally {
    await end();
  }
}

process.exit(flag === "--pages" ? await pages() : await logic());
