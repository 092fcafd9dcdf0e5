//! However the network cuts the bytes, the two ends say and hear the same.

#[path = "support/pair.rs"]
mod pair;
#[path = "support/traffic.rs"]
mod traffic;

use framescope_codec::{Config, Connection, ControlPayload, DeflateParams, Dissector, FrameHeader, Message, Role};
use pair::{Got, Pair, hex, keys, receive, receive_in};
use proptest::prelude::*;
use traffic::{agreement, role, stream};

/// An end that receives what `sender` sends.
fn receiver(sender: Role, deflate: Option<DeflateParams>) -> Connection {
    match sender {
        Role::Client => Connection::server(Config::default(), deflate),
        Role::Server => Connection::client(Config::default(), deflate, keys()),
    }
}

fn check_every_cut(bytes: &[u8], sender: Role, deflate: Option<DeflateParams>) {
    let mut out = Vec::new();
    let whole = receive(&mut receiver(sender, deflate), bytes, &mut out);
    for cut in 0..=bytes.len() {
        let mut conn = receiver(sender, deflate);
        let mut cut_out = Vec::new();
        let mut got = receive(&mut conn, &bytes[..cut], &mut cut_out);
        got.extend(receive(&mut conn, &bytes[cut..], &mut cut_out));
        assert_eq!(got, whole, "cut at {cut} of {bytes:02x?}");
        assert_eq!(cut_out, out, "cut at {cut} of {bytes:02x?}");
    }
    let mut conn = receiver(sender, deflate);
    let mut by_bytes_out = Vec::new();
    assert_eq!(receive_in(&mut conn, bytes, &[1], &mut by_bytes_out), whole);
    assert_eq!(by_bytes_out, out);
}

#[test]
fn two_masked_texts_may_be_cut_anywhere() {
    check_every_cut(&hex("81 85 37fa213d 7f9f4d5158 81 85 37fa213d 7f9f4d5158"), Role::Client, None);
}

#[test]
fn a_ping_between_fragments_may_be_cut_anywhere() {
    check_every_cut(
        &hex("01 03 48656c 89 02 6869 80 02 6c6f 82 00 81 7e 0080").into_iter().chain([b'x'; 128]).collect::<Vec<_>>(),
        Role::Server,
        None,
    );
}

#[test]
fn compressed_messages_may_be_cut_anywhere() {
    // RFC 7692, 7.2.3: in one frame, in two, and referring to the message before.
    check_every_cut(
        &hex("c1 07 f248cdc9c90700 41 03 f248cd 80 04 c9c90700 c1 05 f200110000"),
        Role::Server,
        Some(DeflateParams::DEFAULT),
    );
}

#[test]
fn a_character_may_be_cut_anywhere_and_so_may_a_bad_one() {
    check_every_cut(&hex("81 04 f09f9880 01 02 f09f 80 02 9880 81 02 c3a9"), Role::Server, None);
    check_every_cut(&hex("81 04 f09f98ff 81 01 61"), Role::Server, None);
}

