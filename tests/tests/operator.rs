//! The operator sees everybody's connections, and nobody else does, whatever they try.

use std::net::SocketAddr;

use framescope_codec::capture::What;
use framescope_tests::bystander::beside;
use framescope_tests::watch::{dissection, is_text};
use framescope_tests::{
    HttpAnswer, OutFrame, ServerProcess, TestServer, TunnelClient, Watch, WireClient, guest, http, opening_request,
    person, sign_in,
};
use tokio::task::JoinHandle;

/// Of its own, with what an address has to escape.
const MINE: &str = "correct-horse+battery/staple==";

async fn with_token() -> TestServer {
    TestServer::with(|config| config.operator_token = Some(MINE.to_owned())).await
}

async fn follow(addr: SocketAddr, query: &str) -> HttpAnswer {
    http(addr, "GET", &format!("/inspector?{query}"), &[], "").await
}

/// The cookie of an operator who has followed the link.
async fn operator(addr: SocketAddr) -> String {
    let answer = follow(addr, &format!("token={MINE}")).await;
    assert_eq!(answer.status(), 302, "{answer:?}");
    answer.cookie()
}

/// The status of the answer to a handshake.
async fn status(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut client = WireClient::connect(addr).await;
    client.send(&opening_request(addr, path, headers)).await;
    client.response_head().await.status
}

/// Says something on a connection of its own, and closes it.
async fn say(addr: SocketAddr, cookie: &str, text: &str) {
    let (mut client, _) = WireClient::open_with(addr, "/echo", &[("Cookie", cookie)]).await;
    client.assert_echoes(text).await;
    client.send_frame(OutFrame::close(4000, text)).await;
    client.assert_closed(4000).await;
}

