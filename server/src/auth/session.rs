//! The cookie that says which browser this is. Until there are accounts, nothing else hangs on it
//! than whose connections a live tap shows, so nothing is stored: whoever knows it, is it.

use std::fmt;
use std::fmt::Write;

/// 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId([u8; 16]);

impl SessionId {
    /// The cookie's name.
    pub(crate) const COOKIE: &'static str = "framescope_session";

    /// A fresh one that nobody can guess.
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// Finds the session among `Cookie` header values. One that is malformed is none, and so are two
    /// that differ: somebody other than us set one of them.
    pub(crate) fn from_cookies<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut found = None;
        for header in headers {
            for pair in header.split(|byte| *byte == b';') {
                let Some((name, value)) = split_once(pair.trim_ascii(), b'=') else { continue };
                if name != Self::COOKIE.as_bytes() {
                    continue;
                }
                let id = Self::decode(value)?;
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
        for byte in self.0 {
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
        let is_ours = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != 32 || !hex.iter().all(is_ours) {
            return None;
        }
        u128::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok().map(|bits| Self(bits.to_be_bytes()))
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
        let one = "framescope_session=00112233445566778899aabbccddeeff";
        assert!(find(&[one]).is_some());
        for wrong in [
            "",
            "framescope_session=",
            "framescope_session=0011",
            "framescope_session=00112233445566778899aabbccddeefg",
            "framescope_session=+0112233445566778899aabbccddeeff",
            "framescope_session=00112233445566778899AABBCCDDEEFF",
            "xframescope_session=00112233445566778899aabbccddeeff",
            "framescope_session=00112233445566778899aabbccddeeff; framescope_session=0f112233445566778899aabbccddeeff",
        ] {
            assert_eq!(find(&[wrong]), None, "{wrong}");
        }
    }
}
