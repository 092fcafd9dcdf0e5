//! A frame's fields in words: what each says, what that means, and where the RFC has it from.

use framescope_codec::dissect::Dissection;
use framescope_codec::{Field, FrameHeader, LengthForm, Opcode, Rsv, Violation, close_code_name};

use super::dissection::hex;
use super::objects::{FieldInfo, Verdict, ViolationInfo};
use super::preview;

/// Every field of the frame, in wire order; they tile its bytes.
pub(super) fn of_frame(dissection: &Dissection) -> Vec<FieldInfo> {
    let header = &dissection.header;
    let mut fields: Vec<_> = header
        .fields()
        .map(|(field, bits)| {
            let (value, meaning) = in_words(field, dissection);
            FieldInfo {
                name: field.name(),
                label: label(field).into(),
                bytes: (usize::from(bits.start / 8), usize::from(bits.end.div_ceil(8))),
                bits: Some((bits.start, bits.end)),
                value,
                meaning,
                section: section(field, dissection),
                verdict: verdict(field, dissection),
                children: Vec::new(),
            }
        })
        .collect();
    if header.payload_length.get() > 0 {
        fields.push(payload(dissection));
    }
    fields
}

/// The broken rules, each with the place in the frame where it shows.
pub(super) fn violations(dissection: &Dissection) -> Vec<ViolationInfo> {
    let header_len = dissection.header.encoded_len();
    // In a compressed message an offset counts inflated bytes, which are not in the frame.
    let inflated =
        dissection.message.as_ref().is_some_and(|message| message.compressed) || dissection.inflated_len.is_some();
    let violation = |found: &framescope_codec::dissect::Found| {
        let rule = found.violation;
        let shows_in_frame = !inflated || rule == Violation::InvalidDeflate;
        ViolationInfo {
            name: rule.name(),
            section: rule.section(),
            says: rule.says(),
            field: rule.field().name(),
            bytes: found
                .payload_offset
                .filter(|_| shows_in_frame)
                .and_then(|at| usize::try_from(at).ok())
                .map(|at| (header_len + at, header_len + at + 1)),
            code: rule.is_fatal().then(|| rule.close_code().get()),
            code_name: rule.close_code().name(),
        }
    };
    dissection.violations.iter().map(violation).collect()
}

fn payload(dissection: &Dissection) -> FieldInfo {
    let start = dissection.header.encoded_len();
    let end = start + dissection.payload.len();
    let (value, meaning) = in_words(Field::PayloadData, dissection);
    let children = if dissection.header.opcode == Opcode::Close { close(dissection, start, end) } else { Vec::new() };
    FieldInfo {
        name: Field::PayloadData.name(),
        label: label(Field::PayloadData).into(),
        bytes: (start, end),
        bits: None,
        value,
        meaning,
        section: section(Field::PayloadData, dissection),
        verdict: verdict(Field::PayloadData, dissection),
        children,
    }
}

fn close(dissection: &Dissection, start: usize, end: usize) -> Vec<FieldInfo> {
    let Some(close) = &dissection.close else { return Vec::new() };
    let Some(code) = close.code else { return Vec::new() };
    let breaks = |rule| dissection.violations.iter().any(|found| found.violation == rule);
    let mut parts = vec![FieldInfo {
        name: "close-code",
        label: "Close code".into(),
        bytes: (start, (start + 2).min(end)),
        bits: None,
        value: format!("{code} {}", close_code_name(code)),
        meaning: close_code_meaning(code).into(),
        section: "RFC 6455, 7.4",
        verdict: if breaks(Violation::InvalidCloseCode) { Verdict::Bad } else { Verdict::Plain },
        children: Vec::new(),
    }];
    if !close.reason.is_empty() {
        parts.push(FieldInfo {
            name: "close-reason",
            label: "Close reason".into(),
            bytes: ((start + 2).min(end), end),
            bits: None,
            value: preview::text(&close.reason),
            meaning: "Words for logs and for people; no program should rest on them.".into(),
            section: "RFC 6455, 7.1.6",
            verdict: if breaks(Violation::InvalidCloseReason) { Verdict::Bad } else { Verdict::Plain },
            children: Vec::new(),
        });
    }
    parts
}

