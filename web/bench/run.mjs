// Measures the page on large files and prints a table in Markdown: `npm run bench -- FOLDER`. The folder keeps the files
// (about 1 GB), so that a second run begins at once. `--only WORD` measures the parts whose name has the word.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../test/prepared.mjs";
import { program } from "../test/server.mjs";
import { PARTS } from "./parts.mjs";
import { Measured } from "./measured.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Runs the program that writes the files: PAGE_BENCH names a built one. */
function bench(words, start) {
  const built = process.env.PAGE_BENCH;
  const [command, args] = built ? [built, words] : ["cargo", ["bench", "--locked", "--bench", "page", "--", ...words]];
  return start(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

export const makeFiles = (folder) => bench(["make", folder], execFileSync);
export const startWriters = (path, seconds) => bench(["live", path, String(seconds)], spawn);

async function main() {
  const words = process.argv.slice(2);
  const at = words.indexOf("--only");
  const [, only] = at < 0 ? [] : words.splice(at, 2);
  const folder = resolve(words[0] ?? "target/page-bench");
  if (program() === null) throw new Error("TRACKLITE names no program, and there is no built one: run `cargo build --release -p tracklite-cli`");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "many")) || readdirSync(folder).length < 5) makeFiles(folder);
  const browser = await launch();
  const measured = new Measured();
  try {
    for (const [name, part] of Object.entries(PARTS)) {
      if (only && !name.includes(only)) continue;
      console.error(`measuring ${name}`);
      await part({ folder, browser, measured, startWriters });
    }
  } finally {
    await browser.close();
  }
  console.log(measured.table());
}

await main();
