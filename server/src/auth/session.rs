//! Which browser this is, signed in or not: whose connections a live tap shows hangs on that.
//!
//! Cookies do not tell ports apart: any other server on this host can set ours, and who chose the
//! value could watch with it. So a guest's cookie is an id and a MAC that only we can make, and one
//! made up elsewhere is none. Guests are not stored, but the key of the MAC is: what a guest sent before
//! a restart and sends again after it has to be known for the same. What a MAC cannot tell is who it was
//! handed to: a server on this host that asks us for a page of its own gets a cookie that it can pass on.
//!
//! Somebody who signs in gets another cookie under the same name: a [`Token`], which the store knows.

use std::fmt;
use std::fmt::Write;
use std::sync::OnceLock;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::store::TokenHash;

/// 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId([u8; 16]);

/// How much of HMAC-SHA256 goes into the cookie: 128 bits are as hard to guess as the id.
const TAG_LEN: usize = 16;

/// HMAC-SHA256 under the key of this process.
static MAC: OnceLock<Hmac<Sha256>> = OnceLock::new();

/// Has guests' cookies made and recognised by this key, unless this process has one: where several servers share a
/// process, they share the first one's.
pub(crate) fn use_key(key: &[u8; 32]) {
    MAC.get_or_init(|| mac_under(key));
}

fn mac_under(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    Hmac::new(&block.into())
}

impl SessionId {
    /// A fresh one that nobody can guess.
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// What stands for it where it is kept, and is not it.
    pub(crate) fn fingerprint(self) -> String {
        let digest = Sha256::new().chain_update("who sent this").chain_update(self.0).finalize();
        digest[..16].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// That of a login, whose connections nobody else sees, and who was a guest before no more.
    pub(super) fn of_login(token: TokenHash) -> Self {
        let digest: [u8; 32] =
            Sha256::new().chain_update("whose taps these are").chain_update(token.0).finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// The `Set-Cookie` value for a guest.
    pub(crate) fn to_cookie(self, is_secure: bool) -> String {
        let tag = self.mac().finalize().into_bytes();
        let mut value = String::new();
        write_hex(&mut value, &self.0);
        write_hex(&mut value, &tag[..TAG_LEN]);
        set_cookie(&value, is_secure)
    }

    fn decode(hex: &[u8]) -> Option<Self> {
        let bytes: [u8; 16 + TAG_LEN] = read_hex(hex)?;
        let (id, tag) = bytes.split_first_chunk()?;
        let id = Self(*id);
        // In constant time: how much of a guess was right must not show.
        id.mac().verify_truncated_left(tag).ok()?;
        Some(id)
    }

    fn mac(self) -> Hmac<Sha256> {
        MAC.get_or_init(|| mac_under(&rand::random())).clone().chain_update(self.0)
    }
}

impl fmt::Debug for SessionId {
    /// Enough to tell two apart in a log, and not enough to be one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "{a:02x}{b:02x}…")
    }
}

/// What the holder of a login's cookie knows: 256 random bits, of which the store sees the hash alone. Who reads the
/// store cannot sign in with what is there.
pub(crate) struct Token([u8; 32]);

impl Token {
    /// A fresh one that nobody can guess.
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// What it is known by.
    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }

    /// The `Set-Cookie` value, for as long as the session is to last.
    pub(crate) fn to_cookie(&self, is_secure: bool, lifetime: Duration) -> String {
        let mut value = TOKEN_MARK.to_owned();
        write_hex(&mut value, &self.0);
        format!("{}; Max-Age={}", set_cookie(&value, is_secure), lifetime.as_secs())
    }