#[tokio::test]
async fn the_link_gives_a_cookie_and_the_token_is_out_of_sight() {
    let server = with_token().await;
    let addr = server.addr();
    for (query, location) in [
        (format!("token={MINE}"), "/inspector"),
        (format!("own&token={MINE}&a=b"), "/inspector?own&a=b"),
        ("%74oken=correct-horse%2Bbattery%2Fstaple%3d%3D".to_owned(), "/inspector"),
    ] {
        let answer = follow(addr, &query).await;
        assert_eq!((answer.status(), answer.head.header("Location")), (302, Some(location)));
        let header = |name| answer.head.header(name).unwrap_or_default().to_owned();
        assert_eq!((header("Cache-Control"), header("Referrer-Policy")), ("no-store".into(), "no-referrer".into()));
        let set = header("Set-Cookie");
        assert!(set.starts_with(&format!("framescope_operator_{}=", addr.port())), "{set}");
        assert!(set.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{set}");
        assert!(!format!("{answer:?}").contains("correct-horse"), "{answer:?}");
        let asked = http(addr, "GET", "/api/operator", &[("Cookie", &answer.cookie())], "").await;
        assert_eq!(asked.body, r#"{"operator":true}"#);
    }
    let page = http(addr, "GET", "/inspector", &[], "").await;
    assert_eq!((page.status(), page.cookie().contains("operator")), (200, false));
    assert_eq!(http(addr, "GET", "/api/operator", &[], "").await.body, r#"{"operator":false}"#);
    // Elsewhere a token may be anybody's.
    assert_eq!(http(addr, "GET", "/chat?token=x", &[], "").await.status(), 200);
}

#[tokio::test]
async fn a_program_prints_its_own_link_at_each_start_and_a_former_one_opens_nothing() {
    let (one, other) = (ServerProcess::start(&[]).await, ServerProcess::start(&[]).await);
    let token = |server: &ServerProcess| {
        let link = server.operator_link().to_owned();
        let (page, token) = link.split_once("?token=").unwrap_or_else(|| panic!("no link in {link:?}"));
        assert_eq!(page, format!("http://{}/inspector", server.addr()));
        assert!(token.len() >= 32, "128 bits at least: {token}");
        token.to_owned()
    };
    let (ours, former) = (token(&one), token(&other));
    assert_eq!(follow(one.addr(), &format!("token={ours}")).await.status(), 302);
    assert_eq!(follow(one.addr(), &format!("token={former}")).await.status(), 403);
    assert_eq!(status(one.addr(), &format!("/inspect/live?token={former}"), &[]).await, 403);
    let configured = ServerProcess::start(&["--operator-token", MINE]).await;
    assert!(!configured.operator_link().contains("correct-horse"), "a token of one's own is not printed");
    let refused = ServerProcess::run(&["serve", "--in-memory", "--operator-token", "too-short"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("operator-token: ") && !said.contains("too-short"), "{said}");
}

#[tokio::test]
async fn the_operator_sees_all_connections_and_no_secrets_of_theirs() {
    let server = with_token().await;
    let addr = server.addr();
    let (cookie, alice, bob) = (operator(addr).await, person(addr, "alice").await, guest(addr).await);
    let mine = format!("{cookie}; {}", guest(addr).await);
    let mut ways = vec![
        Watch::start(addr, &cookie).await,
        Watch::start(addr, &mine).await,
        Watch::start_at(addr, "/inspect/live?all", &[("Cookie", &mine)]).await,
        Watch::start_at(addr, &format!("/inspect/live?token={MINE}"), &[]).await,
        Watch::start_at(addr, "/inspect/live", &[("Authorization", &format!("bearer {MINE}"))]).await,
    ];
    let mut own = Watch::start_at(addr, "/inspect/live?own", &[("Cookie", &mine)]).await;
    let (mut client, _) = WireClient::open_with(
        addr,
        "/echo?token=s3cr3t-in-query",
        &[("Cookie", &alice), ("Authorization", "Basic s3cr3t-in-header")],
    )
    .await;
    client.assert_echoes("Alice's").await;
    for (cookie, text) in [(&*bob, "Bob's"), ("", "nobody's"), (&mine, "the operator's")] {
        say(addr, cookie, text).await;
    }
    for watch in &mut ways {
        watch.until_text("the operator's", 2).await;
        for text in ["Bob's", "nobody's", "the operator's", "/echo?token=***"] {
            assert!(watch.has_seen(text), "{text}");
        }
        assert_eq!(watch.decoder.streams(), 4, "and no watching");
        for secret in [&*alice, &*bob, &*cookie] {
            let (_, secret) = secret.split_once('=').unwrap();
            assert!(!watch.has_seen(secret), "{secret}");
        }
        assert!(!watch.has_seen("s3cr3t") && !watch.has_seen("/inspect/live"));
    }
    own.until_text("the operator's", 2).await;
    assert_eq!(own.decoder.streams(), 1);
    assert!(!own.has_seen("Bob's") && !own.has_seen("nobody's"));
}

#[tokio::test]
async fn nobody_else_sees_them_whatever_they_try() {
    let server = with_token().await;
    let addr = server.addr();
    let (real, guest) = (operator(addr).await, guest(addr).await);
    let (name, value) = real.split_once('=').unwrap();
    // The same token, another run: its cookies are no good here.
    let elsewhere = with_token().await;
    let theirs = operator(elsewhere.addr()).await;
    let (_, foreign) = theirs.split_once('=').unwrap();
    let forged = [
        format!("{name}={foreign}"),
        format!("{name}={MINE}"),
        format!("{name}={}", "0".repeat(64)),
        format!("{name}={}", value.to_uppercase()),
        format!("{name}={}", &value[..62]),
        format!("{name}=\"{value}\""),
        format!("{name}x={value}"),
        format!("framescope_operator={value}"),
        format!("framescope_session={value}"),
        format!("framescope_session=u{value}"),
        format!("a={name}={value}"),
        format!("{name} ={value}"),
    ];
    for cookie in &forged {
        assert_eq!(status(addr, "/inspect/live", &[("Cookie", cookie)]).await, 403, "{cookie}");
        assert_eq!(status(addr, "/inspect/live?all", &[("Cookie", &format!("{cookie}; {guest}"))]).await, 403);
        let asked = http(addr, "GET", "/api/operator", &[("Cookie", cookie)], "").await;
        assert_eq!(asked.body, r#"{"operator":false}"#, "{cookie}");
    }
    // Who has a session of their own is shown that, and nothing but that.
    let mut watches = Vec::new();
    for (path, headers) in [
        ("/inspect/live", vec![]),
        ("/inspect/live?operator", vec![]),
        ("/inspect/live?ALL", vec![]),
        ("/inspect/live?%61ll", vec![]),
        ("/inspect/live?session=*", vec![("X-Framescope-Operator", MINE)]),
        ("/inspect/live?Token=x;all", vec![("Authorization", "Basic OmNvcnJlY3QtaG9yc2U=")]),
        ("/inspect/live?a=b%26token=x%26all", vec![("X-Forwarded-For", "127.0.0.1")]),
    ] {
        let headers = [vec![("Cookie", &*guest)], headers].concat();
        watches.push(Watch::start_at(addr, path, &headers).await);
    }
    say(addr, "", "not for guests").await;
    say(addr, &guest, "the guest's own").await;
    for watch in &mut watches {
        watch.until_text("the guest's own", 2).await;
        assert!(!watch.has_seen("not for guests"));
        assert_eq!(watch.decoder.streams(), 1);
    }
    for (path, headers, expected) in [
        ("/inspect/live?all", vec![("Cookie", &*guest)], 403),
        ("/inspect/live?own&all", vec![("Cookie", &*real)], 400),
        ("/inspect/live?own", vec![("Cookie", &*real)], 403),
        (&*format!("/inspect/live?token={MINE}&token={MINE}"), vec![], 400),
        (&format!("/inspect/live?token={MINE}"), vec![("Authorization", "Bearer other")], 400),
        (&format!("/inspect/live?token={MINE}"), vec![("Origin", "http://evil.example")], 403),
        ("/inspect/live", vec![("Cookie", &*real), ("Origin", "http://evil.example")], 403),
        ("/inspect/live", vec![("Cookie", &*real), ("Origin", "null")], 403),
        ("/inspect/live", vec![("Cookie", &*real), ("Host", "evil.example")], 403),
        ("/inspect/live", vec![("Cookie", &*real), ("Host", "evil.example"), ("Origin", "http://evil.example")], 403),
        ("/inspect/live/", vec![("Cookie", &*real)], 404),
        ("/inspect//live", vec![("Cookie", &*real)], 404),
        ("/inspect/live;all", vec![("Cookie", &*real)], 404),
        ("/inspect/%6cive", vec![("Cookie", &*real)], 404),
    ] {
        assert_eq!(status(addr, path, &headers).await, expected, "{path} {headers:?}");
    }
    assert_eq!(status(addr, "/inspect/live", &[("Cookie", &real)]).await, 101, "and the real one works");
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_is_let_in_for_its_reader_s_own_alone() {
    const THEIRS: &str = "http://app.example:3000";
    let server = TestServer::with(|config| {
        config.operator_token = Some(MINE.to_owned());
        config.allow_origin = vec![THEIRS.to_owned()];
    })
    .await;
    let (real, guest) = (operator(server.addr()).await, guest(server.addr()).await);
    let both = format!("{real}; {guest}");
    let mut watch = Watch::start_at(server.addr(), "/inspect/live", &[("Cookie", &both), ("Origin", THEIRS)]).await;
    say(server.addr(), "", "not for that page").await;
    say(server.addr(), &guest, "its reader's").await;
    watch.until_text("its reader's", 2).await;
    assert!(!watch.has_seen("not for that page"));
    assert_eq!(status(server.addr(), "/inspect/live?all", &[("Cookie", &both), ("Origin", THEIRS)]).await, 403);
}

#[tokio::test]
async fn whose_session_has_ended_watches_nothing_with_it() {
    let server = with_token().await;
    let addr = server.addr();
    let alice = person(addr, "alice").await;
    let mut watch = Watch::start(addr, &alice).await;
    watch.client.message().await;
    http(addr, "GET", "/logout", &[("Cookie", &alice), ("Sec-Fetch-Site", "same-origin")], "").await;
    watch.client.assert_closed(1008).await;
    assert_eq!(status(addr, "/inspect/live", &[("Cookie", &alice)]).await, 403);
    let again = sign_in(addr, "alice").await;
    let mut watch = Watch::start(addr, &again).await;
    say(addr, &alice, "by the cookie of before").await;
    say(addr, &again, "by that of now").await;
    watch.until_text("by that of now", 2).await;
    assert!(!watch.has_seen("by the cookie of before"));
}

#[tokio::test]
async fn a_cookie_that_is_given_back_ends_what_is_watched_by_it() {
    let server = with_token().await;
    let addr = server.addr();
    let (one, other) = (operator(addr).await, operator(addr).await);
    let (mut ends, mut goes_on) = (Watch::start(addr, &one).await, Watch::start(addr, &other).await);
    ends.client.message().await;
    let headers = [("Cookie", &*one), ("Origin", "http://evil.example")];
    assert_eq!(http(addr, "POST", "/api/operator/forget", &headers, "").await.status(), 403);
    let answer = http(addr, "POST", "/api/operator/forget", &[("Cookie", &one)], "").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.head.header("Set-Cookie").is_some_and(|set| set.ends_with("; Max-Age=0")), "{answer:?}");
    ends.client.assert_closed(1008).await;
    assert_eq!(status(addr, "/inspect/live", &[("Cookie", &one)]).await, 403);
    say(addr, "", "for the other").await;
    goes_on.until_text("for the other", 2).await;
}

#[tokio::test]
async fn wrong_tokens_are_throttled_and_what_is_open_stays() {
    let server = TestServer::with(|config| {
        config.operator_token = Some(MINE.to_owned());
        config.login_failures = 3;
    })
    .await;
    let addr = server.addr();
    let real = operator(addr).await;
    let mut watch = Watch::start(addr, &real).await;
    // A picture in somebody else's page is not its reader's guess.
    for _ in 0..5 {
        let picture = http(addr, "GET", "/inspector?token=wrong", &[("Sec-Fetch-Dest", "image")], "").await;
        assert_eq!(picture.status(), 403);
        let page = http(addr, "GET", &format!("/inspector?token={MINE}"), &[("Sec-Fetch-Dest", "iframe")], "").await;
        assert_eq!(page.status(), 403);
        let foreign = [("Origin", "http://evil.example")];
        assert_eq!(status(addr, "/inspect/live?token=wrong", &foreign).await, 403);
    }
    assert_eq!(follow(addr, "token=wrong").await.status(), 403);
    assert_eq!(status(addr, "/inspect/live?token=wrong", &[("Cookie", &real)]).await, 403, "whatever the cookie is");
    assert_eq!(status(addr, "/inspect/live", &[("Authorization", "Bearer wrong")]).await, 403);
    let refused = follow(addr, &format!("token={MINE}")).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.head.header("Retry-After").is_some_and(|wait| wait.parse::<u32>().is_ok_and(|wait| wait > 0)));
    assert_eq!(status(addr, &format!("/inspect/live?token={MINE}"), &[]).await, 429);
    assert_eq!(status(addr, "/inspect/live", &[("Cookie", &real)]).await, 101, "who is in is in");
    say(addr, "", "still seen").await;
    watch.until_text("still seen", 2).await;
}

#[tokio::test]
async fn whoever_comes_late_learns_at_once_what_is_open() {
    let server = with_token().await;
    let addr = server.addr();
    let (real, alice) = (operator(addr).await, person(addr, "alice").await);
    let deflate = ("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover");
    // In silence from here on.
    let (mut with_session, _) = WireClient::open_with(addr, "/echo", &[("Cookie", &alice), deflate]).await;
    let (mut without, _) = WireClient::open_with(addr, "/echo", &[deflate]).await;
    let mut plain = WireClient::open(addr, "/chat").await;
    let is_late = |what: &What| matches!(what, What::JoinedLate { .. });
    let mut own = Watch::start(addr, &alice).await;
    let seen = own.until(is_late).await;
    assert!(
        matches!(seen[..], [(_, What::JoinedLate { deflate: Some(agreed), .. })] if agreed.server_no_context_takeover)
    );
    for watch in 0..2 {
        let mut all = Watch::start(addr, &real).await;
        let mut agreed = Vec::new();
        let seen = all
            .until(|what| {
                if let What::JoinedLate { deflate, .. } = what {
                    agreed.push(deflate.is_some_and(|agreed| agreed.server_no_context_takeover));
                }
                agreed.len() == 3
            })
            .await;
        agreed.sort_unstable();
        assert_eq!((seen.len(), agreed), (3, vec![false, true, true]), "watch {watch}");
        // And what comes then begins with a frame.
        for (client, text) in [(&mut with_session, "hers"), (&mut without, "nobody's")] {
            client.send_frame(OutFrame::text(text)).await;
            client.message().await;
            for (_, what) in all.until_text(text, 2).await {
                assert!(dissection(&what).is_none_or(|frame| frame.violations.is_empty()));
            }
        }
    }
    plain.send_frame(OutFrame::close(1000, "")).await;
    plain.assert_closed(1000).await;
    let seen = own.until_text("hers", 4).await;
    assert!(!seen.iter().any(|(_, what)| is_late(what)), "said once");
}

#[tokio::test]
async fn tunnels_are_not_seen_and_what_goes_through_them_is() {
    let server = with_token().await;
    let addr = server.addr();
    let (real, guest) = (operator(addr).await, guest(addr).await);
    let mut watch = Watch::start(addr, &real).await;
    let mut tunnel = TunnelClient::open(addr, "self", &guest).await;
    tunnel.send(&opening_request(addr, "/echo", &[])).await;
    tunnel.send(&OutFrame::close(4000, "from within").bytes()).await;
    tunnel.news().await;
    let seen = watch
        .until(|what| {
            dissection(what).is_some_and(|frame| frame.close.as_ref().is_some_and(|close| close.code == Some(4000)))
        })
        .await;
    assert!(matches!(seen.first(), Some((_, What::Request(_)))), "{seen:?}");
    assert!(watch.has_seen("in-process connection without a socket"));
    assert!(!watch.has_seen("GET /tunnel"));
    assert_eq!(watch.decoder.streams(), 1);
}

#[tokio::test]
async fn so_many_may_watch_and_no_more() {
    let server = with_token().await;
    let addr = server.addr();
    let (real, one, other) = (operator(addr).await, guest(addr).await, guest(addr).await);
    let mut watches = Vec::new();
    for _ in 0..16 {
        watches.push(Watch::start(addr, &one).await);
    }
    assert_eq!(status(addr, "/inspect/live", &[("Cookie", &one)]).await, 429);
    assert_eq!(status(addr, "/inspect/live", &[("Cookie", &other)]).await, 101, "which is nobody else's affair");
    assert_eq!(status(addr, "/inspect/live", &[("Cookie", &real)]).await, 101);
    let mut last = watches.pop().unwrap();
    last.client.send_frame(OutFrame::close(1000, "")).await;
    last.client.assert_closed(1000).await;
    watches.push(Watch::start(addr, &one).await);
}

#[tokio::test]
async fn a_thousand_connections_are_watched_at_once() {
    const COUNT: usize = 1000;
    const TEXT: &str = "one of a thousand";
    /// Reads all the time, as a page does, until each has said its text and heard it: who does not gets gaps.
    fn reading(mut watch: Watch) -> JoinHandle<Watch> {
        tokio::spawn(async move {
            for (direction, what) in watch.until_text(TEXT, 2 * COUNT).await {
                assert!(!matches!(what, What::Gap { .. }), "nothing is lost: {direction:?} {what:?}");
            }
            watch
        })
    }
    let server = with_token().await;
    let addr = server.addr();
    let real = operator(addr).await;
    let early = reading(Watch::start(addr, &real).await);
    let mut clients = Vec::new();
    for _ in 0..COUNT {
        clients.push(WireClient::open(addr, "/echo").await);
    }
    let early = beside(addr, async {
        let mut late = Watch::start(addr, &real).await;
        let mut known = 0;
        late.until(|what| {
            known += usize::from(matches!(what, What::JoinedLate { .. }));
            known == COUNT
        })
        .await;
        let late = reading(late);
        for client in &mut clients {
            client.assert_echoes(TEXT).await;
        }
        late.await.unwrap();
        early.await.unwrap()
    })
    .await;
    assert!(early.decoder.streams() as usize > COUNT, "the bystander is seen as well");
}

#[tokio::test]
async fn an_operator_who_does_not_read_gets_gaps_and_nobody_waits() {
    let server = TestServer::with(|config| {
        config.operator_token = Some(MINE.to_owned());
        config.inspect_queue_max = 256 << 10;
    })
    .await;
    let addr = server.addr();
    let real = operator(addr).await;
    let mut watch = Watch::start(addr, &real).await;
    beside(addr, async {
        let mut client = WireClient::open(addr, "/echo").await;
        for number in 0..500_u32 {
            client.send_frame(OutFrame::binary(vec![number.to_le_bytes()[0]; 32 << 10])).await;
            client.message().await;
        }
        // It reads again, and in time finds its way.
        let mut gaps = 0;
        let found = watch.until(|what| {
            gaps += u32::from(matches!(what, What::Gap { .. }));
            is_text(what, "here again")
        });
        tokio::select! {
            _ = found => {}
            () = async { loop { client.assert_echoes("here again").await } } => {}
        }
        assert!(gaps > 0);
    })
    .await;
}
