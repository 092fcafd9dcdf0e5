//! Plain requests, each on a connection of its own, and who they sign in.

use std::net::SocketAddr;

use crate::{ResponseHead, WireClient};

/// The password of everybody who is made up here.
pub const PASSWORD: &str = "correct horse battery";

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// Status and header lines.
    pub head: ResponseHead,
    /// The body; empty without a `Content-Length`.
    pub body: String,
}

impl HttpAnswer {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// The `Cookie` line that goes with what it set.
    #[must_use]
    pub fn cookie(&self) -> String {
        let set = self.head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let pairs: Vec<_> = set.filter_map(|(_, value)| value.split(';').next()).map(str::trim).collect();
        pairs.join("; ")
    }
}

/// Sends a request with these header lines beside `Host`, and reads the answer.
///
/// # Panics
/// When none comes.
pub async fn http(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> HttpAnswer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    let mut client = WireClient::connect(addr).await;
    client.send(request.as_bytes()).await;
    let head = client.response_head().await;
    let body = if head.header("Content-Length").is_some() { client.body(&head).await } else { String::new() };
    HttpAnswer { head, body }
}

/// Sends a form, as a page of ours would.
///
/// # Panics
/// As [`http`].
pub async fn post_form(addr: SocketAddr, path: &str, cookie: &str, fields: &[(&str, &str)]) -> HttpAnswer {
    let encoded: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
    if !cookie.is_empty() {
        headers.push(("Cookie", cookie));
    }
    http(addr, "POST", path, &headers, &encoded.join("&")).await
}

/// Registers somebody, signs them in, and says which `Cookie` line is theirs.
///
/// # Panics
/// When either is refused.
pub async fn person(addr: SocketAddr, name: &str) -> String {
    let fields = [("username", name), ("password", PASSWORD)];
    let answer = post_form(addr, "/register", "", &fields).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    sign_in(addr, name).await
}

/// Signs somebody in who is registered.
///
/// # Panics
/// When that is refused.
pub async fn sign_in(addr: SocketAddr, name: &str) -> String {
    let answer = post_form(addr, "/login", "", &[("username", name), ("password", PASSWORD)]).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.cookie()
}

fn percent(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    value.bytes().map(byte).collect()
}
