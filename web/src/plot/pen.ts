/** What draws. The canvas, an SVG text and a recorder for tests have the same calls. */

export interface Line {
  colour: string;
  width: number;
  dash?: readonly number[];
  alpha?: number;
}

export interface Fill {
  colour: string;
  alpha?: number;
}

export interface Words {
  colour: string;
  size: number;
  align?: "left" | "center" | "right";
  baseline?: "top" | "middle" | "bottom";
  bold?: boolean;
  /** Turns the text by a quarter, so that it is read from below. */
  upright?: boolean;
}

export interface Pen {
  clip(x: number, y: number, width: number, height: number): void;
  unclip(): void;
  begin(): void;
  move(x: number, y: number): void;
  line(x: number, y: number): void;
  close(): void;
  stroke(style: Line): void;
  fill(style: Fill): void;
  rect(x: number, y: number, width: number, height: number, style: Fill): void;
  dot(x: number, y: number, radius: number, style: Fill): void;
  text(x: number, y: number, text: string, style: Words): void;
}

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
