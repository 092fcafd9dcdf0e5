//! Doors into every room of the codec, so that the linker drops none of it. A host puts bytes in with [`put`], opens
//! a door, and reads what came of it with [`get`]: numbers only, because anything richer would need imports.

use std::cell::RefCell;
use std::num::NonZeroUsize;

use framescope_codec::capture::tap::Flow;
use framescope_codec::capture::{Decoder, Direction, mask::HeadMask, pcapng};
use framescope_codec::deflate::params::{DeflatePolicy, Offer};
use framescope_codec::handshake::{
    Acceptance, ClientHandshake, ClientOptions, HeadLimits, Request, Url, judge_request, judge_response,
};
use framescope_codec::{
    Config, Connection, DeflateParams, Dissector, Input, MaskingKey, Message, Role, generate_ws_frame, parse_ws_frame,
};

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Appends a byte to the input.
#[unsafe(no_mangle)]
pub extern "C" fn put(byte: u8) {
    INPUT.with_borrow_mut(|input| input.push(byte));
}

/// A byte of the output, or -1 behind its end.
#[unsafe(no_mangle)]
pub extern "C" fn get(index: usize) -> i32 {
    OUTPUT.with_borrow(|output| output.get(index).map_or(-1, |&byte| i32::from(byte)))
}

/// Takes the input, hands it through, keeps the output.
fn door(through: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let output = through(INPUT.take());
    OUTPUT.set(output);
}

/// The payload of one frame, read and written by the plain helpers.
#[unsafe(no_mangle)]
pub extern "C" fn frame() {
    door(|bytes| {
        parse_ws_frame(&bytes).map_or_else(|_| b"incomplete".to_vec(), |frame| generate_ws_frame(frame.payload))
    });
}

/// What a server answers that echoes each message; events in words, then its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn serve() {
    door(|bytes| converse(Connection::server(Config::default(), Some(DeflateParams::DEFAULT)), bytes));
}

/// The same from a client, whose masking keys are all alike.
#[unsafe(no_mangle)]
pub extern "C" fn call() {
    let keys = || MaskingKey([0x37, 0xfa, 0x21, 0x3d]);
    door(|bytes| converse(Connection::client(Config::default(), Some(DeflateParams::DEFAULT), keys), bytes));
}

fn converse(mut connection: Connection, mut bytes: Vec<u8>) -> Vec<u8> {
    let (mut events, mut out, mut echo) = (String::new(), Vec::new(), Vec::new());
    let mut input = Input::new(&mut bytes);
    while let Some(event) = connection.receive(&mut input, &mut out) {
        events.push_str(&format!("{event:?}\n"));
        if let framescope_codec::Event::Message(message) = event {
            echo.push(match message {
                Message::Text(text) => Ok(text.to_owned()),
                Message::Binary(bytes) => Err(bytes.to_owned()),
            });
        }
    }
    for message in &echo {
        let message = match message {
            Ok(text) => Message::Text(text),
            Err(bytes) => Message::Binary(bytes),
        };
        let sent = connection.send(message, &mut out);
        let fragmented = connection.send_fragmented(message, NonZeroUsize::MIN, &mut out);
        events.push_str(&format!("{sent:?} {fragmented:?}\n"));
    }
    let closed = connection.close(None, &mut out);
    events.push_str(&format!("{closed:?} {:?}\n", connection.receive_eof()));
    [events.into_bytes(), out].concat()
}

/// The answer to an opening handshake, with whatever it offers accepted; and what an inspector says of both.
#[unsafe(no_mangle)]
pub extern "C" fn open() {
    door(|bytes| {
        let mut out = Vec::new();
        match Request::parse(&bytes, &HeadLimits::default())
            .and_then(|parsed| parsed.map(|(request, _)| request.check()).transpose())
        {
            Ok(Some(opening)) => {
                let deflate = Some(DeflatePolicy::default());
                opening.accept(&Acceptance { deflate, ..Acceptance::default() }, Config::default(), &mut out);
            }
            Ok(None) => return b"incomplete".to_vec(),
            Err(error) => error.refuse(&mut out),
        }
        let request = judge_request(&bytes);
        let judged = format!("{request:?}\n{:?}\n", judge_response(&out, Some(&request)));
        [judged.into_bytes(), out].concat()
    });
}

/// The opening handshake of a client, for a URL, answered by ourselves.
#[unsafe(no_mangle)]
pub extern "C" fn ask() {
    door(|bytes| {
        let Ok(url) = Url::parse(&String::from_utf8_lossy(&bytes)) else { return b"no URL".to_vec() };
        let options = ClientOptions { offers: &[Offer::BROWSER], ..ClientOptions::default() };
        let Ok(mut handshake) = ClientHandshake::new(&url, *b"the sample nonce", &options) else {
            return b"no request".to_vec();
        };
        let (mut request, mut response) = (Vec::new(), Vec::new());
        handshake.request(&mut request);
        if let Ok(opening) = Request::read(&request).and_then(|request| request.check()) {
            let deflate = Some(DeflatePolicy::default());
            opening.accept(&Acceptance { deflate, ..Acceptance::default() }, Config::default(), &mut response);
        }
        [request, format!("{:?}\n", handshake.receive(&response)).into_bytes()].concat()
    });
}

/// Everything there is to say about a client's bytes.
#[unsafe(no_mangle)]
pub extern "C" fn dissect() {
    door(|bytes| {
        let mut dissector = Dissector::new(Role::Client, Some(DeflateParams::DEFAULT));
        dissector.feed(&bytes);
        let mut told = String::new();
        while let Some(frame) = dissector.next_frame().or_else(|| dissector.finish()) {
            told.push_str(&format!("{frame:?} {:?}\n", frame.header.fields().collect::<Vec<_>>()));
        }
        told.into_bytes()
    });
}

/// A capture of a client's bytes, credentials hidden.
#[unsafe(no_mangle)]
pub extern "C" fn capture() {
    door(|mut bytes| {
        let mut out = Vec::new();
        let mut flow = Flow::in_process(1);
        pcapng::write_start(&mut out);
        flow.open(0, &mut out);
        HeadMask::new().apply(Direction::ClientToServer, &mut bytes);
        flow.bytes(Direction::ClientToServer, 1, &bytes, &mut out);
        flow.end(Direction::ClientToServer, 2, &mut out);
        out
    });
}

/// Everything there is to say about a capture.
#[unsafe(no_mangle)]
pub extern "C" fn decode() {
    door(|bytes| {
        let mut decoder = Decoder::new();
        decoder.feed(&bytes);
        decoder.finish();
        let mut told = String::new();
        while let Some(record) = decoder.next_record() {
            told.push_str(&format!("{record:?}\n"));
        }
        told.into_bytes()
    });
}
