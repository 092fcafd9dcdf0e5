//! Any bytes may come where a handshake should: what the two sides accept, the inspector's judgement
//! finds nothing fatal in, and the answer to an accepted request is one that a client takes.
#![no_main]

use framescope_codec::deflate::params::{DeflatePolicy, Offer};
use framescope_codec::handshake::{
    Acceptance, ClientHandshake, ClientOptions, HandshakeError, HeadLimits, Request, Url, judge_request, judge_response,
};
use framescope_codec::{Config, MaskingKey, WindowBits};
use libfuzzer_sys::fuzz_target;

const LIMITS: HeadLimits = HeadLimits { bytes: 4096, headers: 20 };

fuzz_target!(|bytes: &[u8]| {
    let Some((&mode, bytes)) = bytes.split_first() else { return };
    match mode % 2 {
        0 => request(mode, bytes),
        _ => response(mode, bytes),
    }
});

fn request(mode: u8, bytes: &[u8]) {
    let parsed = Request::parse(bytes, &LIMITS);
    let judged = judge_request(bytes);
    for finding in judged.findings() {
        assert!(finding.range.start <= finding.range.end && finding.range.end <= bytes.len());
    }
    // What is said of a part is not taken back when the rest comes.
    let half = &bytes[..bytes.len() / 2];
    match (Request::parse(half, &LIMITS), &parsed) {
        (Ok(Some((_, len))), Ok(Some((_, whole_len)))) => assert_eq!(len, *whole_len),
        (Ok(Some(_)), _) => panic!("a request that is whole became {parsed:?}"),
        (Err(error), Err(whole)) => assert_eq!(&error, whole),
        (Err(error), Ok(_)) => panic!("{error} was taken back"),
        (Ok(None), _) => {}
    }
    let (request, len) = match parsed {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return,
        Err(error) => return check_refusal(&error),
    };
    assert!(len <= bytes.len());
    let (_, _) = (request.path(), request.query());
    let judged = judge_request(&bytes[..len]);
    let opening = match request.check() {
        Ok(opening) => opening,
        Err(error) => {
            assert!(judged.findings().iter().any(|finding| Some(finding.rule) == error.rule()), "{error}: {judged:?}");
            return check_refusal(&error);
        }
    };
    let policy = DeflatePolicy {
        server_no_context_takeover: mode & 2 != 0,
        client_no_context_takeover: mode & 4 != 0,
        server_max_window_bits: WindowBits::new(mode >> 4),
        client_max_window_bits: (mode & 8 != 0).then_some(WindowBits::MIN),
    };
    let subprotocol = opening.subprotocols().first().cloned();
    let acceptance = Acceptance { subprotocol: subprotocol.as_deref(), deflate: Some(policy), headers: None };
    let mut out = Vec::new();
    let connection = opening.accept(&acceptance, Config::default(), &mut out);
    let answer = judge_response(&out, Some(&judged));
    assert!(answer.findings().is_empty(), "{answer:?}");
    assert_eq!((answer.status(), answer.accept_matches()), (Some(101), Some(true)));
    assert_eq!(answer.deflate(), connection.deflate());
    assert_eq!(answer.subprotocol(), subprotocol.as_deref());
}

fn check_refusal(error: &HandshakeError) {
    let mut out = Vec::new();
    error.refuse(&mut out);
    let answer = judge_response(&out, None);
    assert_eq!(answer.status(), Some(error.status()));
    assert!((400..=505).contains(&error.status()));
}

fn response(mode: u8, bytes: &[u8]) {
    let url = Url::parse("ws://server.example.com/chat").expect("an address");
    let options =
        ClientOptions { subprotocols: &["chat", "v2"], offers: &[Offer::BROWSER], headers: None, limits: LIMITS };
    let mut handshake = ClientHandshake::new(&url, *b"the sample nonce", &options).expect("a handshake");
    let whole = handshake.clone().receive(bytes);
    // In pieces that grow, as they would from a socket.
    let mut pieces = Err(());
    for end in (0..=bytes.len()).step_by(usize::from(mode / 2).max(1)).chain([bytes.len()]) {
        let result = handshake.receive(&bytes[..end]);
        if !matches!(result, Ok(None)) || end == bytes.len() {
            pieces = Ok(result);
            break;
        }
    }
    let pieces = pieces.expect("the last piece was tried");
    match (whole, pieces) {
        (Ok(Some((response, len))), Ok(Some((other, other_len)))) => {
            assert_eq!(len, other_len);
            assert!(len <= bytes.len());
            assert_eq!(response.subprotocol(), other.subprotocol());
            let connection = response.accept(Config::default(), || MaskingKey([0; 4]));
            assert!(connection.is_open());
        }
        (Ok(None), Ok(None)) => {}
        (Err(one), Err(other)) => assert_eq!(one, other),
        (whole, pieces) => panic!("in one piece {whole:?}, in several {pieces:?}"),
    }
}