/// What a peer may do to make itself heard.
#[derive(Clone, Debug)]
enum Say {
    Text(String),
    Binary(Vec<u8>),
    InFragments(Vec<u8>, usize),
    Ping(Vec<u8>),
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        "\\PC{0,200}".prop_map(Say::Text),
        "[ab]{100,2000}".prop_map(Say::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Say::Binary),
        (prop::collection::vec(0..4u8, 0..600), 1..100usize).prop_map(|(bytes, len)| Say::InFragments(bytes, len)),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(Say::Ping),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_said_is_heard(
        says in prop::collection::vec((role(), say()), 1..12),
        deflate in agreement(),
        lengths in prop::collection::vec(1..60usize, 1..6),
        always in any::<bool>(),
    ) {
        let config = Config { compress_min: 0, compress_always: always, ..Config::default() };
        let mut pair = Pair::new(config, deflate);
        let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
        for (role, say) in says {
            let (conn, wire, expected) = match role {
                Role::Client => (&mut pair.client, &mut pair.to_server, &mut to_server),
                Role::Server => (&mut pair.server, &mut pair.to_client, &mut to_client),
            };
            match say {
                Say::Text(text) => {
                    conn.send(text.as_str(), wire).unwrap();
                    expected.push(Got::Text(text));
                }
                Say::Binary(bytes) => {
                    conn.send(&bytes[..], wire).unwrap();
                    expected.push(Got::Binary(bytes));
                }
                Say::InFragments(bytes, len) => {
                    conn.send_fragmented(Message::Binary(&bytes), len.try_into().unwrap(), wire).unwrap();
                    expected.push(Got::Binary(bytes));
                }
                Say::Ping(payload) => {
                    conn.ping(ControlPayload::try_from(&payload[..]).unwrap(), wire).unwrap();
                    expected.push(Got::Ping(payload));
                }
            }
        }
        pair.drive_in(&lengths);
        let heard = |got: Vec<Got>| got.into_iter().filter(|got| !matches!(got, Got::Pong(_))).collect::<Vec<_>>();
        let pongs = |got: &[Got]| got.iter().filter_map(|got| if let Got::Pong(payload) = got { Some(payload.clone()) } else { None }).collect::<Vec<_>>();
        let pings = |expected: &[Got]| expected.iter().filter_map(|got| if let Got::Ping(payload) = got { Some(payload.clone()) } else { None }).collect::<Vec<_>>();
        prop_assert_eq!(pongs(&pair.client_got), pings(&to_server));
        prop_assert_eq!(pongs(&pair.server_got), pings(&to_client));
        prop_assert_eq!(heard(pair.client_got), to_client);
        prop_assert_eq!(heard(pair.server_got), to_server);
    }

    #[test]
    fn splitting_any_stream_anywhere_changes_nothing(
        sender in role(),
        (client, server) in (stream(Role::Client), stream(Role::Server)),
        deflate in agreement(),
        lengths in prop::collection::vec(1..40usize, 1..6),
    ) {
        let bytes = if sender == Role::Client { client } else { server };
        let (mut whole_out, mut cut_out) = (Vec::new(), Vec::new());
        let mut whole = receiver(sender, deflate);
        let mut cut = receiver(sender, deflate);
        prop_assert_eq!(receive(&mut whole, &bytes, &mut whole_out), receive_in(&mut cut, &bytes, &lengths, &mut cut_out));
        prop_assert_eq!(whole_out, cut_out);
        prop_assert_eq!(whole.receive_eof(), cut.receive_eof());
    }

    #[test]
    fn splitting_a_capture_anywhere_changes_nothing(
        sender in role(),
        (client, server) in (stream(Role::Client), stream(Role::Server)),
        deflate in agreement(),
        lengths in prop::collection::vec(1..40usize, 1..6),
    ) {
        let bytes = if sender == Role::Client { client } else { server };
        let mut whole = Dissector::new(sender, deflate);
        whole.feed(&bytes);
        let mut cut = Dissector::new(sender, deflate);
        let mut rest = &bytes[..];
        for &len in lengths.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at(len.min(rest.len()));
            cut.feed(piece);
            rest = later;
        }
        prop_assert_eq!(whole.partial_header(), cut.partial_header());
        loop {
            let (one, other) = (whole.finish(), cut.finish());
            prop_assert_eq!(&one, &other);
            if one.is_none() {
                break;
            }
        }
    }

    #[test]
    fn a_header_that_is_read_and_written_again_is_the_same(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        if let Some((header, len)) = FrameHeader::decode(&bytes) {
            let mut again = Vec::new();
            header.encode(&mut again);
            prop_assert_eq!(&again[..], &bytes[..len]);
            let mut next = 0;
            for (_, bits) in header.fields() {
                prop_assert_eq!(bits.start, next);
                next = bits.end;
            }
            prop_assert_eq!(usize::from(next), 8 * len);
        } else {
            prop_assert!(bytes.len() < FrameHeader::MAX_LEN);
        }
    }
}
