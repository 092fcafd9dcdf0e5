//! Frames and messages from outside, the wrong ones above all: each is answered with its Close code,
//! a FIN behind it and nothing in between, and nobody else on the server notices.

use std::time::Duration;

use framescope_codec::{LengthForm, Opcode};
use framescope_tests::{Ending, OutFrame, TestServer, WireClient, frames, hex};

/// Sends `bytes` to /echo and demands this Close code and the FIN.
async fn check(server: &TestServer, bytes: &[u8], code: u16) {
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.send(bytes).await;
    let close = client.close_frame().await;
    assert_eq!(close.close_code(), Some(code), "to {:02x?}", &bytes[..bytes.len().min(40)]);
    client.assert_ended().await;
}

async fn check_frames(server: &TestServer, out: &[OutFrame], code: u16) {
    check(server, &frames(out), code).await;
    WireClient::open(server.addr(), "/echo").await.assert_echoes("bystander").await;
}

/// Sends the fragments of a message and demands it back as one.
async fn check_echo(server: &TestServer, out: &[OutFrame]) {
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.send(&frames(out)).await;
    let (opcode, _, payload) = client.message().await;
    assert_eq!(opcode, out[0].header.opcode);
    assert_eq!(payload, out.iter().flat_map(|frame| frame.payload.clone()).collect::<Vec<_>>());
    client.assert_echoes("still consistent").await;
}

#[tokio::test]
async fn a_client_masks_everything() {
    let server = TestServer::start().await;
    check(&server, &hex("81 05 48656c6c6f"), 1002).await;
    for opcode in [Opcode::Text, Opcode::Binary, Opcode::Ping, Opcode::Close] {
        check_frames(&server, &[OutFrame::new(opcode, b"".to_vec()).unmasked()], 1002).await;
    }
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_refused() {
    let server = TestServer::start().await;
    for bits in 1..=7 {
        check_frames(&server, &[OutFrame::text("x").rsv(bits)], 1002).await;
        check_frames(&server, &[OutFrame::new(Opcode::Ping, b"x".to_vec()).rsv(bits)], 1002).await;
    }
    for bits in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check_frames(&server, &[OutFrame::new(Opcode::from_bits(bits), b"x".to_vec())], 1002).await;
    }
}

#[tokio::test]
async fn control_frames_are_short_and_whole() {
    let server = TestServer::start().await;
    for opcode in [Opcode::Ping, Opcode::Pong, Opcode::Close] {
        check_frames(&server, &[OutFrame::new(opcode, vec![0; 126])], 1002).await;
        check_frames(&server, &[OutFrame::new(opcode, b"".to_vec()).unfinished()], 1002).await;
    }
}

#[tokio::test]
async fn a_length_takes_the_shortest_form() {
    let server = TestServer::start().await;
    for (len, form) in [
        (5, LengthForm::Bits16),
        (125, LengthForm::Bits16),
        (5, LengthForm::Bits64),
        (200, LengthForm::Bits64),
        (65_535, LengthForm::Bits64),
    ] {
        check_frames(&server, &[OutFrame::binary(vec![0; len]).length_form(form)], 1002).await;
    }
    for len in [125, 126, 65_535, 65_536] {
        check_echo(&server, &[OutFrame::binary(vec![7; len])]).await;
    }
}

#[tokio::test]
async fn a_length_is_refused_from_the_header_alone() {
    let server = TestServer::start().await;
    for (claimed, codes) in [
        (1 << 63, &[1002, 1009][..]),
        (u64::MAX, &[1002, 1009]),
        ((1 << 63) - 1, &[1009]),
        (256 << 20, &[1009]),
        ((16 << 20) + 1, &[1009]),
    ] {
        let mut client = WireClient::open(server.addr(), "/echo").await;
        let mut frame = OutFrame::binary(b"".to_vec()).claiming(claimed);
        frame.payload.clear();
        client.send(&frame.bytes()).await;
        let close = client.close_frame().await;
        assert!(close.close_code().is_some_and(|code| codes.contains(&code)), "{claimed}: {:?}", close.close_code());
        client.assert_ended().await;
    }
}

#[tokio::test]
async fn lengths_that_overflow_in_their_sum_are_refused() {
    let server = TestServer::start().await;
    let mut bytes = OutFrame::binary(vec![0; 100]).unfinished().bytes();
    bytes.extend(OutFrame::continuation(b"".to_vec()).claiming((1 << 63) - 50).bytes());
    check(&server, &bytes, 1009).await;
}

