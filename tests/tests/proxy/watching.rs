//! A proxy's inspector: for whoever has the link, and nobody else.

use std::net::SocketAddr;
use std::time::Duration;

use framescope_codec::capture::{Direction, End, What};
use framescope_tests::watch::dissection;
use framescope_tests::{OutFrame, ServerProcess, Watch, WireClient, opening_request};
use tokio::io::AsyncWriteExt;

use super::{Upstream, connect, read};

/// The address and the token that a link is made of.
fn parts(link: &str) -> (SocketAddr, String) {
    let rest = link.strip_prefix("http://").expect("a link");
    let (addr, token) = rest.split_once("/inspector?token=").expect("a token");
    (addr.parse().unwrap(), token.to_owned())
}

/// A page's status, and the cookie that came with it.
async fn get(addr: SocketAddr, path: &str, host: &str, cookie: &str) -> (u16, Option<String>) {
    let mut client = WireClient::connect(addr).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    client.send(request.as_bytes()).await;
    let head = client.response_head().await;
    (head.status, head.header("Set-Cookie").and_then(|set| Some(set.split_once(';')?.0.to_owned())))
}

#[tokio::test]
async fn the_link_opens_the_inspector_and_nothing_else_does() {
    let proxy = ServerProcess::proxy("ws://127.0.0.1:1", &[], "").await;
    let (addr, token) = parts(proxy.operator_link());
    assert!(addr.ip().is_loopback());
    let host = addr.to_string();
    for path in
        ["/", "/inspector", "/lib/dom.js", "/style.css", "/inspector/main.js", "/api/operator", "/inspector?token=0123"]
    {
        assert_eq!(get(addr, path, &host, "").await, (403, None), "{path}");
    }
    assert_eq!(get(addr, &format!("/inspector?token={token}"), "attacker.example", "").await.0, 421);
    let (status, cookie) = get(addr, &format!("/inspector?token={token}"), &host, "").await;
    let cookie = cookie.expect("a cookie");
    assert_eq!(status, 302);
    assert!(!cookie.contains(&token) && cookie.contains(&addr.port().to_string()));
    for (path, status) in [
        ("/", 302),
        ("/inspector", 200),
        ("/lib/dom.js", 200),
        ("/style.css", 200),
        ("/api/operator", 200),
        ("/inspect/live", 426),
        ("/login", 404),
        ("/chat", 404),
        ("/index.html", 404),
        ("/metrics", 404),
        ("/echo", 404),
    ] {
        // No cookie is set that could be another server's.
        assert_eq!(get(addr, path, &host, &cookie).await, (status, None), "{path}");
        if path != "/" {
            assert_eq!(get(addr, path, "attacker.example:9001", &cookie).await.0, 421, "{path}");
        }
    }
}

#[tokio::test]
async fn watching_takes_the_token_or_the_cookie() {
    let proxy = ServerProcess::proxy("ws://127.0.0.1:1", &["--operator-token", "0123456789abcdef"], "").await;
    let (addr, said) = parts(proxy.operator_link());
    assert_eq!(said, "(as configured)");
    let status = async |path: &str, headers: &[(&str, &str)]| {
        let mut client = WireClient::connect(addr).await;
        client.send(&opening_request(addr, path, headers)).await;
        client.response_head().await.status
    };
    assert_eq!(status("/inspect/live", &[]).await, 403);
    assert_eq!(status("/inspect/live?own", &[]).await, 403);
    assert_eq!(status("/inspect/live?token=0123456789abcdee", &[]).await, 403);
    assert_eq!(status("/inspect/live", &[("Authorization", "Bearer 0123456789abcdef")]).await, 101);
    assert_eq!(status("/inspect/live?token=0123456789abcdef", &[]).await, 101);
    assert_eq!(status("/inspect/live?token=0123456789abcdef", &[("Origin", "http://evil.example")]).await, 403);
    assert_eq!(status("/inspect/live?own&token=0123456789abcdef", &[]).await, 403);
    for path in ["/echo", "/websocket", "/chat", "/", "/tunnel"] {
        assert_eq!(status(path, &[("Authorization", "Bearer 0123456789abcdef")]).await, 404, "{path}");
    }
}

#[tokio::test]
async fn a_page_sees_what_passes_from_the_request_to_the_fin() {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &[], "").await;
    let (addr, token) = parts(proxy.operator_link());
    let mut watch = Watch::start_at(addr, &format!("/inspect/live?token={token}"), &[]).await;
    let secret = [("Cookie", "a=s3cr3t")];
    let ((mut client, _), mut stream) =
        tokio::join!(WireClient::open_with(proxy.addr(), "/?token=s3cr3t", &secret), upstream.switch());
    client.send_frame(OutFrame::text("wrong").rsv(7)).await;
    read(&mut stream, 11).await;
    stream.write_all(b"\x81\x02hi").await.unwrap();
    assert_eq!(client.text().await, "hi");
    client.shut_down().await;
    drop(stream);
    let seen = watch.until(|what| *what == What::End(End::Finished)).await;
    assert!(!watch.has_seen("s3cr3t") && watch.has_seen("a proxy in front of ws://"));
    assert!(matches!(seen[..2], [(_, What::Request(_)), (_, What::Response(_))]), "{seen:?}");
    let frames: Vec<_> = seen.iter().filter_map(|(_, what)| dissection(what)).collect();
    assert_eq!((frames[0].violations.len(), frames[1].payload.as_slice()), (3, &b"hi"[..]));
}

#[tokio::test]
async fn a_page_that_comes_late_is_told_what_is_open_and_finds_the_next_frame() {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &[], "").await;
    let (addr, token) = parts(proxy.operator_link());
    let (mut client, mut stream) = connect(&proxy, &upstream).await;
    let frame = OutFrame::text("cut in two by the watching").bytes();
    client.send(&frame[..10]).await;
    read(&mut stream, 10).await;
    let mut watch = Watch::start_at(addr, &format!("/inspect/live?token={token}"), &[]).await;
    // At once, while nothing passes.
    let seen = watch.until(|what| matches!(what, What::JoinedLate { .. })).await;
    assert_eq!(seen.len(), 1);
    client.send(&[&frame[10..], &OutFrame::text("whole").bytes()].concat()).await;
    let seen = watch.until(|what| dissection(what).is_some_and(|frame| frame.payload == b"whole")).await;
    let frames: Vec<_> = seen.iter().filter_map(|(at, what)| Some((*at, dissection(what)?))).collect();
    assert_eq!(frames.len(), 1);
    assert_eq!((frames[0].0, frames[0].1.violations.len()), (Direction::ClientToServer, 0));
}

#[tokio::test]
async fn a_page_that_does_not_read_slows_nothing_down() {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &["--inspect-queue-max", "64KiB"], "").await;
    let (addr, token) = parts(proxy.operator_link());
    let mut watch = Watch::start_at(addr, &format!("/inspect/live?token={token}"), &[]).await;
    let (mut client, mut stream) = connect(&proxy, &upstream).await;
    let frame = OutFrame::binary(vec![7; 60_000]).bytes();
    for _ in 0..500 {
        client.send(&frame).await;
        assert!(read(&mut stream, frame.len()).await == frame);
    }
    // It sees gaps, and frames behind them, once it reads.
    let behind = OutFrame::text("behind it all").bytes();
    let talk = async {
        loop {
            client.send(&behind).await;
            read(&mut stream, behind.len()).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let seen = tokio::select! {
        seen = watch.until_text("behind it all", 1) => seen,
        () = talk => unreachable!("it goes on"),
    };
    assert!(seen.iter().any(|(_, what)| matches!(what, What::Gap { .. })));
}
