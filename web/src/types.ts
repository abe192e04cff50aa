/** The answers of the server, as its contract has them. Numbers may be the words "NaN", "Infinity" and "-Infinity". */

export type Num = number | "NaN" | "Infinity" | "-Infinity";

export interface FileInfo {
  name: string;
  read_only: boolean;
  version: string;
  experiments: number;
  runs: number;
  points: number;
  bytes: number;
  position: string;
  now: number;
  user: string | null;
  writable: boolean;
  warnings?: string[];
}

export interface Experiment {
  id: string;
  path: string;
  runs: number;
  running: number;
  failed: number;
  last_activity: number | null;
  created: number | null;
  lifecycle: "active" | "deleted";
  tags: Record<string, string>;
  note: string | null;
}

export interface QueryMeta {
  handle: string;
  total: number;
  position: string;
  offset: number;
  group: string[] | null;
  groups: number;
}

type KeyKind = "param" | "metric" | "tag";

export interface Key {
  kind: KeyKind;
  key: string;
  runs: number;
  distinct: number;
  constant: boolean;
  min: Num | string | null;
  max: Num | string | null;
  direction: "min" | "max" | null;
}

export interface Keys {
  total: number;
  keys: Key[];
  sections: { prefix: string; keys: number }[];
}

export interface CurveSeries {
  run?: string;
  group?: number;
  name?: string;
  key: string;
  start: number;
  count: number;
  points: number;
  exact: boolean;
  nan: number;
  first_nan_step: number | null;
  x_min: Num | null;
  x_max: Num | null;
  last_x: Num | null;
  last_value: Num | null;
  best_x: Num | null;
  best_value: Num | null;
  min?: { value: Num } | null;
  max?: { value: Num } | null;
}

export interface CurvesMeta {
  position: string;
  series: CurveSeries[];
}

export interface RunMetric {
  key: string;
  value: Num | null;
  step: number;
  time: number;
  min: Num | null;
  max: Num | null;
  mean: Num | null;
  count: number;
  nan: number;
}

interface RunInfo {
  id: string;
  name: string;
  experiment: string;
  experiment_path: string;
  status: string;
  health: string;
  start: number | null;
  end: number | null;
  user: string | null;
  lifecycle: "active" | "deleted";
  artifact_uri: string;
}

export interface RunDetail {
  info: RunInfo;
  params: Record<string, string>;
  tags: Record<string, string>;
  note: string | null;
  metrics: RunMetric[];
  parent: { id: string; name: string } | string | null;
  children: { id: string; name: string; status: string }[];
  datasets: Record<string, unknown>[];
  models: { id: string; name: string }[];
  versions: { model: string; version: string }[];
}

export type Cell = string | number | boolean | null;

export interface Comparison {
  runs: { id: string; name: string }[];
  same: number;
  rows: { section: string; key: string; values: Cell[]; differs: boolean }[];
}

export interface FileEntry {
  path: string;
  name: string;
  directory: boolean;
  bytes: number | null;
  digest?: string | null;
}

export interface Model {
  name: string;
  description: string | null;
  created: number | null;
  updated: number | null;
  versions: number;
  aliases: Record<string, string | number>;
  tags: Record<string, string>;
  latest: string | number | null;
}

export interface ModelVersion {
  version: string;
  run: string | null;
  run_name: string | null;
  source: string | null;
  status: string;
  stage: string | null;
  created: number | null;
  updated: number | null;
  aliases: string[];
  tags: Record<string, string>;
  description: string | null;
  metrics: Record<string, Num>;
  params: Record<string, string>;
}

export interface LineageNode {
  id: string;
  kind: string;
  label: string;
  layer: number;
  row: number;
}

export interface Lineage {
  nodes: LineageNode[];
  edges: { from: string; to: string; label: string | null }[];
}

export interface Change {
  position: string;
  runs: boolean;
  registry: boolean;
  points: boolean;
  health?: boolean;
}

export interface SavedView {
  name: string;
  revision: number;
  author: string | null;
  updated: number | null;
  state?: Record<string, string>;
  experiment?: string | null;
}

export interface Completion {
  from: number;
  items: { text: string; kind: string; detail: string | null }[];
  error: { message: string; at: number; length: number; hint: string | null } | null;
}

export interface CodeDiff {
  same: boolean;
  commits: [string | null, string | null];
  patches: [boolean, boolean];
  hunks: { starts: [number, number]; lines: string[] }[];
  left_out: number;
}

interface Package {
  name: string;
  version: string;
}

export interface PackageDiff {
  known: boolean;
  added: Package[];
  removed: Package[];
  changed: { name: string; before: string; after: string }[];
  same: number;
}

export interface Importance {
  runs: number;
  explained: Num;
  params: { key: string; importance: Num; error: Num; correlation: Num | null; runs: number }[];
  dependence: { number: Num | null; text: string | null; mean: Num }[];
}

export interface JobTask {
  key: string;
  attempt: number;
  state: string;
  message: string;
  started: number | null;
  ended: number | null;
  log: string | null;
}

export interface JobRun {
  id: number;
  number: number;
  trigger: string;
  user: string;
  state: string;
  message: string;
  created: number;
  started: number | null;
  ended: number | null;
  tasks: JobTask[];
}

export interface Job {
  id: number;
  name: string;
  creator: string;
  created: number;
  paused: boolean;
  trigger: string | null;
  words: string;
  zone: string | null;
  next: number[];
  tasks: number;
  runs: JobRun[];
}

export interface JobHistory {
  job: Job;
  settings: unknown;
  more: boolean;
}

export interface Served {
  name: string;
  entity_name: string;
  entity_version: string;
  alias?: string;
  shadow?: boolean;
  state: { deployment: string; deployment_state_message: string };
}

interface EndpointConfig {
  config_version: number;
  served_entities: Served[];
  traffic_config: { routes: { served_entity_name: string; traffic_percentage: number }[] };
}

/** An endpoint in the form of Databricks's API. */
export interface Endpoint {
  name: string;
  creator: string;
  last_updated_timestamp: number;
  description?: string;
  state: { ready: string; config_update: string };
  config?: EndpointConfig;
  pending_config?: EndpointConfig;
}

export interface EndpointCounters {
  entity: string;
  requests: number;
  refused: number;
  failed: number;
  mean: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  workers: number;
  waiting: number;
  cold_starts: number;
  deaths: number;
}

export interface EndpointFacts {
  name: string;
  path: string;
  counters: EndpointCounters[];
  example: string | null;
  signature: Record<string, unknown> | null;
  failure: string | null;
  table: string | null;
}

export interface TableColumn {
  name: string;
  type: string;
  comment: string | null;
}

export interface StoredTable {
  name: string;
  description: string | null;
  owner: string;
  updated: number;
  version: number;
  key: string[];
  timestamp: string | null;
  columns: TableColumn[];
}

export interface TableVersions {
  table: StoredTable;
  writes: { version: number; time: number; user: string; mode: string; rows: number }[];
}

export interface WindowMeta {
  total: number;
  offset: number;
  version: number;
  left_out: number;
}
