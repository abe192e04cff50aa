import assert from "node:assert/strict";
import { test } from "node:test";
import { cardsInView, columnsFor, foldedSections, orderSections, placeSections } from "../src/charts/places";
import { parseEvents } from "../src/events";
import { aligned, bytes, count, delta, duration, number, remaining } from "../src/format";
import { decodeFrame } from "../src/frame";
import { lineAt, linesOf, rowsInView } from "../src/grid/layout";
import { linesOfTree, treeOf } from "../src/pages/tree";
import { chooseColumns } from "../src/runs/choose";
import { comparisonFor, fieldName, parseField, quoteKey, searchName, withComparison } from "../src/runs/names";
import { atStep, readPicture } from "../src/runs/pictures";
import { writeTable } from "../src/runs/text";
import { looksLikeText, prettyJson, previewKind, splitTable } from "../src/run/preview";
import type { Experiment, Key } from "../src/types";

function frameBytes(header: object, body: Uint8Array): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = Math.ceil((12 + text.length) / 8) * 8;
  const bytes = new Uint8Array(start + body.length);
  bytes.set(new TextEncoder().encode("TLFRAME1"));
  new DataView(bytes.buffer).setUint32(8, text.length, true);
  bytes.set(text, 12);
  bytes.set(body, start);
  return bytes.buffer;
}

test("a frame's columns are views of its bytes", () => {
  const body = new Uint8Array(72);
  new Float64Array(body.buffer, 0, 2).set([1.5, NaN]);
  body.set([0, 1], 16);
  new Uint32Array(body.buffer, 24, 3).set([0, 1, 3]);
  body.set(new TextEncoder().encode("aü"), 40);
  new Uint32Array(body.buffer, 48, 2).set([0, 0xffffffff]);
  new BigInt64Array(body.buffer, 56, 2).set([9007199254740993n, -1n]);
  const frame = decodeFrame<{ total: number }>(frameBytes({
    rows: 2, total: 7,
    columns: [
      { name: "loss", type: "f64", offset: 0, count: 2, nulls: 16 },
      { name: "name", type: "text", offset: 24, count: 2, bytes_offset: 40, bytes: 3 },
      { name: "lr", type: "dict", offset: 48, count: 2, values: ["0.1"] },
      { name: "step", type: "i64", offset: 56, count: 2 },
    ],
  }, body));
  assert.equal(frame.meta.total, 7);
  assert.deepEqual([frame.column("loss")?.number(0), frame.column("loss")?.text(1)], [1.5, null]);
  assert.deepEqual([frame.column("name")?.text(0), frame.column("name")?.text(1)], ["a", "ü"]);
  assert.deepEqual([frame.column("lr")?.number(0), frame.column("lr")?.text(1)], [0.1, null]);
  assert.equal(frame.column("step")?.text(0), "9007199254740993");
  assert.equal(frame.doubles("missing").length, 0);
});

test("damaged frames are errors with words", () => {
  assert.throws(() => decodeFrame(new TextEncoder().encode("NOTAFRAME....").buffer as ArrayBuffer), /expected TLFRAME1/);
  assert.throws(() => decodeFrame(new ArrayBuffer(4)), /frame/);
  const header = { rows: 9, columns: [{ name: "x", type: "f64", offset: 0, count: 9 }] };
  assert.throws(() => decodeFrame(frameBytes(header, new Uint8Array(8))), /ends at byte/);
});

test("at most 60 rows exist whatever the height (requirement 1)", () => {
  for (const height of [0, 300, 900, 4000]) {
    for (const top of [0, 5000, 2_799_000]) {
      const { start, end } = rowsInView(top, height, 28, 100_000);
      assert.ok(end - start <= 60 && start >= 0 && end <= 100_000 && start <= end);
    }
  }
  const { start, end } = rowsInView(90_000 * 28, 800, 28, 100_000);
  assert.ok(start <= 90_000 && end >= 90_028);
  assert.deepEqual(rowsInView(0, 500, 28, 0), { start: 0, end: 0 });
});

