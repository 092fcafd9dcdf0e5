//! What credentials are called, and what they look like.

/// Whether this subprotocol is a credential rather than a name: none that IANA lists is.
pub(super) fn is_token_like(element: &[u8]) -> bool {
    let any = |test: fn(&u8) -> bool| element.iter().any(test);
    let all = |test: fn(&u8) -> bool| element.iter().all(test);
    element.len() > 40
        || (element.len() > 10 && element.starts_with(b"eyJ"))
        || parts(element).rev().skip(1).any(is_credential_word)
        || (element.len() >= 20
            && any(u8::is_ascii_digit)
            && any(u8::is_ascii_uppercase)
            && any(u8::is_ascii_lowercase)
            && all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte)))
        || (element.len() >= 24 && all(|byte| byte.is_ascii_hexdigit() || *byte == b'-'))
}

/// `api`, `key` and `abc` of `api-key.abc`.
pub(super) fn parts(element: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    element.split(|byte| !byte.is_ascii_alphanumeric())
}

pub(super) fn is_credential_word(part: &[u8]) -> bool {
    is_credential_name(&part.to_ascii_lowercase())
}

/// Whether a parameter or header of this name, in small letters, holds a credential.
pub(super) fn is_credential_name(name: &[u8]) -> bool {
    let name: Vec<u8> = name.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    CREDENTIAL_NAMES.contains(&&name[..]) || CREDENTIAL_ENDINGS.iter().any(|word| name.ends_with(word))
}

/// `%6b` as `k`; whatever is no such escape stays.
pub(super) fn percent_decode(name: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escape {
            decoded.push((high << 4 | low).to_ascii_lowercase());
            rest = &rest[3..];
        } else {
            decoded.push(*byte);
            rest = tail;
        }
    }
    decoded
}

/// Names of credentials, bare of hyphens and underscores.
const CREDENTIAL_NAMES: [&[u8]; 8] = [b"key", b"auth", b"code", b"sid", b"sig", b"pass", b"pwd", b"jwt"];
/// What other such names end in: `access_token`, `X-Api-Key`, `sessionid`.
const CREDENTIAL_ENDINGS: [&[u8]; 14] = [
    b"token",
    b"apikey",
    b"accesskey",
    b"secretkey",
    b"authorization",
    b"bearer",
    b"credential",
    b"passwd",
    b"password",
    b"secret",
    b"session",
    b"sessionid",
    b"signature",
    b"ticket",
];
