// Keeps measured values by row, and writes them as a table.

/** The value below which 95 % of the others are. */
export function p95(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)];
}

const sized = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));

export class Measured {
  rows = [];

  /** Adds a row. Times are in milliseconds, sizes in bytes. `goal` bounds the 95th percentile of the times. */
  add(work, { times = [], bytes, goal, wire, note = "" }) {
    const time = times.length === 0 ? "" : `${sized(p95(times))} ms`;
    const missed = goal !== undefined && times.length > 0 && p95(times) > goal;
    const size = bytes === undefined ? "" : `${sized(bytes / 1000)} kB`;
    const over = wire !== undefined && bytes !== undefined && bytes / 1000 > wire;
    const goals = [goal === undefined ? "" : `${goal} ms${missed ? ", missed" : ""}`, wire === undefined ? "" : `${wire} kB${over ? ", missed" : ""}`];
    this.rows.push([work, time, size, goals.filter((one) => one !== "").join("; "), note]);
    console.error(`  ${this.rows[this.rows.length - 1].join(" | ")}`);
  }

  table() {
    const lines = [["work", "page, 95 %", "bytes", "goal", "also"], ["---", "---", "---", "---", "---"], ...this.rows];
    return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  }
}
