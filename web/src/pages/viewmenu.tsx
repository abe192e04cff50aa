import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { ApiError, getJson, messageOf, sendJson } from "../api";
import { loadExperiments, VIEW_TAG, viewOf } from "../experiments";
import { file, readOnlyReason } from "../file";
import { cut } from "../format";
import { viewToRecord, writeView } from "../state";
import { isUnnamed, openView, shareable } from "../links";
import { go, query, setQuery, view } from "../store";
import type { SavedView } from "../types";
import { copyText } from "../runs/export";
import { edit } from "../runs/edit";
import { toast } from "../ui/toast";
import { Button, Choices, Field, Popover, type Choice } from "../ui/parts";

/** The named views of the file, or null if this server does not keep views. */
export const views = signal<SavedView[] | null>(null);

export async function loadViews(): Promise<void> {
  try {
    const { views: all } = await getJson<{ views: SavedView[] }>("views");
    views.value = all.filter(({ name }) => !isUnnamed(name));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) views.value = null;
    else toast(messageOf(error));
  }
}

/** Saves the present view if nobody saved one of this name since. Returns the revision of who did, or null. */
async function save(name: string, expects: number): Promise<number | null> {
  try {
    await sendJson("PUT", `views/${encodeURIComponent(name)}`, { state: viewToRecord(view.peek()), expects });
    toast(`Saved the view ${name}`);
    await loadViews();
    setQuery("view", name, true);
    return null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) return Number(error.body["now"] ?? 0);
    throw error;
  }
}

export async function removeView({ name, revision }: SavedView): Promise<void> {
  try {
    await sendJson("DELETE", `views/${encodeURIComponent(name)}`, { expects: revision });
  } catch (error) {
    toast(messageOf(error));
  }
  await loadViews();
}

const revisionOf = (name: string) => views.peek()?.find((one) => one.name === name)?.revision ?? 0;

function SaveForm({ close }: { close: () => void }) {
  const [name, setName] = useState(query.value.get("view") ?? "");
  const [newer, setNewer] = useState<number | null>(null);
  const reason = readOnlyReason(file.value);
  const submit = async (expects: number) => {
    try {
      const found = await save(name.trim(), expects);
      setNewer(found);
      if (found === null) close();
    } catch (error) {
      toast(messageOf(error));
    }
  };
  const onSubmit = (event: Event) => {
    event.preventDefault();
    if (name.trim() !== "") void submit(revisionOf(name.trim()));
  };
  return (
    <form class="panel-head" onSubmit={onSubmit}>
      <Field value={name} label="Name of the view" placeholder="Save this view as" onInput={(text) => (setName(text), setNewer(null))} />
      <button type="submit" class="button primary" disabled={reason !== null || name.trim() === ""} title={reason ?? "Save the view in the file"}>Save</button>
      {newer === null ? null : (
        <p class="note bad" role="alert">
          Somebody saved revision {newer} of it in the meantime.{" "}
          <Button label="Save over it" words="Save over it" class="link" onClick={() => void submit(newer)} />
        </p>
      )}
    </form>
  );
}

/** The choice to open an experiment with the view that was opened or saved last. */
function defaultChoice(): Choice | null {
  const name = query.value.get("view");
  const [experiment, ...others] = view.value.experiments;
  if (!name || experiment === undefined || others.length > 0 || revisionOf(name) === 0) return null;
  const isDefault = viewOf(experiment) === name;
  const reason = readOnlyReason(file.value);
  const set = (value: string | null) => sendJson("PATCH", `experiments/${experiment}`, { tags: { [VIEW_TAG]: value } }).then(loadExperiments);
  const words = isDefault ? `The experiment no longer opens with ${name}` : `The experiment opens with ${name}`;
  return {
    words: cut(`Open the experiment with ${name}`, 60), checked: isDefault, disabled: reason !== null, reason: reason ?? "",
    choose: () => void edit(words, () => set(isDefault ? null : name), () => set(isDefault ? name : null)),
  };
}

/** Saves the present view in the file, opens others, and copies the link. */
export function ViewMenu() {
  const known = views.value;
  const copyLink = () => void shareable().then((text) => copyText(text, "the link to this view"));
  if (known === null) return <Button icon="link" label="Copy the link to this view" onClick={copyLink} />;
  return (
    <Popover icon="views" label="Views" words="View" panelClass="chooser">
      {(close) => (
        <>
          <SaveForm close={close} />
          <Choices close={close} items={[
            ...known.slice(0, 30).map(({ name }) => ({ words: cut(name, 60), choose: () => void openView(name) })),
            ...(known.length > 0 ? [null] : []),
            ...[defaultChoice()].filter((choice) => choice !== null),
            { words: "Copy the link to this view", choose: copyLink },
            { words: "Start afresh", disabled: writeView(view.value).size === 0, choose: () => go(["runs"]) },
          ]} />
        </>
      )}
    </Popover>
  );
}