test("lines of opened groups are found", () => {
  const opened = [{ group: 1, rows: 2 }, { group: 3, rows: 1 }];
  const all = Array.from({ length: linesOf(5, opened) }, (_, at) => lineAt(at, opened)).map(({ group, child }) => `${group}${child === null ? "" : `.${child}`}`);
  assert.deepEqual(all, ["0", "1", "1.0", "1.1", "2", "3", "3.0", "4"]);
});

test("12,345 cards cost as much as those in view (requirement 4)", () => {
  const sections = [{ prefix: "", start: 0, count: 45 }, { prefix: "a", start: 45, count: 12_300 }];
  const { placed, height } = placeSections(sections, 3, new Set());
  const mounted = placed.reduce((sum, one) => { const { start, end } = cardsInView(one, 3, height / 2, 800); return sum + end - start; }, 0);
  assert.ok(mounted > 9 && mounted <= 36, String(mounted));
  assert.equal(placeSections(sections, 3, new Set(["a", ""])).height, 64);
  assert.equal(columnsFor(1000, 0), 3);
  assert.equal(columnsFor(10, 6), 6);
});

test("measurements of the machine come last and folded until they are opened", () => {
  const sections = orderSections([{ prefix: "", start: 0, count: 1 }, { prefix: "system", start: 1, count: 2 }, { prefix: "train", start: 3, count: 1 }]);
  assert.deepEqual(sections.map(({ prefix }) => prefix), ["", "train", "system"]);
  assert.deepEqual([...foldedSections(sections, ["train"])], ["train", "system"]);
  assert.deepEqual([...foldedSections(sections, ["system"])], []);
});

test("numbers are short and exact", () => {
  assert.deepEqual([0, 1, 0.1, 123456, 1e-9, 1.5e12, -2.5, 0.30000000000000004].map((value) => number(value)), ["0", "1", "0.1", "123\u202f456", "1e-9", "1.5e12", "\u22122.5", "0.3"]);
  assert.deepEqual([NaN, Infinity, -Infinity].map((value) => number(value)), ["NaN", "\u221e", "\u2212\u221e"]);
  assert.equal(delta(0.0123456), "+0.0123");
  assert.equal(delta(-2), "\u22122");
  assert.equal(duration(3_723_000), "1 h 02 m");
  assert.equal(bytes(1_234_567), "1.2 MB");
  assert.equal(count(1234567), "1\u202f234\u202f567");
  assert.deepEqual([0.5, 12.25, 1234.5].map(aligned), ["0.50000", "12.250", "1234.5"]);
  assert.equal(remaining(0, 10_000, 100, 400), 30_000);
  assert.ok(Number.isNaN(remaining(0, 10, 0, 400)));
});

test("fields are written as the search language needs them", () => {
  assert.equal(searchName("min.train/loss"), "min.`train/loss`");
  assert.equal(searchName("nan_count.loss"), "nan_count.loss");
  assert.equal(searchName("params.lr"), "params.lr");
  assert.equal(searchName("attributes.start_time"), "attributes.start_time");
  assert.equal(quoteKey("a`b"), '"a`b"');
  assert.deepEqual(parseField("max.a:b"), { kind: "metric", key: "a:b", aggregate: "max" });
  assert.equal(fieldName(parseField("max.a:b")), "max.a:b");
  assert.equal(comparisonFor("params.batch size", "it's"), "params.`batch size` = \"it's\"");
  assert.equal(comparisonFor("metrics.loss", 1e21), "metrics.loss = 1e21");
  assert.equal(withComparison("a > 1", "b = 2"), "a > 1 AND b = 2");
});

function key(kind: Key["kind"], name: string, runs: number, distinct = 2): Key {
  return { kind, key: name, runs, distinct, constant: distinct === 1, min: null, max: null, direction: null };
}

