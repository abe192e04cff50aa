//! The checks of the address of a request, and of its headers `Host` and `Origin`.
//!
//! A web page can make a browser send requests to this server. Its own name in `Host` shows that it
//! reached the server by a name of its own (DNS rebinding), and `Origin` shows its address. A
//! request to a proxy has its name in the address too, such as `GET http://name/path`.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};

use crate::failure::{Failure, Outcome};

/// The names under which this server may be reached.
pub(crate) struct Names {
    /// Lower-case names without a port.
    names: Vec<String>,
    port: u16,
    /// Whether any numeric address is allowed: on a server for other machines.
    any_address: bool,
}

impl Names {
    /// Returns the names of a server that listens on this host and port.
    pub(crate) fn new(host: &str, port: u16, more: &[String]) -> Names {
        let address: Option<IpAddr> = host.parse().ok();
        let any_address = address.is_some_and(|address| !address.is_loopback());
        let own = ["localhost", "127.0.0.1", "::1", host].map(str::to_owned);
        let names = own.into_iter().chain(more.iter().cloned());
        Names { names: names.map(|name| name.to_ascii_lowercase()).collect(), port, any_address }
    }

    /// Refuses a request that was sent to another name, or by a page from elsewhere.
    pub(crate) fn check(&self, address: &Uri, headers: &HeaderMap) -> Outcome<()> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.ok_or_else(|| Failure::bad_request("the request has no Host header"))?;
        if headers.get_all(HOST).iter().count() > 1 {
            return Err(Failure::bad_request("the request has more than one Host header"));
        }
        let authority = address.authority().map(Authority::as_str);
        if let Some(unknown) =
            [Some(host), authority].into_iter().flatten().find(|name| !self.knows(name))
        {
            return Err(Failure::forbidden(format!(
                "this server is not reached by the name {unknown:?}: start it with `--allow-host \
                 NAME` if it is"
            )));
        }
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        // A page of this server has the same name and port as the request.
        if from.is_some_and(|from| from.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        Err(Failure::forbidden(format!("pages of {origin:?} may not use this server")))
    }

    fn knows(&self, authority: &str) -> bool {
        let (name, port) = split(authority);
        let right_port = match port {
            Some(port) => port.parse() == Ok(self.port),
            // Behind a proxy with the usual port, or on that port itself.
            None => true,
        };
        let name = name.to_ascii_lowercase();
        let is_address = self.any_address && name.parse::<IpAddr>().is_ok();
        let is_named = self.names.contains(&name);
        let is_local = matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1");
        // A name that somebody configured may have the port of a proxy.
        (is_named || is_address) && (right_port || (is_named && !is_local))
    }
}

/// Splits `name:port`, `[address]:port`, or either without a port.
fn split(authority: &str) -> (&str, Option<&str>) {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').unwrap_or((rest, ""));
        return (address, rest.strip_prefix(':'));
    }
    match authority.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).expect("a header"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).expect("a header"));
        }
        headers
    }

    /// The address of most requests, which has no name.
    fn path() -> Uri {
        Uri::from_static("/health")
    }

    #[test]
    fn a_name_in_the_address_is_checked_too() {
        let names = Names::new("127.0.0.1", 5000, &[]);
        let headers = headers("localhost:5000", None);
        let known = Uri::from_static("http://127.0.0.1:5000/health");
        assert!(names.check(&known, &headers).is_ok());
        for address in [
            "http://evil.example:5000/health",
            "http://evil.example/health",
            "http://localhost@evil.example:5000/health",
            "http://user@localhost:5000/health",
            "http://localhost:5001/health",
            "evil.example:5000",
        ] {
            let address: Uri = address.parse().expect("an address");
            assert!(names.check(&address, &headers).is_err(), "{address}");
        }
    }

    #[test]
    fn a_local_server_has_local_names_only() {
        let names = Names::new("127.0.0.1", 5000, &[]);
        for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "LOCALHOST:5000"] {
            assert!(names.check(&path(), &headers(host, None)).is_ok(), "{host}");
            let own = format!("http://{host}");
            assert!(names.check(&path(), &headers(host, Some(&own))).is_ok(), "{host}");
        }
        for host in ["evil.example:5000", "localhost:5001", "10.0.0.1:5000", "localhost.evil:5000"]
        {
            assert!(names.check(&path(), &headers(host, None)).is_err(), "{host}");
        }
        for origin in ["null", "http://evil.example", "http://localhost:80", "file://"] {
            let headers = headers("localhost:5000", Some(origin));
            assert!(names.check(&path(), &headers).is_err(), "{origin}");
        }
        assert!(names.check(&path(), &HeaderMap::new()).is_err());
    }

    #[test]
    fn a_server_for_others_has_addresses_and_configured_names() {
        let names = Names::new("0.0.0.0", 5000, &["Runs.example".to_owned()]);
        for host in ["10.0.0.1:5000", "runs.example", "runs.example:443", "[fe80::1]:5000"] {
            assert!(names.check(&path(), &headers(host, None)).is_ok(), "{host}");
        }
        for host in ["evil.example:5000", "10.0.0.1:5001"] {
            assert!(names.check(&path(), &headers(host, None)).is_err(), "{host}");
        }
    }
}
