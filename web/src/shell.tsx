import { useEffect, useState } from "preact/hooks";
import { messageOf, signIn } from "./api";
import { file, fileProblem, loadFile, readOnlyReason } from "./file";
import { age, cut } from "./format";
import { connection, heard } from "./live";
import { backToMine, keepShared, ownQuery, shared } from "./mine";
import { report, type Report } from "./report";
import { isDark, railOpen, switchTheme } from "./prefs";
import { link, page } from "./store";
import { Experiments } from "./pages/experiments";
import { Jobs } from "./pages/jobs";
import { LineagePage } from "./pages/lineage";
import { Models } from "./pages/models";
import { Now } from "./pages/now";
import { Serving } from "./pages/serving";
import { Tables } from "./pages/tables";
import { Views } from "./pages/views";
import { views } from "./pages/viewmenu";
import { RunPage } from "./run/page";
import { RunsPage } from "./runs/page";
import { Guard } from "./ui/guard";
import { Help } from "./ui/help";
import { helpOpen, paletteOpen } from "./ui/dialogs";
import { Palette } from "./ui/palette";
import { Button, Empty, ErrorNote, Icon } from "./ui/parts";
import { Toasts } from "./ui/toast";

interface Place {
  id: string;
  words: string;
  icon: string;
  shown?: () => boolean;
}

/** The places of the rail. A page gets its place when it exists. */
const PLACES: readonly Place[] = [
  { id: "now", words: "Now", icon: "now" },
  { id: "experiments", words: "Experiments", icon: "experiments" },
  { id: "runs", words: "Runs", icon: "runs" },
  { id: "models", words: "Models", icon: "models" },
  { id: "lineage", words: "Lineage", icon: "lineage" },
  { id: "tables", words: "Tables", icon: "tables" },
  { id: "serving", words: "Serving", icon: "serving" },
  { id: "jobs", words: "Jobs", icon: "jobs" },
  { id: "views", words: "Views", icon: "views", shown: () => views.value !== null },
];

function Rail() {
  const current = page.value === "run" ? "runs" : page.value;
  const open = railOpen.value;
  return (
    <nav class={`rail ${open ? "" : "narrow"}`} aria-label="Pages">
      <ul>
        {PLACES.filter(({ id, shown }) => (report ? id === "runs" : (shown?.() ?? true))).map(({ id, words, icon }) => (
          <li key={id}>
            <a href={link([id], id === "runs" && page.value !== "runs" ? ownQuery() : {})} aria-current={current === id ? "page" : undefined} title={open ? undefined : words}>
              <Icon name={icon} />
              <span>{words}</span>
            </a>
          </li>
        ))}
      </ul>
      <Button icon={open ? "back" : "next"} label={open ? "Narrow the rail" : "Widen the rail"} onClick={() => (railOpen.value = !open)} />
    </nav>
  );
}

const LIVE_WORDS = { connecting: "connecting", live: "live", polling: "live (polling)", lost: "not connected" } as const;

/** Says what a report shows, and when it was made. */
function Made({ of }: { of: Report }) {
  const { view, made, runs, shown } = of;
  const rows = shown < runs ? `${shown} of ${runs} runs` : `${runs} runs`;
  return <span class="live" role="status">report{view === "" ? "" : ` of ${view}`}, {new Date(made).toLocaleString()}, {rows}</span>;
}

/** Says whether the page follows the file, and how old its data is. */
function Live() {
  const state = connection.value;
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => connection.peek() === "lost" && tick((count) => count + 1), 1000);
    return () => window.clearInterval(timer);
  }, []);
  const words = state === "lost" ? `${LIVE_WORDS.lost}, data is ${age(Date.now() - heard.value)} old` : LIVE_WORDS[state];
  return <span class={`live live-${state}`} role="status"><span class="pulse" />{words}</span>;
}

function TopBar() {
  const info = file.value;
  const reason = info ? readOnlyReason(info) : null;
  return (
    <header class="top">
      <a class="brand" href={link(["runs"])} aria-label="tracklite">
        <Icon name="logo" />
      </a>
      <h1 title={info?.name}><bdi>{cut(info?.name.split("/").pop() ?? "tracklite", 80)}</bdi></h1>
      {reason ? <span class="chip" title={reason}>read-only</span> : null}
      {report ? <Made of={report} /> : <Live />}
      <span class="spacer" />
      <button type="button" class="button search-all" onClick={() => (paletteOpen.value = true)}>
        <Icon name="search" /><span>Search everything</span><kbd>Ctrl K</kbd>
      </button>
      <Button icon={isDark() ? "sun" : "moon"} label={isDark() ? "Light colours" : "Dark colours"} onClick={switchTheme} />
      <Button icon="help" label="Keyboard and mouse" keys="?" onClick={() => (helpOpen.value = true)} />
    </header>
  );
}

function Page() {
  switch (page.value) {
    case "runs": return <RunsPage />;
    case "run": return <RunPage />;
    case "experiments": return <Experiments />;
    case "models": return <Models />;
    case "lineage": return <LineagePage />;
    case "tables": return <Tables />;
    case "serving": return <Serving />;
    case "jobs": return <Jobs />;
    case "now": return <Now />;
    case "views": return <Views />;
    default: return <Empty icon="warning" title="No such page"><p>This address leads nowhere. <a href={link(["runs"])}>Go to the runs</a>.</p></Empty>;
  }
}

/** Says that the view came by a link, and that the reader's own one is kept. */
function SharedBar() {
  if (!shared.value || page.value !== "runs") return null;
  return (
    <aside class="shared-bar" aria-label="Shared view">
      <Icon name="link" />
      <span>This is a shared view. Your own view is not changed.</span>
      <span class="spacer" />
      <Button label="Keep this view as mine" words="Keep this one" onClick={keepShared} />
      <Button label="Go back to my view" words="Back to mine" class="primary" onClick={backToMine} />
    </aside>
  );
}

function SignIn() {
  const [token, setToken] = useState("");
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await signIn(token.trim());
      location.reload();
    } catch (failed) {
      setError(messageOf(failed));
    }
  };
  return (
    <Empty icon="lock" title="A token is needed">
      <p>Open the address that <code>tracklite ui</code> printed, or paste a token of this file.</p>
      <form class="sign-in" onSubmit={(event) => void submit(event)}>
        <input type="password" class="edit-line" aria-label="Token" placeholder="tlk_…" autocomplete="off" value={token} onInput={(event) => setToken(event.currentTarget.value)} />
        <button type="submit" class="button primary" disabled={token.trim() === ""}>Open</button>
      </form>
      {error ? <p class="bad" role="alert">{error}</p> : null}
    </Empty>
  );
}

export function Shell() {
  const trouble = fileProblem.value;
  const locked = trouble?.status === 401 || trouble?.status === 403;
  return (
    <div class="shell">
      <TopBar />
      <Rail />
      <main>
        {(file.value?.warnings ?? []).map((warning) => <ErrorNote key={warning} message={warning} />)}
        {trouble && !locked ? <ErrorNote message={trouble.message} retry={() => void loadFile()} /> : null}
        <SharedBar />
        {locked ? <SignIn /> : <Guard key={page.value}><Page /></Guard>}
      </main>
      <Help />
      <Palette />
      <Toasts />
    </div>
  );
}
