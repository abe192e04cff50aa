import { useEffect, useState } from "preact/hooks";
import { ApiError, getJson, isAbort, messageOf } from "../api";
import { cut, plural, shortId } from "../format";
import type { CodeDiff, PackageDiff } from "../types";
import { Button, ErrorNote, Popover, Choices } from "../ui/parts";
import { nameOf } from "./rows";

/** What differs in the code and the packages of two of the compared runs. */

const FIRST_LINES = 400;

interface Found {
  code: CodeDiff | null;
  packages: PackageDiff | null;
  error: string | null;
}

const NOTHING: Found = { code: null, packages: null, error: null };

function useDiffs(before: string, after: string): Found {
  const [found, setFound] = useState(NOTHING);
  useEffect(() => {
    const controller = new AbortController();
    const ask = <T,>(part: string) => getJson<T>(`diff/${part}`, { a: before, b: after }, controller.signal);
    Promise.all([ask<CodeDiff>("code"), ask<PackageDiff>("packages")])
      .then(([code, packages]) => setFound({ code, packages, error: null }))
      .catch((error) => {
        const known = !(error instanceof ApiError && error.status === 404);
        if (!isAbort(error)) setFound({ ...NOTHING, error: known ? messageOf(error) : null });
      });
    return () => controller.abort();
  }, [before, after]);
  return found;
}

const KINDS: Record<string, string> = { "-": "removed", "+": "added" };

function Hunk({ starts, lines }: CodeDiff["hunks"][number]) {
  return (
    <>
      <div class="hunk">lines {starts[0]} and {starts[1]} of the patches</div>
      {lines.map((line, at) => <div key={at} class={KINDS[line[0] ?? ""] ?? ""}>{cut(line, 2000)}</div>)}
    </>
  );
}

/** The first hunks that have about this many lines together. */
function firstOf(hunks: CodeDiff["hunks"], most: number): CodeDiff["hunks"] {
  let lines = 0;
  return hunks.filter((hunk) => (lines += hunk.lines.length) - hunk.lines.length < most);
}

function Commits({ commits }: { commits: CodeDiff["commits"] }) {
  const [before, after] = commits.map((commit) => (commit ? shortId(commit) : "no commit"));
  return before === after ? <p class="note">Both ran at {before}.</p> : <p class="note">Commit <code>{before}</code> before, <code>{after}</code> after.</p>;
}

function patchWords([before, after]: CodeDiff["patches"]): string {
  if (before && after) return "Their uncommitted changes are the same.";
  if (before || after) return `Only the ${before ? "first" : "second"} run had uncommitted changes.`;
  return "Neither had uncommitted changes.";
}

function Code({ diff }: { diff: CodeDiff }) {
  const [all, setAll] = useState(false);
  const shown = all ? diff.hunks : firstOf(diff.hunks, FIRST_LINES);
  return (
    <section class="diff-part">
      <h3>Code</h3>
      <Commits commits={diff.commits} />
      {diff.hunks.length === 0 ? <p class="note">{patchWords(diff.patches)}</p> : (
        <pre class="diff" tabIndex={0} aria-label="Differences of the code">{shown.map((hunk, at) => <Hunk key={at} {...hunk} />)}</pre>
      )}
      {shown.length < diff.hunks.length ? <Button label="Show all lines" words={`Show all ${diff.hunks.length} parts`} class="link" onClick={() => setAll(true)} /> : null}
      {diff.left_out > 0 ? <p class="note">{plural(diff.left_out, "further line")}: compare the patches among the files of the runs.</p> : null}
    </section>
  );
}

function PackageRow({ name, before, after }: { name: string; before: string | null; after: string | null }) {
  const kind = before === null ? "added" : after === null ? "removed" : "changed";
  return (
    <tr class={kind}>
      <th scope="row"><bdi>{cut(name, 100)}</bdi></th>
      <td>{before ?? "–"}</td>
      <td>{after ?? "–"}</td>
      <td class="faint">{kind}</td>
    </tr>
  );
}

function Packages({ diff }: { diff: PackageDiff }) {
  if (!diff.known) return null;
  const rows = [
    ...diff.changed,
    ...diff.added.map(({ name, version }) => ({ name, before: null, after: version })),
    ...diff.removed.map(({ name, version }) => ({ name, before: version, after: null })),
  ];
  return (
    <section class="diff-part">
      <h3>Packages</h3>
      <p class="note">{plural(diff.same, "package")} the same.</p>
      {rows.length === 0 ? null : (
        <table class="list packages">
          <thead><tr><th>Package</th><th>Before</th><th>After</th><th /></tr></thead>
          <tbody>{rows.map((row) => <PackageRow key={row.name} {...row} />)}</tbody>
        </table>
      )}
    </section>
  );
}

function RunChoice({ words, value, ids, choose }: { words: string; value: string; ids: readonly string[]; choose: (id: string) => void }) {
  return (
    <Popover label={words} words={<><span class="faint">{words}</span> {cut(nameOf(value), 40)}</>}>
      {(close) => <Choices close={close} items={ids.slice(0, 100).map((id) => ({ words: cut(nameOf(id), 60), checked: id === value, choose: () => choose(id) }))} />}
    </Popover>
  );
}

/** Compares the code and the packages of two runs: the baseline, or else the first one, and another one. */
export function Differences({ ids, baseline }: { ids: readonly string[]; baseline: string | null }) {
  const [chosen, setChosen] = useState<[string, string]>(["", ""]);
  const first = ids.includes(chosen[0]) ? chosen[0] : baseline && ids.includes(baseline) ? baseline : (ids[0] ?? "");
  const second = ids.includes(chosen[1]) && chosen[1] !== first ? chosen[1] : (ids.find((id) => id !== first) ?? "");
  const { code, packages, error } = useDiffs(first, second);
  if (error) return <ErrorNote message={error} />;
  const known = code && (code.commits.some((commit) => commit !== null) || code.patches.includes(true));
  if (!known && !packages?.known) return null;
  return (
    <div class="diffs">
      <div class="bar">
        <h2>Code and packages</h2>
        <RunChoice words="before" value={first} ids={ids} choose={(id) => setChosen([id, second])} />
        <RunChoice words="after" value={second} ids={ids} choose={(id) => setChosen([first, id])} />
      </div>
      {known ? <Code diff={code} /> : null}
      {packages ? <Packages diff={packages} /> : null}
    </div>
  );
}
