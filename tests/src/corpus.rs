//! Traffic for whoever has to agree about it: right, wrong, and right gone wrong; the same in every run.

use std::num::NonZeroUsize;

use framescope_codec::{
    CloseCode, CloseFrame, Config, Connection, ControlPayload, DeflateParams, Frame, LengthForm, MaskingKey, Message,
    Opcode, Role, Rsv, WindowBits,
};

use crate::wire::hex;

/// What one end of a connection sent, and what there is to know of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// What it is, for messages of tests.
    pub name: String,
    /// Who sent it.
    pub sender: Role,
    /// What the opening handshake had agreed on.
    pub deflate: Option<DeflateParams>,
    /// The bytes behind the handshake.
    pub bytes: Vec<u8>,
    /// The lengths, over and over, of the pieces they arrive in.
    pub pieces: Vec<usize>,
}

/// A small source of numbers that are the same in every run.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// The next number (xorshift64*).
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// The next number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 11) % end as u64).unwrap_or_default()
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// As many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    fn key(&mut self) -> MaskingKey {
        MaskingKey([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn text(&mut self, len: usize) -> String {
        const LETTERS: [char; 12] = ['a', 'b', 'c', ' ', 'e', '"', '<', 'é', 'ß', '€', '한', '😀'];
        let variety = 1 + self.below(LETTERS.len());
        (0..len).map(|_| LETTERS[self.below(variety)]).collect()
    }

    fn role(&mut self) -> Role {
        if self.once_in(2) { Role::Client } else { Role::Server }
    }

    fn deflate(&mut self) -> Option<DeflateParams> {
        (!self.once_in(3)).then(|| DeflateParams {
            server_no_context_takeover: self.once_in(3),
            client_no_context_takeover: self.once_in(3),
            server_max_window_bits: self.window_bits(),
            client_max_window_bits: self.window_bits(),
        })
    }

    fn window_bits(&mut self) -> WindowBits {
        let bits = if self.once_in(2) { 15 } else { 8 + self.byte() % 8 };
        WindowBits::new(bits).unwrap_or(WindowBits::MAX)
    }

    fn pieces(&mut self) -> Vec<usize> {
        match self.below(4) {
            0 => vec![usize::MAX],
            1 => vec![1],
            _ => (0..3).map(|_| 1 + self.below(100)).collect(),
        }
    }
}

/// What an honest end sends: messages in one frame or several, compressed or not, control frames in between, and
/// mostly a Close at the end.
#[must_use]
pub fn honest(seed: u64) -> Traffic {
    let mut numbers = Numbers::new(seed);
    let sender = numbers.role();
    let deflate = numbers.deflate();
    let config = Config { compress_min: 0, compress_always: numbers.once_in(2), ..Config::default() };
    let mut keys = numbers.clone();
    let mut conn = match sender {
        Role::Client => Connection::client(config, deflate, move || keys.key()),
        Role::Server => Connection::server(config, deflate),
    };
    let mut bytes = Vec::new();
    for _ in 0..1 + numbers.below(6) {
        let len = match numbers.below(8) {
            0 => 0,
            1 => 125 + numbers.below(3),
            2 => 200 + numbers.below(2000),
            3 => 65_535 + numbers.below(2),
            _ => numbers.below(60),
        };
        let (text, binary) = (numbers.text(len.min(3000)), numbers.bytes(len));
        let message = if numbers.once_in(2) { Message::Text(&text) } else { Message::Binary(&binary) };
        let start = bytes.len();
        let sent = match NonZeroUsize::new(numbers.below(3) * (1 + numbers.below(1 + len))) {
            Some(fragment_len) => conn.send_fragmented(message, fragment_len, &mut bytes),
            None => conn.send(message, &mut bytes),
        };
        sent.expect("the connection is open");
        if numbers.once_in(2) {
            let payload = numbers.bytes(numbers.clone().below(ControlPayload::MAX + 1));
            let mut control = Vec::new();
            let payload = ControlPayload::try_from(&payload[..]).expect("a short payload");
            conn.ping(payload, &mut control).expect("the connection is open");
            // Where fragments meet a control frame may stand, too.
            let at = frame_ends(&bytes[start..]).nth(numbers.below(2)).map_or(bytes.len(), |end| start + end);
            bytes.splice(at..at, control);
        }
    }
    if !numbers.once_in(4) {
        let frame = (!numbers.once_in(4)).then(|| CloseFrame::new(CloseCode::NORMAL, &numbers.text(5)));
        conn.close(frame, &mut bytes).expect("the connection is open");
    }
    Traffic { name: format!("honest {seed}"), sender, deflate, bytes, pieces: numbers.pieces() }
}

/// Frames put together at random: each rule is broken now and then.
#[must_use]
pub fn careless(seed: u64) -> Traffic {
    let mut numbers = Numbers::new(seed);
    let sender = numbers.role();
    let deflate = numbers.deflate();
    let mut bytes = Vec::new();
    for _ in 0..1 + numbers.below(7) {
        let opcode = match numbers.below(20) {
            0 => Opcode::from_bits(numbers.byte()),
            1 => Opcode::Close,
            2..=4 => Opcode::Ping,
            5 => Opcode::Pong,
            6..=9 => Opcode::Binary,
            10..=13 => Opcode::Continuation,
            _ => Opcode::Text,
        };
        let payload = match (opcode, numbers.below(8)) {
            (Opcode::Close, 0) => numbers.bytes(1),
            (Opcode::Close, 1) => Vec::new(),
            (Opcode::Close, 2) => numbers.bytes(4),
            (Opcode::Close, _) => [&hex("03e8"), numbers.text(4).as_bytes()].concat(),
            (_, 0) => numbers.bytes(numbers.clone().below(200)),
            (_, 1) => vec![b'x'; 120 + numbers.below(10)],
            (_, 2) => numbers.text(8).into_bytes().split_last().map(|(_, front)| front.to_vec()).unwrap_or_default(),
            _ => numbers.text(numbers.clone().below(20)).into_bytes(),
        };
        let mut frame = Frame::new(opcode, payload);
        frame.set_fin(if opcode.is_control() { !numbers.once_in(20) } else { !numbers.once_in(3) });
        if numbers.once_in(if deflate.is_some() { 5 } else { 20 }) {
            frame.set_rsv(Rsv::RSV1);
        } else if numbers.once_in(30) {
            frame.set_rsv(Rsv::from_bits(numbers.byte()));
        }
        let is_masked = (sender == Role::Client) != numbers.once_in(40);
        frame.set_masking_key(is_masked.then(|| numbers.key()));
        if numbers.once_in(20) {
            frame.set_length_form(if numbers.once_in(2) { LengthForm::Bits16 } else { LengthForm::Bits64 });
        }
        frame.encode(&mut bytes);
    }
    Traffic { name: format!("careless {seed}"), sender, deflate, bytes, pieces: numbers.pieces() }
}

/// Honest traffic with a few bytes changed, added or lost, and sometimes the end.
#[must_use]
pub fn damaged(seed: u64) -> Traffic {
    let mut numbers = Numbers::new(!seed);
    let mut traffic = honest(seed);
    let bytes = &mut traffic.bytes;
    for _ in 0..1 + numbers.below(3) {
        // Most of a long payload's bytes are of no account; what is near the front, or a frame's front, is.
        let front = frame_ends(bytes).nth(numbers.below(4)).filter(|_| numbers.once_in(2)).unwrap_or_default();
        let at = (front + numbers.below(16)).min(bytes.len().saturating_sub(1));
        match numbers.below(4) {
            0 => bytes.insert(at, numbers.byte()),
            1 => {
                bytes.remove(at);
            }
            2 => bytes[at] ^= 1 << numbers.below(8),
            _ => bytes[at] = numbers.byte(),
        }
        if bytes.is_empty() {
            break;
        }
    }
    if numbers.once_in(3) {
        bytes.truncate(numbers.below(bytes.len() + 1));
    }
    traffic.name = format!("damaged {seed}");
    traffic
}

/// No traffic at all, but bytes.
#[must_use]
pub fn noise(seed: u64) -> Traffic {
    let mut numbers = Numbers::new(seed);
    let (sender, deflate) = (numbers.role(), numbers.deflate());
    let bytes = numbers.bytes(numbers.clone().below(300));
    Traffic { name: format!("noise {seed}"), sender, deflate, bytes, pieces: numbers.pieces() }
}

/// Each rule, broken by itself, with honest frames around it; named by the rule. Read from `fixtures/violations.json`.
///
/// # Panics
/// When the file is not what it should be.
#[must_use]
pub fn violations() -> Vec<Traffic> {
    let fixture: serde_json::Value = serde_json::from_str(include_str!("../fixtures/violations.json")).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let traffic = |broken: &serde_json::Value| {
        let sender = if broken["direction"] == "c2s" { Role::Client } else { Role::Server };
        let (front, behind) = match sender {
            Role::Client => ("81 82 00000000 6869", "89 81 00000000 21"),
            Role::Server => ("81 02 6869", "89 01 21"),
        };
        Traffic {
            name: text(&broken["rule"]),
            sender,
            deflate: broken["compressed"].as_bool().expect("yes or no").then_some(DeflateParams::DEFAULT),
            bytes: [hex(front), hex(&text(&broken["wire"])), hex(behind)].concat(),
            pieces: vec![usize::MAX],
        }
    };
    fixture.as_array().expect("a list").iter().map(traffic).collect()
}

/// A stream with something of everything, cut at each byte in two: both as two reads, and with the end lost.
#[must_use]
pub fn cuts() -> Vec<Traffic> {
    let bytes = hex("c1 07 f248cdc9c90700 41 03 f248cd 89 02 6869 80 04 c9c90700 81 04 f09f9880 82 7e 0080");
    let bytes = [bytes, vec![0xA5; 128], hex("02 00 80 00 a1 01 78 88 05 03e8 627965 8a 00")].concat();
    let whole = Traffic {
        name: String::new(),
        sender: Role::Server,
        deflate: Some(DeflateParams::DEFAULT),
        bytes: bytes.clone(),
        pieces: vec![usize::MAX],
    };
    let in_two = (1..bytes.len()).map(|cut| Traffic {
        name: format!("in two at {cut}"),
        pieces: vec![cut, usize::MAX],
        ..whole.clone()
    });
    let cut_off = (0..=bytes.len()).map(|cut| Traffic {
        name: format!("cut off at {cut}"),
        bytes: bytes[..cut].to_vec(),
        ..whole.clone()
    });
    in_two.chain(cut_off).collect()
}

/// All of it: `scale` streams of each random kind, beside those that are always the same.
#[must_use]
pub fn all(scale: u64) -> Vec<Traffic> {
    let kinds: [fn(u64) -> Traffic; 4] = [honest, careless, damaged, noise];
    let random = kinds.into_iter().flat_map(|kind| (0..scale).map(kind));
    violations().into_iter().chain(cuts()).chain(random).collect()
}

/// Where the whole frames in `bytes` end.
fn frame_ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (_, len) = Frame::load(&bytes[at..])?;
        at += len;
        Some(at)
    })
}

#[cfg(test)]
mod tests {
    use framescope_codec::{Dissector, Violation};

    use super::violations;

    /// Limits aside, which are no rule of the stream's.
    #[test]
    fn the_fixture_breaks_every_rule_and_each_as_it_says() {
        let mut seen = Vec::new();
        for traffic in violations() {
            let mut dissector = Dissector::new(traffic.sender, traffic.deflate);
            dissector.feed(&traffic.bytes);
            let found = std::iter::from_fn(|| dissector.finish()).find_map(|frame| frame.violations.first().copied());
            assert_eq!(found.map(|found| found.violation.name()), Some(traffic.name.as_str()));
            seen.push(traffic.name);
        }
        for rule in Violation::ALL {
            let is_limit = matches!(rule, Violation::MessageTooBig | Violation::TooManyFragments);
            assert!(is_limit || seen.iter().any(|name| name == rule.name()), "{rule}");
        }
    }
}
