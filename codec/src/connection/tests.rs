use std::num::NonZeroUsize;

use super::*;
use crate::close::CloseCode;
use crate::deflate::params::WindowBits;
use crate::frame::Frame;
use crate::message::MessageKind;
use crate::opcode::Opcode;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// Events as words, so that a table can name them; and what the connection answered.
fn run(conn: &mut Connection, mut wire: Vec<u8>) -> (Vec<String>, Vec<u8>) {
    let (mut events, mut out) = (Vec::new(), Vec::new());
    let mut input = Input::new(&mut wire);
    while let Some(event) = conn.receive(&mut input, &mut out) {
        events.push(match event {
            Event::Message(Message::Text(text)) => format!("text {text}"),
            Event::Message(Message::Binary(bytes)) => format!("binary {bytes:02x?}"),
            Event::Ping(payload) => format!("ping {}", String::from_utf8_lossy(payload)),
            Event::Pong(payload) => format!("pong {}", String::from_utf8_lossy(payload)),
            Event::Closing(frame) => format!("closing {}", frame.map_or(0, |frame| frame.code().get())),
            Event::Failed(violation) => format!("failed {}", violation.name()),
        });
    }
    assert!(input.is_empty());
    (events, out)
}

/// What a client makes of a server's stream (unmasked, so that it can be read), however it is cut.
fn check(wire: &str, expected: &[&str]) {
    let wire = hex(wire);
    let whole = run(&mut client(), wire.clone());
    assert_eq!(whole.0, expected, "{wire:02x?}");
    for cut in 0..=wire.len() {
        let mut conn = client();
        let mut parts = run(&mut conn, wire[..cut].to_vec());
        let later = run(&mut conn, wire[cut..].to_vec());
        parts.0.extend(later.0);
        parts.1.extend(later.1);
        assert_eq!(parts, whole, "{wire:02x?} cut at {cut}");
    }
}

fn client() -> Connection {
    let config = Config { message_max: 300, fragments_max: 4, ..Config::DEFAULT };
    Connection::client(config, None, || MaskingKey([1, 2, 3, 4]))
}

#[test]
fn messages_come_whole_and_control_frames_in_between() {
    check("81 05 48656c6c6f  82 01 FF", &["text Hello", "binary [ff]"]);
    check("01 03 48656c  89 02 6869  80 02 6c6f", &["ping hi", "text Hello"]);
    check("01 00  00 00  80 00", &["text "]);
    check("8A 01 78", &["pong x"]);
    check("01 02 F09F  80 02 8E89", &["text 🎉"]);
}

#[test]
fn each_violation_fails_the_connection_and_nothing_follows() {
    check("81 01 41  83 00  81 01 42", &["text A", "failed reserved-data-opcode"]);
    check("81 85 00000000 48656c6c6f", &["failed masked-from-server"]);
    check("80 00", &["failed continuation-without-message"]);
    check("01 01 41 81 01 42", &["failed message-interrupted"]);
    check("01 01 FF", &["failed invalid-utf8"]);
    check("81 01 F0", &["failed invalid-utf8"]);
    check("88 01 03", &["failed close-payload-of-one-byte"]);
    check("88 02 0000", &["failed invalid-close-code"]);
    check("88 03 03E8FF", &["failed invalid-close-reason"]);
    check("C1 00", &["failed rsv1-without-extension"]);
}

#[test]
fn an_impossible_byte_fails_at_once_though_its_frame_goes_on() {
    assert_eq!(run(&mut client(), hex("81 10 41 FF")).0, ["failed invalid-utf8"]);
}

#[test]
fn limits_are_exact_and_judged_by_the_header_alone() {
    let binary = |len: usize| Frame::new(Opcode::Binary, vec![7; len]).to_bytes();
    assert_eq!(run(&mut client(), binary(300)).0.len(), 1);
    assert_eq!(run(&mut client(), binary(301)[..4].to_vec()).0, ["failed message-too-big"]);
    assert_eq!(run(&mut client(), hex("82 7F 7FFFFFFFFFFFFFFF")).0, ["failed message-too-big"]);
    assert_eq!(run(&mut client(), hex("02 01 00  80 7E 012C")).0, ["failed message-too-big"]);
    assert_eq!(run(&mut client(), hex("02 01 00  80 7F 7FFFFFFFFFFFFFFE")).0, ["failed message-too-big"]);
    check("02 00  00 00  00 00  80 00", &["binary []"]);
    check("02 00  00 00  00 00  00 00  80 00", &["failed too-many-fragments"]);
}

