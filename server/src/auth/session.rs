//! The cookie that says which browser this is. Until there are accounts, nothing else hangs on it
//! than whose connections a live tap shows, so nothing is stored: whoever knows it, is it.
//!
//! Cookies do not tell ports apart: any other server on this host can set ours, and who chose the
//! value could watch with it. So a cookie is an id and a MAC that only this process can make, and one
//! made up elsewhere is none. The key is not stored either: after a restart no cookie holds any more,
//! and each page sets a fresh one. What a MAC cannot tell is who it was handed to: a server on this
//! host that asks us for a page of its own gets a cookie that it can pass on.

use std::fmt;
use std::fmt::Write;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId([u8; 16]);

/// How much of HMAC-SHA256 goes into the cookie: 128 bits are as hard to guess as the id.
const TAG_LEN: usize = 16;

/// HMAC-SHA256 under the key of this process.
static MAC: LazyLock<Hmac<Sha256>> = LazyLock::new(|| {
    let key: [u8; 64] = rand::random();
    Hmac::new(&key.into())
});

impl SessionId {
    /// The cookie's name.
    pub(crate) const COOKIE: &'static str = "framescope_session";

    /// A fresh one that nobody can guess.
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// Finds the session among `Cookie` header values. One that we did not make is none and does not
    /// hide ours; two of ours that differ are none: somebody other than us set one of them.
    pub(crate) fn from_cookies<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut found = None;
        for header in headers {
            for pair in header.split(|byte| *byte == b';') {
                let Some((name, value)) = split_once(pair.trim_ascii(), b'=') else { continue };
                if name != Self::COOKIE.as_bytes() {
                    continue;
                }
                let Some(id) = Self::decode(value) else { continue };
                if found.is_some_and(|other| other != id) {
                    return None;
                }
                found = Some(id);
            }
        }
        found
    }

    /// The `Set-Cookie` value.
    pub(crate) fn to_cookie(self, is_secure: bool) -> String {
        let mut cookie = format!("{}=", Self::COOKIE);
        let tag = self.mac().finalize().into_bytes();
        for byte in self.0.iter().chain(&tag[..TAG_LEN]) {
            // Writing to a string cannot fail.
            let _ = write!(cookie, "{byte:02x}");
        }
        cookie.push_str("; HttpOnly; SameSite=Lax; Path=/");
        if is_secure {
            cookie.push_str("; Secure");
        }
        cookie
    }

    fn decode(hex: &[u8]) -> Option<Self> {
        let (digits, []) = hex.as_chunks::<2>() else { return None };
        if digits.len() != 16 + TAG_LEN {
            return None;
        }
        let mut bytes = [0; 16 + TAG_LEN];
        for (byte, [high, low]) in bytes.iter_mut().zip(digits) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        let (id, tag) = bytes.split_first_chunk()?;
        let id = Self(*id);
        // In constant time: how much of a guess was right must not show.
        id.mac().verify_truncated_left(tag).ok()?;
        Some(id)
    }

    fn mac(self) -> Hmac<Sha256> {
        MAC.clone().chain_update(self.0)
    }
}

/// A hexadecimal digit as we write it.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Debug for SessionId {
    /// Enough to tell two apart in a log, and not enough to be one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "{a:02x}{b:02x}…")
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
        SessionId::from_cookies(headers.iter().map(|header| header.as_bytes()))
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
}
