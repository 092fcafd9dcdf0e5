//! The live tap from outside: a browser session sees its own connections, byte for byte, and nobody else's.

use framescope_codec::capture::{Direction, What};
use framescope_codec::{Dissection, Opcode, Violation};
use framescope_tests::{OutFrame, TestServer, Watch, WireClient, opening_request};

/// The cookie of a new browser session, as a page sets it.
async fn new_session(server: &TestServer) -> String {
    page_cookie(server, "").await.expect("the page sets a cookie")
}

/// What a page sets for a browser that comes with `cookie`.
async fn page_cookie(server: &TestServer, cookie: &str) -> Option<String> {
    let mut client = WireClient::connect(server.addr()).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n", server.addr());
    client.send(request.as_bytes()).await;
    let head = client.response_head().await;
    assert_eq!(head.status, 200);
    let set = head.header("Set-Cookie")?;
    let (pair, attributes) = set.split_once("; ").expect("attributes");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Path=/");
    Some(pair.to_owned())
}

fn frames(seen: &[(Direction, What)]) -> Vec<(Direction, Dissection)> {
    let frame = |(direction, what): &(Direction, What)| match what {
        What::Frame(frame) => Some((*direction, frame.dissection.clone())),
        _ => None,
    };
    seen.iter().filter_map(frame).collect()
}

fn is_close(what: &What, code: u16) -> bool {
    matches!(what, What::Frame(frame) if frame.dissection.close.as_ref().is_some_and(|close| close.code == Some(code)))
}

#[tokio::test]
async fn every_frame_is_there_as_it_was_on_the_wire_the_wrong_one_too() {
    let server = TestServer::start().await;
    let session = new_session(&server).await;
    let mut watch = Watch::start(server.addr(), &session).await;
    let (mut client, _) = WireClient::open_with(server.addr(), "/echo", &[("Cookie", &session)]).await;
    let sent = [
        OutFrame::text("Hello"),
        OutFrame::new(Opcode::Ping, b"there?".to_vec()),
        OutFrame::binary(vec![7; 70_000]).unfinished(),
        OutFrame::continuation("end"),
        OutFrame::text("bad").rsv(2),
    ];
    for frame in &sent {
        client.send_frame(frame.clone()).await;
    }
    let close = client.close_frame().await;
    assert_eq!(close.close_code(), Some(1002));
    let seen = watch.until(|what| is_close(what, 1002)).await;

    assert!(matches!(&seen[0], (Direction::ClientToServer, What::Request(request)) if request.findings().is_empty()));
    assert!(
        matches!(&seen[1], (Direction::ServerToClient, What::Response(response)) if response.accept_matches() == Some(true))
    );
    let frames = frames(&seen);
    let of =
        |wanted: Direction| frames.iter().filter(move |(direction, _)| *direction == wanted).map(|(_, frame)| frame);
    let from_client: Vec<_> = of(Direction::ClientToServer).collect();
    assert_eq!(from_client.len(), sent.len());
    for (frame, sent) in from_client.iter().zip(&sent) {
        assert_eq!((frame.header, &frame.payload, frame.payload_missing), (sent.header, &sent.payload, 0));
    }
    let broken: Vec<_> = from_client.iter().flat_map(|frame| &frame.violations).map(|found| found.violation).collect();
    assert_eq!(broken, [Violation::Rsv2WithoutExtension]);
    let from_server: Vec<_> =
        of(Direction::ServerToClient).map(|frame| (frame.header.opcode, frame.payload.len())).collect();
    assert_eq!(from_server[..3], [(Opcode::Text, 5), (Opcode::Pong, 6), (Opcode::Binary, 70_003)]);
}

#[tokio::test]
async fn each_session_sees_its_own_connections_alone() {
    let server = TestServer::start().await;
    let (one_s, other_s) = (new_session(&server).await, new_session(&server).await);
    let mut one = Watch::start(server.addr(), &one_s).await;
    let mut other = Watch::start(server.addr(), &other_s).await;
    for (cookie, text) in
        [(&*one_s, "one's"), (&other_s, "other's"), ("", "nobody's"), ("framescope_session=guess", "a guesser's")]
    {
        let (mut client, _) = WireClient::open_with(server.addr(), "/echo", &[("Cookie", cookie)]).await;
        client.assert_echoes(text).await;
        client.send_frame(OutFrame::close(4000, text)).await;
        client.assert_closed(4000).await;
    }
    for (watch, mine) in [(&mut one, "one's"), (&mut other, "other's")] {
        // Two closes: the client's and its answer.
        let mut seen = watch.until(|what| is_close(what, 4000)).await;
        seen.extend(watch.until(|what| is_close(what, 4000)).await);
        let texts: Vec<_> =
            frames(&seen).into_iter().filter(|(_, frame)| frame.header.opcode == Opcode::Text).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts.iter().all(|(_, frame)| frame.payload == mine.as_bytes()));
        let capture = String::from_utf8_lossy(&watch.capture).into_owned();
        for theirs in ["nobody's", "a guesser's"] {
            assert!(!capture.contains(theirs));
        }
    }
}