#[tokio::test]
async fn pings_get_their_payload_back_also_between_fragments() {
    let server = TestServer::start().await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    let binary: Vec<u8> = (131..=255).collect();
    assert_eq!(binary.len(), 125);
    for payload in [binary, Vec::new(), b"x".to_vec()] {
        client.send_frame(OutFrame::new(Opcode::Ping, payload.clone())).await;
        let pong = client.frame().await;
        assert_eq!((pong.header.opcode, pong.payload), (Opcode::Pong, payload));
    }

    client.send_frame(OutFrame::text("be").unfinished()).await;
    client.send_frame(OutFrame::new(Opcode::Ping, b"inside".to_vec())).await;
    let pong = client.frame().await;
    assert_eq!((pong.header.opcode, &pong.payload[..]), (Opcode::Pong, &b"inside"[..]));
    client.send_frame(OutFrame::continuation("fore")).await;
    assert_eq!(client.text().await, "before");

    let twenty: Vec<_> = (0..20u8).map(|i| OutFrame::new(Opcode::Ping, vec![i])).collect();
    client.send(&frames(&twenty)).await;
    loop {
        let pong = client.frame().await;
        assert_eq!(pong.header.opcode, Opcode::Pong);
        if pong.payload == [19] {
            break;
        }
    }

    client.send_frame(OutFrame::new(Opcode::Pong, b"unasked".to_vec())).await;
    client.assert_echoes("stray pongs do no harm").await;
}

#[tokio::test]
async fn fragments_come_in_order() {
    let server = TestServer::start().await;
    check_frames(&server, &[OutFrame::continuation("x")], 1002).await;
    check_frames(&server, &[OutFrame::continuation("x").unfinished()], 1002).await;
    check_frames(&server, &[OutFrame::text("x").unfinished(), OutFrame::text("y")], 1002).await;
    check_frames(&server, &[OutFrame::text("x").unfinished(), OutFrame::binary("y").unfinished()], 1002).await;
    check_frames(
        &server,
        &[OutFrame::text("x").unfinished(), OutFrame::continuation("y"), OutFrame::continuation("z")],
        1002,
    )
    .await;
}

