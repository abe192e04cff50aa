import { useEffect, useState } from "preact/hooks";
import { ApiError, isAbort, messageOf, sendJson } from "../api";
import { cut, number, plural, toNumber } from "../format";
import { change, view } from "../store";
import type { Importance } from "../types";
import { Button, Empty, ErrorNote } from "../ui/parts";
import { metricKeys, reload, table } from "./data";
import { FieldChooser, wordsOf } from "./field";

interface Asked {
  handle: string;
  objective: string;
  log: boolean;
  dependence: string | null;
}

function useImportance(asked: Asked | null): { answer: Importance | null; error: string | null } {
  const [state, setState] = useState<{ answer: Importance | null; error: string | null }>({ answer: null, error: null });
  const text = JSON.stringify(asked);
  useEffect(() => {
    if (!asked) return;
    const controller = new AbortController();
    sendJson<Importance>("POST", "importance", asked, controller.signal)
      .then((answer) => setState({ answer, error: null }))
      .catch((error) => {
        if (error instanceof ApiError && error.code === "HANDLE_GONE") reload();
        else if (!isAbort(error)) setState({ answer: null, error: messageOf(error) });
      });
    return () => controller.abort();
  }, [text]);
  return state;
}

type Param = Importance["params"][number];

/** Says in words what the sign and size of a rank correlation mean. */
function correlationWords(correlation: number): string {
  if (Number.isNaN(correlation)) return "";
  if (Math.abs(correlation) < 0.1) return "no trend";
  return `${correlation > 0 ? "grows with it" : "falls with it"}, ${number(correlation, 2)}`;
}

function ParamRow({ param, most, chosen }: { param: Param; most: number; chosen: boolean }) {
  const [value, error] = [toNumber(param.importance), toNumber(param.error)];
  const part = (share: number) => `${Math.max(0, Math.min(100, (share / (most || 1)) * 100))}%`;
  return (
    <tr class={chosen ? "selected" : ""}>
      <th scope="row">
        <Button label={`What ${param.key} does`} words={cut(param.key, 80)} class="link" pressed={chosen} onClick={() => change({ importanceParam: chosen ? null : param.key }, true)} />
      </th>
      <td class="importance-bar">
        <span class="fill" style={{ width: part(value) }} />
        <span class="whisker" style={{ left: part(value - error), right: `calc(100% - ${part(value + error)})` }} />
      </td>
      <td class="numeric">{number(value, 3)} ± {number(error, 2)}</td>
      <td>{correlationWords(toNumber(param.correlation))}</td>
      <td class="numeric">{param.runs}</td>
    </tr>
  );
}

function Dependence({ param, objective, places }: { param: string; objective: string; places: Importance["dependence"] }) {
  const means = places.map(({ mean }) => toNumber(mean));
  const [low, high] = [Math.min(...means), Math.max(...means)];
  return (
    <section class="dependence" aria-label={`${objective} by ${param}`}>
      <h3>Mean of {objective} if all runs had this {cut(param, 60)}</h3>
      <table>
        <tbody>
          {places.map(({ number: value, text, mean }, at) => (
            <tr key={at}>
              <th scope="row"><bdi>{cut(text ?? number(toNumber(value), 5), 60)}</bdi></th>
              <td class="importance-bar"><span class="fill" style={{ width: `${high > low ? 4 + ((toNumber(mean) - low) / (high - low)) * 96 : 50}%` }} /></td>
              <td class="numeric">{number(toNumber(mean), 5)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Result({ answer, objective }: { answer: Importance; objective: string }) {
  const { importanceParam } = view.value;
  const most = answer.params.reduce((least, { importance, error }) => Math.max(least, toNumber(importance) + toNumber(error)), 0);
  if (answer.params.length === 0) return <Empty icon="check" title="No param differs"><p>All {plural(answer.runs, "run")} have the same params.</p></Empty>;
  return (
    <div class="importance" tabIndex={0} role="region" aria-label="Importance of params">
      <table class="list">
        <thead><tr><th>Param</th><th>Importance</th><th class="numeric" /><th>{objective}</th><th class="numeric">Runs</th></tr></thead>
        <tbody>{answer.params.map((param) => <ParamRow key={param.key} param={param} most={most} chosen={param.key === importanceParam} />)}</tbody>
      </table>
      {importanceParam && answer.dependence.length > 0 ? <Dependence param={importanceParam} objective={objective} places={answer.dependence} /> : null}
    </div>
  );
}

/** How much each param matters for a metric, by a forest that the server grows. */
export function ImportancePane() {
  const { importanceOf, importanceLog, importanceParam } = view.value;
  const known = metricKeys.value?.keys.find(({ direction }) => direction !== null) ?? metricKeys.value?.keys[0];
  const objective = importanceOf || (known ? `metrics.${known.key}` : "");
  const handle = table.value?.handle;
  const { answer, error } = useImportance(handle && objective ? { handle, objective, log: importanceLog, dependence: importanceParam } : null);
  return (
    <div class="pane">
      <div class="bar">
        <FieldChooser label="objective" value={objective} metrics choose={(name) => change({ importanceOf: name })} />
        <Button label="Logarithm of the objective" words="log" pressed={importanceLog} onClick={() => change({ importanceLog: !importanceLog })} />
        <span class="spacer" />
        {answer ? <span class="fact">{plural(answer.runs, "run")}, the params explain {number(toNumber(answer.explained) * 100, 2)} % of the differences</span> : null}
      </div>
      {error ? <ErrorNote message={error} /> : null}
      {objective === "" ? <Empty icon="charts" title="No metrics yet"><p>Importance needs a metric that runs have logged.</p></Empty> : null}
      {answer && !error ? <Result answer={answer} objective={wordsOf(objective)} /> : null}
    </div>
  );
}