fn verdict(field: Field, dissection: &Dissection) -> Verdict {
    if dissection.violations.iter().any(|found| found.violation.field() == field) {
        Verdict::Bad
    } else {
        Verdict::Plain
    }
}

pub(super) const fn label(field: Field) -> &'static str {
    match field {
        Field::Fin => "FIN",
        Field::Rsv1 => "RSV1",
        Field::Rsv2 => "RSV2",
        Field::Rsv3 => "RSV3",
        Field::Opcode => "Opcode",
        Field::Mask => "MASK",
        Field::PayloadLength => "Payload length",
        Field::ExtendedPayloadLength => "Extended length",
        Field::MaskingKey => "Masking key",
        Field::PayloadData => "Payload data",
    }
}

/// A field's value, and a sentence about it.
fn in_words(field: Field, dissection: &Dissection) -> (String, String) {
    let header = &dissection.header;
    let bit = |set: bool| if set { "1" } else { "0" }.to_owned();
    match field {
        Field::Fin => (bit(header.fin), fin_meaning(dissection).into()),
        Field::Rsv1 => (bit(header.rsv.contains(Rsv::RSV1)), rsv1_meaning(dissection).into()),
        Field::Rsv2 => (bit(header.rsv.contains(Rsv::RSV2)), reserved_bit(header.rsv.contains(Rsv::RSV2)).into()),
        Field::Rsv3 => (bit(header.rsv.contains(Rsv::RSV3)), reserved_bit(header.rsv.contains(Rsv::RSV3)).into()),
        Field::Opcode => {
            (format!("0x{:X} {}", header.opcode.bits(), header.opcode.name()), opcode_meaning(header.opcode).into())
        }
        Field::Mask => {
            let masked = header.masking_key.is_some();
            let meaning = if masked {
                "Masked, as every frame from a client must be and none from a server may be."
            } else {
                "Not masked, as every frame from a server must be and none from a client may be."
            };
            (bit(masked), meaning.into())
        }
        Field::PayloadLength => length_words(header),
        Field::ExtendedPayloadLength => {
            let length = header.payload_length;
            let meaning = if length.is_minimal() {
                format!("The length in {} bits: the shortest form that can hold it.", 8 * length.form().extended_len())
            } else {
                "A shorter form could hold this length.".into()
            };
            (length.get().to_string(), meaning)
        }
        Field::MaskingKey => (
            header.masking_key.map_or_else(String::new, |key| hex(&key.0)),
            "Four bytes, fresh and unpredictable for each frame; the payload is XORed with them over and over.".into(),
        ),
        Field::PayloadData => payload_words(dissection),
    }
}

fn fin_meaning(dissection: &Dissection) -> &'static str {
    let is_first = dissection.fragment.is_none_or(|fragment| fragment.index == 0);
    match (dissection.header.fin, is_first, dissection.header.opcode.is_control()) {
        (true, _, true) => "A control frame is always whole.",
        (false, _, true) => "More is said to follow, but a control frame is always whole.",
        (true, true, false) => "The message is complete in this frame.",
        (true, false, false) => "The last fragment of its message.",
        (false, true, false) => "The first fragment of a message: more follow.",
        (false, false, false) => "A fragment in the middle of its message: more follow.",
    }
}

fn rsv1_meaning(dissection: &Dissection) -> &'static str {
    let breaks = |rule| dissection.violations.iter().any(|found| found.violation == rule);
    if !dissection.header.rsv.contains(Rsv::RSV1) {
        "Not set. With permessage-deflate: this message is not compressed, or this is not its first frame."
    } else if breaks(Violation::Rsv1WithoutExtension) {
        "Set, though no extension gives it a meaning here."
    } else if breaks(Violation::Rsv1OnControl) || breaks(Violation::Rsv1OnContinuation) {
        "Set where compression has nothing to say: only the first frame of a message carries it."
    } else {
        "This message is compressed with permessage-deflate."
    }
}

const fn reserved_bit(set: bool) -> &'static str {
    if set { "Set, though no extension gives it a meaning." } else { "Reserved, and 0 as it must be." }
}

