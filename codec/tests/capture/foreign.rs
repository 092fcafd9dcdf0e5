//! Captures that others made: without labels, out of order, several connections between the same ends.

use std::net::SocketAddr;

use framescope_codec::Role;
use framescope_codec::capture::Direction::{self, ClientToServer, ServerToClient};
use framescope_codec::capture::packet::{Flags, Segment};
use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Decoder, pcapng};

use crate::records::{MASKED_HELLO, REQUEST, RESPONSE};
use crate::{Tap, check, check_open, ends};

/// A capture by someone else: bare segments, each in a block, with a time of its own.
pub(crate) fn foreign(segments: &[Segment<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    pcapng::write_start(&mut out);
    let name = out.windows(10).position(|bytes| bytes == b"framescope").unwrap();
    out[name..name + 10].copy_from_slice(b"wiretapper");
    for (time_ns, segment) in (1..).zip(segments) {
        pcapng::write_packet(time_ns, &[], &mut out, |out| segment.write(out));
    }
    out
}

/// A segment of a connection whose client counts from 1000 and whose server counts from `u32::MAX - 99`.
pub(crate) fn segment(direction: Direction, at: u32, payload: &[u8]) -> Segment<'_> {
    let (client, server) = ends();
    let (src, dst, base) = match direction.sender() {
        Role::Client => (client, server, 1000),
        Role::Server => (server, client, u32::MAX - 99),
    };
    Segment { src, dst, seq: base.wrapping_add(at), ack: 0, flags: Flags::default(), payload }
}

#[test]
fn the_handshake_may_be_any_request_of_a_connection() {
    let get = b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nHTTP/1.1 101\r\n";
    let refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    let again = len(get) + len(REQUEST);
    check(
        &foreign(&[
            segment(ClientToServer, 0, get),
            segment(ServerToClient, 0, ok),
            segment(ClientToServer, len(get), REQUEST),
            segment(ServerToClient, len(ok), refused),
            segment(ClientToServer, again, REQUEST),
            segment(ServerToClient, len(ok) + len(refused), RESPONSE),
            segment(ClientToServer, again + len(REQUEST), MASKED_HELLO),
        ]),
        &[
            "0 c2s 3: request, 0 findings",
            "0 s2c 4: response 401, 0 findings",
            "0 c2s 5: request, 0 findings",
            "0 s2c 6: response 101, 0 findings",
            "0 c2s 7: text 5 Hello",
        ],
    );
}

#[test]
fn connections_that_are_not_websocket_are_counted_and_left_alone() {
    let other = |port, payload| {
        let (_, server) = ends();
        Segment { src: SocketAddr::new(server.ip(), port), ..segment(ClientToServer, 0, payload) }
    };
    let capture = foreign(&[
        other(1, b"\x16\x03\x01\x00\xa5\x01"),
        other(2, b"SSH-2.0-OpenSSH"),
        other(3, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        other(4, REQUEST),
    ]);
    check(&capture, &["3 c2s 4: request, 0 findings"]);
    let mut decoder = Decoder::new();
    decoder.feed(&capture);
    while decoder.next_record().is_some() {}
    assert_eq!((decoder.streams(), decoder.packets().tcp), (4, 4));
}

#[test]
fn the_same_addresses_may_serve_one_connection_after_another() {
    let mut tap = Tap::open();
    let (client, server) = ends();
    tap.flow = Flow::new(client, server);
    tap.flow.join_late(9, None, &mut tap.out);
    check_open(&tap, &["1 c2s 9: joined late, plain"]);
    let syn = Segment { seq: 5, flags: Flags { syn: true, ..Flags::default() }, ..segment(ClientToServer, 0, b"") };
    check(
        &foreign(&[syn, syn, Segment { seq: 6, ..segment(ClientToServer, 0, REQUEST) }, Segment { seq: 7, ..syn }]),
        &["0 c2s 3: request, 0 findings"],
    );
}

#[test]
fn behind_a_lost_answer_only_what_speaks_for_itself_is_read() {
    let len = u32::try_from(REQUEST.len()).unwrap();
    check(
        &foreign(&[
            segment(ServerToClient, 0, b""),
            segment(ClientToServer, 0, REQUEST),
            segment(ServerToClient, 200, b"\x81\x02Hi"),
            segment(ClientToServer, len, MASKED_HELLO),
        ]),
        &[
            "0 c2s 2: request, 0 findings",
            "0 s2c 4: gap of 200",
            "0 s2c 4: the answer was not captured, so what was agreed on is not known",
            "0 c2s 4: text 5 Hello",
            "0 s2c 4: 4 bytes were captured while it was not known where a frame begins",
        ],
    );
}
