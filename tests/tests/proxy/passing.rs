//! What passes: requests, frames, and bytes that are neither.

use framescope_codec::{LengthForm, Opcode};
use framescope_server::{ClientOptions, Event, Message, WebSocketClient};
use framescope_tests::{OutFrame, TestServer, WireClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Upstream, connect, noise, proxy, read, relayed, switching};

const REST: &str = "HOST:{host}\r\nUPGRADE:  WebSocket\r\nConnection: keep-alive ,\tupgrade\r\n\
    sec-webSocket-key:dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://pages.example\r\n\
    Cookie: a=b; c=\"d\"\r\nX-Odd:   \r\nSec-WebSocket-Extensions: x-new; y=\"1\",permessage-deflate\r\n\r\n";

#[tokio::test]
async fn a_request_arrives_as_it_was_but_for_its_addressee() {
    let upstream = Upstream::new().await;
    for (to, asked, arrives) in [
        ("", "/a//b?c=%20d&e", "/a//b?c=%20d&e"),
        ("/", "*", ""),
        ("", "http://elsewhere.example:81/x?y", "/x?y"),
        ("", "ws://elsewhere.example", "/"),
        ("/socket?v=1", "/a?b", "/socket?v=1"),
    ] {
        let proxy = proxy(&format!("{}{to}", upstream.url()), &[]).await;
        let mut client = WireClient::connect(proxy.addr()).await;
        client
            .send(format!("GET {asked} HTTP/1.1\r\n{}", REST.replace("{host}", "client.example:9000")).as_bytes())
            .await;
        if arrives.is_empty() {
            assert_eq!(client.response_head().await.status, 400);
            continue;
        }
        let (mut stream, head) = upstream.accept().await;
        let expected = REST.replace("{host}", &upstream.addr().to_string());
        assert_eq!(head, format!("GET {arrives} HTTP/1.1\r\n{expected}"));
        let answer = switching()
            .replace("Connection: ", "X-More: a\r\nX-MORE:b  \r\nCONNECTION:")
            .replace("\r\n\r\n", "\r\nServer: odd\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        client.shut_down().await;
        client.ending().await;
        assert_eq!(String::from_utf8_lossy(client.unread()), answer);
    }
}

#[tokio::test]
async fn frames_right_behind_the_heads_are_kept_on_both_sides() {
    let upstream = Upstream::new().await;
    let proxy = proxy(&upstream.url(), &[]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    let first = OutFrame::text("first").bytes();
    client.send(&[framescope_tests::opening_request(proxy.addr(), "/", &[]), first.clone()].concat()).await;
    let (mut stream, _) = upstream.accept().await;
    // An interim response is passed on like all else.
    let answer = format!("HTTP/1.1 100 Continue\r\n\r\n{}", switching());
    stream.write_all(&[answer.as_bytes(), b"\x81\x02hi"].concat()).await.unwrap();
    assert_eq!(read(&mut stream, first.len()).await, first);
    stream.shutdown().await.unwrap();
    client.ending().await;
    assert_eq!(client.unread(), [answer.as_bytes(), b"\x81\x02hi"].concat());
}

#[tokio::test]
async fn a_byte_at_a_time_is_as_good() {
    let upstream = Upstream::new().await;
    let proxy = proxy(&upstream.url(), &[]).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    for byte in framescope_tests::opening_request(proxy.addr(), "/", &[]) {
        client.send(&[byte]).await;
    }
    let (mut stream, _) = upstream.accept().await;
    for byte in switching().bytes() {
        stream.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(client.response_head().await.status, 101);
    let (there, back) = (noise(3_000, 1), noise(3_000, 2));
    for (one, other) in there.iter().zip(&back) {
        client.send(&[*one]).await;
        stream.write_all(&[*other]).await.unwrap();
    }
    assert_eq!(read(&mut stream, there.len()).await, there);
    stream.shutdown().await.unwrap();
    client.ending().await;
    assert_eq!(client.unread(), back);
}

#[tokio::test]
async fn what_breaks_every_rule_arrives_as_it_was() {
    let (_proxy, mut client, mut stream) = relayed().await;
    let wrong = [
        OutFrame::text("unmasked").unmasked().bytes(),
        OutFrame::text("reserved").rsv(7).bytes(),
        OutFrame::new(Opcode::ReservedB, "an opcode").bytes(),
        OutFrame::new(Opcode::Ping, vec![1; 200]).unfinished().bytes(),
        OutFrame::text("long form").length_form(LengthForm::Bits64).bytes(),
        OutFrame::text([0xFF, 0xC0, 0x80]).bytes(),
        OutFrame::continuation("stray").bytes(),
        OutFrame::close(1005, "no such code").bytes(),
        OutFrame::text("behind the close").bytes(),
        OutFrame::binary("").claiming(u64::MAX).bytes(),
        noise(70_000, 3),
    ]
    .concat();
    client.send(&wrong).await;
    assert!(read(&mut stream, wrong.len()).await == wrong);
    stream.write_all(&wrong).await.unwrap();
    stream.shutdown().await.unwrap();
    client.ending().await;
    assert!(client.unread() == wrong);
}

#[tokio::test]
async fn sixteen_mebibytes_pass_both_ways_at_once() {
    let (proxy, client, stream) = relayed().await;
    let (there, back) = (noise(16 << 20, 4), noise(16 << 20, 5));
    let (mut from_client, mut to_client) = client.into_stream().into_split();
    let (mut from_upstream, mut to_upstream) = stream.into_split();
    let (mut went, mut came) = (Vec::new(), Vec::new());
    let (one, two, three, four) = tokio::join!(
        async {
            to_client.write_all(&there).await.unwrap();
            to_client.shutdown().await
        },
        async {
            to_upstream.write_all(&back).await.unwrap();
            to_upstream.shutdown().await
        },
        from_upstream.read_to_end(&mut went),
        from_client.read_to_end(&mut came),
    );
    one.and(two).unwrap();
    three.and(four).unwrap();
    assert!(went == there && came == back);
    assert!(proxy.peak_rss() < 48 << 20, "{}", proxy.peak_rss());
}

#[tokio::test]
async fn who_does_not_read_slows_the_other_down_and_nothing_piles_up_here() {
    let (proxy, mut client, mut stream) = relayed().await;
    let before = proxy.rss();
    let bytes = noise(64 << 20, 6);
    client.patience = std::time::Duration::from_millis(500);
    // Somewhere on the way the kernel's own buffers are full.
    assert_eq!(client.try_send(&bytes).await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(proxy.rss() < before + (4 << 20), "{} and then {}", before, proxy.rss());
    // The other direction does not mind.
    stream.write_all(b"\x81\x02hi").await.unwrap();
    assert_eq!(client.text().await, "hi");
    // What did get through is what was sent.
    let some = read(&mut stream, 1 << 20).await;
    assert!(some == bytes[..1 << 20]);
}

#[tokio::test]
async fn our_own_client_and_server_talk_through_it_compressed_and_large() {
    let server = TestServer::start().await;
    let proxy = proxy(&format!("ws://{}", server.addr()), &[]).await;
    for compression in [ClientOptions::default().compression, Vec::new()] {
        let options = ClientOptions { compression, ..ClientOptions::default() };
        let url = format!("ws://{}/echo", proxy.addr());
        let mut client = WebSocketClient::connect_with(&url, options).await.unwrap();
        for len in [0, 1, 125, 126, 65_536, 1 << 20, 4 << 20] {
            let (text, binary) = ("0123456789abcdef".repeat(len / 16), noise(len, 7));
            for message in [Message::Text(&text), Message::Binary(&binary)] {
                client.send(message).unwrap();
                match client.next().await.unwrap() {
                    Event::Text(echo) => assert!(Message::Text(&echo) == message),
                    Event::Binary(echo) => assert!(Message::Binary(&echo) == message),
                    other => panic!("{other:?}"),
                }
            }
        }
        client.close(None).unwrap();
        assert!(client.run().await.was_clean);
    }
}

#[tokio::test]
async fn a_thousand_connections_are_relayed_and_let_go() {
    let upstream = Upstream::new().await;
    let proxy = proxy(&upstream.url(), &[]).await;
    let mut pairs = Vec::new();
    for _ in 0..1000 {
        pairs.push(connect(&proxy, &upstream).await);
    }
    let files = proxy.open_files();
    assert!(files >= 2000, "{files}");
    for (number, (client, _)) in pairs.iter_mut().enumerate() {
        client.send(&number.to_be_bytes()).await;
    }
    for (number, (_, stream)) in pairs.iter_mut().enumerate() {
        assert_eq!(read(stream, 8).await, number.to_be_bytes());
    }
    assert!(proxy.rss() < 64 << 20, "{}", proxy.rss());
    drop(pairs);
    super::eventually(|| proxy.open_files() <= files - 2000).await;
}
