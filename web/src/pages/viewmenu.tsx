import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { ApiError, getJson, messageOf, sendJson } from "../api";
import { file, readOnlyReason } from "../file";
import { cut } from "../format";
import { viewToRecord } from "../state";
import { go, query, view } from "../store";
import type { SavedView } from "../types";
import { copyText } from "../runs/export";
import { toast } from "../ui/toast";
import { Button, Choices, Field, Popover } from "../ui/parts";

/** The named views of the file, or null if this server does not keep views. */
export const views = signal<SavedView[] | null>(null);

export async function loadViews(): Promise<void> {
  try {
    views.value = (await getJson<{ views: SavedView[] }>("views")).views;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) views.value = null;
    else toast(messageOf(error));
  }
}

export async function openView(name: string): Promise<void> {
  try {
    const saved = await getJson<SavedView>(`views/${encodeURIComponent(name)}`);
    go(["runs"], { ...(saved.state ?? {}), view: name });
  } catch (error) {
    toast(messageOf(error));
  }
}

async function save(name: string): Promise<boolean> {
  const known = views.peek()?.find((one) => one.name === name);
  try {
    await sendJson("PUT", `views/${encodeURIComponent(name)}`, { state: viewToRecord(view.peek()), revision: known?.revision ?? 0 });
    toast(`Saved the view ${name}`);
    await loadViews();
    return true;
  } catch (error) {
    toast(messageOf(error));
    await loadViews();
    return false;
  }
}

export async function removeView(name: string): Promise<void> {
  try {
    await sendJson("DELETE", `views/${encodeURIComponent(name)}`, undefined);
    await loadViews();
  } catch (error) {
    toast(messageOf(error));
  }
}

function SaveForm({ close }: { close: () => void }) {
  const [name, setName] = useState(query.value.get("view") ?? "");
  const reason = readOnlyReason(file.value);
  const submit = async () => {
    if (name.trim() !== "" && (await save(name.trim()))) close();
  };
  return (
    <div class="panel-head">
      <Field value={name} label="Name of the view" placeholder="Save this view as" onInput={setName} onKeyDown={(event) => event.key === "Enter" && void submit()} />
      <Button label="Save the view in the file" words="Save" class="primary" disabled={reason !== null || name.trim() === ""} reason={reason ?? "Give it a name"} onClick={() => void submit()} />
    </div>
  );
}

/** Saves the present view in the file, opens others, and copies the link. */
export function ViewMenu() {
  const known = views.value;
  const copyLink = () => void copyText(location.href, "the link to this view");
  if (known === null) return <Button icon="link" label="Copy the link to this view" onClick={copyLink} />;
  return (
    <Popover icon="views" label="Views" words="View" panelClass="chooser">
      {(close) => (
        <>
          <SaveForm close={close} />
          <Choices close={close} items={[
            ...known.slice(0, 30).map(({ name }) => ({ words: cut(name, 60), choose: () => void openView(name) })),
            ...(known.length > 0 ? [null] : []),
            { words: "Copy the link to this view", choose: copyLink },
          ]} />
        </>
      )}
    </Popover>
  );
}