#[tokio::test]
async fn fragments_of_any_size_make_a_message() {
    let server = TestServer::start().await;
    let (empty, x) = (|| OutFrame::continuation(""), || OutFrame::continuation("x"));
    check_echo(&server, &[OutFrame::text("").unfinished(), x().unfinished(), x()]).await;
    check_echo(&server, &[OutFrame::text("x").unfinished(), empty().unfinished(), x()]).await;
    check_echo(&server, &[OutFrame::text("x").unfinished(), empty()]).await;
    check_echo(&server, &[OutFrame::text("").unfinished(), empty().unfinished(), empty()]).await;
    check_echo(&server, &[OutFrame::binary("")]).await;
    let mut one_byte_each = vec![OutFrame::binary("x").unfinished()];
    one_byte_each.extend((0..1000).map(|_| x().unfinished()));
    one_byte_each.push(empty());
    check_echo(&server, &one_byte_each).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_refused() {
    let server = TestServer::start().await;
    for bad in ["ff", "c080", "eda080", "f4908080", "80", "61ce", "e282", "f09f98", "f8a1a1a1a1", "c1bf"] {
        let bytes = hex(bad);
        check_frames(&server, &[OutFrame::text(bytes.clone())], 1007).await;
        let mut spread: Vec<_> = bytes.iter().map(|&byte| OutFrame::continuation(vec![byte]).unfinished()).collect();
        spread.insert(0, OutFrame::text("ok: ").unfinished());
        spread.push(OutFrame::continuation(""));
        check_frames(&server, &spread, 1007).await;
    }
}

#[tokio::test]
async fn text_fails_at_its_first_impossible_byte() {
    let server = TestServer::start().await;
    // FIN never comes, nor the rest of the second frame.
    for bytes in [OutFrame::text(hex("68690aff")).unfinished().bytes(), {
        let mut bytes = OutFrame::text(hex("ceba f4908080 65646974")).bytes();
        bytes.truncate(bytes.len() - 4);
        bytes
    }] {
        check(&server, &bytes, 1007).await;
    }
}

#[tokio::test]
async fn characters_may_be_cut_at_every_byte() {
    let server = TestServer::start().await;
    let text = "a😀\u{FEFF}\u{FFFD}\u{10FFFF}é";
    check_echo(&server, &[OutFrame::text(text)]).await;
    for cut in 0..=text.len() {
        let (front, back) = text.as_bytes().split_at(cut);
        check_echo(&server, &[OutFrame::text(front).unfinished(), OutFrame::continuation(back)]).await;
    }
}

#[tokio::test]
async fn the_limit_on_a_message_is_exact() {
    let server = TestServer::with(|config| config.echo_message_max = 1000).await;
    check_echo(&server, &[OutFrame::binary(vec![1; 1000])]).await;
    check_frames(&server, &[OutFrame::binary(vec![1; 1001])], 1009).await;
    check_frames(&server, &[OutFrame::binary(vec![1; 1002])], 1009).await;
    check_echo(&server, &[OutFrame::binary(vec![1; 600]).unfinished(), OutFrame::continuation(vec![2; 400])]).await;
    check_frames(&server, &[OutFrame::binary(vec![1; 600]).unfinished(), OutFrame::continuation(vec![2; 401])], 1009)
        .await;
    check_frames(
        &server,
        &[
            OutFrame::text(vec![b'x'; 600]).unfinished(),
            OutFrame::continuation(vec![b'x'; 300]).unfinished(),
            OutFrame::continuation(vec![b'x'; 101]),
        ],
        1009,
    )
    .await;
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code() {
    let server = TestServer::start().await;
    let reason = "r".repeat(123);
    for (code, reason) in [
        (1000, ""),
        (1001, "going"),
        (1003, ""),
        (1007, ""),
        (1011, ""),
        (1012, ""),
        (1014, ""),
        (3000, ""),
        (3999, ""),
        (4000, ""),
        (4999, reason.as_str()),
    ] {
        let mut client = WireClient::open(server.addr(), "/echo").await;
        client.send_frame(OutFrame::close(code, reason)).await;
        client.assert_closed(code).await;
    }
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.send_frame(OutFrame::new(Opcode::Close, b"".to_vec())).await;
    client.assert_closed(None).await;
}

#[tokio::test]
async fn a_close_that_breaks_a_rule_is_told_so() {
    let server = TestServer::start().await;
    check_frames(&server, &[OutFrame::new(Opcode::Close, vec![3])], 1002).await;
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        check_frames(&server, &[OutFrame::close(code, "")], 1002).await;
    }
    check_frames(&server, &[OutFrame::new(Opcode::Close, hex("03e8 ff"))], 1007).await;
}

#[tokio::test]
async fn what_follows_a_close_is_ignored() {
    let server = TestServer::start().await;
    for late in [
        OutFrame::text("late"),
        OutFrame::close(1001, "again"),
        OutFrame::text("bad").rsv(7),
        OutFrame::new(Opcode::Ping, b"".to_vec()),
    ] {
        let mut client = WireClient::open(server.addr(), "/echo").await;
        client.send(&frames(&[OutFrame::close(1000, ""), late])).await;
        let close = client.frame().await;
        assert_eq!(close.close_code(), Some(1000));
        client.assert_ended().await;
    }
}

#[tokio::test]
async fn a_close_inside_a_fragmented_message_is_an_ordinary_close() {
    let server = TestServer::start().await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.send(&frames(&[OutFrame::text("never fini").unfinished(), OutFrame::close(1000, "")])).await;
    client.assert_closed(1000).await;
}

#[tokio::test]
async fn a_fin_without_a_close_ends_the_socket() {
    let server = TestServer::start().await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.patience = Duration::from_secs(10);
    client.shut_down().await;
    while let Ok(frame) = client.frame_or_end().await {
        assert_eq!(frame.header.opcode, Opcode::Close);
    }
}

#[tokio::test]
async fn an_error_answered_by_nobody_ends_the_socket_all_the_same() {
    let server = TestServer::start().await;
    let mut client = WireClient::open(server.addr(), "/echo").await;
    client.patience = Duration::from_secs(15);
    client.send_frame(OutFrame::continuation("stray")).await;
    // We never close our half.
    client.assert_closed(1002).await;
}

#[tokio::test]
async fn a_protocol_error_with_data_still_in_flight_ends_in_a_fin() {
    let server = TestServer::start().await;
    for _ in 0..5 {
        let mut client = WireClient::open(server.addr(), "/echo").await;
        let mut bytes = OutFrame::text("bad").rsv(2).bytes();
        bytes.extend(OutFrame::binary(vec![0; 256 << 10]).bytes());
        client.send(&bytes).await;
        let close = client.frame().await;
        assert_eq!(close.close_code(), Some(1002));
        assert_eq!(client.ending().await, Ending::Fin);
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_message_harms_nobody() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        let mut client = WireClient::open(server.addr(), "/echo").await;
        let bytes = OutFrame::binary(vec![0; 100_000]).bytes();
        client.send(&bytes[..50_000]).await;
        client.reset();
    }
    WireClient::open(server.addr(), "/echo").await.assert_echoes("bystander").await;
}

#[tokio::test]
async fn any_cut_of_the_stream_gives_the_same_answers() {
    let server = TestServer::start().await;
    let stream = frames(&[
        OutFrame::text("one"),
        OutFrame::new(Opcode::Ping, b"two".to_vec()),
        OutFrame::binary(vec![3; 130]).unfinished(),
        OutFrame::continuation("four"),
        OutFrame::close(1000, "five"),
    ]);
    for cut in 1..stream.len() {
        let mut client = WireClient::open(server.addr(), "/echo").await;
        client.send(&stream[..cut]).await;
        // Only what the server has answered is certain to have been a read of its own; two writes do for the rest.
        tokio::task::yield_now().await;
        client.send(&stream[cut..]).await;
        assert_eq!(client.text().await, "one");
        let pong = client.frame().await;
        assert_eq!((pong.header.opcode, &pong.payload[..]), (Opcode::Pong, &b"two"[..]));
        assert_eq!(client.message().await.2, [&[3; 130][..], b"four"].concat());
        client.assert_closed(1000).await;
    }
}
