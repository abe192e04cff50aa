import { useState } from "preact/hooks";
import { file, readOnlyReason } from "../file";
import { Button, Icon } from "./parts";
import { renderMarkdown } from "../markdown";

/** A line of text that turns into an input. Enter keeps the change, Escape drops it. */
export function EditableText({ value, label, save, class: extra }: { value: string; label: string; save: (text: string) => Promise<boolean>; class?: string }) {
  const [draft, setDraft] = useState<string | null>(null);
  const reason = readOnlyReason(file.value);
  const keep = async () => {
    if (draft !== null && draft !== value && draft.trim() !== "") await save(draft);
    setDraft(null);
  };
  if (draft === null) {
    return (
      <span class={`editable ${extra ?? ""}`}>
        <bdi>{value}</bdi>
        <Button icon="edit" label={`Change ${label}`} class="tiny" disabled={reason !== null} reason={reason ?? ""} onClick={() => setDraft(value)} />
      </span>
    );
  }
  return (
    <input
      class={`edit-line ${extra ?? ""}`}
      value={draft}
      aria-label={label}
      autofocus
      ref={(element) => element?.focus()}
      onInput={(event) => setDraft(event.currentTarget.value)}
      onBlur={() => void keep()}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") void keep();
        else if (event.key === "Escape") setDraft(null);
      }}
    />
  );
}

/** A note in Markdown with an editor. */
export function Note({ text, save }: { text: string; save: (text: string) => Promise<boolean> }) {
  const [draft, setDraft] = useState<string | null>(null);
  const reason = readOnlyReason(file.value);
  if (draft !== null) {
    return (
      <div class="note-editor">
        <textarea aria-label="Note in Markdown" value={draft} rows={8} ref={(element) => element?.focus()} onInput={(event) => setDraft(event.currentTarget.value)} />
        <div class="bar">
          <Button label="Keep the note" words="Keep" class="primary" onClick={() => void save(draft).then((kept) => kept && setDraft(null))} />
          <Button label="Drop the change" words="Cancel" onClick={() => setDraft(null)} />
        </div>
      </div>
    );
  }
  if (text === "") {
    return <Button icon="edit" label="Write a note" words="Write a note" class="ghost" disabled={reason !== null} reason={reason ?? ""} onClick={() => setDraft("")} />;
  }
  return (
    <div class="note-text">
      <div class="markdown">{renderMarkdown(text)}</div>
      <Button icon="edit" label="Change the note" class="tiny" disabled={reason !== null} reason={reason ?? ""} onClick={() => setDraft(text)} />
    </div>
  );
}

/** Tags as words with a way to add, change and remove them. */
export function Tags({ tags, save }: { tags: Record<string, string>; save: (patch: Record<string, string | null>) => Promise<boolean> }) {
  const [adding, setAdding] = useState(false);
  const [text, setText] = useState("");
  const reason = readOnlyReason(file.value);
  const shown = Object.entries(tags).filter(([key]) => !key.startsWith("mlflow.")).slice(0, 200);
  const add = async () => {
    const [key = "", ...rest] = text.split("=");
    if (key.trim() !== "" && (await save({ [key.trim()]: rest.join("=").trim() }))) setText("");
    setAdding(false);
  };
  return (
    <span class="tags">
      {shown.map(([key, value]) => (
        <span class="tag" key={key} title={`${key}: ${value}`.slice(0, 1000)}>
          <bdi>{key.slice(0, 60)}</bdi>{value === "" ? null : <b><bdi>{value.slice(0, 80)}</bdi></b>}
          {reason === null ? <button type="button" aria-label={`Remove tag ${key.slice(0, 60)}`} onClick={() => void save({ [key]: null })}><Icon name="close" /></button> : null}
        </span>
      ))}
      {adding ? (
        <input class="edit-line" aria-label="New tag, as key=value" placeholder="key=value" value={text} ref={(element) => element?.focus()} onInput={(event) => setText(event.currentTarget.value)} onBlur={() => void add()} onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === "Enter") void add();
          else if (event.key === "Escape") (setText(""), setAdding(false));
        }} />
      ) : <Button icon="plus" label="Add a tag" class="tiny" disabled={reason !== null} reason={reason ?? ""} onClick={() => setAdding(true)} />}
    </span>
  );
}
