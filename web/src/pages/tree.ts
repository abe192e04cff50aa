import type { Experiment } from "../types";

export interface Folder {
  name: string;
  path: string;
  experiment: Experiment | null;
  folders: Folder[];
  runs: number;
  running: number;
  failed: number;
  last: number;
}

function empty(name: string, path: string): Folder {
  return { name, path, experiment: null, folders: [], runs: 0, running: 0, failed: 0, last: 0 };
}

/** Makes folders of the paths of experiments, and adds up their runs. */
export function treeOf(experiments: readonly Experiment[]): Folder {
  const root = empty("", "");
  for (const experiment of experiments) {
    const parts = experiment.path.split("/").filter((part) => part !== "");
    const absolute = experiment.path.startsWith("/");
    let folder = root;
    count(folder, experiment);
    parts.forEach((name, depth) => {
      const path = `${absolute ? "/" : ""}${parts.slice(0, depth + 1).join("/")}`;
      let child = folder.folders.find((one) => one.name === name && one.path === path);
      if (!child) folder.folders.push((child = empty(name, path)));
      folder = child;
      count(folder, experiment);
    });
    folder.experiment = folder.experiment ?? experiment;
  }
  sort(root);
  return root;
}

function count(folder: Folder, { runs, running, failed, last_activity: last }: Experiment): void {
  folder.runs += runs;
  folder.running += running;
  folder.failed += failed;
  folder.last = Math.max(folder.last, last ?? 0);
}

function sort(folder: Folder): void {
  folder.folders.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const child of folder.folders) sort(child);
}

export interface TreeLine {
  folder: Folder;
  depth: number;
  open: boolean;
}

/** Lists the lines of a tree. With a search, all folders that lead to a match are open. */
export function linesOfTree(root: Folder, closed: ReadonlySet<string>, search: string): TreeLine[] {
  const wanted = search.toLowerCase();
  const lines: TreeLine[] = [];
  const visit = (folder: Folder, depth: number): boolean => {
    const own = folder.path.toLowerCase().includes(wanted);
    const line = { folder, depth, open: search !== "" || !closed.has(folder.path) };
    const at = lines.push(line) - 1;
    let any = own;
    if (line.open) for (const child of folder.folders) any = visit(child, depth + 1) || any;
    if (search !== "" && !any) lines.length = at;
    return any;
  };
  for (const child of root.folders) visit(child, 0);
  return lines;
}
