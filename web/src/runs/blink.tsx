import { useEffect, useState } from "preact/hooks";
import { address } from "../api";
import { cut } from "../format";
import { link } from "../store";
import { Button } from "../ui/parts";
import { atStep, type Picture } from "./pictures";
import { ink, nameOf } from "./rows";

export const MEDIA_MODES = [["grid", "Side by side"], ["blink", "Blink"], ["difference", "Difference"]] as const;

/** How long each picture is shown. Slower than three flashes a second, which harm nobody. */
const SHOWN_MS = 700;

const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

interface StackProps {
  runs: readonly string[];
  pictures: Map<string, Picture[]>;
  keys: readonly string[];
  step: number | null;
  mode: "blink" | "difference";
}

/** Counts through the runs, by time or by hand. Readers who want no motion go by hand. */
function useTurn(of: number, runs: boolean): { at: number; moves: boolean; next: () => void; flip: () => void } {
  const [at, setAt] = useState(0);
  const [moves, setMoves] = useState(!isStill());
  const next = () => setAt((now) => now + 1);
  useEffect(() => {
    if (!runs || !moves || of < 2) return;
    const timer = window.setInterval(next, SHOWN_MS);
    return () => window.clearInterval(timer);
  }, [runs, moves, of]);
  return { at: of === 0 ? 0 : at % of, moves, next, flip: () => setMoves(!moves) };
}

function Layers({ name, layers, at, mode }: { name: string; layers: readonly { run: string; picture: Picture }[]; at: number; mode: "blink" | "difference" }) {
  const shown = layers.find((_, place) => place === at % Math.max(1, layers.length));
  if (!shown) return <span class="faint">none</span>;
  const words = layers.map(({ run, picture }) => `${nameOf(run)} at step ${picture.step}`).join(" and ");
  return (
    <figure>
      <div class={`stack ${mode}`} role="img" aria-label={mode === "blink" ? `${name} of ${nameOf(shown.run)} at step ${shown.picture.step}` : `Difference of ${name}: ${words}`}>
        {layers.map(({ run, picture }, place) => <img key={run} src={address(`runs/${run}/file`, { path: picture.path })} alt="" class={mode === "difference" || place === at % layers.length ? "" : "out"} />)}
      </div>
      <figcaption>{mode === "blink" ? <><span class="dot" style={{ color: ink(shown.run).colour }} /> <bdi>{cut(nameOf(shown.run), 40)}</bdi>, step {shown.picture.step}</> : words}</figcaption>
    </figure>
  );
}

/** Pictures of several runs at one place: one after the other, or as the difference of the first two. */
export function PictureStack({ runs, pictures, keys, step, mode }: StackProps) {
  const { at, moves, next, flip } = useTurn(runs.length, mode === "blink");
  const taken = mode === "difference" ? runs.slice(0, 2) : runs;
  return (
    <div class="pictures stacks" tabIndex={0} role="region" aria-label="Images">
      <div class="bar">
        {mode === "blink" ? <><Button label="Show the next run" words="Next run" onClick={next} /><Button label="Change by itself" words={moves ? "Stop" : "Start"} pressed={moves} onClick={flip} /></> : <span class="fact">Black is the same in {taken.map((run, place) => <span key={run}>{place > 0 ? " and " : ""}<a href={link(["run", run])}><bdi>{cut(nameOf(run), 40)}</bdi></a></span>)}</span>}
      </div>
      {keys.map((key) => {
        const layers = taken.flatMap((run) => {
          const picture = atStep(pictures.get(run) ?? [], key, step);
          return picture ? [{ run, picture }] : [];
        });
        return <section key={key}><h3><bdi>{cut(key, 60)}</bdi></h3><Layers name={key} layers={layers} at={at} mode={mode} /></section>;
      })}
    </div>
  );
}