const fn opcode_meaning(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::Continuation => "The next fragment of the message under way.",
        Opcode::Text => "A text message, UTF-8, begins here.",
        Opcode::Binary => "A binary message begins here.",
        Opcode::Close => "The closing handshake: the sender will send nothing after this.",
        Opcode::Ping => "Asks the other end for a pong with the same payload.",
        Opcode::Pong => "Answers a ping, or comes unasked as a sign of life.",
        _ if opcode.is_control() => "Reserved for a control frame that nobody has defined.",
        _ => "Reserved for a data frame that nobody has defined.",
    }
}

fn length_words(header: &FrameHeader) -> (String, String) {
    let length = header.payload_length;
    let value = length.seven_bits().to_string();
    let meaning = match length.form() {
        LengthForm::Bits7 if length.get() == 1 => "The payload is 1 byte long.".into(),
        LengthForm::Bits7 => format!("The payload is {} bytes long.", length.get()),
        LengthForm::Bits16 => "126 says: the length stands in the next 16 bits.".into(),
        LengthForm::Bits64 => "127 says: the length stands in the next 64 bits.".into(),
    };
    (value, meaning)
}

fn payload_words(dissection: &Dissection) -> (String, String) {
    let header = &dissection.header;
    let shown = if matches!(header.opcode, Opcode::Text | Opcode::Ping | Opcode::Pong | Opcode::Continuation)
        && dissection.inflated_len.is_none()
        && preview::is_readable(&dissection.payload)
    {
        preview::text(&dissection.payload)
    } else {
        preview::bytes(&dissection.payload)
    };
    let bytes = header.payload_length.get();
    let mut meaning = if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    if header.masking_key.is_some() {
        meaning.push_str(", masked on the wire, shown unmasked here");
    }
    match dissection.inflated_len {
        Some(len) => meaning.push_str(&format!("; compressed, {len} bytes once inflated.")),
        None => meaning.push('.'),
    }
    if dissection.payload_missing > 0 {
        meaning.push_str(&format!(" {} of them were not captured.", dissection.payload_missing));
    }
    (shown, meaning)
}

fn section(field: Field, dissection: &Dissection) -> &'static str {
    let opcode = dissection.header.opcode;
    match field {
        Field::Fin if opcode.is_data() => "RFC 6455, 5.4",
        Field::Rsv1 if dissection.header.rsv.contains(Rsv::RSV1) => "RFC 7692, 6",
        Field::Opcode => match opcode {
            Opcode::Continuation => "RFC 6455, 5.4",
            Opcode::Text | Opcode::Binary => "RFC 6455, 5.6",
            Opcode::Close => "RFC 6455, 5.5.1",
            Opcode::Ping => "RFC 6455, 5.5.2",
            Opcode::Pong => "RFC 6455, 5.5.3",
            _ => "RFC 6455, 5.2",
        },
        Field::MaskingKey => "RFC 6455, 5.3",
        Field::Mask => "RFC 6455, 5.1",
        Field::PayloadData => match opcode {
            _ if dissection.inflated_len.is_some() => "RFC 7692, 6.2",
            Opcode::Text => "RFC 6455, 8.1",
            Opcode::Close => "RFC 6455, 5.5.1",
            Opcode::Ping | Opcode::Pong => "RFC 6455, 5.5",
            _ => "RFC 6455, 5.6",
        },
        _ => "RFC 6455, 5.2",
    }
}

/// What a status code tells the other end (RFC 6455, 7.4.1, and the registry).
const fn close_code_meaning(code: u16) -> &'static str {
    match code {
        1000 => "The purpose of the connection is fulfilled.",
        1001 => "An end goes away: a server shuts down, a page is left.",
        1002 => "The other end broke the protocol.",
        1003 => "A kind of data came that is not accepted here.",
        1005 | 1006 | 1015 => "Set aside for programs to tell how a connection ended; never sent in a frame.",
        1007 => "Data came that does not fit its type, as text that is not UTF-8.",
        1008 => "A policy was broken, and no other code fits.",
        1009 => "A message came that is too big to handle.",
        1010 => "The client misses an extension that the server did not agree to.",
        1011 => "Something unexpected kept the server from going on.",
        1012 => "The service restarts: connect again after a while.",
        1013 => "The service is overloaded: try again later.",
        1014 => "A gateway got a bad answer from the server behind it.",
        3000..=3999 => "For libraries, frameworks and applications, registered with IANA.",
        4000..=4999 => "For private use between the two ends.",
        _ => "Has no meaning that may be sent.",
    }
}
