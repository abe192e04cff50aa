import { render } from "preact";
import { effect } from "@preact/signals";
import { messageOf, openSession } from "./api";
import { begin } from "./busy";
import { startClock } from "./clock";
import { watchExperiments } from "./experiments";
import { file, fileProblem, loadFile, watchFile } from "./file";
import { watchKeys } from "./keys";
import { startLive } from "./live";
import { followEntry, watchViewLinks } from "./links";
import { watchMine } from "./mine";
import { loadViews } from "./pages/viewmenu";
import { applyTheme } from "./prefs";
import { report } from "./report";
import { watchRuns } from "./runs/data";
import { watchGroups } from "./runs/table";
import { Shell } from "./shell";
import type { FileInfo } from "./types";
import { followLinks, place } from "./store";
import "./css/app.css";

const TITLES: Record<string, string> = { runs: "Runs", run: "Run", experiments: "Experiments", models: "Models", lineage: "Lineage", tables: "Tables", serving: "Serving", jobs: "Jobs", now: "Now", views: "Views" };

function watchTitle(): void {
  effect(() => {
    const name = file.value?.name.split("/").pop() ?? "tracklite";
    document.title = `${TITLES[place.value.path[0] ?? ""] ?? ""} · ${name}`;
  });
}

async function start(): Promise<void> {
  const end = begin();
  applyTheme();
  followLinks();
  watchKeys();
  startClock();
  watchTitle();
  const root = document.getElementById("app");
  try {
    if (!report) await openSession();
  } catch (error) {
    fileProblem.value = { message: messageOf(error), status: 401 };
  }
  const loaded = loadFile();
  await followEntry();
  if (!report) watchMine();
  watchRuns();
  watchGroups();
  // The first query is on its way while the page draws its frame.
  await Promise.resolve();
  if (root) render(<Shell />, root);
  const info = await loaded;
  if (!report) follow(info);
  end();
}

/** Follows the file, and reads what no first picture needs. */
function follow(info: FileInfo | null): void {
  startLive(info?.position ?? "");
  watchViewLinks();
  watchFile();
  watchExperiments();
  if (info) void loadViews();
}

void start();