#[test]
fn a_close_is_answered_with_its_code_and_what_follows_is_ignored() {
    check("88 02 03E9  81 01 41  88 00", &["closing 1001"]);
    let mut conn = Connection::server(Config::DEFAULT, None);
    let (events, out) = run(&mut conn, hex("88 82 00000000 0BB8  88 80 00000000"));
    assert_eq!((events, out), (vec!["closing 3000".to_owned()], hex("88 02 0BB8")));
    assert!(conn.wants_shutdown() && !conn.linger_exhausted());
    assert_eq!(conn.send("late", &mut Vec::new()), Err(SendError));
    let closed = conn.receive_eof();
    assert_eq!((closed.code, closed.was_clean), (3000, true));
}

#[test]
fn an_empty_close_is_answered_by_an_empty_one() {
    let mut conn = Connection::server(Config::DEFAULT, None);
    assert_eq!(run(&mut conn, hex("88 80 00000000")).1, hex("88 00"));
    assert_eq!(conn.receive_eof().code, 1005);
}

#[test]
fn after_our_close_messages_still_come_but_no_pong_goes() {
    let mut conn = Connection::server(Config::DEFAULT, None);
    let mut out = Vec::new();
    conn.close(Some(CloseCode::GOING_AWAY.into()), &mut out).unwrap();
    assert_eq!(out, hex("88 02 03E9"));
    let (events, out) = run(&mut conn, hex("81 81 00000000 41  89 80 00000000  88 82 00000000 03E9"));
    assert_eq!(events, ["text A", "ping ", "closing 1001"]);
    assert_eq!(out, b"");
    assert!(conn.receive_eof().was_clean);
}

#[test]
fn a_stream_that_ends_without_a_close_ended_abnormally() {
    let closed = client().receive_eof();
    assert_eq!((closed.code, closed.was_clean), (1006, false));
}

#[test]
fn what_comes_after_the_end_is_counted_until_patience_runs_out() {
    let mut conn = Connection::server(Config { linger_max: 100, ..Config::DEFAULT }, None);
    run(&mut conn, hex("83 80 00000000"));
    run(&mut conn, vec![0; 100]);
    assert!(!conn.linger_exhausted());
    run(&mut conn, vec![0; 1]);
    assert!(conn.linger_exhausted());
}

#[test]
fn fragments_compressed_or_not_arrive_as_they_were_sent() {
    let text = "We shall see every frame. ".repeat(40);
    for params in [None, Some(DeflateParams::DEFAULT)] {
        let config = Config { compress_min: 0, ..Config::DEFAULT };
        let mut server = Connection::server(config, params);
        let mut client = Connection::client(config, params, || MaskingKey([5, 6, 7, 8]));
        for fragment_len in [1, 7, 10_000] {
            let mut wire = Vec::new();
            let fragment_len = NonZeroUsize::new(fragment_len).unwrap();
            client.send_fragmented(text.as_str(), fragment_len, &mut wire).unwrap();
            assert_eq!(run(&mut server, wire).0, [format!("text {text}")]);
            let mut wire = Vec::new();
            server.send_fragmented(text.as_str(), fragment_len, &mut wire).unwrap();
            assert_eq!(run(&mut client, wire).0, [format!("text {text}")]);
        }
    }
}

#[test]
fn inflating_stops_exactly_at_the_limit() {
    for (len, fits) in [(299, true), (300, true), (301, false), (100_000, false)] {
        let config = Config { message_max: 300, compress_min: 0, ..Config::DEFAULT };
        let mut server = Connection::server(config, Some(DeflateParams::DEFAULT));
        let mut client = Connection::client(config, Some(DeflateParams::DEFAULT), || MaskingKey([0; 4]));
        let mut wire = Vec::new();
        server.send(&vec![0; len][..], &mut wire).unwrap();
        let (events, _) = run(&mut client, wire);
        assert_eq!(events[0].starts_with("binary"), fits, "{len}");
        assert_eq!(events[0] == "failed message-too-big", !fits, "{len}");
    }
}

