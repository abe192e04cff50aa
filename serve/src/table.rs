//! The loaded models of one configuration, and the choice between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tracklite::Timestamp;
use tracklite::endpoint::{EndpointConfig, EndpointId, EndpointInfo, ServedEntity};

use crate::answer::{Answer, Exchange, Observer, Refusal, Request};
use crate::job::Outcome;
use crate::lookups::{self, Completed, Lookups};
use crate::meter::Measures;
use crate::pool::Pool;
use crate::shape::Shape;
use crate::shortcut::Found;

/// The observer of a request, and the endpoint as it was when the request came.
#[derive(Clone)]
pub(crate) struct Sight {
    pub(crate) observer: Option<Observer>,
    pub(crate) info: Arc<EndpointInfo>,
}

/// The loaded models of one configuration. It never changes.
pub(crate) struct Table {
    /// The name of the endpoint.
    pub(crate) name: String,
    pub(crate) endpoint: EndpointId,
    pub(crate) config: EndpointConfig,
    /// In the order of the configuration.
    pub(crate) pools: Vec<Arc<Pool>>,
}

impl Table {
    /// Has a request answered by the served model that its key leads to, and its copies by the
    /// shadows.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request,
        sight: Sight,
    ) -> Result<Answer, Refusal> {
        let share = share_of(self.endpoint, &request.key);
        let place = chosen(&self.config, share);
        let place = place.ok_or_else(|| Refusal::NotReady("no model is served".to_owned()))?;
        for shadow in (0..self.config.entities.len()).filter(|place| self.is_shadow(*place)) {
            let (table, request, sight) = (Arc::clone(&self), request.clone(), sight.clone());
            tokio::spawn(async move { drop(table.ask(shadow, request, &sight).await) });
        }
        self.ask(place, request, &sight).await
    }

    fn is_shadow(&self, place: usize) -> bool {
        self.config.entities.get(place).is_some_and(|entity| entity.is_shadow)
    }

    /// Has a served model answer a request, counts it and shows it to the observer.
    async fn ask(&self, place: usize, request: Request, sight: &Sight) -> Result<Answer, Refusal> {
        let (Some(entity), Some(pool)) = (self.config.entities.get(place), self.pools.get(place))
        else {
            return Err(Refusal::NotReady("no model is served".to_owned()));
        };
        let (time, began) = (Timestamp::now().as_nanos(), Instant::now());
        let mut features = None;
        let end = self.asked(entity, pool, request.clone(), &mut features).await;
        let exchange = Exchange {
            endpoint: &self.name,
            request: &request,
            time,
            took: began.elapsed(),
            entity: &entity.name,
            version: entity.version,
            model: &entity.model_name,
            is_shadow: entity.is_shadow,
            features: features.as_deref(),
            capture: sight.info.state.capture.as_ref(),
            end: &end,
        };
        pool.count(exchange.status(), exchange.took);
        if entity.is_shadow && matches!(end, Err(Refusal::Busy(_))) {
            pool.count_dropped();
        }
        let wait = sight.observer.as_ref().and_then(|Observer(observe)| observe(&exchange));
        if let Some(wait) = wait {
            wait.await.unwrap_or(Err(Refusal::Stopped))?;
        }
        end
    }

    /// Has a served model answer a request. `features` gets those that were looked up for it.
    async fn asked(
        &self,
        entity: &ServedEntity,
        pool: &Arc<Pool>,
        mut request: Request,
        features: &mut Option<String>,
    ) -> Result<Answer, Refusal> {
        if let Some(lookups) = &pool.lookups {
            let began = Instant::now();
            let completed = completed(lookups, &request).await?;
            *features = Some(completed.used());
            if pool.is_empty() {
                let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                let body = lookups.answer(&completed);
                return Ok(answer(entity, (200, lookups::JSON.to_owned(), body), micros));
            }
            request.body = lookups.body(&completed);
            lookups::JSON.clone_into(&mut request.content_type);
        }
        let within = Duration::from_millis(u64::from(self.config.limits.timeout_ms));
        match outcome(pool, request, within).await? {
            Outcome::Answer { status, content_type, body, micros } => {
                Ok(answer(entity, (status, content_type, body), micros))
            }
            Outcome::Late => Err(Refusal::Late(format!(
                "the request took longer than {} s",
                within.as_secs_f64()
            ))),
            Outcome::Crashed(reason) => Err(Refusal::Crashed(format!(
                "two processes of the model died with this request, the last one: {reason}"
            ))),
        }
    }

    /// Returns the counters of the served models, in their order.
    pub(crate) fn measures(&self) -> Vec<Measures> {
        let served = self.config.entities.iter().zip(&self.pools);
        let measures = served.map(|(entity, pool)| {
            let (entity, version) = (entity.name.clone(), entity.version);
            Measures { entity, version, ..pool.measures() }
        });
        measures.collect()
    }

    /// Returns what a served model has printed: while it was loaded, and last.
    pub(crate) fn logs(&self, entity: &str) -> Option<(String, String)> {
        let place = self.config.entities.iter().position(|known| known.name == entity)?;
        Some(self.pools.get(place)?.logs())
    }

    /// Returns the workers of a served model that has the same files and runs in the same way.
    pub(crate) fn pool_like(
        &self,
        entity: &ServedEntity,
        config: &EndpointConfig,
    ) -> Option<Arc<Pool>> {
        let shape = Shape::new(config.limits, entity);
        let is_same = |(own, pool): &(&ServedEntity, &Arc<Pool>)| {
            (own.model, own.version) == (entity.model, entity.version)
                // A shadow has a queue of its own.
                && own.is_shadow == entity.is_shadow
                && pool.shape == shape
        };
        let mut served = self.config.entities.iter().zip(&self.pools);
        served.find(is_same).map(|(_, pool)| Arc::clone(pool))
    }
}