test("automatic columns are those that differ, and stay in their place", () => {
  const params = [key("param", "same", 9, 1), key("param", "lr", 9)];
  const metrics = [key("metric", "rare", 1), key("metric", "time", 9), key("metric", "loss", 9)];
  const first = chooseColumns([], params, metrics);
  assert.deepEqual(first, ["params.lr", "metrics.loss", "metrics.time", "metrics.rare"]);
  assert.deepEqual(chooseColumns(["params.same"], params.slice(0, 1), []), ["params.same"], "one run has no differences");
  assert.deepEqual(chooseColumns(["params.same"], params, []), ["params.lr"]);
  const more = chooseColumns(first, [key("param", "a", 9), ...params], [key("metric", "acc", 20), ...metrics]);
  assert.deepEqual(more, ["params.lr", "params.a", "metrics.loss", "metrics.time", "metrics.rare", "metrics.acc"]);
});

test("tables as text read back what they hold (requirement 29)", () => {
  const head = ["name", "a,b"];
  const body = [["x\"y", "1\n2"], ["p|q_", "\t5%"]];
  assert.equal(writeTable("csv", head, body), 'name,"a,b"\r\n"x""y","1\n2"\r\np|q_,\t5%\r\n');
  assert.deepEqual(splitTable(writeTable("csv", head, body), ",", 10), [head, ...body]);
  assert.equal(writeTable("markdown", head, [["p|q", "1"]]).split("\n")[2], "| p\\|q | 1 |");
  assert.match(writeTable("latex", head, body), /p\|q\\_ & {0,1}\t?5\\%/);
  assert.equal(writeTable("tsv", ["a"], [["1\t2\n3"]]), "a\n1 2 3\n");
});

test("events are split at blank lines, and the rest is kept", () => {
  const seen: string[] = [];
  const rest = parseEvents(": alive\n\nevent: change\ndata: {\"a\":\ndata: 1}\n\nevent: cha", (event, data) => seen.push(`${event}|${data}`));
  assert.deepEqual(seen, ["comment|", 'change|{"a":\n1}']);
  assert.equal(rest, "event: cha");
});

function experiment(path: string, runs: number): Experiment {
  return { id: path, path, runs, running: 0, failed: 0, last_activity: runs, created: 0, lifecycle: "active", tags: {}, note: null };
}

test("paths of experiments become folders with sums", () => {
  const root = treeOf([experiment("/Shared/team/a", 2), experiment("/Shared/team", 1), experiment("Default", 3)]);
  const lines = linesOfTree(root, new Set(), "");
  assert.deepEqual(lines.map(({ folder, depth }) => `${depth} ${folder.path} ${folder.runs}`), ["0 Default 3", "0 /Shared 3", "1 /Shared/team 3", "2 /Shared/team/a 2"]);
  assert.deepEqual(linesOfTree(root, new Set(["/Shared"]), "").length, 2);
  assert.deepEqual(linesOfTree(root, new Set(["/Shared"]), "TEAM/A").map(({ folder }) => folder.path), ["/Shared", "/Shared/team", "/Shared/team/a"]);
});

test("images have a key and a step, and the end of the slider is each run's newest (requirement 25)", () => {
  assert.deepEqual(readPicture("images/faces%step%12%timestamp%99%ab.png"), { key: "faces", step: 12, path: "images/faces%step%12%timestamp%99%ab.png" });
  assert.deepEqual(readPicture("plots/confusion_0040.svg")?.step, 40);
  assert.equal(readPicture("model.pkl"), null);
  const pictures = [1, 5, 9].map((step) => ({ key: "k", step, path: String(step) }));
  assert.equal(atStep(pictures, "k", null)?.step, 9);
  assert.equal(atStep(pictures, "k", 6)?.step, 5);
  assert.equal(atStep(pictures, "k", 0), null);
});

test("files are previewed by their kind", () => {
  assert.equal(previewKind("a/MLmodel"), "text");
  assert.equal(previewKind("x.HTML"), "frame");
  assert.equal(previewKind("weights.bin"), "none");
  assert.equal(looksLikeText("plain\ntext"), true);
  assert.equal(looksLikeText("\u0000\u0001\ufffd\ufffd"), false);
  assert.equal(prettyJson("{\"a\":1}"), "{\n  \"a\": 1\n}");
  assert.equal(prettyJson("{"), "{");
});
