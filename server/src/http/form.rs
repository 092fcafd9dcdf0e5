//! Bodies of requests: read within their limit and their deadline, and forms taken apart.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::error;
use crate::config::Config;

/// All of a body, or the answer to whoever sends one that is too large, too slow or broken.
pub(super) async fn read_body(body: Body, config: &Config) -> Result<Bytes, Response> {
    let (status, reason) =
        match tokio::time::timeout(config.body_deadline, axum::body::to_bytes(body, config.body_max)).await {
            Ok(Ok(bytes)) => return Ok(bytes),
            Ok(Err(error)) if is_too_long(&error) => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Ok(Err(_)) => (StatusCode::BAD_REQUEST, "the body is broken"),
            Err(_elapsed) => (StatusCode::REQUEST_TIMEOUT, "the body took too long"),
        };
    let mut response = error::plain(status, reason);
    // What is still to come is nothing we would read.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Err(response)
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>())
}

/// Reads a form and picks fields from it, each of which has to be there once. What else it has is nobody's concern.
pub(super) async fn read_fields<const N: usize>(
    headers: &HeaderMap,
    body: Body,
    config: &Config,
    names: [&str; N],
) -> Result<[String; N], Response> {
    let bytes = read_body(body, config).await?;
    let bad = |reason: &str| error::plain(StatusCode::BAD_REQUEST, reason);
    if !is_form(headers) {
        return Err(bad("the body must be application/x-www-form-urlencoded"));
    }
    let mut fields = [const { None }; N];
    for pair in bytes.split(|byte| *byte == b'&') {
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &b""[..]),
        };
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            return Err(bad("the form is not encoded as it should be"));
        };
        let Some(place) = names.iter().position(|wanted| *wanted == name) else { continue };
        if fields[place].replace(value.into_owned()).is_some() {
            return Err(bad(&format!("there are two fields named {}", names[place])));
        }
    }
    if let Some(missing) = fields.iter().position(Option::is_none) {
        return Err(bad(&format!("there is no {}", names[missing])));
    }
    Ok(fields.map(Option::unwrap_or_default))
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(mime), None) = (types.next(), types.next()) else { return false };
    let essence = mime.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// A name or a value as it was before it was encoded; `None` if it cannot have been. Stricter than browsers, which take
/// a stray `%` for itself: two programs that read a form differently are a hole between them.
pub(crate) fn decode(encoded: &[u8]) -> Option<Cow<'_, str>> {
    if !encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(encoded).ok().map(Cow::Borrowed);
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => digit(*rest.next()?)? << 4 | digit(*rest.next()?)?,
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    async fn read(mime: &str, body: &str) -> Result<[String; 2], u16> {
        let mut headers = HeaderMap::new();
        if !mime.is_empty() {
            headers.insert(header::CONTENT_TYPE, mime.parse().unwrap());
        }
        let config = Config::default();
        let read = read_fields(&headers, Body::from(body.to_owned()), &config, ["username", "password"]);
        read.await.map_err(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn a_form_gives_its_fields() {
        for (body, name, password) in [
            ("username=a&password=b", "a", "b"),
            ("password=%C3%A4+%2b%26%3D&username=a%20b", "a b", "ä +&="),
            ("other=1&username=&other=2&password=a=b&", "", "a=b"),
            ("username&password=ä", "", "ä"),
        ] {
            assert_eq!(read(FORM, body).await, Ok([name.to_owned(), password.to_owned()]), "{body}");
        }
        assert!(read("Application/X-WWW-Form-URLencoded ; charset=utf-8", "username=a&password=b").await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        for body in [
            "",
            "username=a",
            "password=b",
            "username=a&username=b&password=c",
            "username=a&password=b&password=b",
            "username=%&password=b",
            "username=%4&password=b",
            "username=%zz&password=b",
            "username=%+1&password=b",
            "username=%ff&password=b",
            "username=a&password=b&%c3%28=",
            "{\"username\":\"a\",\"password\":\"b\"}",
        ] {
            assert_eq!(read(FORM, body).await, Err(400), "{body}");
        }
        for mime in ["", "text/plain", "application/json", "multipart/form-data; boundary=x"] {
            assert_eq!(read(mime, "username=a&password=b").await, Err(400), "{mime}");
        }
        assert_eq!(read(FORM, &"x".repeat(65_537)).await, Err(413));
    }
}
