import assert from "node:assert/strict";
import { test } from "node:test";
import { renderMarkdown } from "../src/markdown";

interface Node { type?: unknown; props?: Record<string, unknown> }

/** Lists the elements of rendered nodes with their links, and collects the text. */
function walk(nodes: unknown, found: { tags: string[]; links: string[]; text: string }): void {
  if (typeof nodes === "string") found.text += nodes;
  else if (Array.isArray(nodes)) for (const one of nodes) walk(one, found);
  else if (nodes && typeof nodes === "object") {
    const { type, props = {} } = nodes as Node;
    if (typeof type === "string") found.tags.push(type);
    if (props["href"]) found.links.push(String(props["href"]));
    walk(props["children"], found);
  }
}

function rendered(text: string) {
  const found = { tags: [] as string[], links: [] as string[], text: "" };
  walk(renderMarkdown(text), found);
  return found;
}

test("a link to another machine says so", () => {
  const { links } = rendered("[a](//host.example/x) [b](/\\host.example) [c](\\\\host.example) [d](https:host.example) [e](/ui/runs) [f](docs/a.md) [g](../a.md) [h](#top)");
  assert.deepEqual(links, ["/ui/runs", "docs/a.md", "../a.md", "#top"]);
});

test("HTML in a note stays text, and only harmless links become links", () => {
  const { tags, links, text } = rendered("<img src=x onerror=alert(1)> [bad](javascript:alert(1)) [good](https://a.example/x) **b**");
  assert.deepEqual(links, ["https://a.example/x"]);
  assert.ok(text.includes("<img src=x onerror=alert(1)>"));
  assert.deepEqual(tags, ["p", "a", "strong"]);
});

test("blocks are recognised", () => {
  const { tags } = rendered("# Head\n\n- one\n- [x] two\n\n1. a\n\n> quote\n\n```\ncode **not bold**\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |");
  for (const tag of ["h3", "ul", "li", "input", "ol", "blockquote", "pre", "table", "th", "td"]) assert.ok(tags.includes(tag), tag);
  assert.ok(!tags.includes("strong"));
});

test("odd text ends in bounded time", () => {
  const start = Date.now();
  for (const text of ["*".repeat(50_000), "[".repeat(50_000), "`".repeat(50_001), "_a".repeat(20_000), "> ".repeat(3000)]) rendered(text);
  assert.ok(Date.now() - start < 4000);
});
