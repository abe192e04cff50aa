import { prepare } from "../plot/canvas";
import { allSingle, drawBars, placeBars } from "../plot/bars";
import { drawChart, drawOverlay, hits, layout, type Area, type ChartSpec, type Hit } from "../plot/chart";
import { look } from "../plot/look";
import { Recorder } from "../plot/recorder";
import type { Pen } from "../plot/pen";
import { drawn, nearestBin, type Stroke } from "../plot/series";
import { hover, hovered } from "../runs/selection";
import { crosshair } from "./source";

export type Settings = Omit<ChartSpec, "width" | "height" | "strokes" | "look" | "yZoom">;

const NEAR = 24;

interface Callbacks {
  zoom: (range: [number, number] | null) => void;
  open: (id: string) => void;
}

/** Draws one card and turns the pointer's moves into a crosshair, a highlight and zooms. */
export class CardView {
  strokes: readonly Stroke[] = [];
  settings: Settings = { xKind: "linear", logX: false, logY: false, outliers: false, zoom: null };
  area: Area | null = null;
  outside = 0;
  private yZoom: [number, number] | null = null;
  private width = 0;
  private height = 0;
  private drag: { x: number; y: number; toX: number; vertical: boolean } | null = null;

  constructor(readonly id: string, private readonly base: HTMLCanvasElement, private readonly front: HTMLCanvasElement, private readonly calls: Callbacks) {
    Object.defineProperty(base, "penLog", { value: () => this.record(), configurable: true });
    Object.defineProperty(front, "penLog", { value: () => this.recordOverlay(), configurable: true });
  }

  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
  }

  /** How many bars there is no place for. */
  get hiddenBars(): number {
    return this.bars ? Math.max(0, this.strokes.length - placeBars(this.strokes, this.height).length) : 0;
  }

  get bars(): boolean {
    return allSingle(this.strokes) && !this.settings.zoom;
  }

  private spec(width = this.width, height = this.height): ChartSpec {
    return { ...this.settings, width, height, strokes: this.strokes, look: look.peek(), yZoom: this.yZoom };
  }

  /** Draws on any pen, for the screen, a file or a test. */
  drawOn(pen: Pen, width = this.width, height = this.height): number {
    if (this.bars) {
      drawBars(pen, placeBars(this.strokes, height), width, look.peek(), null);
      return 0;
    }
    return drawChart(pen, this.spec(width, height)).outside;
  }

  draw(): void {
    if (this.width === 0) return;
    const pen = prepare(this.base, this.width, this.height);
    if (!pen) return;
    if (this.bars) {
      this.area = layout(this.spec());
      this.outside = this.drawOn(pen);
    } else {
      const { outside, ...area } = drawChart(pen, this.spec());
      [this.area, this.outside] = [area, outside];
    }
    this.drawFront();
  }

  private overlayOn(pen: Pen): void {
    const { area, drag } = this;
    const id = hovered.peek();
    if (!area) return;
    const known = id !== null && this.strokes.some(({ bins }) => bins.id === id);
    if (this.bars) {
      if (known) drawBars(pen, placeBars(this.strokes, this.height), this.width, look.peek(), id);
      return;
    }
    const box = drag && !drag.vertical ? { from: drag.x, to: drag.toX } : null;
    drawOverlay(pen, { area, strokes: this.strokes, cursor: crosshair.peek()?.x ?? null, front: known ? id : null, look: look.peek(), drag: box });
  }

  drawFront(): void {
    const id = hovered.peek();
    const known = id !== null && this.strokes.some(({ bins }) => bins.id === id);
    this.base.style.opacity = known ? (this.bars ? "0" : this.strokes.length > 1 ? "0.4" : "1") : "1";
    const pen = prepare(this.front, this.width, this.height);
    if (pen) this.overlayOn(pen);
  }

  private record(): string[] {
    const recorder = new Recorder();
    this.drawOn(recorder);
    return recorder.calls;
  }

  private recordOverlay(): string[] {
    const recorder = new Recorder();
    this.overlayOn(recorder);
    return recorder.calls;
  }

  /** Lists the values of all lines at a place of the x axis. */
  valuesAt(x: number): { stroke: Stroke; at: number; raw: number; shown: number }[] {
    return this.strokes.flatMap((stroke) => {
      const at = nearestBin(stroke.bins.x, x);
      if (at < 0) return [];
      return [{ stroke, at, raw: stroke.bins.mean[at] ?? NaN, shown: drawn(stroke.bins, at) }];
    });
  }

  private nearest(x: number, y: number): Hit | null {
    if (!this.area) return null;
    return hits(this.area, this.strokes, x, y).reduce<Hit | null>((best, hit) => (!best || hit.distance < best.distance ? hit : best), null);
  }

  private barAt(y: number): string | null {
    return placeBars(this.strokes, this.height).find(({ top }) => y >= top && y < top + 18)?.stroke.bins.id ?? null;
  }

  onMove(event: PointerEvent): void {
    const { offsetX: x, offsetY: y } = event;
    if (this.bars) return hover(this.barAt(y));
    if (!this.area) return;
    if (this.drag) {
      this.drag.toX = Math.max(this.area.box.left, Math.min(this.area.box.left + this.area.box.width, x));
      this.drawFront();
      return;
    }
    const hit = this.nearest(x, y);
    hover(hit && hit.distance < NEAR ? hit.stroke.bins.id : null);
    if (crosshair.peek()?.pinned) return;
    const inside = x >= this.area.box.left && x <= this.area.box.left + this.area.box.width;
    crosshair.value = inside ? { x: this.area.x.from(x), card: this.id, pinned: false, left: event.clientX, top: event.clientY } : null;
  }

  onLeave(): void {
    if (!crosshair.peek()?.pinned) crosshair.value = null;
    hover(null);
  }

  onDown(event: PointerEvent): void {
    if (event.button !== 0 || !this.area || this.bars) return;
    this.front.setPointerCapture(event.pointerId);
    this.drag = { x: event.offsetX, y: event.offsetY, toX: event.offsetX, vertical: event.shiftKey };
  }

  onUp(event: PointerEvent): void {
    const { drag, area } = this;
    this.drag = null;
    if (!drag || !area) return;
    if (drag.vertical && Math.abs(event.offsetY - drag.y) > 4) {
      const ends = [area.y.from(drag.y), area.y.from(event.offsetY)].sort((a, b) => a - b);
      this.yZoom = [ends[0] ?? 0, ends[1] ?? 1];
      this.draw();
    } else if (Math.abs(drag.toX - drag.x) > 4) {
      const ends = [area.x.from(drag.x), area.x.from(drag.toX)].sort((a, b) => a - b);
      this.calls.zoom([ends[0] ?? 0, ends[1] ?? 1]);
    } else this.click(event);
    this.drawFront();
  }

  private click(event: PointerEvent): void {
    if (event.ctrlKey || event.metaKey) {
      const hit = this.nearest(event.offsetX, event.offsetY);
      if (hit && hit.distance < NEAR) this.calls.open(hit.stroke.bins.id);
      return;
    }
    const present = crosshair.peek();
    if (present) crosshair.value = { ...present, pinned: !present.pinned };
  }

  /** Zooms around the pointer. Only with Ctrl, so that the wheel still scrolls the page. */
  onWheel(event: WheelEvent): void {
    if (!(event.ctrlKey || event.metaKey) || !this.area || this.bars) return;
    event.preventDefault();
    const { x } = this.area;
    const factor = Math.exp(event.deltaY * 0.002);
    const middle = event.offsetX;
    const [start, end] = [this.area.box.left, this.area.box.left + this.area.box.width];
    this.calls.zoom([x.from(middle - (middle - start) * factor), x.from(middle + (end - middle) * factor)]);
  }

  fit(): void {
    this.yZoom = null;
    this.calls.zoom(null);
    this.draw();
  }
}
