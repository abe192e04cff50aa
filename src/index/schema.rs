//! The tables of the index: a list of migrations that only grows, counted by `user_version`.

use rusqlite::Connection;

/// The migrations, each from one version to the next. Released entries never change.
///
/// An index of another version is not migrated. It is rebuilt, which is always possible.
const MIGRATIONS: &[&str] = &[
    VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6, VERSION_7, VERSION_8,
    VERSION_9, VERSION_10, VERSION_11, VERSION_12,
];

/// The schema version of this build.
pub(super) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Creates the tables in an empty database.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    for migration in MIGRATIONS {
        connection.execute_batch(migration)?;
    }
    insert_first_row(connection)?;
    connection.pragma_update(None, "user_version", SCHEMA_VERSION)
}

/// Returns the number of tables, including SQLite's own `sqlite_sequence`.
#[cfg(feature = "internals")]
pub(super) fn tables() -> usize {
    1 + MIGRATIONS.iter().map(|text| text.matches("CREATE TABLE").count()).sum::<usize>()
}

/// Inserts the rows that exist before the first frame.
pub(super) fn insert_first_row(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached(FIRST_ROW)?.execute(()).map(drop)
}

/// The first schema.
///
/// Tables are joined by row ids (`run`, `writer`, `block`), which have no meaning outside the
/// index. The views show the ids of runs. Times are nanoseconds since the Unix epoch. No constraint
/// may reject a row, because everything in the chain must fit.
const VERSION_1: &str = "
CREATE TABLE state (
    id           INTEGER PRIMARY KEY CHECK (id = 0),
    file_id      TEXT NOT NULL,
    format_level INTEGER NOT NULL,
    dirty_boot   TEXT NOT NULL,
    position     INTEGER,
    hash         INTEGER,
    records      INTEGER NOT NULL DEFAULT 0,
    points       INTEGER NOT NULL DEFAULT 0,
    dropped      INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE experiments (
    experiment_id INTEGER PRIMARY KEY,
    path          TEXT NOT NULL,
    lifecycle     TEXT NOT NULL,
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL
);
CREATE INDEX experiments_by_path ON experiments (path);
CREATE TABLE experiment_tags (
    experiment_id INTEGER NOT NULL,
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) WITHOUT ROWID;
CREATE TABLE runs (
    run           INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id        TEXT NOT NULL,
    experiment_id INTEGER NOT NULL,
    name          TEXT NOT NULL,
    parent        TEXT,
    user          TEXT NOT NULL,
    status        TEXT NOT NULL,
    started       INTEGER NOT NULL,
    ended         INTEGER,
    lifecycle     TEXT NOT NULL,
    deleted       INTEGER
);
CREATE UNIQUE INDEX runs_by_id ON runs (run_id);
CREATE INDEX runs_by_experiment ON runs (experiment_id);
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
CREATE TABLE params (
    run   INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE tags (
    run   INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE metrics (
    run       INTEGER NOT NULL,
    key       TEXT NOT NULL,
    step      INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    value     REAL,
    bits      INTEGER,
    is_nan    INTEGER NOT NULL GENERATED ALWAYS AS (value IS NULL) VIRTUAL,
    points    INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE writers (
    writer      INTEGER PRIMARY KEY,
    incarnation INTEGER NOT NULL,
    byte        INTEGER NOT NULL,
    boot_id     TEXT NOT NULL,
    process     INTEGER NOT NULL,
    host        TEXT NOT NULL,
    opened      INTEGER NOT NULL,
    closed      INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX writers_by_incarnation ON writers (incarnation);
CREATE INDEX writers_by_byte ON writers (byte);
CREATE TABLE run_writers (
    run    INTEGER NOT NULL,
    writer INTEGER NOT NULL,
    PRIMARY KEY (run, writer)
) WITHOUT ROWID;
CREATE TABLE series (
    writer INTEGER NOT NULL,
    series INTEGER NOT NULL,
    run    INTEGER,
    key    TEXT NOT NULL,
    PRIMARY KEY (writer, series)
) WITHOUT ROWID;
CREATE INDEX series_by_run ON series (run, key);
CREATE TABLE row_schemas (
    writer INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    series BLOB NOT NULL,
    PRIMARY KEY (writer, row)
) WITHOUT ROWID;
CREATE TABLE row_schema_runs (
    writer INTEGER NOT NULL,
    run    INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    PRIMARY KEY (writer, run, row)
) WITHOUT ROWID;
CREATE TABLE extents (
    unit   INTEGER PRIMARY KEY,
    units  INTEGER NOT NULL,
    writer INTEGER NOT NULL
);
CREATE INDEX extents_by_writer ON extents (writer);
CREATE TABLE blocks (
    block    INTEGER PRIMARY KEY AUTOINCREMENT,
    writer   INTEGER NOT NULL,
    data     BLOB,
    offset   INTEGER,
    length   INTEGER,
    checksum INTEGER,
    live     INTEGER NOT NULL,
    purged   INTEGER NOT NULL
);
CREATE INDEX blocks_by_offset ON blocks (offset) WHERE offset IS NOT NULL;
CREATE INDEX blocks_with_purged ON blocks (block) WHERE purged > 0;
CREATE TABLE block_series (
    writer INTEGER NOT NULL,
    series INTEGER NOT NULL,
    block  INTEGER NOT NULL,
    PRIMARY KEY (writer, series, block)
) WITHOUT ROWID;
CREATE VIEW run_params AS
    SELECT runs.run_id, runs.experiment_id, params.key, params.value
    FROM params JOIN runs USING (run);
CREATE VIEW run_tags AS
    SELECT runs.run_id, runs.experiment_id, tags.key, tags.value
    FROM tags JOIN runs USING (run);
CREATE VIEW run_metrics AS
    SELECT runs.run_id, runs.experiment_id, metrics.key, metrics.step, metrics.timestamp,
           metrics.value, metrics.is_nan, metrics.points
    FROM metrics JOIN runs USING (run);
";

/// Adds inputs and outputs of runs, ordered by row id. Indexes of version 1 also lacked the tags
/// for names and parents.
const VERSION_2: &str = "
CREATE TABLE datasets (
    dataset       INTEGER PRIMARY KEY,
    experiment_id INTEGER NOT NULL,
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL,
    source_type   TEXT NOT NULL,
    source        TEXT NOT NULL,
    schema        TEXT,
    profile       TEXT
);
CREATE UNIQUE INDEX datasets_by_name ON datasets (experiment_id, name, digest);
CREATE TABLE dataset_inputs (
    input   INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    dataset INTEGER NOT NULL
);
CREATE UNIQUE INDEX dataset_inputs_by_run ON dataset_inputs (run, dataset);
CREATE INDEX dataset_inputs_by_dataset ON dataset_inputs (dataset);
CREATE TABLE dataset_input_tags (
    input INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (input, key)
) WITHOUT ROWID;
CREATE TABLE model_inputs (
    input INTEGER PRIMARY KEY,
    run   INTEGER NOT NULL,
    model TEXT NOT NULL
);
CREATE UNIQUE INDEX model_inputs_by_run ON model_inputs (run, model);
CREATE TABLE model_outputs (
    output INTEGER PRIMARY KEY,
    run    INTEGER NOT NULL,
    model  TEXT NOT NULL,
    step   INTEGER NOT NULL
);
CREATE UNIQUE INDEX model_outputs_by_run ON model_outputs (run, model, step);
CREATE VIEW run_datasets AS
    SELECT runs.run_id, runs.experiment_id, datasets.name, digest, source_type, source, schema,
           profile, value AS context
    FROM dataset_inputs JOIN runs USING (run) JOIN datasets USING (dataset)
    LEFT JOIN dataset_input_tags ON dataset_input_tags.input = dataset_inputs.input
    AND key = 'mlflow.data.context';
";

/// Adds artifacts, their chunks, and the units that contain chunks. `content` is a sequence of
/// chunk hashes.
const VERSION_3: &str = "
CREATE TABLE artifacts (
    artifact   INTEGER PRIMARY KEY,
    owner_kind TEXT NOT NULL,
    owner      TEXT NOT NULL,
    version    INTEGER NOT NULL,
    path       TEXT NOT NULL,
    written    INTEGER NOT NULL,
    size       INTEGER,
    digest     TEXT,
    media_type TEXT,
    uri        TEXT,
    is_list    INTEGER NOT NULL,
    content    BLOB NOT NULL
);
CREATE UNIQUE INDEX artifacts_by_path ON artifacts (owner, version, path);
CREATE INDEX artifacts_with_lists ON artifacts (artifact) WHERE is_list;
CREATE TABLE artifact_chunks (
    hash     BLOB NOT NULL,
    artifact INTEGER NOT NULL,
    PRIMARY KEY (hash, artifact)
) WITHOUT ROWID;
CREATE TABLE chunks (
    hash     BLOB PRIMARY KEY,
    length   INTEGER NOT NULL,
    coded    INTEGER NOT NULL,
    codec    INTEGER NOT NULL,
    offset   INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX chunks_by_offset ON chunks (offset);
CREATE TABLE chunk_units (
    unit        INTEGER PRIMARY KEY,
    units       INTEGER NOT NULL,
    incarnation INTEGER NOT NULL
);
";

/// Adds logged models and the registry.
///
/// A version's row has all its searchable fields, even the name of its model. `updated_millis` is
/// the update time in MLflow's precision, for sorting.
const VERSION_4: &str = "
CREATE TABLE logged_models (
    model          INTEGER PRIMARY KEY,
    model_id       TEXT NOT NULL,
    experiment_id  INTEGER NOT NULL,
    name           TEXT NOT NULL,
    model_type     TEXT,
    source_run     TEXT,
    status         TEXT NOT NULL,
    status_message TEXT,
    created        INTEGER NOT NULL,
    updated        INTEGER NOT NULL,
    lifecycle      TEXT NOT NULL,
    signature      TEXT,
    input_example  TEXT
);
CREATE UNIQUE INDEX logged_models_by_id ON logged_models (model_id);
CREATE INDEX logged_models_by_experiment ON logged_models (experiment_id);
CREATE INDEX logged_models_by_run ON logged_models (source_run) WHERE source_run IS NOT NULL;
CREATE TABLE logged_model_params (
    model INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_tags (
    model INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE TABLE logged_model_metrics (
    metric         INTEGER PRIMARY KEY,
    model          INTEGER NOT NULL,
    key            TEXT NOT NULL,
    step           INTEGER NOT NULL,
    timestamp      INTEGER NOT NULL,
    value          REAL,
    bits           INTEGER,
    run            TEXT,
    dataset_name   TEXT,
    dataset_digest TEXT
);
CREATE INDEX logged_model_metrics_by_model ON logged_model_metrics (model);
CREATE INDEX model_inputs_by_model ON model_inputs (model);
CREATE INDEX model_outputs_by_model ON model_outputs (model);
CREATE TABLE registered_models (
    model        INTEGER PRIMARY KEY,
    model_id     TEXT NOT NULL,
    name         TEXT NOT NULL,
    description  TEXT,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    last_version INTEGER NOT NULL
);
CREATE UNIQUE INDEX registered_models_by_id ON registered_models (model_id);
CREATE INDEX registered_models_by_name ON registered_models (name);
CREATE INDEX registered_models_by_update
    ON registered_models ((updated / 1000000 - (updated % 1000000 < 0)) DESC, name ASC);
CREATE TABLE registered_model_tags (
    model INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE INDEX registered_model_tags_by_key ON registered_model_tags (key, value);
CREATE TABLE model_versions (
    entry          INTEGER PRIMARY KEY,
    model          INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    name           TEXT NOT NULL,
    created        INTEGER NOT NULL,
    updated        INTEGER NOT NULL,
    updated_millis INTEGER NOT NULL,
    description    TEXT,
    user           TEXT NOT NULL,
    stage          TEXT NOT NULL,
    source         TEXT NOT NULL,
    location       TEXT NOT NULL,
    run_id         TEXT,
    run_link       TEXT,
    logged_model   TEXT,
    copied_model   TEXT,
    copied_version INTEGER,
    status         TEXT NOT NULL,
    status_message TEXT,
    signature      TEXT,
    digest         BLOB
);
CREATE UNIQUE INDEX model_versions_by_number ON model_versions (model, version);
CREATE INDEX model_versions_by_name ON model_versions (name, version);
CREATE INDEX model_versions_by_update
    ON model_versions (updated_millis DESC, name ASC, version DESC);
CREATE INDEX model_versions_by_run ON model_versions (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX model_versions_by_logged_model ON model_versions (logged_model)
    WHERE logged_model IS NOT NULL;
CREATE INDEX model_versions_by_copied ON model_versions (copied_model, copied_version)
    WHERE copied_model IS NOT NULL;
CREATE TABLE model_version_tags (
    entry INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (entry, key)
) WITHOUT ROWID;
CREATE INDEX model_version_tags_by_key ON model_version_tags (key, value);
CREATE TABLE model_aliases (
    model   INTEGER NOT NULL,
    alias   TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias)
) WITHOUT ROWID;
CREATE INDEX model_aliases_by_version ON model_aliases (model, version);
CREATE TABLE registry_mode (
    id   INTEGER PRIMARY KEY CHECK (id = 0),
    mode TEXT NOT NULL
);
CREATE TABLE catalogs (
    name    TEXT PRIMARY KEY,
    owner   TEXT NOT NULL,
    comment TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE catalog_schemas (
    catalog TEXT NOT NULL,
    name    TEXT NOT NULL,
    owner   TEXT NOT NULL,
    comment TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (catalog, name)
) WITHOUT ROWID;
";

/// Adds access tokens, ordered by row id. `scopes` has one name a line.
const VERSION_5: &str = "
CREATE TABLE tokens (
    token    INTEGER PRIMARY KEY,
    token_id TEXT NOT NULL,
    hash     BLOB NOT NULL,
    user     TEXT NOT NULL,
    comment  TEXT,
    scopes   TEXT NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER,
    revoked  INTEGER
);
CREATE UNIQUE INDEX tokens_by_id ON tokens (token_id);
";

/// Adds webhooks.
const VERSION_6: &str = "
CREATE TABLE webhooks (
    webhook     INTEGER PRIMARY KEY,
    webhook_id  TEXT NOT NULL,
    name        TEXT NOT NULL,
    url         TEXT NOT NULL,
    description TEXT,
    status      TEXT NOT NULL,
    secret      BLOB,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL
);
CREATE UNIQUE INDEX webhooks_by_id ON webhooks (webhook_id);
CREATE INDEX webhooks_by_creation ON webhooks (created);
CREATE TABLE webhook_events (
    webhook INTEGER NOT NULL,
    event   TEXT NOT NULL,
    PRIMARY KEY (webhook, event)
) WITHOUT ROWID;
CREATE INDEX webhook_events_by_event ON webhook_events (event);
";

/// Adds saved views. A deleted one keeps its revision, without `state` and `created`.
const VERSION_7: &str = "
CREATE TABLE saved_views (
    view     INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    state    TEXT,
    author   TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created  INTEGER,
    updated  INTEGER NOT NULL
);
CREATE UNIQUE INDEX saved_views_by_name ON saved_views (name);
";

/// Adds folders that were made.
const VERSION_8: &str = "
CREATE TABLE folders (
    path    TEXT PRIMARY KEY,
    created INTEGER NOT NULL
) WITHOUT ROWID;
";

/// Adds endpoints. A deleted one keeps its revision, without `state`.
const VERSION_9: &str = "
CREATE TABLE endpoints (
    endpoint    INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    endpoint_id TEXT,
    creator     TEXT,
    created     INTEGER,
    author      TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    state       TEXT,
    updated     INTEGER NOT NULL
);
CREATE UNIQUE INDEX endpoints_by_name ON endpoints (name);
";

/// Adds stored tables, their writes and the files with their rows. `removed` is the write that
/// replaced all rows.
const VERSION_10: &str = "
CREATE TABLE stored_tables (
    entry    INTEGER PRIMARY KEY,
    table_id TEXT NOT NULL,
    name     TEXT NOT NULL,
    creator  TEXT NOT NULL,
    created  INTEGER NOT NULL,
    author   TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state    TEXT NOT NULL,
    updated  INTEGER NOT NULL,
    floor    INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX stored_tables_by_id ON stored_tables (table_id);
CREATE INDEX stored_tables_by_name ON stored_tables (name);
CREATE TABLE table_writes (
    table_id TEXT NOT NULL,
    version  INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    author   TEXT NOT NULL,
    mode     TEXT NOT NULL,
    rows     INTEGER NOT NULL,
    PRIMARY KEY (table_id, version)
) WITHOUT ROWID;
CREATE TABLE table_segments (
    table_id      TEXT NOT NULL,
    path          TEXT NOT NULL,
    rows          INTEGER NOT NULL,
    first_version INTEGER NOT NULL,
    last_version  INTEGER NOT NULL,
    removed       INTEGER,
    PRIMARY KEY (table_id, path)
) WITHOUT ROWID;
";

/// Adds jobs and their runs. A deleted job keeps its revision, without `settings`. The last fire of
/// a job outlives its runs.
const VERSION_11: &str = "
CREATE TABLE jobs (
    job      INTEGER PRIMARY KEY,
    settings TEXT,
    creator  TEXT,
    created  INTEGER,
    author   TEXT NOT NULL,
    revision INTEGER NOT NULL,
    since    INTEGER,
    updated  INTEGER NOT NULL
);
CREATE TABLE job_fires (
    job     INTEGER PRIMARY KEY,
    number  INTEGER NOT NULL,
    nominal INTEGER
);
CREATE TABLE job_runs (
    job_run      INTEGER PRIMARY KEY,
    job          INTEGER,
    number       INTEGER NOT NULL,
    trigger_type TEXT NOT NULL,
    nominal      INTEGER,
    token        TEXT,
    settings     TEXT NOT NULL,
    request      TEXT NOT NULL,
    author       TEXT NOT NULL,
    created      INTEGER NOT NULL,
    started      INTEGER,
    canceled     TEXT,
    result       TEXT,
    message      TEXT,
    ended        INTEGER
);
CREATE UNIQUE INDEX job_runs_by_fire ON job_runs (job, nominal) WHERE nominal IS NOT NULL;
CREATE INDEX job_runs_by_token ON job_runs (token) WHERE token IS NOT NULL;
CREATE INDEX job_runs_active ON job_runs (job) WHERE ended IS NULL;
CREATE INDEX job_runs_by_creation ON job_runs (created);
CREATE INDEX job_runs_by_job ON job_runs (job, created);
CREATE TABLE job_attempts (
    place       INTEGER PRIMARY KEY,
    attempt     INTEGER NOT NULL,
    job_run     INTEGER NOT NULL,
    task        TEXT NOT NULL,
    number      INTEGER NOT NULL,
    repair      INTEGER NOT NULL,
    incarnation INTEGER,
    started     INTEGER,
    result      TEXT,
    exit_code   INTEGER,
    message     TEXT,
    output      TEXT,
    ended       INTEGER
);
CREATE UNIQUE INDEX job_attempts_by_id ON job_attempts (attempt);
CREATE INDEX job_attempts_by_run ON job_attempts (job_run);
CREATE TABLE job_repairs (
    place   INTEGER PRIMARY KEY,
    repair  INTEGER NOT NULL,
    job_run INTEGER NOT NULL,
    tasks   TEXT NOT NULL,
    request TEXT NOT NULL,
    author  TEXT NOT NULL,
    time    INTEGER NOT NULL
);
CREATE UNIQUE INDEX job_repairs_by_id ON job_repairs (repair);
CREATE INDEX job_repairs_by_run ON job_repairs (job_run);
";

/// Adds rights to jobs, notifications about their runs, and the last events at which jobs may run.
/// A run whose settings name receivers is `loud` until the notification about its end was taken. A
/// `place` is the number of a record in the order of the chain.
const VERSION_12: &str = "
ALTER TABLE jobs ADD COLUMN since_place INTEGER;
ALTER TABLE job_fires ADD COLUMN event_place INTEGER;
ALTER TABLE job_fires ADD COLUMN event_time INTEGER;
CREATE TABLE job_events (
    kind    TEXT NOT NULL,
    object  TEXT NOT NULL,
    detail  TEXT NOT NULL,
    version INTEGER,
    time    INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    PRIMARY KEY (kind, object, detail)
) WITHOUT ROWID;
ALTER TABLE job_runs ADD COLUMN loud INTEGER;
CREATE TABLE job_grants (
    job      INTEGER PRIMARY KEY,
    grants   TEXT NOT NULL,
    revision INTEGER NOT NULL
);
CREATE INDEX job_runs_loud ON job_runs (loud) WHERE loud IS NOT NULL;
CREATE TABLE job_notices (
    job_run INTEGER NOT NULL,
    repair  INTEGER NOT NULL,
    event   TEXT NOT NULL,
    time    INTEGER NOT NULL,
    PRIMARY KEY (job_run, repair, event)
) WITHOUT ROWID;
";

/// Inserts the default experiment, which exists in every file.
const FIRST_ROW: &str = "
INSERT INTO experiments (experiment_id, path, lifecycle, created, updated)
    VALUES (0, 'Default', 'active', 0, 0)";
