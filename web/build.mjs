// Bundles `src` into `dist`. The output has no dates, no paths and no source map, so that CI can compare its bytes.
import { build } from "esbuild";
import { mkdirSync, readFileSync, writeFileSync, existsSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const dist = process.argv[2] ?? join(root, "dist");
const LIMIT = 140_000;
const BUNDLED = ["preact", "@preact/signals", "@preact/signals-core"];

function notices() {
  const parts = ["Third-party software in this page\n"];
  for (const name of BUNDLED) {
    const folder = join(root, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = join(folder, "LICENSE");
    const text = existsSync(file) ? readFileSync(file, "utf8").trim() : license;
    parts.push(`${"=".repeat(72)}\n${name} ${version} (${license})\n\n${text}\n`);
  }
  return parts.join("\n");
}

async function bundle() {
  const result = await build({
    entryPoints: { app: join(root, "src/main.tsx") },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    outdir: dist,
    format: "esm",
    target: ["es2022", "chrome110", "firefox115", "safari16"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    charset: "utf8",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  return result.outputFiles.map((file) => [file.path.split("/").pop(), Buffer.from(file.contents)]);
}

const files = new Map(await bundle());
files.set("index.html", readFileSync(join(root, "src/index.html")));
files.set("icons.svg", readFileSync(join(root, "src/icons.svg")));
files.set("notices.txt", Buffer.from(notices()));
mkdirSync(dist, { recursive: true });
let total = 0;
for (const [name, bytes] of [...files].sort()) {
  writeFileSync(join(dist, name), bytes);
  const packed = gzipSync(bytes, { level: 9 }).length;
  if (name !== "notices.txt") total += packed;
  console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(8)} B ${String(packed).padStart(8)} B gzip`);
}
console.log(`${"total".padEnd(12)} ${String(total).padStart(19)} B gzip, limit ${LIMIT}`);
if (total > LIMIT) {
  console.error(`error: the page has ${total} bytes gzip, and at most ${LIMIT} are allowed`);
  process.exit(1);
}
