import type { Bins } from "./series";

export const [WIDTH, HEIGHT] = [72, 18];
const MARGIN = 2;

/** Returns the line through the means, each run in its own range, as the data of an SVG path. */
export function sparkPath({ x, mean }: Pick<Bins, "x" | "mean">): string {
  const finite = mean.filter(Number.isFinite);
  const low = finite.reduce((least, value) => Math.min(least, value), Infinity);
  const high = finite.reduce((most, value) => Math.max(most, value), -Infinity);
  const [start, end] = [x[0] ?? 0, x[x.length - 1] ?? 0];
  const toX = (value: number) => (end > start ? MARGIN + ((value - start) / (end - start)) * (WIDTH - 2 * MARGIN) : WIDTH / 2);
  const toY = (value: number) => (high > low ? HEIGHT - MARGIN - ((value - low) / (high - low)) * (HEIGHT - 2 * MARGIN) : HEIGHT / 2);
  let path = "";
  let joined = false;
  mean.forEach((value, at) => {
    const fits = Number.isFinite(value);
    if (fits) path += `${joined ? "L" : "M"}${toX(x[at] ?? 0).toFixed(1)} ${toY(value).toFixed(1)}`;
    joined = fits;
  });
  return finite.length === 1 ? `${path}h0.01` : path;
}
