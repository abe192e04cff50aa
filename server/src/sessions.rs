//! Sessions of browsers: a cookie in place of the token, which scripts of a page cannot read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use crate::failure::{Failure, Outcome};
use crate::random::random_hex;

/// How long a session lasts, however much it is used.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// The most sessions at the same time. A new one then ends the one used least recently.
const SESSIONS_MAX: usize = 1024;
/// The calls that a cookie is sent to.
const PATH: &str = "/api/v1";

/// The sessions of a server. They end with it.
pub(crate) struct Sessions {
    /// The name has the port, because browsers send cookies to all ports of a host.
    cookie: String,
    /// Whether browsers may send the cookie over encrypted connections only.
    is_encrypted: bool,
    known: Mutex<HashMap<String, Session>>,
}

struct Session {
    token: String,
    used: Instant,
    began: Instant,
}

impl Session {
    fn lasts(&self) -> bool {
        self.began.elapsed() < LASTS
    }
}

impl Sessions {
    pub(crate) fn new(port: u16, is_encrypted: bool) -> Sessions {
        let cookie = format!("tracklite_session_{port}");
        Sessions { cookie, is_encrypted, known: Mutex::default() }
    }

    /// Begins a session for a token that is valid. Returns the header `Set-Cookie`.
    pub(crate) fn begin(&self, token: &str) -> Outcome<String> {
        let id = random_hex(32).map_err(Failure::from)?;
        let now = Instant::now();
        let session = Session { token: token.to_owned(), used: now, began: now };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, session| session.lasts());
        if known.len() >= SESSIONS_MAX {
            let oldest = known.iter().min_by_key(|(_, session)| session.used);
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.and_then(|id| known.remove(&id));
        }
        known.insert(id.clone(), session);
        Ok(self.set_cookie(&id, ""))
    }

    /// Ends the session of a request. Returns the header `Set-Cookie`, which removes the cookie.
    pub(crate) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(id) = self.id(headers) {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
        self.set_cookie("", "; Max-Age=0")
    }

    /// Returns the token of the session of a request.
    pub(crate) fn token(&self, headers: &HeaderMap) -> Option<String> {
        let id = self.id(headers)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let session = known.get_mut(id).filter(|session| session.lasts())?;
        session.used = Instant::now();
        Some(session.token.clone())
    }

    fn id<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let texts = headers.get_all(COOKIE).into_iter().filter_map(|header| header.to_str().ok());
        let pairs = texts.flat_map(|text| text.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie).map(|(_, id)| id)
    }

    fn set_cookie(&self, id: &str, more: &str) -> String {
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        format!("{}={id}; Path={PATH}; HttpOnly; SameSite=Strict{secure}{more}", self.cookie)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn cookies(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(text).unwrap())])
    }

    #[test]
    fn a_session_has_its_token_until_it_ends() {
        let sessions = Sessions::new(5000, true);
        let header = sessions.begin("secret").unwrap();
        let pair = header.split(';').next().unwrap();
        assert!(header.ends_with("; Path=/api/v1; HttpOnly; SameSite=Strict; Secure"), "{header}");
        assert!(!header.contains("secret"));
        let headers = cookies(&format!("a=b; {pair}; c=d"));
        assert_eq!(sessions.token(&headers).as_deref(), Some("secret"));
        let other = cookies(&pair.replace("_5000=", "_5001="));
        assert_eq!(sessions.token(&other), None);
        assert!(sessions.end(&headers).contains("Max-Age=0"));
        assert_eq!(sessions.token(&headers), None);
    }

    #[test]
    fn a_session_ends_after_twelve_hours_of_use() {
        let sessions = Sessions::new(1, false);
        let header = sessions.begin("secret").unwrap();
        let headers = cookies(header.split(';').next().unwrap());
        let age = |by: Duration| {
            let mut known = sessions.known.lock().unwrap();
            known.values_mut().for_each(|session| session.began -= by);
        };
        age(LASTS - Duration::from_secs(60));
        assert_eq!(sessions.token(&headers).as_deref(), Some("secret"));
        age(Duration::from_secs(60));
        assert_eq!(sessions.token(&headers), None);
    }

    #[test]
    fn the_session_used_least_recently_makes_room() {
        let sessions = Sessions::new(1, false);
        let ids: Vec<HeaderMap> = (0..=SESSIONS_MAX)
            .map(|number| {
                let header = sessions.begin(&number.to_string()).unwrap();
                cookies(header.split(';').next().unwrap())
            })
            .collect();
        assert_eq!(sessions.token(&ids[0]), None);
        assert_eq!(sessions.token(&ids[1]).as_deref(), Some("1"));
        assert_eq!(sessions.known.lock().unwrap().len(), SESSIONS_MAX);
    }
}
