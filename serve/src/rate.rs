//! Limits of the rate: the most requests in a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracklite::endpoint::{EndpointId, EndpointRateLimit, RateScope};

/// The time in which requests are counted.
const MINUTE: Duration = Duration::from_secs(60);
/// The most users whose requests are counted at the same time. Those of the others share one count.
const USERS_MAX: usize = 10_000;

/// The counts of this process, each since the beginning of its minute.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<Key, Count>>);

/// The endpoint, and the user unless all requests are counted.
type Key = (EndpointId, Option<String>);

struct Count {
    began: Instant,
    requests: u64,
}

impl Rates {
    /// Counts a request of a user, unless a limit is reached. Then it returns the limit, and the
    /// seconds until the next minute.
    pub(crate) fn admit(
        &self,
        endpoint: EndpointId,
        limits: &[EndpointRateLimit],
        user: &str,
    ) -> Result<(), (u64, u64)> {
        if limits.is_empty() {
            return Ok(());
        }
        self.admit_at(Instant::now(), endpoint, limits, user)
    }

    fn admit_at(
        &self,
        now: Instant,
        endpoint: EndpointId,
        limits: &[EndpointRateLimit],
        user: &str,
    ) -> Result<(), (u64, u64)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= USERS_MAX {
            counts.retain(|_, count| now - count.began < MINUTE);
        }
        let named = if counts.len() < USERS_MAX { user } else { "" };
        let whole = limits.iter().find(|limit| limit.scope == RateScope::Endpoint);
        let keyed = [
            (whole, (endpoint, None)),
            (limit_of(limits, user), (endpoint, Some(named.to_owned()))),
        ];
        for (limit, key) in &keyed {
            let Some(limit) = limit else { continue };
            let known = counts.get(key).filter(|count| now - count.began < MINUTE);
            if known.map_or(0, |count| count.requests) >= limit.calls {
                let left = known.map_or(MINUTE, |count| MINUTE.saturating_sub(now - count.began));
                return Err((limit.calls, left.as_secs() + 1));
            }
        }
        // A refused request counts for neither.
        for (_, key) in keyed.into_iter().filter(|(limit, _)| limit.is_some()) {
            let count = counts.entry(key).or_insert(Count { began: now, requests: 0 });
            if now - count.began >= MINUTE {
                *count = Count { began: now, requests: 0 };
            }
            count.requests += 1;
        }
        Ok(())
    }
}

/// Returns the limit of a user: their own, else that of each user.
fn limit_of<'a>(limits: &'a [EndpointRateLimit], user: &str) -> Option<&'a EndpointRateLimit> {
    let is_own =
        |limit: &&EndpointRateLimit| matches!(&limit.scope, RateScope::User(name) if name == user);
    let own = limits.iter().find(is_own);
    own.or_else(|| limits.iter().find(|limit| limit.scope == RateScope::EachUser))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_counts_its_own_requests() {
        let (rates, start) = (Rates::default(), Instant::now());
        let limit = |calls, scope| EndpointRateLimit { calls, scope };
        let limits = [
            limit(5, RateScope::Endpoint),
            limit(2, RateScope::EachUser),
            limit(3, RateScope::User("ada".to_owned())),
        ];
        let ask = |seconds, user: &str| {
            let now = start + Duration::from_secs(seconds);
            rates.admit_at(now, EndpointId::from_bits(1), &limits, user)
        };
        assert_eq!([ask(0, "ada"), ask(0, "ada"), ask(1, "ada")], [Ok(()); 3]);
        assert_eq!(ask(2, "ada"), Err((3, 59)));
        assert_eq!([ask(2, "bob"), ask(3, "bob")], [Ok(()); 2]);
        // The five of the endpoint are used up.
        assert_eq!(ask(4, "eve"), Err((5, 57)));
        assert_eq!(ask(60, "eve"), Ok(()));
        assert_eq!(ask(61, "ada"), Ok(()));
        let other = rates.admit_at(start, EndpointId::from_bits(2), &limits, "ada");
        assert_eq!(other, Ok(()), "another endpoint has its own count");
    }

    #[test]
    fn no_call_at_all_may_be_allowed() {
        let limits = [EndpointRateLimit { calls: 0, scope: RateScope::Endpoint }];
        let refused = Rates::default().admit(EndpointId::from_bits(1), &limits, "ada");
        assert_eq!(refused, Err((0, 61)));
        assert_eq!(Rates::default().admit(EndpointId::from_bits(1), &[], "ada"), Ok(()));
    }
}
