//! The rules for names and addresses of webhooks, with MLflow's texts.

use crate::error::{Error, ErrorKind, Result};

/// The maximum bytes of an address.
const URL_BYTES_MAX: usize = 2048;
/// The maximum characters of a name, as in MLflow.
const NAME_MAX: usize = 63;

/// The addresses that webhooks may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WebhookUrls {
    /// `https` alone.
    #[default]
    Https,
    /// `https`, and `http` to this machine: `localhost`, `127.0.0.1` and its like, `[::1]`.
    ///
    /// For tests and development.
    Loopback,
    /// `https`, and `http` to any host, which can read and change what is sent.
    Any,
}

/// Checks the name of a webhook: letters, digits, `.`, `_` and `-`, the first and the last of which
/// are letters or digits.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric();
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let is_good = bytes.len() <= NAME_MAX
        && ends.iter().all(|byte| byte.is_some_and(|byte| is_ordinary(*byte)))
        && bytes.iter().all(|byte| is_ordinary(*byte) || b"._-".contains(byte));
    if is_good {
        return Ok(());
    }
    Err(invalid(format!(
        "Webhook name {} is invalid. It must start and end with a letter or digit, be less than 63 \
         characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens \
         (-).",
        quoted(name)
    )))
}

/// Checks the address of a webhook. It needs a host, and must not contain a password.
pub(crate) fn check_url(url: &str, allowed: WebhookUrls) -> Result<()> {
    if url.trim().is_empty() {
        let text = format!("Webhook URL cannot be empty or just whitespace: {}", quoted(url));
        return Err(invalid(text));
    }
    if url.len() > URL_BYTES_MAX {
        let length = url.len();
        let text =
            format!("the webhook URL has {length} bytes, at most {URL_BYTES_MAX} are allowed");
        return Err(invalid(text));
    }
    if let Some(bad) = url.chars().find(|letter| !letter.is_ascii_graphic() || *letter == '\\') {
        let text = format!("Invalid webhook URL: it contains {bad:?}, which must be escaped");
        return Err(invalid(text));
    }
    let (scheme, rest) = split_scheme(url);
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "https" && (scheme != "http" || allowed == WebhookUrls::Https) {
        let schemes = if allowed == WebhookUrls::Https { "https" } else { "https, http" };
        return Err(invalid(format!(
            "Invalid webhook URL scheme: {}. Allowed schemes are: {schemes}.",
            quoted(&scheme)
        )));
    }
    let host = host_of(rest, url)?;
    if scheme == "http" && allowed == WebhookUrls::Loopback && !is_loopback(host) {
        let text =
            format!("the webhook URL sends over http to {host:?}: use https for other hosts");
        return Err(invalid(text));
    }
    Ok(())
}

/// Returns the scheme, empty if there is none, and the rest after the colon.
fn split_scheme(url: &str) -> (&str, &str) {
    let is_scheme = |text: &&str| {
        text.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let split = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
    split.unwrap_or(("", url))
}

/// Returns the host, without brackets, of an address after its scheme.
fn host_of<'a>(rest: &'a str, url: &str) -> Result<&'a str> {
    let missing = || invalid(format!("Webhook URL must include a hostname: {}", quoted(url)));
    let rest = rest.strip_prefix("//").ok_or_else(missing)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // The text does not repeat the address, which may contain a password.
        let text = "the webhook URL contains a user name or a password: remove it, and check the \
                    signature of deliveries instead";
        return Err(invalid(text.to_owned()));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']').ok_or_else(missing)?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                let text = format!("Invalid webhook URL {}: bad IPv6 address", quoted(url));
                return Err(invalid(text));
            }
            (host, after)
        }
        None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
    };
    if host.is_empty() {
        return Err(missing());
    }
    let is_port = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.is_empty() || digits.parse::<u16>().is_ok())
    };
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
        return Err(invalid(format!("Invalid webhook URL {}: bad port", quoted(url))));
    }
    Ok(host)
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Quotes a text like Python does, shortened.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    format!("'{}'", short.escape_debug())
}

