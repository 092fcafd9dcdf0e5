//! The operator: whoever holds the token that the server showed at its start, or was given in its configuration, and so
//! may see the bytes of everybody's connections.
//!
//! In a browser the token is exchanged for a cookie at once, as an address is remembered and passed on. Of the token only
//! its hash is kept here, of cookies likewise. A cookie belongs to this run of this server: it ends with it, after
//! [a day](LIFETIME), or when it is [given back](Operator::forget), and everything that is watched by it ends then.
//! Cookies do not tell ports apart, so its name does, for several servers on one host.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::session::{read_hex, write_hex};
use super::throttle::{Key, Rule, Throttle};

/// Knows the operator. One for all threads.
#[derive(Debug)]
pub(crate) struct Operator {
    token: Hash,
    cookie: String,
    throttle: Throttle,
    passes: Mutex<Vec<Arc<Pass>>>,
    /// How long a cookie is good for.
    lifetime: Duration,
}

/// Somebody has shown the token, and may see everything as long as this [holds](Pass::holds).
#[derive(Debug)]
pub(crate) struct Pass {
    /// Of the cookie's value; nothing's, if there is no cookie.
    cookie: Option<Hash>,
    /// Never, for one who has the token itself.
    ends: Option<Instant>,
    ended: CancellationToken,
}

/// A token or a cookie is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOperator {
    /// It is another.
    Wrong,
    /// There were too many of these, and none is looked at for this long.
    Throttled(Duration),
}

/// What a query says in the place of a token, and what is left of it without.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Each `token`, decoded.
    pub(crate) tokens: Vec<Vec<u8>>,
    /// All else, as it was.
    pub(crate) rest: String,
}

/// SHA-256 of something that nobody can guess.
#[derive(Clone, Copy, Debug)]
struct Hash([u8; 32]);

impl Operator {
    /// Known by `token`, of a server that listens on `port`.
    pub(crate) fn new(token: &str, port: u16, rule: Rule) -> Self {
        Self {
            token: Hash::of(token.as_bytes()),
            cookie: format!("framescope_operator_{port}"),
            throttle: Throttle::new(rule),
            passes: Mutex::default(),
            lifetime: LIFETIME,
        }
    }

    /// A token of 192 random bits.
    pub(crate) fn generate_token() -> String {
        let mut token = String::new();
        write_hex(&mut token, &rand::random::<[u8; 24]>());
        token
    }

    /// Whether a configured token will do.
    pub(crate) fn check_token(token: &str) -> Result<(), &'static str> {
        if !(TOKEN_MIN..=TOKEN_MAX).contains(&token.len()) {
            return Err("a token has 16 to 256 characters");
        }
        if token.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(())
        } else {
            Err("a token is of visible ASCII characters")
        }
    }

    /// For one who shows the token with each request.
    pub(crate) fn admit(&self, token: &[u8], address: IpAddr) -> Result<Arc<Pass>, NotOperator> {
        // In constant time, and of a hash: neither how much of a guess was right shows, nor how long the token is.
        match self.throttle.guess(&Key::new("operator", address), || Hash::of(token) == self.token) {
            Ok(true) => Ok(Arc::new(Pass { cookie: None, ends: None, ended: CancellationToken::new() })),
            Ok(false) => {
                tracing::warn!(%address, "a wrong operator token was shown");
                Err(NotOperator::Wrong)
            }
            Err(wait) => {
                tracing::warn!(%address, "operator tokens are not looked at: there were too many wrong ones");
                Err(NotOperator::Throttled(wait))
            }
        }
    }

    /// The `Set-Cookie` value for one who shows the token.
    pub(crate) fn exchange(&self, token: &[u8], address: IpAddr, is_secure: bool) -> Result<String, NotOperator> {
        self.admit(token, address)?;
        let secret: [u8; 32] = rand::random();
        let pass = Pass {
            cookie: Some(Hash::of(&secret)),
            ends: Some(Instant::now() + self.lifetime),
            ended: CancellationToken::new(),
        };
        let mut passes = lock(&self.passes);
        passes.retain(|pass| pass.holds());
        if passes.len() >= PASSES_MAX {
            passes.remove(0).ended.cancel();
        }
        passes.push(Arc::new(pass));
        drop(passes);
        tracing::info!(%address, "the operator token was exchanged for a cookie");
        let mut value = String::new();
        write_hex(&mut value, &secret);
        Ok(self.set_cookie(&value, is_secure))
    }

    /// What the cookies of a request are good for.
    pub(crate) fn pass<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>) -> Option<Arc<Pass>> {
        let values = cookies
            .into_iter()
            .flat_map(|header| header.split(|byte| *byte == b';'))
            .filter_map(|pair| pair.trim_ascii().strip_prefix(self.cookie.as_bytes())?.strip_prefix(b"="));
        // One of ours counts, whatever stands beside it: who could plant another could not make it hold.
        for secret in values.filter_map(read_hex::<32>).take(COOKIES_MAX) {
            let hash = Hash::of(&secret);
            let passes = lock(&self.passes);
            if let Some(pass) = passes.iter().find(|pass| pass.cookie == Some(hash)) {
                return pass.holds().then(|| pass.clone());
            }
        }
        None
    }

    /// Ends what these cookies are good for, and everything that is watched by it. The `Set-Cookie` value that takes
    /// the cookie away.
    pub(crate) fn forget<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>, is_secure: bool) -> String {
        if let Some(pass) = self.pass(cookies) {
            pass.ended.cancel();
            lock(&self.passes).retain(|other| !Arc::ptr_eq(other, &pass));
            tracing::info!("an operator's cookie was given back");
        }
        format!("{}; Max-Age=0", self.set_cookie("", is_secure))
    }

    /// Without an age: it is gone with the browser.
    fn set_cookie(&self, value: &str, is_secure: bool) -> String {
        let secure = if is_secure { "; Secure" } else { "" };
        format!("{}={value}; HttpOnly; SameSite=Strict; Path=/{secure}", self.cookie)
    }
}

