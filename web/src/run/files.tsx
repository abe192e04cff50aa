import { address, getJson, getText } from "../api";
import { bytes, cut, plural } from "../format";
import { query, setQuery } from "../store";
import type { FileEntry } from "../types";
import { useLoad } from "../ui/load";
import { Button, Empty, ErrorNote, Icon } from "../ui/parts";
import { looksLikeText, prettyJson, previewKind, splitTable } from "./preview";

const TEXT_LIMIT = 256 * 1024;
const TABLE_ROWS = 1000;

const addressOf = (run: string, path: string) => address(`runs/${run}/file`, { path });

function TextPreview({ run, entry, kind }: { run: string; entry: FileEntry; kind: string }) {
  const { value, error } = useLoad((signal) => getText(addressOf(run, entry.path), TEXT_LIMIT, signal), [], entry.path);
  if (error) return <ErrorNote message={error} />;
  if (!value) return null;
  if (!looksLikeText(value.text)) return <NoPreview entry={entry} />;
  return (
    <>
      {value.cut ? <p class="note">The first {bytes(TEXT_LIMIT)} of {bytes(entry.bytes)}.</p> : null}
      {kind === "table" ? <TablePreview text={value.text} separator={/\.tsv$/i.test(entry.name) ? "\t" : ","} /> : <pre class="code" tabIndex={0}>{kind === "json" && !value.cut ? prettyJson(value.text) : value.text}</pre>}
    </>
  );
}

function TablePreview({ text, separator }: { text: string; separator: string }) {
  const [head = [], ...rows] = splitTable(text, separator, TABLE_ROWS + 1);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Table">
      <table class="list compact">
        <thead><tr>{head.slice(0, 100).map((cell, at) => <th key={at}><bdi>{cut(cell, 80)}</bdi></th>)}</tr></thead>
        <tbody>{rows.map((row, at) => <tr key={at}>{row.slice(0, 100).map((cell, place) => <td key={place} class={cell !== "" && !Number.isNaN(Number(cell)) ? "numeric" : ""}><bdi>{cut(cell, 200)}</bdi></td>)}</tr>)}</tbody>
      </table>
      {rows.length >= TABLE_ROWS ? <p class="note">The first {TABLE_ROWS} rows.</p> : null}
    </div>
  );
}

function NoPreview({ entry }: { entry: FileEntry }) {
  return <Empty icon="file" title="No preview"><p>{bytes(entry.bytes)} of a kind that this page cannot show. Download it instead.</p></Empty>;
}

/** Shows a file. HTML runs in a frame of its own origin without scripts, so that it cannot reach this page. */
function Preview({ run, entry }: { run: string; entry: FileEntry }) {
  const kind = previewKind(entry.name);
  const url = addressOf(run, entry.path);
  switch (kind) {
    case "image": return <div class="image-preview"><img src={url} alt={entry.name} /></div>;
    case "audio": return <audio controls src={url} />;
    case "video": return <video controls src={url} />;
    case "frame": return <iframe class="file-frame" title={`Preview of ${entry.name}`} src={url} sandbox="" referrerpolicy="no-referrer" />;
    case "pdf": return <iframe class="file-frame" title={`Preview of ${entry.name}`} src={url} referrerpolicy="no-referrer" />;
    case "none": return (entry.bytes ?? 0) < TEXT_LIMIT ? <TextPreview run={run} entry={entry} kind="text" /> : <NoPreview entry={entry} />;
    default: return <TextPreview run={run} entry={entry} kind={kind} />;
  }
}

function Crumbs({ folder, open }: { folder: string; open: (path: string) => void }) {
  const parts = folder.split("/").filter((part) => part !== "");
  return (
    <nav class="crumbs" aria-label="Folder">
      <button type="button" onClick={() => open("")}>files</button>
      {parts.map((part, at) => <span key={at}> / <button type="button" onClick={() => open(parts.slice(0, at + 1).join("/"))}><bdi>{cut(part, 60)}</bdi></button></span>)}
    </nav>
  );
}

function onListKey(event: KeyboardEvent): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const all = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("button")];
  const next = all[all.indexOf(document.activeElement as HTMLElement) + step];
  next?.focus();
  if (next && !next.classList.contains("folder")) next.click();
}

function List({ files, chosen, open, show }: { files: readonly FileEntry[]; chosen: string | null; open: (path: string) => void; show: (path: string) => void }) {
  return (
    <ul class="file-list" onKeyDown={onListKey}>
      {files.slice(0, 2000).map((entry) => (
        <li key={entry.path}>
          <button type="button" class={entry.directory ? "folder" : ""} aria-current={entry.path === chosen ? "true" : undefined} onClick={() => (entry.directory ? open(entry.path) : show(entry.path))}>
            <Icon name={entry.directory ? "folder" : "file"} />
            <bdi class="words">{cut(entry.name, 200)}</bdi>
            <span class="detail">{entry.directory ? "" : bytes(entry.bytes)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The files of a run, with a preview beside the list. The address names the folder and the file. */
export function Files({ run }: { run: string }) {
  const folder = query.value.get("folder") ?? "";
  const chosen = query.value.get("file");
  const { value, error, again } = useLoad((signal) => getJson<{ files: FileEntry[] }>(`runs/${run}/files`, { path: folder }, signal), [], folder);
  const open = (path: string) => setQuery("folder", path);
  if (error) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  const files = [...value.files].sort((a, b) => Number(b.directory) - Number(a.directory) || (a.name < b.name ? -1 : 1));
  const found = files.find(({ path }) => path === chosen);
  if (files.length === 0 && folder === "") return <Empty icon="file" title="No files"><p>This run has logged no files.</p></Empty>;
  return (
    <div class="files">
      <div class="files-left">
        <Crumbs folder={folder} open={open} />
        <List files={files} chosen={chosen} open={open} show={(path) => setQuery("file", path)} />
        {files.length > 2000 ? <p class="note">{plural(files.length - 2000, "more file")} not listed.</p> : null}
      </div>
      <div class="files-right">
        {found ? (
          <>
            <div class="bar">
              <h3><bdi>{cut(found.name, 120)}</bdi></h3>
              <span class="fact">{bytes(found.bytes)}</span>
              {found.digest ? <span class="fact mono" title={found.digest}>{found.digest.slice(0, 12)}</span> : null}
              <span class="spacer" />
              <a class="button" href={addressOf(run, found.path)} download={found.name}><Icon name="download" /><span>Download</span></a>
              <Button icon="close" label="Close the preview" onClick={() => setQuery("file", null)} />
            </div>
            <div class="preview"><Preview run={run} entry={found} /></div>
          </>
        ) : <Empty icon="file" title="Choose a file"><p>Arrow keys go from file to file.</p></Empty>}
      </div>
    </div>
  );
}
