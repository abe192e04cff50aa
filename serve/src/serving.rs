//! Serving the endpoints of a file: the entry point of this crate.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OnceCell, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracklite::endpoint::EndpointInfo;
use tracklite::{ChangeCursor, Database, Result};

use crate::answer::{Answer, Refusal, Request};
use crate::endpoints::{Endpoints, Loads, Status};
use crate::meter::Measures;
use crate::rate::Rates;
use crate::settings::Settings;
use crate::table::Sight;
use crate::workshop::Workshop;

/// The pause between two looks at the file.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The pause while there is no endpoint.
const LOOK_IDLY_EVERY: Duration = Duration::from_millis(500);
/// The pause after a look that failed.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The endpoints of a file, served by this process. It is cheap to clone.
///
/// [`Serving::run`] does the work. Until it runs, no endpoint answers.
#[derive(Clone)]
pub struct Serving(Arc<Inner>);

struct Inner {
    database: Database,
    settings: Settings,
    endpoints: Endpoints,
    rates: Rates,
    /// Made for the first endpoint, so that a file without endpoints needs no Python.
    workshop: OnceCell<Arc<Workshop>>,
    news: Notify,
}

/// The result of a look at the file.
struct Look {
    cursor: ChangeCursor,
    /// The endpoints, if they may have changed.
    endpoints: Option<Vec<EndpointInfo>>,
}

impl Serving {
    /// Prepares to serve the endpoints of a file.
    #[must_use]
    pub fn new(database: Database, settings: Settings) -> Serving {
        let endpoints = Endpoints::default();
        let (workshop, news) = (OnceCell::new(), Notify::new());
        let rates = Rates::default();
        Serving(Arc::new(Inner { database, settings, endpoints, rates, workshop, news }))
    }

    /// Answers a request to an endpoint.
    ///
    /// # Errors
    ///
    /// - The [`Refusal`] that applies.
    pub async fn answer(
        &self,
        endpoint: &str,
        request: Request,
    ) -> std::result::Result<Answer, Refusal> {
        let found = self.0.endpoints.find(endpoint).ok_or(Refusal::Unknown)?;
        let (info, table) = found;
        let limits = &info.state.rate_limits;
        let admitted = self.0.rates.admit(info.id, limits, &request.user);
        admitted.map_err(|(calls, seconds)| Refusal::Limited { calls, seconds })?;
        let observer = self.0.settings.observer.clone();
        table.map_err(Refusal::NotReady)?.answer(request, Sight { observer, info }).await
    }

    /// Returns an endpoint as this process knows it.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<Arc<EndpointInfo>> {
        self.0.endpoints.find(name).map(|(info, _)| info)
    }

    /// Returns all endpoints as this process knows them, ordered by name.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Arc<EndpointInfo>> {
        self.0.endpoints.infos()
    }

    /// Returns the version of MLflow that answers, once a model was loaded.
    #[must_use]
    pub fn mlflow_version(&self) -> Option<String> {
        self.0.workshop.get()?.mlflow_version()
    }

    /// Returns whether an endpoint answers here.
    #[must_use]
    pub fn is_ready(&self, name: &str) -> bool {
        self.0.endpoints.find(name).is_some_and(|(_, table)| table.is_ok())
    }

    /// Returns the counters of the served models of an endpoint, which begin when one is loaded.
    #[must_use]
    pub fn measures(&self, name: &str) -> Vec<Measures> {
        let found = self.0.endpoints.find(name).and_then(|(_, table)| table.ok());
        found.map(|table| table.measures()).unwrap_or_default()
    }

    /// Returns what a served model of an endpoint has printed: while it was loaded, and last.
    #[must_use]
    pub fn logs(&self, name: &str, entity: &str) -> Option<(String, String)> {
        let (_, table) = self.0.endpoints.find(name)?;
        table.ok()?.logs(entity)
    }

    /// Returns what is printed while the environments of an endpoint are made, if they are now.
    #[must_use]
    pub fn progress(&self, name: &str) -> Option<String> {
        self.0.endpoints.progress(name)
    }

    /// Returns the state of an endpoint in this process.
    #[must_use]
    pub fn status(&self, info: &EndpointInfo) -> Status {
        self.0.endpoints.status(info)
    }

    /// Looks at the file at once, because this process has changed an endpoint.
    pub fn look(&self) {
        self.0.news.notify_one();
    }

    /// Serves the endpoints of the file until `stopped` becomes true. Then ends all workers.
    pub async fn run(&self, mut stopped: watch::Receiver<bool>) {
        let mut loads = Loads::new();
        let mut seen = None;
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = stop(&mut stopped) => break,
                Some(loaded) = loads.join_next() => {
                    // A load that was aborted has no result.
                    if let Ok(loaded) = loaded {
                        self.0.endpoints.settle(&self.0.database, loaded).await;
                    }
                }
                () = self.0.news.notified() => {}
                () = sleep_until(next) => {}
            }
            next = Instant::now() + self.look_at_file(&mut seen).await;
            if !self.0.endpoints.is_empty() {
                self.advance(&mut loads).await;
            }
        }
        loads.abort_all();
        self.0.endpoints.clear();
    }

    /// Reads what has changed. Returns the pause before the next look.
    async fn look_at_file(&self, seen: &mut Option<ChangeCursor>) -> Duration {
        let (database, since) = (self.0.database.clone(), *seen);
        let found = spawn_blocking(move || look(&database, since)).await;
        match found {
            Ok(Ok(look)) => {
                *seen = Some(look.cursor);
                if let Some(infos) = look.endpoints {
                    self.0.endpoints.take(infos);
                }
                if self.0.endpoints.is_empty() { LOOK_IDLY_EVERY } else { LOOK_EVERY }
            }
            Ok(Err(error)) => {
                log::warn!("the endpoints could not be read: {error}");
                *seen = None;
                LOOK_AGAIN_AFTER
            }
            Err(error) => {
                log::error!("the endpoints could not be read: {error}");
                LOOK_AGAIN_AFTER
            }
        }
    }

    async fn advance(&self, loads: &mut Loads) {
        let Inner { database, settings, endpoints, workshop, .. } = &*self.0;
        let opened = workshop.get_or_try_init(|| async { Workshop::open(settings).map(Arc::new) });
        match opened.await {
            Ok(workshop) => endpoints.advance(database, workshop, loads),
            Err(error) => log::error!("models cannot be served: {error}"),
        }
    }
}

/// Waits until it shall stop.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// Follows the aliases, then returns the endpoints, if anything about them may have changed.
fn look(database: &Database, since: Option<ChangeCursor>) -> Result<Look> {
    let changes = database.changes(since.as_ref())?;
    let cursor = changes.cursor;
    if !changes.registry {
        return Ok(Look { cursor, endpoints: None });
    }
    let endpoints = database.endpoints();
    if !database.is_read_only() {
        endpoints.follow()?;
    }
    Ok(Look { cursor, endpoints: Some(endpoints.list()?) })
}
