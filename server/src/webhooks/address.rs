//! The addresses to which webhooks may be sent.
//!
//! An admin who sets a webhook must not reach hosts that only this machine reaches: services on it,
//! its network, or the metadata service of a cloud. A name may change its addresses after a check,
//! so the addresses that were checked are those that are connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::Uri;

/// The URL of a webhook, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whether the scheme is `https`, else it is `http`.
    pub(crate) is_encrypted: bool,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The path with the query.
    pub(crate) path: String,
}

impl Target {
    /// Parses a URL. The texts of errors do not repeat it, because it may contain a secret.
    pub(crate) fn parse(url: &str) -> Result<Target, String> {
        let uri: Uri = url.parse().map_err(|error| format!("the URL is not valid: {error}"))?;
        let is_encrypted = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("the URL does not begin with https:// or http://".to_owned()),
        };
        let authority = uri.authority().ok_or("the URL has no host")?;
        if authority.as_str().contains('@') {
            return Err("the URL contains a user name or a password: remove it".to_owned());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err("the URL has no host".to_owned());
        }
        let port = authority.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Target { is_encrypted, host, port, path })
    }

    /// Returns the value of the header `Host`.
    pub(crate) fn authority(&self) -> String {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let default = if self.is_encrypted { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

/// Checks all addresses of a target. `to_this_machine` also permits this machine, and `http` to it.
pub(crate) fn check(
    target: &Target,
    addresses: &[SocketAddr],
    to_this_machine: bool,
) -> Result<(), String> {
    let host = &target.host;
    if addresses.is_empty() {
        return Err(format!("{host:?} has no address"));
    }
    for address in addresses.iter().map(SocketAddr::ip) {
        let is_this_machine = to_this_machine && address.is_loopback();
        if !is_this_machine && !target.is_encrypted {
            return Err(format!("the URL sends to {host:?} without encryption: use https"));
        }
        if !is_this_machine && !is_public(address) {
            return Err(format!(
                "{host:?} has the address {address}, which is not public: webhooks are sent to \
                 public addresses only"
            ));
        }
    }
    Ok(())
}

/// Returns whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The ranges of RFC 6890 and its successors, of which none is public.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation();
    let is_reserved = match address.octets() {
        // This network, and the future and broadcast addresses.
        [0 | 240..=255, ..] => true,
        // Networks of providers behind one public address.
        [100, second, ..] => (64..128).contains(&second),
        // Assignments of protocols, and benchmarks.
        [192, 0, 0, _] | [198, 18 | 19, ..] => true,
        _ => false,
    };
    !is_special && !is_reserved
}

/// Public are the global unicast addresses, without the ranges that contain IPv4 addresses.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, .., seventh, eighth] = address.segments();
    // The gateway of a network that has only IPv6, with the IPv4 address at the end.
    if address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let bits = u32::from(seventh) << 16 | u32::from(eighth);
        return is_public_v4(Ipv4Addr::from_bits(bits));
    }
    let is_global = first & 0xe000 == 0x2000;
    let is_special = match first {
        // Tunnels and other protocols, and documentation.
        0x2001 => second < 0x200 || second == 0xdb8,
        0x2002 => true,
        0x3fff => second < 0x1000,
        _ => false,
    };
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2001:4860:4860::8888",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("HTTPS://ci.example.com:8443/a/b?c=d#e").unwrap();
        let wanted = Target {
            is_encrypted: true,
            host: "ci.example.com".into(),
            port: 8443,
            path: "/a/b?c=d".into(),
        };
        assert_eq!(target, wanted);
        assert_eq!(target.authority(), "ci.example.com:8443");
        for (url, authority, port, path) in [
            ("https://a.com", "a.com", 443, "/"),
            ("https://a.com?b", "a.com", 443, "/?b"),
            ("http://[::1]/", "[::1]", 80, "/"),
            ("http://[::1]:443/", "[::1]:443", 443, "/"),
        ] {
            let target = Target::parse(url).unwrap();
            let found = (target.authority(), target.port, target.path);
            assert_eq!(found, (authority.to_owned(), port, path.to_owned()), "{url}");
        }
        for bad in ["", "a.com", "/a", "ftp://a.com/", "https://ada:secret@a.com/", "https://"] {
            let message = Target::parse(bad).unwrap_err();
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn each_address_of_a_name_is_checked() {
        let at = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect()
        };
        let https = Target::parse("https://a.com").unwrap();
        let http = Target::parse("http://a.com").unwrap();
        assert_eq!(check(&https, &at(&["1.1.1.1", "2606:4700::1"]), false), Ok(()));
        assert_eq!(check(&http, &at(&["127.0.0.1", "::1"]), true), Ok(()));
        for (target, addresses, to_this_machine, wanted) in [
            (&https, at(&[]), false, "no address"),
            (&https, at(&["1.1.1.1", "10.0.0.1"]), false, "10.0.0.1, which is not public"),
            (&https, at(&["127.0.0.1"]), false, "not public"),
            (&https, at(&["10.0.0.1"]), true, "not public"),
            (&http, at(&["1.1.1.1"]), false, "use https"),
            (&http, at(&["1.1.1.1"]), true, "use https"),
            (&http, at(&["127.0.0.1"]), false, "use https"),
        ] {
            let message = check(target, &addresses, to_this_machine).unwrap_err();
            assert!(message.contains(wanted), "{message}");
        }
    }
}
