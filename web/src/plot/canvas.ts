import { FONT, type Fill, type Line, type Pen, type Words } from "./pen";

class CanvasPen implements Pen {
  constructor(private readonly context: CanvasRenderingContext2D) {}

  clip(x: number, y: number, width: number, height: number): void {
    this.context.save();
    this.context.beginPath();
    this.context.rect(x, y, width, height);
    this.context.clip();
  }

  unclip(): void {
    this.context.restore();
  }

  begin(): void {
    this.context.beginPath();
  }

  move(x: number, y: number): void {
    this.context.moveTo(x, y);
  }

  line(x: number, y: number): void {
    this.context.lineTo(x, y);
  }

  close(): void {
    this.context.closePath();
  }

  stroke({ colour, width, dash, alpha }: Line): void {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.setLineDash(dash ? [...dash] : []);
    context.globalAlpha = alpha ?? 1;
    context.stroke();
    context.globalAlpha = 1;
  }

  fill({ colour, alpha }: Fill): void {
    this.context.fillStyle = colour;
    this.context.globalAlpha = alpha ?? 1;
    this.context.fill();
    this.context.globalAlpha = 1;
  }

  rect(x: number, y: number, width: number, height: number, { colour, alpha }: Fill): void {
    this.context.fillStyle = colour;
    this.context.globalAlpha = alpha ?? 1;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  dot(x: number, y: number, radius: number, style: Fill): void {
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, Math.PI * 2);
    this.fill(style);
  }

  text(x: number, y: number, text: string, style: Words): void {
    const { context } = this;
    context.fillStyle = style.colour;
    context.font = `${style.bold ? "600 " : ""}${style.size}px ${FONT}`;
    context.textAlign = style.align ?? "left";
    context.textBaseline = style.baseline ?? "middle";
    if (!style.upright) return context.fillText(text, x, y);
    context.save();
    context.translate(x, y);
    context.rotate(-Math.PI / 2);
    context.fillText(text, 0, 0);
    context.restore();
  }
}

/** Fits a canvas to its size on the screen, clears it, and returns its pen. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasPen | null {
  const context = canvas.getContext("2d");
  if (!context) return null;
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return new CanvasPen(context);
}