#[test]
fn no_limit_is_a_limit_too() {
    let config = Config { message_max: usize::MAX, compress_min: 0, compress_always: true, ..Config::DEFAULT };
    let mut server = Connection::server(config, Some(DeflateParams::DEFAULT));
    let mut client = Connection::client(config, Some(DeflateParams::DEFAULT), || MaskingKey([0; 4]));
    let mut wire = Vec::new();
    server.send("Hello", &mut wire).unwrap();
    assert_eq!(run(&mut client, wire).0, ["text Hello"]);
}

#[test]
fn a_message_that_does_not_shrink_goes_plain_and_the_next_still_inflates() {
    let config = Config { compress_min: 0, ..Config::DEFAULT };
    let mut server = Connection::server(config, Some(DeflateParams::DEFAULT));
    let mut client = Connection::client(config, Some(DeflateParams::DEFAULT), || MaskingKey([0; 4]));
    for message in ["x", "Hello Hello Hello Hello", "y", "Hello Hello Hello Hello"] {
        let mut wire = Vec::new();
        server.send(message, &mut wire).unwrap();
        assert_eq!(wire[0], if message.len() == 1 { 0x81 } else { 0xC1 });
        assert_eq!(run(&mut client, wire).0, [format!("text {message}")]);
    }
}

#[test]
fn an_idle_connection_gives_its_memory_back_and_keeps_its_context() {
    let config = Config { compress_min: 0, compress_always: true, ..Config::DEFAULT };
    let mut server = Connection::server(config, Some(DeflateParams::DEFAULT));
    let mut client = Connection::client(config, Some(DeflateParams::DEFAULT), || MaskingKey([0; 4]));
    for round in 0..4 {
        let mut wire = Vec::new();
        client.send("the same words each time", &mut wire).unwrap();
        assert_eq!(run(&mut server, wire).0, ["text the same words each time"]);
        if round % 2 == 1 {
            server.release_idle();
        }
    }
}

#[test]
fn the_state_of_a_connection_is_small() {
    assert!(size_of::<Connection>() <= 256, "{}", size_of::<Connection>());
}

#[test]
fn a_broadcast_is_what_each_connection_would_have_sent_by_itself() {
    let long = "the same to everybody, again and again and again. ".repeat(9);
    for text in ["", "short", &long] {
        for window_bits in 8..=15 {
            for server_no_context_takeover in [true, false] {
                let params = DeflateParams {
                    server_no_context_takeover,
                    server_max_window_bits: WindowBits::new(window_bits).unwrap(),
                    ..DeflateParams::DEFAULT
                };
                for deflate in [None, Some(params)] {
                    let broadcast = Broadcast::new(text, &Config::default());
                    assert_eq!((broadcast.message(), broadcast.len()), (Message::Text(text), text.len()));
                    let sender = || Connection::server(Config::default(), deflate).into_halves().1;
                    let (mut one, mut other) = (Vec::new(), Vec::new());
                    sender().send_broadcast(&broadcast, &mut one).unwrap();
                    sender().send(text, &mut other).unwrap();
                    // Levels and windows alike, the bytes are alike; twice, as the frame is kept.
                    assert_eq!(one, other);
                    sender().send_broadcast(&broadcast, &mut one).unwrap();
                    assert_eq!(one, other.repeat(2));
                }
            }
        }
    }
}

#[test]
fn what_is_sent_while_a_message_goes_out_in_pieces_waits_behind_it_but_for_control_frames() {
    let (_, mut sender) = Connection::server(Config::default(), None).into_halves();
    let mut out = Vec::new();
    let piece = |payload, is_last| Piece { kind: MessageKind::Text, payload, is_last };
    sender.send_piece(piece(b"one ", false), &mut out).unwrap();
    sender.send("behind", &mut out).unwrap();
    sender.send_broadcast(&Broadcast::new("all", &Config::default()), &mut out).unwrap();
    sender.ping(ControlPayload::try_from(&b"!"[..]).unwrap(), &mut out).unwrap();
    assert_eq!(sender.behind(), 8 + 5);
    sender.send_piece(piece(b"two", false), &mut out).unwrap();
    sender.send_piece(piece(b"", true), &mut out).unwrap();
    assert_eq!(sender.behind(), 0);
    sender.send("next", &mut out).unwrap();
    assert_eq!(out, b"\x01\x04one \x89\x01!\x00\x03two\x80\x00\x81\x06behind\x81\x03all\x81\x04next");
}
