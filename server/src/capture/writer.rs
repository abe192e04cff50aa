//! The thread that writes rows of requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tracklite::endpoint::EndpointCapture;
use tracklite::logged_model::Signature;
use tracklite::table::StoredTable;
use tracklite::{Database, ErrorKind, Result};
use tracklite_serve::Refusal;

use super::columns::{Line, columns};
use super::counts::Counts;
use super::entry::Entry;
use super::parsed::Plan;
use super::queue::{Batch, Order};
use super::texts::Texts;

/// How often a batch is written, while its table is being dropped.
const TRIES: usize = 2;
/// The most versions of models whose signatures are kept.
const PLANS_MAX: usize = 1000;

/// Writes rows to the tables of endpoints.
pub(super) struct Writer {
    database: Database,
    counts: Arc<Counts>,
    tables: HashMap<String, StoredTable>,
    /// The columns by the name and the version of a model.
    plans: HashMap<(String, u64), Arc<Plan>>,
}

impl Writer {
    pub(super) fn new(database: Database, counts: Arc<Counts>) -> Writer {
        Writer { database, counts, tables: HashMap::new(), plans: HashMap::new() }
    }

    /// Writes a batch. Each table gets one write.
    pub(super) fn write(&mut self, batch: Batch) {
        for Order { endpoint, capture } in batch.orders {
            if let Err(error) = self.database.endpoints().request_table(&endpoint, &capture) {
                self.counts.note_failed(&endpoint, 0, &error.to_string());
            }
        }
        let mut tables: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for entry in batch.entries {
            let (name, line) = (entry.table(), self.line(entry));
            tables.entry(name).or_default().push(line);
        }
        for (name, lines) in tables {
            let end = self.appended(&name, &lines).map_err(|error| error.to_string());
            self.settle(lines, &end);
        }
    }

    /// Parses the bodies of a request.
    fn line(&mut self, entry: Entry) -> Line {
        let request: Option<Value> = serde_json::from_slice(&entry.request.body).ok();
        let answer: Option<Value> = match entry.status {
            200 => serde_json::from_slice(&entry.answer).ok(),
            _ => None,
        };
        let bodies = Texts::new(&entry.request.body, &entry.answer, request.as_ref());
        let plan = self.plan(&entry.model, entry.version);
        let parsed = plan.parse(request.as_ref(), answer.as_ref());
        Line { entry, bodies, parsed }
    }

    fn plan(&mut self, model: &str, version: u64) -> Arc<Plan> {
        let key = (model.to_owned(), version);
        if let Some(plan) = self.plans.get(&key) {
            return Arc::clone(plan);
        }
        // Without a signature that can be read, there are no columns for inputs.
        let found = self.database.registry().version(model, version);
        let info = found.and_then(|version| version.info()).ok();
        let signature = info.and_then(|info| Signature::parse(&info.signature?).ok());
        let plan = Arc::new(Plan::new(signature.as_ref()));
        if self.plans.len() >= PLANS_MAX {
            self.plans.clear();
        }
        self.plans.insert(key, Arc::clone(&plan));
        plan
    }

    /// Appends rows to their table, which is made again if somebody has dropped it.
    fn appended(&mut self, name: &str, lines: &[Line]) -> Result<()> {
        let Some(first) = lines.first() else { return Ok(()) };
        let (endpoint, capture) = (&first.entry.endpoint, &first.entry.capture);
        let mut end = Ok(());
        for _ in 0..TRIES {
            end = self.tried(name, endpoint, capture, lines);
            match &end {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.tables.remove(name);
                }
                _ => break,
            }
        }
        end
    }

    fn tried(
        &mut self,
        name: &str,
        endpoint: &str,
        capture: &EndpointCapture,
        lines: &[Line],
    ) -> Result<()> {
        let known = self.tables.get(name).cloned();
        let table = match known {
            // A table that was renamed is not the one that the endpoint names.
            Some(table) if table.info()?.name == name => table,
            _ => self.database.endpoints().request_table(endpoint, capture)?,
        };
        self.tables.insert(name.to_owned(), table.clone());
        table.append(&columns(&table, lines)?)?;
        Ok(())
    }

    /// Counts rows, and lets the answers go that wait for them.
    fn settle(&self, lines: Vec<Line>, end: &std::result::Result<(), String>) {
        let mut rows: BTreeMap<String, u64> = BTreeMap::new();
        for line in &lines {
            *rows.entry(line.entry.endpoint.clone()).or_default() += 1;
        }
        for (endpoint, rows) in rows {
            match end {
                Ok(()) => self.counts.note_written(&endpoint, rows),
                Err(reason) => self.counts.note_failed(&endpoint, rows, reason),
            }
        }
        for line in lines {
            let end = end.as_ref().map_err(|reason| {
                Refusal::NotWritten(format!(
                    "the row of the request could not be written, which the answer had to wait \
                     for: {reason}"
                ))
            });
            line.entry.end(end.copied());
        }
    }
}