    fn decode(value: &[u8]) -> Option<Self> {
        read_hex(value.strip_prefix(TOKEN_MARK.as_bytes())?).map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What a request's cookies say, before anybody has asked the store.
#[derive(Debug, Default)]
pub(super) struct Presented {
    /// The one guest's cookie that we made.
    pub(super) guest: Option<SessionId>,
    /// What may be logins: each once, and no more than a few.
    pub(super) tokens: Vec<TokenHash>,
}

impl Presented {
    /// Looks through `Cookie` header values. What is not ours does not hide what is; of guests' cookies, two of ours
    /// that differ are none: somebody other than us set one of them.
    pub(super) fn read<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut tokens = Vec::new();
        let mut guests = Vec::new();
        for header in headers {
            for pair in header.split(|byte| *byte == b';') {
                let Some((name, value)) = split_once(pair.trim_ascii(), b'=') else { continue };
                if name != COOKIE.as_bytes() {
                    continue;
                }
                if let Some(token) = Token::decode(value).map(|token| token.hash()) {
                    if tokens.len() < TOKENS_MAX && !tokens.contains(&token) {
                        tokens.push(token);
                    }
                } else if let Some(guest) = SessionId::decode(value)
                    && !guests.contains(&guest)
                {
                    guests.push(guest);
                }
            }
        }
        let guest = if let [guest] = guests[..] { Some(guest) } else { None };
        Self { guest, tokens }
    }
}

/// The `Set-Cookie` value that takes the cookie away.
pub(crate) fn clear_cookie(is_secure: bool) -> String {
    format!("{}; Max-Age=0", set_cookie("", is_secure))
}

fn set_cookie(value: &str, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; HttpOnly; SameSite=Lax; Path=/{secure}")
}

/// The cookie's name.
pub(crate) const COOKIE: &str = "framescope_session";

/// Stands before a token, and before no guest's id: it is no hexadecimal digit.
const TOKEN_MARK: &str = "u";

/// How many cookies that may be logins the store is asked about. A browser sends one; more are somebody's mischief.
const TOKENS_MAX: usize = 4;

pub(super) fn write_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

/// Hexadecimal as we write it, and exactly that long.
pub(super) fn read_hex<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    let (digits, []) = hex.as_chunks::<2>() else { return None };
    if digits.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// A hexadecimal digit as we write it.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(headers: &[&str]) -> Option<SessionId> {
        Presented::read(headers.iter().map(|header| header.as_bytes())).guest
    }

    #[test]
    fn the_cookie_that_was_set_is_found_again() {
        let id = SessionId::generate();
        let set = id.to_cookie(false);
        let pair = set.split(';').next().unwrap();
        assert_eq!(find(&[pair]), Some(id));
        assert_eq!(find(&["a=b", &format!("x=; {pair} ;y=z")]), Some(id));
        assert!(set.ends_with("; HttpOnly; SameSite=Lax; Path=/") && id.to_cookie(true).ends_with("; Secure"));
        assert!(format!("{id:?}").len() < 10);
    }

    #[test]
    fn what_we_did_not_make_is_no_session() {
        let pair = |id: SessionId| id.to_cookie(false).split(';').next().unwrap().to_owned();
        let ours = pair(SessionId::generate());
        assert!(find(&[&ours]).is_some());
        let (id, _) = ours.split_at(ours.len() - 2 * TAG_LEN);
        let mut wrong = vec![
            String::new(),
            "framescope_session=".to_owned(),
            "framescope_session=0011".to_owned(),
            "framescope_session=00112233445566778899aabbccddeeff".to_owned(),
            format!("framescope_session={}", "0".repeat(64)),
            ours.replace('=', "=+"),
            format!("framescope_session={}", ours["framescope_session=".len()..].to_uppercase()),
            format!("x{ours}"),
            // Cut short, a tag is easier to guess.
            id.to_owned(),
            ours[..ours.len() - 2].to_owned(),
            format!("{ours}00"),
            // Another's tag.
            format!("{id}{}", &pair(SessionId::generate())[id.len()..]),
            // Two of ours.
            format!("{ours}; {}", pair(SessionId::generate())),
        ];
        // A digit that is another one, anywhere.
        for at in "framescope_session=".len()..ours.len() {
            let other = if &ours[at..=at] == "0" { "1" } else { "0" };
            wrong.push(format!("{}{other}{}", &ours[..at], &ours[at + 1..]));
        }
        for wrong in wrong {
            assert!(wrong != ours && find(&[&wrong]).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_others_planted_does_not_hide_ours() {
        let id = SessionId::generate();
        let ours = id.to_cookie(false);
        let (ours, _) = ours.split_once(';').unwrap();
        let planted = "framescope_session=00112233445566778899aabbccddeeff";
        assert_eq!(find(&[&format!("{planted}; {ours}; {planted}")]), Some(id));
        assert_eq!(find(&[ours, planted, ours]), Some(id));
    }

    #[test]
    fn a_login_s_cookie_is_told_from_a_guest_s() {
        let token = Token::generate();
        let set = token.to_cookie(true, Duration::from_secs(60));
        let (pair, flags) = set.split_once("; ").unwrap();
        assert_eq!(flags, "HttpOnly; SameSite=Lax; Path=/; Secure; Max-Age=60");
        let guest = SessionId::generate().to_cookie(false);
        let (guest, _) = guest.split_once(';').unwrap();
        let presented = |headers: &str| Presented::read([headers.as_bytes()]);
        assert_eq!(presented(pair).tokens, [token.hash()]);
        assert!(presented(pair).guest.is_none() && presented(guest).tokens.is_empty());
        assert_eq!(presented(&format!("{pair}; {guest}; {pair}")).tokens.len(), 1);
        for wrong in
            [pair.to_uppercase(), pair[..pair.len() - 1].to_owned(), format!("{pair}0"), pair.replace("=u", "=")]
        {
            assert!(presented(&wrong).tokens.is_empty(), "{wrong}");
        }
        let many: String = (0..100)
            .map(|_| Token::generate().to_cookie(false, Duration::ZERO).split(';').next().unwrap().to_owned() + ";")
            .collect();
        assert_eq!(presented(&many).tokens.len(), TOKENS_MAX);
        assert_eq!(SessionId::of_login(token.hash()), SessionId::of_login(token.hash()));
        assert_ne!(SessionId::of_login(token.hash()), SessionId::of_login(Token::generate().hash()));
    }
}
