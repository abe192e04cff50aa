import type { Lineage, LineageNode } from "../types";

/** Where the boxes of a lineage graph are. The server says layer and row; this makes pixels of them. */

export const [BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN] = [200, 44, 72, 16, 24];

export interface Placed extends LineageNode {
  x: number;
  y: number;
}

export function placeNodes(nodes: readonly LineageNode[]): { placed: Placed[]; width: number; height: number } {
  const placed = nodes.map((node) => ({
    ...node,
    x: MARGIN + node.layer * (BOX_WIDTH + GAP_X),
    y: MARGIN + node.row * (BOX_HEIGHT + GAP_Y),
  }));
  const width = placed.reduce((most, { x }) => Math.max(most, x + BOX_WIDTH + MARGIN), 0);
  const height = placed.reduce((most, { y }) => Math.max(most, y + BOX_HEIGHT + MARGIN), 0);
  return { placed, width, height };
}

/** A curve from the right side of one box to the left side of another. */
export function edgePath(from: Placed, to: Placed): string {
  const [x1, y1] = [from.x + BOX_WIDTH, from.y + BOX_HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + BOX_HEIGHT / 2];
  const bend = Math.max(24, Math.abs(x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/** Lists what leads to a node and what follows from it. */
export function relatives({ edges }: Lineage, id: string): Set<string> {
  const found = new Set([id]);
  for (const [start, end] of [["from", "to"], ["to", "from"]] as const) {
    const queue = [id];
    const seen = new Set(queue);
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (const edge of edges) {
        if (edge[start] !== next || seen.has(edge[end])) continue;
        seen.add(edge[end]);
        found.add(edge[end]);
        queue.push(edge[end]);
      }
    }
  }
  return found;
}

/** Writes the graph for Mermaid. */
export function mermaid({ nodes, edges }: Lineage): string {
  const names = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const words = (text: string) => text.replace(/["\r\n]/g, " ");
  const lines = nodes.map(({ id, kind, label }) => `  ${names.get(id)}["${words(kind)}: ${words(label)}"]`);
  return ["graph LR", ...lines, ...edges.map(({ from, to }) => `  ${names.get(from)} --> ${names.get(to)}`)].join("\n") + "\n";
}
