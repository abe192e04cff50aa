import { FONT, type Fill, type Line, type Pen, type Words } from "./pen";

const ANCHORS = { left: "start", center: "middle", right: "end" } as const;
const BASELINES = { top: "hanging", middle: "central", bottom: "auto" } as const;

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Writes the drawing as the text of an SVG file. */
export class SvgPen implements Pen {
  private readonly parts: string[] = [];
  private path = "";
  private clips = 0;
  private open = 0;
  /** Moves all that follows down. */
  shift = 0;

  constructor(private readonly width: number, private readonly height: number) {}

  clip(x: number, y: number, width: number, height: number): void {
    this.clips += 1;
    this.open += 1;
    const box = `x="${round(x)}" y="${round(y + this.shift)}" width="${round(width)}" height="${round(height)}"`;
    this.parts.push(`<clipPath id="c${this.clips}"><rect ${box}/></clipPath><g clip-path="url(#c${this.clips})">`);
  }

  unclip(): void {
    this.open -= 1;
    this.parts.push("</g>");
  }

  begin(): void {
    this.path = "";
  }

  move(x: number, y: number): void {
    this.path += `M${round(x)} ${round(y + this.shift)}`;
  }

  line(x: number, y: number): void {
    this.path += `L${round(x)} ${round(y + this.shift)}`;
  }

  close(): void {
    this.path += "Z";
  }

  stroke({ colour, width, dash, alpha }: Line): void {
    if (this.path === "") return;
    const dashes = dash && dash.length > 0 ? ` stroke-dasharray="${dash.join(" ")}"` : "";
    const faint = alpha === undefined ? "" : ` stroke-opacity="${round(alpha)}"`;
    const style = `stroke="${escape(colour)}" stroke-width="${round(width)}" stroke-linejoin="round"${dashes}${faint}`;
    this.parts.push(`<path d="${this.path}" fill="none" ${style}/>`);
  }

  fill(style: Fill): void {
    if (this.path !== "") this.parts.push(`<path d="${this.path}" ${this.paint(style)}/>`);
  }

  private paint({ colour, alpha }: Fill): string {
    return `fill="${escape(colour)}"${alpha === undefined ? "" : ` fill-opacity="${round(alpha)}"`}`;
  }

  rect(x: number, y: number, width: number, height: number, style: Fill): void {
    const box = `x="${round(x)}" y="${round(y + this.shift)}" width="${round(width)}" height="${round(height)}"`;
    this.parts.push(`<rect ${box} ${this.paint(style)}/>`);
  }

  dot(x: number, y: number, radius: number, style: Fill): void {
    this.parts.push(`<circle cx="${round(x)}" cy="${round(y + this.shift)}" r="${round(radius)}" ${this.paint(style)}/>`);
  }

  text(x: number, y: number, text: string, style: Words): void {
    const turn = style.upright ? ` transform="rotate(-90 ${round(x)} ${round(y + this.shift)})"` : "";
    const place = `x="${round(x)}" y="${round(y + this.shift)}"${turn} text-anchor="${ANCHORS[style.align ?? "left"]}"`;
    const look = `dominant-baseline="${BASELINES[style.baseline ?? "middle"]}" font-size="${style.size}"`;
    const weight = style.bold ? ' font-weight="600"' : "";
    this.parts.push(`<text ${place} ${look}${weight} fill="${escape(style.colour)}">${escape(text)}</text>`);
  }

  /** Returns the file. */
  finish(background: string): string {
    const size = `width="${round(this.width)}" height="${round(this.height)}" viewBox="0 0 ${round(this.width)} ${round(this.height)}"`;
    const paper = `<rect width="100%" height="100%" fill="${escape(background)}"/>`;
    const tail = "</g>".repeat(Math.max(0, this.open));
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${escape(FONT)}">${paper}${this.parts.join("")}${tail}</svg>\n`;
  }
}
