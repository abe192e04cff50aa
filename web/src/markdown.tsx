import type { ComponentChildren } from "preact";

/** A subset of Markdown as nodes of the page. HTML in it stays text, and images are not loaded. */

const INLINE = /(`+)([\s\S]*?)\1|\*\*([\s\S]+?)\*\*|__([\s\S]+?)__|\*([^*\s][^*]*?)\*|(?<![\w])_([^_\s][^_]*?)_(?![\w])|\[([^\]]+)\]\(([^)\s]+)\)|(https?:\/\/[^\s<>)]+)/;

/** Lets through the web, mail, and places of this page. `//host` and `/\host` lead to another machine without saying so. */
function safeLink(url: string): boolean {
  return /^(https?:\/\/|mailto:|\/(?![/\\])|#|\w[\w./-]*$|\.\.?\/[\w./-]*$)/i.test(url);
}

function anchor(url: string, words: ComponentChildren): ComponentChildren {
  if (!safeLink(url)) return words;
  return <a href={url} rel="noopener noreferrer nofollow" target="_blank">{words}</a>;
}

const LONGEST = 10_000;

/** Marks up one paragraph. Very long ones stay plain, because the pattern is not linear in their length. */
function inline(text: string): ComponentChildren[] {
  if (text.length > LONGEST) return [text];
  const parts: ComponentChildren[] = [];
  let rest = text;
  for (let round = 0; rest !== "" && round < 2000; round += 1) {
    const match = INLINE.exec(rest);
    if (!match) break;
    parts.push(rest.slice(0, match.index));
    const [whole, , code, strong, strong2, soft, soft2, words, url, bare] = match;
    if (code !== undefined) parts.push(<code>{code}</code>);
    else if (strong !== undefined || strong2 !== undefined) parts.push(<strong>{inline(strong ?? strong2 ?? "")}</strong>);
    else if (soft !== undefined || soft2 !== undefined) parts.push(<em>{inline(soft ?? soft2 ?? "")}</em>);
    else if (words !== undefined && url !== undefined) parts.push(anchor(url, inline(words)));
    else if (bare !== undefined) parts.push(anchor(bare, bare));
    rest = rest.slice(match.index + whole.length);
  }
  parts.push(rest);
  return parts;
}

interface Block {
  node: ComponentChildren;
  next: number;
}

const isItem = (line: string) => /^\s*([-*+]|\d+[.)])\s+/.test(line);
const isBreak = (line: string) => line.trim() === "" || /^(#{1,6}\s|```|>|\s*([-*+]|\d+[.)])\s+|\|)/.test(line);

function codeBlock(lines: readonly string[], at: number): Block {
  let end = at + 1;
  while (end < lines.length && !/^```/.test(lines[end] ?? "")) end += 1;
  return { node: <pre><code>{lines.slice(at + 1, end).join("\n")}</code></pre>, next: end + 1 };
}

function listBlock(lines: readonly string[], at: number): Block {
  let end = at;
  while (end < lines.length && isItem(lines[end] ?? "")) end += 1;
  const items = lines.slice(at, end).map((line) => line.replace(/^\s*([-*+]|\d+[.)])\s+/, ""));
  const rows = items.map((item) => {
    const box = /^\[([ xX])\]\s+(.*)$/.exec(item);
    return <li>{box ? <><input type="checkbox" disabled checked={box[1] !== " "} /> {inline(box[2] ?? "")}</> : inline(item)}</li>;
  });
  return { node: /^\s*\d/.test(lines[at] ?? "") ? <ol>{rows}</ol> : <ul>{rows}</ul>, next: end };
}

function tableBlock(lines: readonly string[], at: number): Block {
  let end = at;
  while (end < lines.length && /^\|/.test(lines[end] ?? "")) end += 1;
  const cells = (line: string) => line.replace(/^\||\|\s*$/g, "").split("|").map((cell) => cell.trim());
  const rows = lines.slice(at, end).filter((line) => !/^\|[\s:|-]+\|?\s*$/.test(line)).map(cells);
  const [head = [], ...body] = rows;
  return {
    node: (
      <table>
        <thead><tr>{head.map((cell) => <th>{inline(cell)}</th>)}</tr></thead>
        <tbody>{body.map((row) => <tr>{row.map((cell) => <td>{inline(cell)}</td>)}</tr>)}</tbody>
      </table>
    ),
    next: end,
  };
}

function heading(line: string): ComponentChildren {
  const match = /^(#{1,6})\s+(.*)$/.exec(line);
  const words = inline(match?.[2] ?? "");
  return (match?.[1]?.length ?? 1) <= 2 ? <h3>{words}</h3> : <h4>{words}</h4>;
}

const DEEPEST = 8;

function block(lines: readonly string[], at: number, depth: number): Block {
  const line = lines[at] ?? "";
  if (line.startsWith("```")) return codeBlock(lines, at);
  if (/^#{1,6}\s/.test(line)) return { node: heading(line), next: at + 1 };
  if (isItem(line)) return listBlock(lines, at);
  if (line.startsWith("|")) return tableBlock(lines, at);
  if (line.startsWith(">") && depth < DEEPEST) {
    let end = at;
    while (end < lines.length && (lines[end] ?? "").startsWith(">")) end += 1;
    return { node: <blockquote>{renderMarkdown(lines.slice(at, end).map((one) => one.replace(/^>\s?/, "")).join("\n"), depth + 1)}</blockquote>, next: end };
  }
  let end = at + 1;
  while (end < lines.length && !isBreak(lines[end] ?? "")) end += 1;
  return { node: <p>{inline(lines.slice(at, end).join("\n"))}</p>, next: end };
}

export function renderMarkdown(text: string, depth = 0): ComponentChildren[] {
  const lines = text.slice(0, 200_000).replace(/\r\n?/g, "\n").split("\n");
  const nodes: ComponentChildren[] = [];
  for (let at = 0; at < lines.length; ) {
    if ((lines[at] ?? "").trim() === "") {
      at += 1;
      continue;
    }
    const { node, next } = block(lines, at, depth);
    nodes.push(node);
    at = next;
  }
  return nodes;
}
