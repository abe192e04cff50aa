import { signal } from "@preact/signals";
import { toNumber } from "../format";
import type { Bins } from "../plot/series";
import type { Zoom } from "../state";

/** A zoom whose end is this near to the newest point, as a part of its width, follows the points. */
const NEAR = 0.05;

type Range = [number, number];

interface Moved {
  /** The zoom that moves. Another one begins at its own place. */
  zoom: Zoom | null;
  shown: number;
  /** What is asked for moves in large steps, so that most answers fit. */
  asked: number;
}

const NOT_MOVED: Moved = { zoom: null, shown: 0, asked: 0 };

const isSame = (one: Zoom, other: Zoom | null) => one.low === other?.low && one.high === other.high && one.follow === other.follow;

/** Moves a zoom that follows the newest points. Others stay where they are. */
export class Follower {
  private readonly moved = signal<Moved>(NOT_MOVED);
  private tail = -Infinity;
  private axis = "";

  private of(zoom: Zoom, moved: Moved): Moved {
    return isSame(zoom, moved.zoom) ? moved : NOT_MOVED;
  }

  /** Returns the part of the axis that is drawn. */
  shown(zoom: Zoom | null): Range | null {
    if (!zoom) return null;
    const { shown } = this.of(zoom, this.moved.value);
    return [zoom.low + shown, zoom.high + shown];
  }

  /** Returns the part to ask for, and how many times as wide as the drawn part it is. */
  wanted(zoom: Zoom | null): { range: Range; times: number } | null {
    if (!zoom) return null;
    const { asked } = this.of(zoom, this.moved.value);
    const room = zoom.follow ? zoom.high - zoom.low : 0;
    return { range: [zoom.low + asked, zoom.high + asked + room], times: zoom.follow ? 2 : 1 };
  }

  /** Learns from an answer where the newest point is. */
  see(bins: readonly Bins[], zoom: Zoom | null, axis: string): void {
    if (axis !== this.axis) [this.axis, this.tail] = [axis, -Infinity];
    for (const { meta } of bins) this.tail = Math.max(this.tail, toNumber(meta.x_max));
    if (!zoom?.follow) return;
    const before = this.of(zoom, this.moved.peek());
    const shown = Math.max(before.shown, this.tail - zoom.high);
    if (shown === before.shown) return;
    const far = shown - before.asked > (zoom.high - zoom.low) / 2;
    this.moved.value = { zoom, shown, asked: far ? shown : before.asked };
  }

  /** Makes a zoom of what the reader chose. */
  choose([low, high]: Range): Zoom {
    return { low, high, follow: high >= this.tail - (high - low) * NEAR };
  }
}
