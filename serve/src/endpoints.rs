//! The endpoints of the file as this process serves them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tokio::time::Instant;
use tracklite::endpoint::{EndpointConfig, EndpointId, EndpointInfo};
use tracklite::{Database, ErrorKind};

use crate::load::load;
use crate::pool::Pool;
use crate::table::Table;
use crate::tail::Tail;
use crate::workshop::Workshop;

/// The longest pause before an active configuration that could not be loaded is tried again.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The state of an endpoint in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The number of the configuration that answers requests here.
    pub serving: Option<u64>,
    /// The state of each served model of that configuration, in its order.
    pub deployments: Vec<Deployment>,
    /// Why the active configuration cannot be loaded here, if that was tried.
    pub broken: Option<String>,
}

/// The state of a served model in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// It answers.
    Ready,
    /// Its workers have ended, because there was no request. The next one starts them.
    Asleep,
    /// Its workers die, for this reason.
    Recovering(String),
}

/// An endpoint in this process.
struct Endpoint {
    info: Arc<EndpointInfo>,
    table: Option<Arc<Table>>,
    loading: Option<Loading>,
    broken: Option<Broken>,
}

/// A configuration that is being loaded.
struct Loading {
    config: u64,
    task: AbortHandle,
    /// The output of making its environments.
    log: Tail,
}

/// An active configuration that could not be loaded.
struct Broken {
    config: u64,
    reason: String,
    tries: u32,
    retry: Instant,
}

/// A configuration that was loaded, or not.
pub(crate) struct Loaded {
    name: String,
    id: EndpointId,
    config: u64,
    result: Result<Table, String>,
}

/// All endpoints, by name.
#[derive(Default)]
pub(crate) struct Endpoints(Mutex<HashMap<String, Endpoint>>);

/// An endpoint, and its models or why there are none.
type Found = (Arc<EndpointInfo>, Result<Arc<Table>, String>);

/// The loads in progress.
pub(crate) type Loads = JoinSet<Loaded>;

impl Endpoints {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an endpoint, and the models that answer its requests now or why there are none.
    /// `None` if there is no such endpoint.
    pub(crate) fn find(&self, name: &str) -> Option<Found> {
        let all = self.all();
        let endpoint = all.get(name)?;
        let broken = endpoint.broken.as_ref().map(|broken| broken.reason.clone());
        let failure = || broken.or_else(|| endpoint.info.state.failure.clone());
        let table = endpoint.table.clone().ok_or_else(|| {
            failure().unwrap_or_else(|| "its model is still being loaded".to_owned())
        });
        Some((Arc::clone(&endpoint.info), table))
    }

    /// Returns what is printed while environments of an endpoint are made, if they are now.
    pub(crate) fn progress(&self, name: &str) -> Option<String> {
        let log = self.all().get(name)?.loading.as_ref()?.log.clone();
        Some(log.text()).filter(|text| !text.is_empty())
    }

    /// Returns all endpoints, ordered by name.
    pub(crate) fn infos(&self) -> Vec<Arc<EndpointInfo>> {
        let all = self.all().values().map(|endpoint| Arc::clone(&endpoint.info)).collect();
        let mut infos: Vec<Arc<EndpointInfo>> = all;
        infos.sort_by(|left, right| left.name.cmp(&right.name));
        infos
    }

    /// Returns the state of an endpoint in this process.
    pub(crate) fn status(&self, info: &EndpointInfo) -> Status {
        let all = self.all();
        let known = all.get(&info.name).filter(|known| known.info.id == info.id);
        let Some(Endpoint { table, broken, .. }) = known else { return Status::default() };
        let pools = table.iter().flat_map(|table| &table.pools);
        let deployment = |pool: &Arc<Pool>| match pool.failure() {
            Some(reason) => Deployment::Recovering(reason),
            None if pool.is_asleep() => Deployment::Asleep,
            None => Deployment::Ready,
        };
        let broken = broken.as_ref().filter(|broken| Some(broken.config) == info.state.active);
        Status {
            serving: table.as_ref().map(|table| table.config.number),
            deployments: pools.map(deployment).collect(),
            broken: broken.map(|broken| broken.reason.clone()),
        }
    }

    /// Takes the endpoints of the file over. The workers of those that are gone end when their
    /// requests are answered.
    pub(crate) fn take(&self, infos: Vec<EndpointInfo>) {
        let mut all = self.all();
        let mut before = std::mem::take(&mut *all);
        for info in infos {
            let info = Arc::new(info);
            let known = before.remove(&info.name).filter(|known| known.info.id == info.id);
            let endpoint = match known {
                Some(known) => Endpoint { info: Arc::clone(&info), ..known },
                None => {
                    Endpoint { info: Arc::clone(&info), table: None, loading: None, broken: None }
                }
            };
            all.insert(info.name.clone(), endpoint);
        }
        drop(all);
        for gone in before.into_values() {
            gone.stop();
        }
    }

