import { useEffect, useState } from "preact/hooks";
import { ApiError, getJson, isAbort, messageOf } from "../api";
import { plural } from "../format";
import { change, view } from "../store";
import type { Key, Keys } from "../types";
import { Button, Field, Popover, Segments } from "../ui/parts";
import { columns, reload, table } from "./data";
import { ATTRIBUTES } from "./names";

type Kind = "metric" | "param" | "tag" | "attribute";

/** Searches the catalogue of keys. `attributes` are known without the server. */
function useKeys(kind: Kind, search: string): { keys: Key[]; total: number; error: string | null } {
  const [found, setFound] = useState<{ keys: Key[]; total: number; error: string | null }>({ keys: [], total: 0, error: null });
  const handle = table.value?.handle;
  useEffect(() => {
    if (kind === "attribute") return;
    const controller = new AbortController();
    getJson<Keys>("keys", { handle, kind, search, limit: 200 }, controller.signal)
      .then(({ keys, total }) => setFound({ keys, total, error: null }))
      .catch((error) => {
        if (error instanceof ApiError && error.code === "HANDLE_GONE") reload();
        else if (!isAbort(error)) setFound({ keys: [], total: 0, error: messageOf(error) });
      });
    return () => controller.abort();
  }, [kind, search, handle]);
  if (kind !== "attribute") return found;
  const keys = Object.entries(ATTRIBUTES).filter(([key, words]) => key !== "run_name" && words.includes(search));
  return { keys: keys.map(([key]) => attributeKey(key)), total: keys.length, error: null };
}

function attributeKey(key: string): Key {
  return { kind: "tag", key, runs: 0, distinct: 0, constant: false, min: null, max: null, direction: null };
}

const prefixOf = (kind: Kind) => (kind === "attribute" ? "attributes." : `${kind}s.`);

function KeyRow({ kind, entry, on, flip }: { kind: Kind; entry: Key; on: boolean; flip: () => void }) {
  const words = kind === "attribute" ? (ATTRIBUTES[entry.key] ?? entry.key) : entry.key;
  const about = entry.runs === 0 ? "" : entry.constant ? `${plural(entry.runs, "run")}, constant` : plural(entry.runs, "run");
  return (
    <label class="key-row" title={words}>
      <input type="checkbox" checked={on} onChange={flip} />
      <bdi class="words">{words}</bdi>
      <span class="detail">{about}</span>
    </label>
  );
}

interface KeyListProps {
  kinds: readonly (readonly [Kind, string])[];
  isOn: (name: string) => boolean;
  flip: (name: string) => void;
}

/** A list of keys to choose from, with a search by regular expression. */
export function KeyList({ kinds, isOn, flip }: KeyListProps) {
  const [kind, setKind] = useState<Kind>(kinds[0]?.[0] ?? "metric");
  const [search, setSearch] = useState("");
  const { keys, total, error } = useKeys(kind, search);
  return (
    <>
      <div class="panel-head">
        {kinds.length > 1 ? <Segments options={kinds} value={kind} choose={setKind} label="Kind of key" /> : null}
        <Field value={search} label="Search keys" placeholder="Search by regular expression" icon="search" onInput={setSearch} />
      </div>
      <div class="key-list">
        {error ? <p class="note bad">{error}</p> : null}
        {!error && keys.length === 0 ? <p class="note">No such key.</p> : null}
        {keys.map((entry) => {
          const name = prefixOf(kind) + entry.key;
          return <KeyRow key={name} kind={kind} entry={entry} on={isOn(name)} flip={() => flip(name)} />;
        })}
        {total > keys.length ? <p class="note">{plural(total - keys.length, "more key")}: search to see them.</p> : null}
      </div>
    </>
  );
}

const ALL_KINDS = [["metric", "Metrics"], ["param", "Params"], ["tag", "Tags"], ["attribute", "Run"]] as const;

export function ColumnChooser() {
  const shown = columns.value;
  const has = (name: string) => shown.some((one) => one === name || one.startsWith(`${name}:`));
  const flip = (name: string) => {
    const next = has(name) ? shown.filter((one) => one !== name && !one.startsWith(`${name}:`)) : [...shown, name];
    change({ columns: next }, true);
  };
  return (
    <Popover icon="columns" label="Columns" words="Columns" panelClass="chooser">
      {() => (
        <>
          <KeyList kinds={ALL_KINDS} isOn={has} flip={flip} />
          <div class="panel-foot">
            <span class="faint">{plural(shown.length, "column")}</span>
            <Button label="Choose automatically" words="Automatic" pressed={view.value.columns === null} onClick={() => change({ columns: null }, true)} />
          </div>
        </>
      )}
    </Popover>
  );
}

const GROUP_KINDS = [["param", "Params"], ["tag", "Tags"]] as const;

export function GroupChooser() {
  const { group } = view.value;
  const keys = Array.isArray(group) ? group : [];
  const resolved = table.value?.groups;
  const flip = (name: string) => {
    const next = keys.includes(name) ? keys.filter((key) => key !== name) : [...keys, name];
    change({ group: next.length > 0 ? next : null }, true);
  };
  const words = group === null ? "Group" : group === "auto" ? "Group: auto" : `Group: ${keys.length}`;
  return (
    <Popover icon="group" label="Group runs" words={words} class={group === null ? "" : "on"} panelClass="chooser">
      {() => (
        <>
          <div class="panel-head">
            <Segments
              label="How to group"
              options={[["none", "None"], ["auto", "Automatic"], ["keys", "By keys"]] as const}
              value={group === null ? "none" : group === "auto" ? "auto" : "keys"}
              choose={(how) => change({ group: how === "none" ? null : how === "auto" ? "auto" : (resolved ?? []) })}
            />
            {group === "auto" ? <p class="note">All params that differ, except seeds{resolved ? `: ${resolved.map((key) => key.replace(/^params\./, "")).join(", ") || "none"}` : ""}.</p> : null}
          </div>
          {group === "auto" ? null : <KeyList kinds={GROUP_KINDS} isOn={(name) => keys.includes(name)} flip={flip} />}
        </>
      )}
    </Popover>
  );
}