/// Has a request answered natively or by a worker.
async fn outcome(pool: &Arc<Pool>, request: Request, within: Duration) -> Result<Outcome, Refusal> {
    let began = Instant::now();
    let Some(shortcut) = &pool.shortcut else { return pool.answer(request, within, false).await };
    match shortcut.find(&request) {
        None => pool.answer(request, within, false).await,
        Some(Found::Tried(body)) => {
            let outcome = pool.answer(request, within, true).await?;
            shortcut.compare(&body, &outcome);
            Ok(outcome)
        }
        Some(Found::Given(body, is_compared)) => {
            if is_compared {
                tokio::spawn(compared(Arc::clone(pool), request, body.clone(), within));
            }
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            let content_type = lookups::JSON.to_owned();
            Ok(Outcome::Answer { status: 200, content_type, body, micros })
        }
    }
}

/// Compares a native answer that was given with that of a worker. No worker is started for it.
async fn compared(pool: Arc<Pool>, request: Request, body: Vec<u8>, within: Duration) {
    let Some(shortcut) = pool.shortcut.clone() else { return };
    let began = Instant::now();
    if !pool.is_asleep()
        && let Ok(outcome) = pool.answer(request, within, true).await
    {
        shortcut.compare(&body, &outcome);
    }
    // Its workers may end meanwhile.
    drop(pool);
    shortcut.rest(began.elapsed()).await;
}

fn answer(
    entity: &ServedEntity,
    (status, content_type, body): (u16, String, Vec<u8>),
    micros: u64,
) -> Answer {
    let (entity, version) = (entity.name.clone(), entity.version);
    Answer { status, content_type, body, entity, version, micros }
}

/// Looks up the features of a request, on a thread that may block.
async fn completed(lookups: &Arc<Lookups>, request: &Request) -> Result<Completed, Refusal> {
    let (lookups, request) = (Arc::clone(lookups), request.clone());
    let found = spawn_blocking(move || lookups.complete(&request)).await;
    found.map_err(|_| Refusal::Stopped)?.map_err(Refusal::Invalid)
}

/// Returns the place of the served model that gets the requests of a share between 0 and 99.
fn chosen(config: &EndpointConfig, share: u32) -> Option<usize> {
    let mut end = 0;
    let route = config.routes.iter().find(|route| {
        end += route.percent;
        share < end
    })?;
    config.entities.iter().position(|entity| entity.name == route.entity)
}

/// Returns a number between 0 and 99, always the same for a key of an endpoint.
fn share_of(endpoint: EndpointId, key: &str) -> u32 {
    // The seed makes the split of each endpoint its own. The lower half is as random as the whole.
    let mut hash = endpoint.to_bits() as u64 ^ 0xcbf2_9ce4_8422_2325;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The finalizer of `SplitMix64`, because the sum above has too little of the last bytes.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // The upper half, scaled to the range without the bias of a remainder.
    u32::try_from(((hash >> 32) * 100) >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(bits: u128) -> EndpointId {
        EndpointId::from_bits(bits)
    }

    #[test]
    fn a_key_always_leads_to_the_same_share() {
        let keys = (0..100).map(|number| format!("customer {number}"));
        let keys: Vec<String> = keys.collect();
        let shares =
            |seed| keys.iter().map(|key| share_of(endpoint(seed), key)).collect::<Vec<_>>();
        assert_eq!(shares(7), shares(7));
        assert_ne!(shares(7), shares(8), "each endpoint has a split of its own");
    }

    #[test]
    fn the_shares_are_uniform() {
        const KEYS: u32 = 100_000;
        for seed in [0, 1, u128::MAX] {
            let mut counts = [0_u32; 100];
            for key in 0..KEYS {
                let share = share_of(endpoint(seed), &format!("{key:x}"));
                counts[usize::try_from(share).unwrap()] += 1;
            }
            let expected = f64::from(KEYS) / 100.0;
            let square = |count: &u32| (f64::from(*count) - expected).powi(2) / expected;
            let sum: f64 = counts.iter().map(square).sum();
            // Chi-square with 99 degrees of freedom exceeds this once in 100,000 times.
            assert!(sum < 170.0, "{sum}");
        }
    }

    #[test]
    fn routes_share_the_range_out() {
        let config = config(&["a", "b", "c"], &[("b", 30), ("a", 0), ("c", 70)]);
        let found: Vec<Option<usize>> = (0..100).map(|share| chosen(&config, share)).collect();
        assert_eq!(found.iter().filter(|place| **place == Some(1)).count(), 30);
        assert_eq!(found.iter().filter(|place| **place == Some(2)).count(), 70);
        assert_eq!((found[0], found[29], found[30]), (Some(1), Some(1), Some(2)));
    }

    /// Returns a configuration, read from the JSON that the index keeps.
    fn config(names: &[&str], routes: &[(&str, u32)]) -> EndpointConfig {
        let entity = |name: &&str| {
            serde_json::json!({"name": name, "model": "7", "model_name": "m", "version": 1,
                "alias": null, "size": "Small", "scale_to_zero": false})
        };
        let route = |route: &(&str, u32)| {
            let (entity, percent) = route;
            serde_json::json!({"entity": entity, "percent": percent})
        };
        let config = serde_json::json!({
            "number": 1, "author": "ada", "time": 0, "is_followed": false,
            "entities": names.iter().map(entity).collect::<Vec<_>>(),
            "routes": routes.iter().map(route).collect::<Vec<_>>(),
            "limits": {"timeout_ms": 1000, "waiting": 4, "workers": 1}
        });
        serde_json::from_value(config).unwrap()
    }
}
