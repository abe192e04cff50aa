import { useState } from "preact/hooks";
import { matches } from "../charts/catalogue";
import { bytes, cut, plural } from "../format";
import { copyText } from "../runs/export";
import { comparisonFor } from "../runs/names";
import { link } from "../store";
import type { RunDetail } from "../types";
import { Button, Empty, Field, Icon } from "../ui/parts";

const MOST = 1000;
const LONG = 400;

/** A value with the option to read all of it. */
function LongText({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  if (text.length <= LONG) return <bdi>{text}</bdi>;
  return (
    <>
      <bdi>{open ? text.slice(0, 1_000_000) : `${text.slice(0, LONG)}…`}</bdi>{" "}
      <Button label={open ? "Show less" : "Show all"} words={open ? "less" : `all ${bytes(text.length)}`} class="link" onClick={() => setOpen(!open)} />
    </>
  );
}

function Section({ title, prefix, entries, search }: { title: string; prefix: string; entries: [string, string][]; search: string }) {
  const found = entries.filter(([key]) => matches(key, search));
  if (found.length === 0) return null;
  return (
    <section>
      <h3>{title} <span class="badge">{found.length}</span></h3>
      <table class="list compact">
        <tbody>
          {found.slice(0, MOST).map(([key, value]) => (
            <tr key={key}>
              <th scope="row" title={cut(key)}><bdi>{cut(key, 200)}</bdi></th>
              <td class="value"><LongText text={value} /></td>
              <td class="row-actions">
                {value.length <= LONG ? <a class="button bare tiny" title="Runs with this value" aria-label={`Runs with this value of ${cut(key, 60)}`} href={link(["runs"], { f: comparisonFor(prefix + key, value) ?? "" })}><Icon name="filter" /></a> : null}
                <Button icon="copy" label={`Copy the value of ${cut(key, 60)}`} class="tiny" onClick={() => void copyText(value, "the value")} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length > MOST ? <p class="note">{plural(found.length - MOST, "more entry", "more entries")}. Search to see them.</p> : null}
    </section>
  );
}

/** All params and tags. */
export function Config({ run }: { run: RunDetail }) {
  const [search, setSearch] = useState("");
  const params = Object.entries(run.params);
  const tags = Object.entries(run.tags);
  if (params.length + tags.length === 0) return <Empty icon="config" title="No params and no tags" />;
  const json = () => JSON.stringify({ params: run.params, tags: run.tags }, null, 2);
  return (
    <div class="pane">
      <div class="bar">
        <Field value={search} label="Filter keys" placeholder="Keys (regular expression)" icon="search" onInput={setSearch} />
        <span class="spacer" />
        <Button icon="copy" label="Copy all as JSON" words="JSON" onClick={() => void copyText(json(), "the config")} />
      </div>
      <div class="scroll padded" tabIndex={0} role="region" aria-label="Params and tags">
        <Section title="Params" prefix="params." entries={params} search={search} />
        <Section title="Tags" prefix="tags." entries={tags} search={search} />
      </div>
    </div>
  );
}
