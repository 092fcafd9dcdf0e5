//! Peers that want too much: more memory, more time, more of everything than they pay for. Loads are bounded, and
//! aimed at a server of our own on this machine.

#![allow(clippy::cast_possible_truncation, reason = "patterns of bytes, and numbers that are small")]

use std::time::{Duration, Instant};

use framescope_codec::Opcode;
use framescope_tests::{OutFrame, ServerProcess, TestServer, WireClient, bystander, frames, greeted};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn pongs_that_nobody_reads_take_no_memory() {
    let server = ServerProcess::start(&[]).await;
    bystander::comes_and_goes(server.addr()).await;
    let before = server.rss();
    let mut client = WireClient::open(server.addr(), "/echo").await;
    let pings = OutFrame::new(Opcode::Ping, vec![b'p'; 125]).bytes().repeat(1000);
    bystander::beside(server.addr(), bystander::flood(&mut client, &pings, 300)).await;
    bystander::comes_and_goes(server.addr()).await;
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn echoes_that_nobody_reads_take_little_memory() {
    let server = ServerProcess::start(&[]).await;
    bystander::comes_and_goes(server.addr()).await;
    let before = server.rss();
    let mut client = WireClient::open(server.addr(), "/echo").await;
    let message = OutFrame::binary(vec![0; 1 << 20]).bytes();
    let sent = bystander::beside(server.addr(), bystander::flood(&mut client, &message, 124)).await;
    assert!(sent < 124, "the server has stopped reading");
    bystander::comes_and_goes(server.addr()).await;
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn an_announced_length_allocates_nothing() {
    let server = ServerProcess::start(&[]).await;
    bystander::comes_and_goes(server.addr()).await;
    let before = server.rss();
    let mut clients = Vec::new();
    let frame = OutFrame::binary(vec![0; 1 << 20]).bytes();
    let attack = async {
        for _ in 0..100 {
            let mut client = WireClient::open(server.addr(), "/echo").await;
            client.send(&frame[..15]).await;
            clients.push(client);
        }
    };
    bystander::beside(server.addr(), attack).await;
    bystander::comes_and_goes(server.addr()).await;
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn endless_empty_fragments_are_cut_off_or_cost_nothing() {
    let server = ServerProcess::start(&[]).await;
    bystander::comes_and_goes(server.addr()).await;
    let before = server.rss();
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.send_frame(OutFrame::binary("x").unfinished()).await;
    let thousand = OutFrame::continuation("").unfinished().bytes().repeat(1000);
    bystander::beside(server.addr(), bystander::flood(&mut client, &thousand, 300)).await;
    let close = client.close_frame().await;
    assert!(matches!(close.close_code(), Some(1008 | 1009)), "{:?}", close.close_code());
    bystander::comes_and_goes(server.addr()).await;
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 8 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn many_messages_in_one_byte_fragments_take_little_memory() {
    let server = ServerProcess::start(&[]).await;
    bystander::comes_and_goes(server.addr()).await;
    let before = server.rss();
    let mut clients = Vec::new();
    let attack = async {
        for _ in 0..20 {
            let mut client = WireClient::open(server.addr(), "/echo").await;
            client.send_frame(OutFrame::binary("x").unfinished()).await;
            client.send(&OutFrame::continuation("y").unfinished().bytes().repeat(60_000)).await;
            clients.push(client);
        }
        for client in &mut clients {
            client.send_frame(OutFrame::continuation("z")).await;
            assert_eq!(client.message().await.2.len(), 60_002);
        }
    };
    bystander::beside(server.addr(), attack).await;
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn sixty_five_thousand_fragments_are_taken_and_more_are_not() {
    let server = TestServer::start().await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    let mut bytes = OutFrame::binary("x").unfinished().bytes();
    bytes.extend(OutFrame::continuation("y").unfinished().bytes().repeat(65_534));
    client.send(&bytes).await;
    client.send_frame(OutFrame::continuation("z")).await;
    assert_eq!(client.message().await.2.len(), 65_536);
    bytes.extend(OutFrame::continuation("y").unfinished().bytes().repeat(2));
    client.send(&bytes).await;
    client.assert_closed(1009).await;
}

#[tokio::test]
async fn sixteen_mebibytes_are_echoed_and_a_byte_more_is_not() {
    let server = TestServer::start().await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    let big: Vec<u8> = (0..16usize << 20).map(|at| (at >> 8) as u8).collect();
    client.send_frame(OutFrame::binary(big.clone())).await;
    assert!(client.message().await.2 == big);
    client.send(&OutFrame::binary("").claiming((16 << 20) + 1).bytes()[..14]).await;
    client.assert_closed(1009).await;
}

#[tokio::test]
async fn a_thousand_idle_connections_are_small_and_give_everything_back() {
    const COUNT: usize = 1000;
    // Who was served once by the only thread knows that it has opened all the files it needs for itself.
    let server = ServerProcess::start(&["--threads", "1"]).await;
    bystander::comes_and_goes(server.addr()).await;
    let (before, files) = (server.rss(), server.open_files());
    let mut clients = Vec::new();
    for _ in 0..COUNT {
        let mut client = WireClient::open(server.addr(), "/echo").await;
        client.assert_echoes("hello").await;
        clients.push(client);
    }
    let each = server.rss().saturating_sub(before) / COUNT as u64;
    assert!(each < 8 << 10, "{each} bytes each");
    for client in &mut clients {
        client.send_frame(OutFrame::close(1000, "")).await;
    }
    for client in &mut clients {
        client.assert_closed(1000).await;
    }
    drop(clients);
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    while server.open_files() > files + 2 {
        assert!(Instant::now() < deadline, "{} files open, {files} before", server.open_files());
        pace.tick().await;
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_pinged_and_then_let_go() {
    let server = TestServer::with(|config| config.idle_deadline = Duration::from_secs(2)).await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    let ping = client.frame().await;
    assert_eq!(ping.header.opcode, Opcode::Ping);
    client.assert_closed(1001).await;
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let server = TestServer::with(|config| config.idle_deadline = Duration::from_secs(2)).await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    for _ in 0..5 {
        let ping = client.frame().await;
        assert_eq!(ping.header.opcode, Opcode::Ping);
        client.send_frame(OutFrame::new(Opcode::Pong, ping.payload)).await;
    }
    client.assert_echoes("still here").await;
}

#[tokio::test]
async fn connections_beyond_the_cap_are_told_to_come_later() {
    let server = TestServer::with(|config| config.connections_max = 3).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(WireClient::open(server.addr(), "/echo").await);
    }
    let mut over = WireClient::connect(server.addr()).await;
    let head = over.response_head().await;
    assert_eq!(head.status, 503);
    assert!(head.header("Retry-After").is_some(), "{head:?}");
    clients[0].assert_echoes("not disturbed").await;
    clients.pop().expect("three").reset();
    // Its place is free once the server has noticed.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut next = WireClient::connect(server.addr()).await;
        let request = framescope_tests::opening_request(server.addr(), "/echo", &[]);
        if next.try_send(&request).await.is_ok() && next.try_response_head().await.is_ok_and(|head| head.status == 101)
        {
            break;
        }
        assert!(Instant::now() < deadline, "no place is given back");
    }
}

#[tokio::test]
async fn out_of_files_the_server_waits_and_recovers() {
    let server = ServerProcess::start_with_files(64, &["--connections-max", "1000"]).await;
    let mut clients = Vec::new();
    // More than it can open; those that it cannot take wait in the backlog or are refused.
    for _ in 0..100 {
        clients.push(WireClient::connect(server.addr()).await);
    }
    drop(clients);
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.assert_echoes("recovered").await;
}

#[tokio::test]
async fn a_slow_reader_does_not_disturb_a_fast_one() {
    let server = TestServer::start().await;
    let mut slow = WireClient::open(server.addr(), "/echo").await;
    let message = OutFrame::binary(vec![1; 1 << 20]).bytes();
    bystander::beside(server.addr(), bystander::flood(&mut slow, &message, 40)).await;
    let mut fast = WireClient::open(server.addr(), "/echo").await;
    for _ in 0..100 {
        fast.assert_echoes("quick").await;
    }
    // Once it reads, it gets all that was taken, in order, whole.
    for _ in 0..3 {
        let (_, _, payload) = slow.message().await;
        assert!(payload == vec![1; 1 << 20]);
    }
}

#[tokio::test]
async fn app_endpoints_read_no_faster_than_their_rate() {
    let server = TestServer::with(|config| config.message_rate = 100).await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let one = OutFrame::text(r#"{"messageType":"echo_client","text":"x"}"#);
    client.send(&frames(&vec![one; 2000])).await;
    let mut answers = 0;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        client.message().await;
        answers += 1;
        if answers == 2000 {
            break;
        }
    }
    // 100 a second averaged over five seconds: 500 at once, and then slowly.
    assert!(answers < 1200, "{answers} in two seconds");
}
