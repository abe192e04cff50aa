//! The loaded models of one configuration, and the choice between them.

use std::sync::Arc;
use std::time::Duration;

use tracklite::endpoint::{EndpointConfig, EndpointId, ServedEntity};

use crate::answer::{Answer, Refusal, Request};
use crate::job::Outcome;
use crate::pool::Pool;

/// The loaded models of one configuration. It never changes.
pub(crate) struct Table {
    pub(crate) endpoint: EndpointId,
    pub(crate) config: EndpointConfig,
    /// In the order of the configuration.
    pub(crate) pools: Vec<Arc<Pool>>,
}

impl Table {
    /// Has a request answered by the served model that its key leads to.
    pub(crate) async fn answer(&self, request: Request) -> Result<Answer, Refusal> {
        let share = share_of(self.endpoint, &request.key);
        let chosen = chosen(&self.config, share)
            .and_then(|place| Some((self.config.entities.get(place)?, self.pools.get(place)?)));
        let (entity, pool) =
            chosen.ok_or_else(|| Refusal::NotReady("no model is served".to_owned()))?;
        let within = Duration::from_millis(u64::from(self.config.limits.timeout_ms));
        match pool.answer(request, within).await? {
            Outcome::Answer { status, content_type, body, micros } => Ok(Answer {
                status,
                content_type,
                body,
                entity: entity.name.clone(),
                version: entity.version,
                micros,
            }),
            Outcome::Late => Err(Refusal::Late(format!(
                "the request took longer than {} s",
                within.as_secs_f64()
            ))),
            Outcome::Crashed(reason) => Err(Refusal::Crashed(format!(
                "two processes of the model died with this request, the last one: {reason}"
            ))),
        }
    }

    /// Returns the workers of a served model that has the same files and the same number of them.
    pub(crate) fn pool_like(
        &self,
        entity: &ServedEntity,
        config: &EndpointConfig,
    ) -> Option<Arc<Pool>> {
        let is_same = |own: &ServedEntity| {
            (own.model, own.version, own.size) == (entity.model, entity.version, entity.size)
        };
        let place = self.config.entities.iter().position(is_same)?;
        let is_sized = (self.config.limits.workers, self.config.limits.waiting)
            == (config.limits.workers, config.limits.waiting);
        self.pools.get(place).filter(|_| is_sized).cloned()
    }
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
