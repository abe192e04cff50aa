import { cut } from "../format";
import { Button, Popover } from "../ui/parts";
import { KeyList } from "./chooser";
import { headOf } from "./names";

export function wordsOf(name: string): string {
  const { text, detail } = headOf(name);
  return cut(detail ? `${text} (${detail})` : text, 60);
}

const METRICS = [["metric", "Metrics"]] as const;
const FIELDS = [["param", "Params"], ...METRICS] as const;

interface FieldProps {
  label: string;
  value: string;
  choose: (name: string) => void;
  /** The words of a choice of nothing. */
  none?: string;
  /** Whether params cannot be chosen. */
  metrics?: boolean;
}

/** A column as one choice: a param or an aggregate of a metric. */
export function FieldChooser({ label, value, choose, none, metrics }: FieldProps) {
  const words = value === "" ? (none ?? "choose") : wordsOf(value);
  return (
    <Popover label={label} words={<><span class="faint">{label}</span> {cut(words, 28)}</>} panelClass="chooser">
      {(close) => (
        <>
          {none ? <div class="panel-head"><Button label={none} words={none} pressed={value === ""} onClick={() => (choose(""), close())} /></div> : null}
          <KeyList kinds={metrics ? METRICS : FIELDS} isOn={(name) => name === value} flip={(name) => (choose(name), close())} />
        </>
      )}
    </Popover>
  );
}