#[tokio::test]
async fn a_session_that_the_server_did_not_make_is_none() {
    let server = TestServer::start().await;
    let ours = new_session(&server).await;
    for cookie in [
        "",
        "other=1",
        "framescope_session=",
        "framescope_session=guess",
        // What another server on this host could plant in a browser, to watch with it.
        "framescope_session=0123456789abcdef0123456789abcdef",
        &format!("framescope_session={}", "0123456789abcdef".repeat(4)),
        &ours[..ours.len() - 32],
    ] {
        let mut client = WireClient::connect(server.addr()).await;
        client.send(&opening_request(server.addr(), "/inspect/live", &[("Cookie", cookie)])).await;
        assert_eq!(client.response_head().await.status, 403, "{cookie}");
        assert!(page_cookie(&server, cookie).await.is_some_and(|fresh| fresh != ours), "a page sets a fresh one");
    }
    assert_eq!(page_cookie(&server, &ours).await, None, "what it made is kept");
    // Nor does what was planted beside it take it away.
    Watch::start(server.addr(), &format!("framescope_session=guess; {ours}")).await;
}

#[tokio::test]
async fn taps_are_not_tapped() {
    let server = TestServer::start().await;
    let session = new_session(&server).await;
    let mut first = Watch::start(server.addr(), &session).await;
    let mut second = Watch::start(server.addr(), &session).await;
    let (mut client, _) = WireClient::open_with(server.addr(), "/echo", &[("Cookie", &session)]).await;
    client.send_frame(OutFrame::close(4001, "")).await;
    client.assert_closed(4001).await;
    for watch in [&mut first, &mut second] {
        watch.until(|what| is_close(what, 4001)).await;
        watch.until(|what| is_close(what, 4001)).await;
        // One connection, that of the client: neither this watching nor the other.
        assert_eq!(watch.decoder.streams(), 1);
        assert!(!String::from_utf8_lossy(&watch.capture).contains("/inspect/live"));
    }
}

#[tokio::test]
async fn credentials_are_masked_before_they_leave_the_process() {
    let server = TestServer::start().await;
    let session = new_session(&server).await;
    let mut watch = Watch::start(server.addr(), &session).await;
    let secrets = [&session["framescope_session=".len()..], "hunter2hunter2", "dXNlcjpwYXNzd29yZA", "c2VjcmV0LXRva2Vu"];
    let (mut client, _) = WireClient::open_with(
        server.addr(),
        &format!("/echo?token={}&room=kept", secrets[3]),
        &[
            ("Cookie", &format!("{session}; password={}", secrets[1])),
            ("Authorization", &format!("Basic {}", secrets[2])),
            ("X-Harmless", "kept as well"),
        ],
    )
    .await;
    client.send_frame(OutFrame::close(1000, "")).await;
    client.assert_closed(1000).await;
    let seen = watch.until(|what| is_close(what, 1000)).await;
    let capture = String::from_utf8_lossy(&watch.capture).into_owned();
    for secret in secrets {
        assert!(!capture.contains(secret), "{secret}");
    }
    assert!(capture.contains("room=kept") && capture.contains("X-Harmless: kept as well"));
    let Some((_, What::Request(request))) = seen.first() else { panic!("no request: {seen:?}") };
    let cookie = request.head().header("cookie").expect("the line is there");
    assert_eq!(cookie.len(), format!("{session}; password={}", secrets[1]).len(), "at equal length");
}

#[tokio::test]
async fn whoever_comes_late_sees_what_comes_next() {
    let server = TestServer::start().await;
    let session = new_session(&server).await;
    let (mut client, _) = WireClient::open_with(
        server.addr(),
        "/echo",
        &[("Cookie", &session), ("Sec-WebSocket-Extensions", "permessage-deflate")],
    )
    .await;
    client.send_frame(OutFrame::text("before")).await;
    client.message().await;
    let mut watch = Watch::start(server.addr(), &session).await;
    client.send_frame(OutFrame::text("after")).await;
    client.message().await;
    client.send_frame(OutFrame::close(1000, "")).await;
    client.assert_closed(1000).await;
    let seen = watch.until(|what| is_close(what, 1000)).await;
    assert!(matches!(seen.first(), Some((_, What::JoinedLate { deflate: Some(_) }))), "{seen:?}");
    let frames = frames(&seen);
    assert_eq!(frames[0].1.payload, b"after");
    assert!(frames.iter().all(|(_, frame)| frame.payload != b"before"));
}
