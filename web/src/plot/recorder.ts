import type { Fill, Line, Pen, Words } from "./pen";

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Keeps every call as a line of text, so that tests compare drawings exactly. */
export class Recorder implements Pen {
  readonly calls: string[] = [];
  private path: string[] = [];

  clip(x: number, y: number, width: number, height: number): void {
    this.calls.push(`clip ${[x, y, width, height].map(round).join(" ")}`);
  }

  unclip(): void {
    this.calls.push("unclip");
  }

  begin(): void {
    this.path = [];
  }

  move(x: number, y: number): void {
    this.path.push(`M${round(x)},${round(y)}`);
  }

  line(x: number, y: number): void {
    this.path.push(`L${round(x)},${round(y)}`);
  }

  close(): void {
    this.path.push("Z");
  }

  stroke({ colour, width, dash, alpha }: Line): void {
    this.calls.push(`stroke ${colour} ${round(width)} [${dash?.join(" ") ?? ""}] ${alpha ?? 1} ${this.path.join("")}`);
  }

  fill({ colour, alpha }: Fill): void {
    this.calls.push(`fill ${colour} ${alpha ?? 1} ${this.path.join("")}`);
  }

  rect(x: number, y: number, width: number, height: number, { colour }: Fill): void {
    this.calls.push(`rect ${[x, y, width, height].map(round).join(" ")} ${colour}`);
  }

  dot(x: number, y: number, radius: number, { colour }: Fill): void {
    this.calls.push(`dot ${[x, y, radius].map(round).join(" ")} ${colour}`);
  }

  text(x: number, y: number, text: string, { align }: Words): void {
    this.calls.push(`text ${round(x)} ${round(y)} ${align ?? "left"} ${text}`);
  }
}
