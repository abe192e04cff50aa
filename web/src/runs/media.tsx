import { useEffect, useState } from "preact/hooks";
import { address, getJson, isAbort, messageOf } from "../api";
import { cut, plural } from "../format";
import { change, link, view } from "../store";
import type { FileEntry } from "../types";
import { Button, Empty, ErrorNote, Segments } from "../ui/parts";
import { MEDIA_MODES, PictureStack } from "./blink";
import { atStep, readPicture, type Picture } from "./pictures";
import { compared, ink, nameOf } from "./rows";

const MOST_RUNS = 8;
const MOST_FOLDERS = 20;

export async function picturesOf(run: string, signal: AbortSignal): Promise<Picture[]> {
  const found: Picture[] = [];
  const folders = [""];
  for (let at = 0; at < folders.length && at < MOST_FOLDERS; at += 1) {
    const { files } = await getJson<{ files: FileEntry[] }>(`runs/${run}/files`, { path: folders[at] ?? "" }, signal);
    for (const file of files) {
      if (file.directory) folders.push(file.path);
      const picture = file.directory ? null : readPicture(file.path);
      if (picture) found.push(picture);
    }
  }
  return found.sort((a, b) => a.step - b.step);
}

function usePictures(runs: readonly string[]): { pictures: Map<string, Picture[]> | null; error: string | null } {
  const [state, setState] = useState<{ pictures: Map<string, Picture[]> | null; error: string | null }>({ pictures: null, error: null });
  useEffect(() => {
    const controller = new AbortController();
    Promise.all(runs.map(async (run) => [run, await picturesOf(run, controller.signal)] as const))
      .then((found) => setState({ pictures: new Map(found), error: null }))
      .catch((error) => isAbort(error) || setState({ pictures: null, error: messageOf(error) }));
    return () => controller.abort();
  }, [runs.join()]);
  return state;
}

interface GridProps {
  runs: readonly string[];
  pictures: Map<string, Picture[]>;
  keys: readonly string[];
  step: number | null;
}

export function PictureGrid({ runs, pictures, keys, step }: GridProps) {
  return (
    <div class="pictures" tabIndex={0} role="region" aria-label="Images">
      <table>
        <thead><tr><th /> {runs.map((run) => <th key={run}><span class="dot" style={{ color: ink(run).colour }} /><a href={link(["run", run])}><bdi>{cut(nameOf(run), 40)}</bdi></a></th>)}</tr></thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key}>
              <th scope="row"><bdi>{cut(key, 60)}</bdi></th>
              {runs.map((run) => {
                const picture = atStep(pictures.get(run) ?? [], key, step);
                return <td key={run}>{picture ? <figure><img src={address(`runs/${run}/file`, { path: picture.path })} alt={`${key} of ${nameOf(run)} at step ${picture.step}`} loading="lazy" /><figcaption>step {picture.step}</figcaption></figure> : <span class="faint">none</span>}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The slider over all steps. Its end means the newest picture of each run. */
export function StepSlider({ steps, step, choose }: { steps: readonly number[]; step: number | null; choose: (step: number | null) => void }) {
  const at = step === null ? steps.length : Math.max(0, steps.indexOf(step));
  const go = (place: number) => choose(place >= steps.length ? null : (steps[Math.max(0, place)] ?? null));
  return (
    <div class="step-slider">
      <Button icon="back" label="Earlier step" onClick={() => go(at - 1)} />
      <input type="range" aria-label="Step" min={0} max={steps.length} value={at} onInput={(event) => go(Number(event.currentTarget.value))} />
      <Button icon="next" label="Later step" onClick={() => go(at + 1)} />
      <output>{step === null ? "newest of each" : `step ${step}`}</output>
    </div>
  );
}

export function MediaPane() {
  const all = compared(view.value);
  const runs = all.slice(0, MOST_RUNS);
  const { pictures, error } = usePictures(runs);
  const { mediaStep: step, mediaMode: mode } = view.value;
  if (error) return <ErrorNote message={error} />;
  if (!pictures) return null;
  const flat = [...pictures.values()].flat();
  const keys = [...new Set(flat.map(({ key }) => key))].sort().slice(0, 50);
  const steps = [...new Set(flat.map(({ step: one }) => one))].sort((a, b) => a - b);
  if (keys.length === 0) return <Empty icon="image" title="No images"><p>None of {plural(runs.length, "drawn run")} has image files. Log some with <code>mlflow.log_image</code>.</p></Empty>;
  return (
    <div class="pane">
      <div class="bar">
        <StepSlider steps={steps} step={step} choose={(next) => change({ mediaStep: next }, true)} />
        {runs.length > 1 ? <Segments label="Ways to compare" options={MEDIA_MODES} value={mode} choose={(next) => change({ mediaMode: next }, true)} /> : null}
        <span class="spacer" />
        {all.length > runs.length ? <span class="fact">first {MOST_RUNS} of {plural(all.length, "run")}</span> : null}
      </div>
      {mode === "grid" || runs.length < 2 ? <PictureGrid runs={runs} pictures={pictures} keys={keys} step={step} /> : <PictureStack runs={runs} pictures={pictures} keys={keys} step={step} mode={mode} />}
    </div>
  );
}
