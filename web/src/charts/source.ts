import { signal } from "@preact/signals";
import type { Ink } from "../colour";
import type { ScaleKind } from "../plot/scale";

/** Whose curves a wall draws, and how their lines look. */
export interface Source {
  /** The part of the request that names the runs, or null if there is nothing to draw. */
  body: Record<string, unknown> | null;
  /** The ids in the order of drawing, or null for all of the answer. */
  ids: readonly string[] | null;
  /** How many runs or groups there are to draw from. */
  of: number;
  grouped: boolean;
  idOf: (id: string) => string;
  nameOf: (id: string) => string;
  /** Says whether a run is known to have ended, so that its curves do not grow. */
  isOver: (id: string) => boolean;
  ink: (id: string) => Ink;
}

export interface Crosshair {
  x: number;
  card: string;
  pinned: boolean;
  /** Where the pointer is on the screen. */
  left: number;
  top: number;
}

/** The place on the x axis under the pointer, shared by all cards. */
export const crosshair = signal<Crosshair | null>(null);

export function xKindOf(axis: string): ScaleKind {
  return axis === "time" ? "time" : axis === "relative" ? "duration" : axis === "step" ? "step" : "linear";
}

export function axisWords(axis: string): string {
  const words: Record<string, string> = { step: "Step", time: "Wall time", relative: "Relative time" };
  return words[axis] ?? axis.replace(/^metrics\./, "");
}