#[cold]
fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_mlflow() {
        let long = "x".repeat(63);
        for name in ["a", "7", "A.b_c-9", "a..b", &long] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let longer = "x".repeat(64);
        for bad in ["", ".a", "a.", "-a", "a_", "a b", "a/b", "\u{e4}", "a\n", &longer] {
            let message = check_name(bad).unwrap_err().to_string();
            assert!(message.contains("is invalid. It must start and end with"), "{message}");
        }
    }

    #[test]
    fn https_addresses_with_a_host_are_allowed() {
        for url in [
            "https://example.com",
            "HTTPS://example.com/a/b?c=d@e#f",
            "https://example.com:8443/hook",
            "https://example.com:/",
            "https://[2001:db8::1]:443/",
            "https://10.0.0.1/",
            "https://localhost/",
        ] {
            assert!(check_url(url, WebhookUrls::Https).is_ok(), "{url}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        let message = |url| check_url(url, WebhookUrls::Https).unwrap_err().to_string();
        for (bad, wanted) in [
            ("", "Webhook URL cannot be empty or just whitespace: ''"),
            ("  ", "Webhook URL cannot be empty or just whitespace: '  '"),
            (
                "http://example.com",
                "Invalid webhook URL scheme: 'http'. Allowed schemes are: https.",
            ),
            ("ftp://example.com", "Invalid webhook URL scheme: 'ftp'."),
            ("example.com/x", "Invalid webhook URL scheme: ''."),
            ("//example.com/x", "Invalid webhook URL scheme: ''."),
            ("1https://example.com", "Invalid webhook URL scheme: ''."),
            ("https:example.com", "Webhook URL must include a hostname: 'https:example.com'"),
            ("https://", "Webhook URL must include a hostname"),
            ("https:///path", "Webhook URL must include a hostname"),
            ("https://:443/", "Webhook URL must include a hostname"),
            ("https://a b.com/", "it contains ' '"),
            ("https://a.com\\@b.com/", "it contains '\\\\'"),
            ("https://a.com/\r\nHost: b", "it contains '\\r'"),
            ("https://\u{e9}.com/", "it contains '\u{e9}'"),
            ("https://a.com:65536/", "bad port"),
            ("https://a.com:x/", "bad port"),
            ("https://a.com:1:2/", "bad port"),
            ("https://[::1", "Webhook URL must include a hostname"),
            ("https://[a.com]/", "bad IPv6 address"),
            ("https://[::1]x/", "bad port"),
        ] {
            let message = message(bad);
            assert!(message.contains(wanted), "{bad:?}: {message}");
        }
        assert!(message(&format!("https://a.com/{}", "x".repeat(2048))).contains("2062 bytes"));
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for bad in ["https://ada:secret@a.com/", "https://ada@a.com", "https://:secret@[::1]/"] {
            let message = check_url(bad, WebhookUrls::Any).unwrap_err().to_string();
            assert!(message.contains("a user name or a password"), "{message}");
            assert!(!message.contains("secret") && !message.contains("ada"), "{message}");
        }
    }

    #[test]
    fn plain_http_needs_an_option() {
        let is_good = |url, allowed| check_url(url, allowed).is_ok();
        for url in
            ["http://127.0.0.1:8000/", "http://localhost/x", "http://[::1]:1/", "http://127.9.9.9"]
        {
            assert!(!is_good(url, WebhookUrls::Https), "{url}");
            assert!(is_good(url, WebhookUrls::Loopback) && is_good(url, WebhookUrls::Any), "{url}");
        }
        for url in ["http://example.com/", "http://localhost.example.com/", "http://10.0.0.1/"] {
            assert!(
                !is_good(url, WebhookUrls::Loopback) && is_good(url, WebhookUrls::Any),
                "{url}"
            );
        }
        assert!(!is_good("ftp://localhost/", WebhookUrls::Any));
    }
}