impl Pass {
    /// Whether it is good for anything still.
    pub(crate) fn holds(&self) -> bool {
        !self.ended.is_cancelled() && self.ends.is_none_or(|ends| Instant::now() < ends)
    }

    /// Waits until it is not.
    pub(crate) async fn ended(&self) {
        match self.ends {
            // However it comes, it is over.
            Some(ends) => drop(tokio::time::timeout_at(ends, self.ended.cancelled()).await),
            None => self.ended.cancelled().await,
        }
    }
}

impl Query {
    /// Reads what stands behind the question mark.
    pub(crate) fn read(query: &str) -> Self {
        let mut read = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if percent_decode(name) == b"token" {
                read.tokens.push(percent_decode(value));
            } else {
                if !read.rest.is_empty() {
                    read.rest.push('&');
                }
                read.rest.push_str(pair);
            }
        }
        read
    }

    /// Whether this is in the rest, by its name alone.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.rest.split('&').any(|pair| pair.split('=').next() == Some(name))
    }
}

/// `%6b` as `k`; whatever is no such escape stays.
fn percent_decode(text: &str) -> Vec<u8> {
    let digit =
        |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = (*byte == b'%').then(|| digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2)))).flatten();
        decoded.push(escape.map_or(*byte, |(high, low)| high << 4 | low));
        at += if escape.is_some() { 3 } else { 1 };
    }
    decoded
}

impl Hash {
    fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl PartialEq for Hash {
    /// Looks at every byte, whichever is the first that differs.
    fn eq(&self, other: &Self) -> bool {
        let differing = self.0.iter().zip(&other.0).fold(0, |all, (one, other)| all | (one ^ other));
        std::hint::black_box(differing) == 0
    }
}

const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// So many browsers may hold one at the same time; the oldest makes room.
const PASSES_MAX: usize = 64;

/// So many cookies of that name are looked at. A browser sends one.
const COOKIES_MAX: usize = 4;

const TOKEN_MIN: usize = 16;
const TOKEN_MAX: usize = 256;

/// A panic elsewhere leaves the list as whole as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = b"correct horse battery";
    const RULE: Rule = Rule { failures: 3, within: Duration::from_secs(60) };
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn operator() -> Operator {
        Operator::new(std::str::from_utf8(TOKEN).unwrap(), 8080, RULE)
    }

