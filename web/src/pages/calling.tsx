import { useState } from "preact/hooks";
import { base, getFrame, messageOf, postText } from "../api";
import { cut, duration } from "../format";
import { prettyJson } from "../run/preview";
import { copyText } from "../runs/export";
import { link } from "../store";
import type { EndpointFacts, WindowMeta } from "../types";
import { useLoad } from "../ui/load";
import { Button, ErrorNote, Segments } from "../ui/parts";
import { WindowTable } from "./tablewindow";

interface SignatureField {
  name?: string;
  type?: string;
}

const ZEROS: Record<string, unknown> = { string: "", boolean: false, datetime: "2026-01-01T00:00:00", binary: "" };

function fieldsOf(signature: Record<string, unknown> | null): SignatureField[] {
  const inputs = signature?.["inputs"];
  try {
    const found: unknown = typeof inputs === "string" ? JSON.parse(inputs) : inputs;
    return Array.isArray(found) ? (found as SignatureField[]) : [];
  } catch {
    return [];
  }
}

/** Returns a request to begin with: the logged example, or zeros for the columns of the signature. */
export function exampleOf({ example, signature }: EndpointFacts): string {
  if (example !== null) return prettyJson(example);
  const named = fieldsOf(signature).filter(({ name }) => name !== undefined);
  const row = Object.fromEntries(named.map(({ name, type }) => [name, ZEROS[type ?? ""] ?? 0]));
  return JSON.stringify(named.length > 0 ? { dataframe_records: [row] } : { inputs: [] }, null, 2);
}

interface Answer {
  status: number;
  text: string;
  took: number;
  model: string | null;
}

/** A request that is sent from here, and its answer. */
export function TestCall({ facts, isReady }: { facts: EndpointFacts; isReady: boolean }) {
  const [text, setText] = useState<string | null>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [waits, setWaits] = useState(false);
  const body = text ?? exampleOf(facts);
  const send = () => {
    setWaits(true);
    setProblem(null);
    const start = performance.now();
    postText(`../../${facts.path}`, body)
      .then(({ status, text: found, headers }) => {
        const version = headers.get("served-model-version");
        const model = version === null ? null : `${headers.get("served-model-name") ?? ""}, version ${version}`;
        setAnswer({ status, text: found, took: performance.now() - start, model });
      })
      .catch((error) => setProblem(messageOf(error)))
      .finally(() => setWaits(false));
  };
  return (
    <section class="try">
      <h3>Try it {facts.example === null ? null : <span class="faint">with the logged example</span>}</h3>
      <textarea aria-label="Request as JSON" rows={8} spellcheck={false} value={body} onInput={(event) => setText(event.currentTarget.value)} />
      <div class="bar">
        <Button label="Send the request" words={waits ? "Waiting" : "Send"} class="primary" disabled={!isReady || waits} reason={isReady ? "" : "The endpoint is not ready on this server"} onClick={send} />
        {text === null ? null : <Button label="Back to the example" words="Back to the example" onClick={() => setText(null)} />}
        {answer ? <span class="fact" role="status"><b class={answer.status < 400 ? "good" : "bad"}>{answer.status}</b> in {duration(answer.took)}{answer.model ? `, by ${cut(answer.model, 80)}` : ""}</span> : null}
      </div>
      {problem ? <ErrorNote message={problem} /> : null}
      {answer ? <pre class="code boxed" tabIndex={0} role="region" aria-label="Answer">{cut(prettyJson(answer.text), 20_000)}</pre> : null}
    </section>
  );
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function snippetsOf(facts: EndpointFacts): Record<"curl" | "python" | "mlflow", string> {
  const url = new URL(facts.path, base).href;
  const body = JSON.stringify(JSON.parse(exampleOf(facts)));
  return {
    curl: `curl -X POST ${url} \\\n  -H 'Authorization: Bearer tlk_...' -H 'Content-Type: application/json' \\\n  -d ${quoted(cut(body, 2000))}`,
    python: `import requests\n\nanswer = requests.post(\n    "${url}",\n    headers={"Authorization": "Bearer tlk_..."},\n    json=${pythonOf(JSON.parse(body))},\n)\nprint(answer.json())`,
    mlflow: `import mlflow.deployments\n\nclient = mlflow.deployments.get_deploy_client("databricks")\nprint(client.predict(endpoint="${facts.name}", inputs=${pythonOf(JSON.parse(body))}))`,
  };
}

/** Writes a value of JSON in Python's words. */
export function pythonOf(value: unknown): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value as object).map(([key, one]) => `${JSON.stringify(key)}: ${pythonOf(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

const WAYS = [["curl", "curl"], ["python", "Python"], ["mlflow", "MLflow"]] as const;

/** Programs that call the endpoint. */
export function HowToCall({ facts }: { facts: EndpointFacts }) {
  const [way, setWay] = useState<"curl" | "python" | "mlflow">("curl");
  let text: string;
  try {
    text = snippetsOf(facts)[way];
  } catch {
    return null;
  }
  return (
    <section>
      <h3>Call it</h3>
      <div class="bar">
        <Segments options={WAYS} value={way} choose={setWay} label="Way to call" />
        <Button icon="copy" label="Copy the program" words="Copy" onClick={() => void copyText(text, "the program")} />
      </div>
      <pre class="code boxed" tabIndex={0} role="region" aria-label="Program">{cut(text, 20_000)}</pre>
    </section>
  );
}

const NEWEST = 20;

/** The newest requests, if the endpoint records them. */
export function RecentRequests({ table }: { table: string | null }) {
  const { value, error, status, again } = useLoad(async (signal) => (table === null ? null : getFrame<WindowMeta>(`tables/${encodeURIComponent(table)}/rows`, { newest: true, limit: NEWEST }, signal)), [], table ?? "");
  return (
    <section>
      <h3>Recent requests</h3>
      {table === null ? <p class="note">Requests are not recorded. An inference table records them.</p> : null}
      {table !== null && status === 404 ? <p class="note">The table <code>{cut(table, 100)}</code> has no rows yet.</p> : null}
      {error && status !== 404 ? <ErrorNote message={error} retry={again} /> : null}
      {value && table !== null ? (
        <>
          <WindowTable frame={value} label="Recent requests" />
          <p class="note"><a href={link(["tables", table])}>All {value.meta.total} rows of {cut(table, 100)}</a></p>
        </>
      ) : null}
    </section>
  );
}
