//! What never becomes a tunnel: requests that are none, and answers that are none.

use framescope_tests::{Ending, WireClient, opening_request};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Upstream, proxy, switching};

/// What a client is told when the upstream answers so, and then hangs up, resets or waits.
async fn told(answer: &[u8], then: Then) -> (u16, String) {
    told_by(answer, then, "20s").await
}

/// The same of a proxy that waits for so long.
async fn told_by(answer: &[u8], then: Then, deadline: &str) -> (u16, String) {
    let upstream = Upstream::new().await;
    let proxy = proxy(&upstream.url(), &["--open-deadline", deadline]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    client.send(&opening_request(proxy.addr(), "/", &[])).await;
    let (mut stream, _) = upstream.accept().await;
    stream.write_all(answer).await.unwrap();
    match then {
        Then::Waits => {}
        Then::HangsUp => stream.shutdown().await.unwrap(),
        Then::Resets => {
            stream.set_zero_linger().unwrap();
            drop(stream);
        }
    }
    let head = client.response_head().await;
    let body = client.body(&head).await;
    // Nothing that the client says now goes anywhere, and it is not left waiting.
    client.send(b"\x81\x80\0\0\0\0").await;
    assert_eq!(client.ending().await, Ending::Fin);
    (head.status, body)
}

const TOO_LATE: &str = "it does not answer in time";

enum Then {
    Waits,
    HangsUp,
    Resets,
}

async fn check_502(answer: &str, then: Then, why: &str) {
    let is_late = why == TOO_LATE;
    let (status, body) = told_by(answer.as_bytes(), then, if is_late { "500ms" } else { "20s" }).await;
    assert_eq!(status, 502, "{answer:?}: {body}");
    assert!(body.starts_with("ws://127.0.0.1:") && body.contains(why), "{answer:?}: {body}");
}

#[tokio::test]
async fn an_answer_that_is_none_to_this_request_is_502_and_why() {
    use Then::{HangsUp, Resets, Waits};
    check_502("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Waits, "it answers 200, and not 101").await;
    check_502(&switching().replace("s3pP", "s3pq"), Waits, "SHA-1 digest of the request's key").await;
    check_502(&switching().replace("Sec-WebSocket-Accept", "X"), Waits, "Accept").await;
    check_502(&switching().replace("Upgrade: websocket", "Upgrade: h2c"), Waits, "pgrade").await;
    check_502(&switching().replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"), Waits, "ubprotocol").await;
    check_502("SSH-2.0-OpenSSH_9.2\r\n", Waits, "response begins with").await;
    check_502(&format!("HTTP/1.1 101 X\r\nA: {}", "b".repeat(20_000)), Waits, "larger").await;
    check_502("HTTP/1.1 101 Switching Pro", HangsUp, "it hangs up in the middle of its answer").await;
    check_502("", HangsUp, "it hangs up before answering").await;
    check_502("HTTP/1.1 101 Switching Pro", Resets, "it breaks the connection off").await;
    check_502("HTTP/1.1 101 Switching Pro", Waits, TOO_LATE).await;
    check_502("HTTP/1.1 100 Continue\r\n\r\n", Waits, TOO_LATE).await;
}

#[tokio::test]
async fn an_honest_refusal_is_passed_on_as_it_is() {
    for (answer, status, body) in [
        ("HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\nContent-Length: 9\r\n\r\nno, sorry", 403, "no, sorry"),
        ("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 401, ""),
        ("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", 302, ""),
    ] {
        assert_eq!(told(answer.as_bytes(), Then::Waits).await, (status, body.to_owned()));
    }
    // To the byte, with a body that ends when it ends.
    let upstream = Upstream::new().await;
    let proxy = proxy(&upstream.url(), &[]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    client.send(&opening_request(proxy.addr(), "/", &[])).await;
    let (mut stream, _) = upstream.accept().await;
    let answer = "HTTP/1.1 503 Later\r\nRETRY-AFTER:5\r\n\r\nas long as it takes";
    stream.write_all(answer.as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(client.ending().await, Ending::Fin);
    assert_eq!(client.unread(), answer.as_bytes());
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502() {
    let gone = Upstream::new().await.url();
    for (to, why) in [(&*gone, "nobody listens there"), ("ws://nowhere.invalid", "its address is not known")] {
        let proxy = proxy(to, &["--open-deadline", "5s"]).await;
        let mut client = WireClient::connect(proxy.addr()).await;
        client.send(&opening_request(proxy.addr(), "/", &[])).await;
        let head = client.response_head().await;
        let body = client.body(&head).await;
        assert!(head.status == 502 && (body.contains(why) || to.contains("invalid")), "{body}");
    }
}

#[tokio::test]
async fn it_does_not_lead_to_itself() {
    let port = Upstream::new().await.addr().port();
    let listen = format!("127.0.0.1:{port}");
    let proxy = proxy(&format!("ws://localhost:{port}"), &["--listen", &listen]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    client.send(&opening_request(proxy.addr(), "/", &[])).await;
    let head = client.response_head().await;
    let body = client.body(&head).await;
    assert!(head.status == 502 && body.contains("that is this proxy itself"), "{body}");
}

/// What is said to bytes that are no opening handshake; nobody is asked about them.
async fn check_refused(request: &[u8], status: u16) {
    let upstream = Upstream::new().await;
    // Who says all there is to say is not to be told that it took too long.
    let deadline = if status == 408 { "300ms" } else { "20s" };
    let proxy = proxy(&upstream.url(), &["--head-deadline", deadline]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    client.send(request).await;
    let head = client.response_head().await;
    assert_eq!(head.status, status, "{:?}", String::from_utf8_lossy(request));
    assert_eq!(client.ending().await, Ending::Fin);
    // They are accepted in order: had it been asked, that would come first.
    let ours = TcpStream::connect(upstream.addr()).await.unwrap();
    let (_, from) = upstream.listener.accept().await.unwrap();
    assert_eq!(from, ours.local_addr().unwrap(), "the upstream was asked");
}

#[tokio::test]
async fn a_request_that_is_no_opening_handshake_is_refused_here() {
    let sound = String::from_utf8(opening_request(([127, 0, 0, 1], 9000).into(), "/", &[])).unwrap();
    check_refused(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426).await;
    check_refused(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405).await;
    check_refused(sound.replace("Version: 13", "Version: 12").as_bytes(), 426).await;
    check_refused(sound.replace("dGhl", "!!!!").as_bytes(), 400).await;
    check_refused(sound.replace("Host: ", "Host: b\r\nHost: ").as_bytes(), 400).await;
    check_refused(
        sound.replace("\r\n\r\n", "\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes(),
        400,
    )
    .await;
    check_refused(sound.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "y".repeat(20_000))).as_bytes(), 431).await;
    check_refused(sound.replace("\r\n\r\n", &format!("\r\n{}\r\n", "X: y\r\n".repeat(3000))).as_bytes(), 431).await;
    check_refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400).await;
    check_refused(b"GET / HTTP/1.1\r\nHost: a", 408).await;
    check_refused(b"", 408).await;
}

#[tokio::test]
async fn one_too_many_is_told_so() {
    let upstream = Upstream::new().await;
    let proxy = proxy(&upstream.url(), &["--connections-max", "1"]).await;
    let (client, stream) = super::connect(&proxy, &upstream).await;
    let mut second = WireClient::connect(proxy.addr()).await;
    assert_eq!(second.response_head().await.status, 503);
    drop((client, stream));
    super::eventually(|| proxy.open_files() < 30).await;
}
