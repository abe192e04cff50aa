import { address } from "../api";
import { number } from "../format";
import { look } from "../plot/look";
import { prepare } from "../plot/canvas";
import { SvgPen } from "../plot/svg";
import { isFormula, type Stroke } from "../plot/series";
import { copyText, download } from "../runs/export";
import { writeTable, type TextFormat } from "../runs/text";
import { joinList } from "../state";
import { change, view } from "../store";
import type { Choice } from "../ui/parts";
import type { CardView } from "./cardview";

const [WIDTH, HEIGHT, TITLE] = [800, 420, 28];

function fileName(keys: readonly string[], ending: string): string {
  return `${keys.join("+").replace(/[^\w.+-]+/g, "_").slice(0, 80)}.${ending}`;
}

/** Draws the card with its title and a legend of at most twelve lines. */
function cardSvg(view: CardView, keys: readonly string[], strokes: readonly Stroke[]): string {
  const legend = strokes.length <= 12 ? strokes : [];
  const pen = new SvgPen(WIDTH, HEIGHT + TITLE + legend.length * 16 + 8);
  const { text, faint, paper } = look.peek();
  pen.text(12, 16, keys.join(" + "), { colour: text, size: 13, bold: true });
  pen.shift = TITLE;
  view.drawOn(pen, WIDTH, HEIGHT);
  pen.shift = 0;
  legend.forEach(({ label, colour, dash }, index) => {
    const y = HEIGHT + TITLE + 10 + index * 16;
    pen.begin();
    pen.move(40, y);
    pen.line(64, y);
    pen.stroke({ colour, width: 2, dash });
    pen.text(72, y, label, { colour: faint, size: 11 });
  });
  return pen.finish(paper);
}

function savePng(card: CardView, keys: readonly string[]): void {
  const canvas = document.createElement("canvas");
  const pen = prepare(canvas, WIDTH * 2, HEIGHT * 2);
  const context = canvas.getContext("2d");
  if (!pen || !context) return;
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(2 * ratio, 0, 0, 2 * ratio, 0, 0);
  pen.rect(0, 0, WIDTH, HEIGHT, { colour: look.peek().paper });
  card.drawOn(pen, WIDTH, HEIGHT);
  canvas.toBlob((blob) => blob && download(fileName(keys, "png"), blob));
}

function pointsTable(format: TextFormat, strokes: readonly Stroke[]): string {
  const rows = strokes.flatMap(({ bins, label }) =>
    Array.from(bins.x, (x, at) => [label, bins.meta.key, String(x), String(bins.mean[at]), String(bins.low[at]), String(bins.high[at]), String(bins.n[at] ?? 1)]),
  );
  return writeTable(format, ["run", "key", view.peek().xAxis, "mean", "min", "max", "points"], rows);
}

function valuesTable(strokes: readonly Stroke[]): string {
  const rows = strokes.map(({ bins, label }) => [label, bins.meta.key, number(Number(bins.meta.last_value), 8), number(Number(bins.meta.best_value), 8)]);
  return writeTable("markdown", ["run", "key", "newest", "best"], rows);
}

function toggled(list: readonly string[], one: string): string[] {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one];
}

interface MenuInput {
  keys: readonly string[];
  view: { current: CardView | null };
  strokes: readonly Stroke[];
  asTable: boolean;
  flipTable: () => void;
}

function allPoints(strokes: readonly Stroke[]): Choice[] {
  return strokes.filter(({ bins }) => bins.meta.run !== undefined).slice(0, 1).map(({ bins }) => ({
    words: "Save all points of one run as CSV",
    choose: () => {
      const anchor = document.createElement("a");
      anchor.href = address("series.csv", { run: bins.id, key: bins.meta.key });
      anchor.download = fileName([bins.meta.key], "csv");
      anchor.click();
    },
  }));
}

export function cardChoices({ keys, view: card, strokes, asTable, flipTable }: MenuInput): (Choice | null)[] {
  const id = joinList(keys);
  const { pinnedCards, overlays } = view.peek();
  const withView = (use: (one: CardView) => void) => () => card.current && use(card.current);
  const items: (Choice | null)[] = [
    { words: asTable ? "Show as chart" : "Show as table", choose: flipTable },
    { words: "Keep on top", checked: pinnedCards.includes(id), choose: () => change({ pinnedCards: toggled(view.peek().pinnedCards, id) }) },
  ];
  if (keys.length > 1 || keys.some(isFormula)) items.push({ words: keys.length > 1 ? "Remove this combined chart" : "Remove this formula", choose: () => change({ overlays: overlays.filter((one) => one !== id) }) });
  items.push(null);
  items.push({ words: "Save as PNG", choose: withView((one) => savePng(one, keys)) });
  items.push({ words: "Save as SVG", choose: withView((one) => download(fileName(keys, "svg"), new Blob([cardSvg(one, keys, strokes)], { type: "image/svg+xml" }))) });
  items.push({ words: "Save drawn points as CSV", choose: () => download(fileName(keys, "csv"), new Blob([pointsTable("csv", strokes)], { type: "text/csv" })) });
  items.push(...allPoints(strokes));
  items.push({ words: "Copy points as TSV", choose: () => void copyText(pointsTable("tsv", strokes), "the points") });
  items.push({ words: "Copy values as Markdown", choose: () => void copyText(valuesTable(strokes), "the values") });
  return items;
}
