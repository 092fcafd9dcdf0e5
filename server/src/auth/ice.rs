//! Which servers help two browsers to find a way to each other, and with which credentials.
//!
//! With a secret that is shared with the TURN servers, each user gets credentials that run out: the name is the time
//! they do so and who they are for, the password is that name's HMAC-SHA1. coturn calls it the REST API
//! (`use-auth-secret`); the TURN server asks nobody, and there is nothing to store.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha1::Sha1;

use crate::config::Config;

/// What the configuration says of them.
#[derive(Debug)]
pub(crate) struct IceServers {
    stun: Vec<String>,
    turn: Vec<String>,
    credentials: Credentials,
}

/// How a TURN server knows whom to serve.
enum Credentials {
    None,
    Fixed { user: String, password: String },
    Secret { secret: String, lifetime: Duration },
}

/// One `RTCIceServer`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IceServer {
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl IceServers {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// One line for the operator.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let (mut stun, mut turn) = (Vec::new(), Vec::new());
        for url in &config.ice_server {
            match check(url) {
                Some(Kind::Stun) => stun.push(url.clone()),
                Some(Kind::Turn) => turn.push(url.clone()),
                None => {
                    return Err(format!(
                        "ice-server: {url:?} is not stun:host[:port] or turn:host[:port][?transport=udp], nor with stuns: or turns:"
                    ));
                }
            }
        }
        let credentials = match (&config.turn_secret, &config.turn_user, &config.turn_password) {
            (None, None, None) => Credentials::None,
            (Some(secret), None, None) if !secret.is_empty() => {
                Credentials::Secret { secret: secret.clone(), lifetime: config.turn_lifetime }
            }
            (Some(_), None, None) => return Err("turn-secret: it is empty".to_owned()),
            (None, Some(user), Some(password)) => Credentials::Fixed { user: user.clone(), password: password.clone() },
            (Some(_), ..) => return Err("turn-secret: it excludes turn-user and turn-password".to_owned()),
            (None, ..) => return Err("turn-user: it needs turn-password, and the other way round".to_owned()),
        };
        match (turn.is_empty(), &credentials) {
            (true, Credentials::None) | (false, Credentials::Secret { .. } | Credentials::Fixed { .. }) => {
                Ok(Self { stun, turn, credentials })
            }
            (true, _) => Err("turn-secret, turn-user: there is no turn: URL among ice-server".to_owned()),
            // A browser throws on such a server.
            (false, Credentials::None) => {
                Err("ice-server: turn: needs turn-secret, or turn-user and turn-password".to_owned())
            }
        }
    }

    /// The servers for this user.
    pub(crate) fn for_user(&self, user: &str) -> Vec<IceServer> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut servers = Vec::new();
        if !self.stun.is_empty() {
            servers.push(IceServer { urls: self.stun.clone(), username: None, credential: None });
        }
        if let Some((username, credential)) = self.credentials.at(now, user) {
            servers.push(IceServer { urls: self.turn.clone(), username: Some(username), credential: Some(credential) });
        }
        servers
    }
}

impl Credentials {
    /// User name and password, made `now` after the epoch.
    fn at(&self, now: Duration, user: &str) -> Option<(String, String)> {
        match self {
            Self::None => None,
            Self::Fixed { user, password } => Some((user.clone(), password.clone())),
            Self::Secret { secret, lifetime } => {
                let username = format!("{}:{user}", (now + *lifetime).as_secs());
                // A key can have any length.
                let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?.chain_update(&username);
                Some((username, STANDARD.encode(mac.finalize().into_bytes())))
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

enum Kind {
    Stun,
    Turn,
}

/// What kind of URL this is (RFC 7064, RFC 7065), or `None`: a browser would throw on it, and no call would begin.
fn check(url: &str) -> Option<Kind> {
    let (scheme, rest) = url.split_once(':')?;
    let (kind, authority) = match scheme {
        "stun" | "stuns" => (Kind::Stun, rest),
        "turn" | "turns" => match rest.split_once('?') {
            None => (Kind::Turn, rest),
            Some((authority, "transport=udp" | "transport=tcp")) => (Kind::Turn, authority),
            Some(_) => return None,
        },
        _ => return None,
    };
    super::origin::host_of(authority).map(|_| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(change: impl FnOnce(&mut Config)) -> Result<IceServers, String> {
        let mut config = Config::default();
        change(&mut config);
        IceServers::new(&config)
    }

    #[test]
    fn what_a_browser_would_throw_on_is_refused_at_the_start() {
        for url in ["stun:a", "stun:a.example:3478", "stuns:[::1]:5349"] {
            assert!(servers(|config| config.ice_server = vec![url.to_owned()]).is_ok(), "{url}");
        }
        for url in
            ["", "stun", "stun:", "http://a", "stun://a", "stun:a?transport=udp", "turn:a?x", "turn:a:b", "turn:a b"]
        {
            let made = servers(|config| {
                config.ice_server = vec![url.to_owned()];
                config.turn_secret = Some("x".to_owned());
            });
            assert!(made.is_err_and(|error| error.starts_with("ice-server: ")), "{url}");
        }
        let turn = || vec!["turn:a?transport=tcp".to_owned()];
        assert!(servers(|config| config.ice_server = turn()).is_err());
        assert!(servers(|config| config.turn_secret = Some("x".to_owned())).is_err());
        assert!(servers(|config| (config.ice_server, config.turn_user) = (turn(), Some("a".to_owned()))).is_err());
    }

    #[test]
    fn a_secret_makes_credentials_that_run_out() {
        let servers = servers(|config| {
            config.ice_server = ["stun:a", "turn:b", "turns:b:443?transport=tcp"].map(str::to_owned).to_vec();
            config.turn_secret = Some("north".to_owned());
        })
        .unwrap();
        let (username, credential) = servers.credentials.at(Duration::from_secs(1_700_000_000), "Alice").unwrap();
        assert_eq!(username, "1700086400:Alice");
        // printf %s 1700086400:Alice | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(credential, "s9tyD4Qo1Ma8JDa07XE7AEyrFKA=");
        let json = serde_json::to_value(servers.for_user("Alice")).unwrap();
        assert_eq!(json[0], serde_json::json!({ "urls": ["stun:a"] }));
        assert_eq!(json[1]["urls"], serde_json::json!(["turn:b", "turns:b:443?transport=tcp"]));
        assert!(json[1]["username"].as_str().unwrap().ends_with(":Alice") && json[1]["credential"].is_string());
    }

    #[test]
    fn fixed_credentials_are_passed_on_and_without_servers_there_are_none() {
        let fixed = servers(|config| {
            config.ice_server = vec!["turn:b".to_owned()];
            (config.turn_user, config.turn_password) = (Some("u".to_owned()), Some("p".to_owned()));
        });
        let json = serde_json::to_value(fixed.unwrap().for_user("Alice")).unwrap();
        assert_eq!(json, serde_json::json!([{ "urls": ["turn:b"], "username": "u", "credential": "p" }]));
        assert!(servers(|_| ()).unwrap().for_user("Alice").is_empty());
    }
}