    /// The pair that a browser sends back.
    fn cookie(operator: &Operator) -> String {
        let set = operator.exchange(TOKEN, HERE, false).unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    fn holds(operator: &Operator, header: &str) -> bool {
        operator.pass([header.as_bytes()]).is_some()
    }

    #[test]
    fn the_token_is_exchanged_for_a_cookie_that_is_not_it() {
        let operator = operator();
        let set = operator.exchange(TOKEN, HERE, true).unwrap();
        let (pair, flags) = set.split_once("; ").unwrap();
        assert!(pair.starts_with("framescope_operator_8080=") && pair.len() == 25 + 64, "{pair}");
        assert_eq!(flags, "HttpOnly; SameSite=Strict; Path=/; Secure");
        assert!(holds(&operator, pair) && holds(&operator, &format!("a=b;{pair} ; {pair}; c")));
        assert_ne!(cookie(&operator), pair);
        for wrong in [
            "",
            "framescope_operator_8080=",
            &pair[..pair.len() - 1],
            &format!("{pair}0"),
            &format!("x{pair}"),
            &pair.replace("8080", "8081"),
            &pair.to_uppercase(),
            &format!("framescope_operator_8080={}", "0".repeat(64)),
            "framescope_operator_8080=correct horse battery",
        ] {
            assert!(!holds(&operator, wrong), "{wrong}");
        }
        assert!(!holds(&self::operator(), pair), "another run");
        assert!(holds(&operator, &format!("framescope_operator_8080={}; {pair}", "0".repeat(64))), "planted beside it");
    }

    #[tokio::test]
    async fn a_cookie_ends_when_it_is_given_back_and_after_a_while() {
        let mut operator = operator();
        let (one, other) = (cookie(&operator), cookie(&operator));
        let (first, second) = (operator.pass([one.as_bytes()]).unwrap(), operator.pass([other.as_bytes()]).unwrap());
        let cleared = operator.forget([one.as_bytes()], false);
        assert_eq!(cleared, "framescope_operator_8080=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
        first.ended().await;
        assert!(!holds(&operator, &one) && !first.holds() && holds(&operator, &other) && second.holds());
        operator.lifetime = Duration::from_millis(500);
        let brief = cookie(&operator);
        operator.pass([brief.as_bytes()]).unwrap().ended().await;
        assert!(!holds(&operator, &brief) && second.holds());
        operator.lifetime = LIFETIME;
        let kept: Vec<_> = (0..=PASSES_MAX).map(|_| cookie(&operator)).collect();
        assert!(!holds(&operator, &kept[0]) && kept[1..].iter().all(|cookie| holds(&operator, cookie)));
    }

    #[test]
    fn wrong_tokens_are_counted_by_where_they_come_from() {
        let operator = operator();
        let held = cookie(&operator);
        for wrong in [&b""[..], b"correct horse batter", b"correct horse battery "] {
            assert_eq!(operator.admit(wrong, HERE).unwrap_err(), NotOperator::Wrong);
        }
        assert!(matches!(operator.admit(TOKEN, HERE), Err(NotOperator::Throttled(_))));
        assert!(operator.admit(TOKEN, [192, 0, 2, 2].into()).is_ok(), "another network");
        assert!(holds(&operator, &held), "and who is in already");
    }

    #[test]
    fn a_token_of_one_s_own_is_not_too_short() {
        assert!(Operator::check_token("0123456789abcdef").is_ok());
        assert!(Operator::check_token(&Operator::generate_token()).is_ok());
        for wrong in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdé", &"x".repeat(257)] {
            assert!(Operator::check_token(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_found_in_a_query_however_it_is_written() {
        let read = |query: &str| {
            let Query { tokens, rest } = Query::read(query);
            (tokens.into_iter().map(|token| String::from_utf8(token).unwrap()).collect::<Vec<_>>(), rest)
        };
        let check = |query: &str, tokens: &[&str], rest: &str| {
            assert_eq!(
                read(query),
                (tokens.iter().map(|token| (*token).to_owned()).collect(), rest.to_owned()),
                "{query}"
            );
        };
        check("", &[], "");
        check("token=abc", &["abc"], "");
        check("a=1&token=a%2Bb%zz+c&own&b", &["a+b%zz+c"], "a=1&own&b");
        check("%74oken=x&token=y&token", &["x", "y", ""], "");
        check("Token=x&&tokens=y&a=token=z", &[], "Token=x&tokens=y&a=token=z");
        assert!(Query::read("a&own=1").says("own") && !Query::read("owner&a=own").says("own"));
    }
}
