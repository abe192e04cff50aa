import { useState } from "preact/hooks";
import { plural } from "../format";
import { picturesOf, PictureGrid, StepSlider } from "../runs/media";
import { useLoad } from "../ui/load";
import { Empty, ErrorNote } from "../ui/parts";

/** The images of one run by step. */
export function RunMedia({ run }: { run: string }) {
  const [step, setStep] = useState<number | null>(null);
  const { value, error, again } = useLoad((signal) => picturesOf(run, signal), [], run);
  if (error) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  if (value.length === 0) return <Empty icon="image" title="No images"><p>This run has no image files. Log some with <code>mlflow.log_image</code>.</p></Empty>;
  const keys = [...new Set(value.map(({ key }) => key))].sort().slice(0, 100);
  const steps = [...new Set(value.map((one) => one.step))].sort((a, b) => a - b);
  return (
    <div class="pane">
      <div class="bar"><StepSlider steps={steps} step={step} choose={setStep} /><span class="spacer" /><span class="fact">{plural(value.length, "image")}</span></div>
      <PictureGrid runs={[run]} pictures={new Map([[run, value]])} keys={keys} step={step} />
    </div>
  );
}
