// Bundles the tests and runs them: those of the logic by default, those of the pages in a browser with `--pages`.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { program } from "./server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const [flag, only = ""] = process.argv.slice(2);

function run(files) {
  const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...files], { stdio: "inherit", cwd: join(here, "..") });
  return status ?? 1;
}

async function logic() {
  const entryPoints = readdirSync(here).filter((name) => name.endsWith(".test.ts")).map((name) => join(here, name));
  const outdir = mkdtempSync(join(tmpdir(), "tracklite-tests-"));
  try {
    await build({ entryPoints, outdir, bundle: true, platform: "node", format: "esm", outExtension: { ".js": ".mjs" }, jsx: "automatic", jsxImportSource: "preact", logLevel: "warning" });
    return run(readdirSync(outdir).map((name) => join(outdir, name)));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function pages() {
  const missing = program() === null ? "the program tracklite (build it, or set TRACKLITE)" : existsSync("/usr/bin/chromium") ? null : "Debian's package chromium";
  if (missing) {
    console.error(`SKIPPED: the tests of the pages need ${missing}`);
    return process.env.CI ? 1 : 0;
  }
  return run(readdirSync(here).filter((name) => name.endsWith(".page.mjs") && name.includes(only)).map((name) => join(here, name)));
}

process.exit(flag === "--pages" ? pages() : await logic());
