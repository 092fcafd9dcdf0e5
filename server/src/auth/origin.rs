//! Which pages may talk to us (RFC 6455, 10.2), and under which names we are ourselves.
//!
//! A browser sends cookies along with a WebSocket handshake whichever page opens it, and no other
//! rule of the web stops it: the `Origin` header is all there is. And a name that an attacker makes
//! point at us (DNS rebinding) turns a foreign page into a page of "ours", so the name counts too.

use std::fmt;
use std::net::IpAddr;

use crate::config::Config;

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `http://host[:port]` or `https://…`, as in an `Origin` header; one slash may follow, for
    /// people. `None` for anything else, `null` too.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_secure, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return None,
        };
        Self::from_authority(is_secure, rest.strip_suffix('/').unwrap_or(rest))
    }

    fn from_authority(is_secure: bool, authority: &str) -> Option<Self> {
        let (host, port) = split_authority(authority)?;
        let port = match port {
            Some(port) => port,
            None if is_secure => 443,
            None => 80,
        };
        Some(Self { is_secure, host: host.to_ascii_lowercase(), port })
    }

    /// Whether it is reached over TLS.
    pub(crate) const fn is_secure(&self) -> bool {
        self.is_secure
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.is_secure { "https" } else { "http" }, self.host, self.port)
    }
}

/// `host[:port]` in its parts; `None` when it is not that.
fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if authority.starts_with('[') {
        let (inside, rest) = authority.split_at(authority.find(']')? + 1);
        inside[1..inside.len() - 1].parse::<std::net::Ipv6Addr>().ok()?;
        (inside, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))?)
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if host.is_empty() || !(host.starts_with('[') || host.bytes().all(is_name)) {
        return None;
    }
    if port.is_empty() {
        // `host:` with nothing behind the colon is allowed by RFC 3986, and means the default.
        return Some((host, None));
    }
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((host, Some(port.parse().ok()?)))
}

/// The host in a `Host` header; `None` when the header is malformed.
pub(crate) fn host_of(authority: &str) -> Option<&str> {
    split_authority(authority).map(|(host, _)| host)
}

/// What the configuration says about origins and names.
#[derive(Clone, Debug)]
pub(crate) struct OriginPolicy {
    public: Option<Origin>,
    allowed: Vec<Origin>,
    names: Vec<String>,
}

impl OriginPolicy {
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let parse = |text: &String| Origin::parse(text).ok_or_else(|| format!("{text:?} is not http(s)://host[:port]"));
        Ok(Self {
            public: config.public_url.as_ref().map(parse).transpose()?,
            allowed: config.allow_origin.iter().map(parse).collect::<Result<_, _>>()?,
            names: config.allow_host.iter().map(|name| name.to_ascii_lowercase()).collect(),
        })
    }

    /// Whether people reach us over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.public.as_ref().is_some_and(Origin::is_secure)
    }

    /// Whether `host`, a `Host` header, names us: an IP address, `localhost` or a configured name.
    /// No name server has a say in the first two.
    pub(crate) fn knows_host(&self, host: &str) -> bool {
        let Some((host, _)) = split_authority(host) else { return false };
        let host = host.to_ascii_lowercase();
        host == "localhost"
            || host.ends_with(".localhost")
            || host.starts_with('[')
            || host.parse::<IpAddr>().is_ok()
            || self.names.contains(&host)
            || self.public.as_ref().is_some_and(|public| public.host == host)
    }

    /// Whether this is one of the origins beside our own that the configuration lets in.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        Origin::parse(origin).is_some_and(|parsed| !origin.ends_with('/') && self.allowed.contains(&parsed))
    }

    /// Whether there are any.
    pub(crate) const fn allows_any(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether a request with this `Origin` and `Host` may open a socket or change something. No
    /// origin at all is no browser, and may pass.
    pub(crate) fn admits(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let Some(origin) = Origin::parse(origin).filter(|_| !origin.ends_with('/')) else { return false };
        if self.allowed.contains(&origin) {
            return true;
        }
        match (&self.public, host) {
            (Some(public), _) => origin == *public,
            (None, Some(host)) => {
                self.knows_host(host) && Origin::from_authority(false, host).is_some_and(|ours| ours == origin)
            }
            (None, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(config: &Config, origin: &str, host: &str) -> bool {
        OriginPolicy::new(config).unwrap().admits(Some(origin), Some(host))
    }

    #[test]
    fn by_default_ours_is_what_was_asked_for_if_no_name_server_could_have_lied() {
        let config = Config { allow_host: vec!["Lab.example".to_owned()], ..Config::default() };
        for (origin, host) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost", "localhost:80"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://LOCALHOST:8080", "localhost:8080"),
            ("http://lab.example:1", "lab.example:1"),
        ] {
            assert!(admits(&config, origin, host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("null", "127.0.0.1:8080"),
            ("", "127.0.0.1:8080"),
            ("http://127.0.0.1", "127.0.0.1:8080"),
            ("https://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:80800", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080.evil.example", "127.0.0.1:8080"),
            ("http://evil127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080@evil.example", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
            ("http://evil.example:8080", "evil.example:8080"),
            ("http://localhost:8080, http://evil.example", "localhost:8080"),
        ] {
            assert!(!admits(&config, origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn a_public_url_is_the_only_one_of_ours_and_others_can_be_allowed() {
        let config = Config {
            public_url: Some("https://example.org/".to_owned()),
            allow_origin: vec!["http://app.example:3000".to_owned()],
            ..Config::default()
        };
        for (origin, admitted) in [
            ("https://example.org", true),
            ("https://example.org:443", true),
            ("http://app.example:3000", true),
            ("http://example.org", false),
            ("http://127.0.0.1:8080", false),
            ("https://a.example.org", false),
        ] {
            assert_eq!(admits(&config, origin, "127.0.0.1:8080"), admitted, "{origin}");
        }
        let policy = OriginPolicy::new(&config).unwrap();
        assert!(policy.knows_host("example.org") && !policy.knows_host("evil.example") && policy.is_secure());
        assert!(policy.admits(None, None));
    }
}