    /// Stops serving everything.
    pub(crate) fn clear(&self) {
        self.take(Vec::new());
    }

    /// Starts the loads that are due.
    pub(crate) fn advance(&self, database: &Database, workshop: &Arc<Workshop>, loads: &mut Loads) {
        for (name, endpoint) in &mut *self.all() {
            let Some(config) = endpoint.wanted(database.is_read_only()) else { continue };
            if endpoint.loading.as_ref().is_some_and(|load| load.config == config.number) {
                continue;
            }
            if let Some(load) = endpoint.loading.take() {
                load.task.abort();
            }
            let (name, id, number) = (name.clone(), endpoint.info.id, config.number);
            let (database, workshop) = (database.clone(), Arc::clone(workshop));
            let (before, log) = (endpoint.table.clone(), Tail::default());
            let shown = log.clone();
            let task = loads.spawn(async move {
                let named = (name.clone(), id);
                let result = load(database, workshop, named, config, (before, log)).await;
                Loaded { name, id, config: number, result }
            });
            endpoint.loading = Some(Loading { config: number, task, log: shown });
        }
    }

    /// Returns whether there are endpoints.
    pub(crate) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Takes the result of a load: serves it, or notes why not. The file learns the end of a
    /// pending update first.
    pub(crate) async fn settle(&self, database: &Database, loaded: Loaded) {
        let Loaded { name, id, config, result } = loaded;
        let is_pending = match self.all().get_mut(&name).filter(|known| known.info.id == id) {
            Some(endpoint) => {
                endpoint.loading = None;
                endpoint.info.state.pending == Some(config)
            }
            None => return,
        };
        let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
        if is_pending && !ended(database, &name, id, config, outcome).await {
            return;
        }
        let mut all = self.all();
        let Some(endpoint) = all.get_mut(&name).filter(|known| known.info.id == id) else { return };
        match result {
            Ok(table) => {
                endpoint.broken = None;
                drop(endpoint.table.replace(Arc::new(table)));
            }
            Err(reason) if is_pending => {
                log::warn!("endpoint {name:?} was not updated: {reason}");
                Arc::make_mut(&mut endpoint.info).state.failure = Some(reason);
            }
            Err(reason) => {
                log::warn!("endpoint {name:?} cannot be served: {reason}");
                endpoint.note_broken(config, reason);
            }
        }
        if is_pending {
            // The next look reads the rest.
            let active = endpoint.table.as_ref().map(|table| table.config.number);
            let info = Arc::make_mut(&mut endpoint.info);
            (info.state.pending, info.state.active) = (None, active);
        }
    }
}

impl Endpoint {
    /// Returns the configuration to load next: the active one if it does not answer here, else the
    /// pending one.
    fn wanted(&self, is_read_only: bool) -> Option<EndpointConfig> {
        let state = &self.info.state;
        let serving = self.table.as_ref().map(|table| table.config.number);
        match state.active() {
            Some(active) if serving != Some(active.number) => {
                let paused = self.broken.as_ref().is_some_and(|broken| {
                    broken.config == active.number && Instant::now() < broken.retry
                });
                match paused {
                    // A pending update may repair it.
                    true => state.pending().filter(|_| !is_read_only).cloned(),
                    false => Some(active.clone()),
                }
            }
            _ => state.pending().filter(|_| !is_read_only).cloned(),
        }
    }

    fn note_broken(&mut self, config: u64, reason: String) {
        let before = self.broken.take().filter(|broken| broken.config == config);
        let tries = before.map_or(0, |broken| broken.tries + 1);
        let pause = Duration::from_secs(1 << tries.min(6)).min(RETRY_MAX);
        self.broken = Some(Broken { config, reason, tries, retry: Instant::now() + pause });
    }

    fn stop(self) {
        if let Some(load) = self.loading {
            load.task.abort();
        }
    }
}

/// Ends a pending update in the file. Returns whether this or another process has ended it in the
/// same way.
async fn ended(
    database: &Database,
    name: &str,
    id: EndpointId,
    config: u64,
    outcome: Result<(), String>,
) -> bool {
    let (database, name) = (database.clone(), name.to_owned());
    let works = outcome.is_ok();
    let task = spawn_blocking(move || {
        let endpoints = database.endpoints();
        let outcome = match &outcome {
            Ok(()) => Ok(()),
            Err(reason) => Err(reason.as_str()),
        };
        match endpoints.end_update(&name, config, outcome) {
            Err(error) if error.kind() == ErrorKind::Conflict => endpoints.get(&name),
            other => other,
        }
    });
    match task.await {
        Ok(Ok(info)) => info.id == id && (info.state.active == Some(config)) == works,
        Ok(Err(error)) => {
            log::warn!("the end of an update could not be written: {error}");
            false
        }
        Err(error) => {
            log::error!("the end of an update could not be written: {error}");
            false
        }
    }
}
