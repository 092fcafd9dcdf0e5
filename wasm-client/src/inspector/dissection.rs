//! One dissection as JSON, with nothing left out.
//!
//! This is the form in which the native codec and the wasm module are held against each other, so it is made by
//! the same code on both sides, keeps every number exact, and writes bytes in hex.

use framescope_codec::capture::Direction;
use framescope_codec::dissect::{Dissection, Dissector, Inflation};
use framescope_codec::{DeflateParams, LengthForm, MessageKind};
use serde::Serialize;

use super::fields;
use super::objects::Explained;

/// Takes apart what one end of a connection sent, behind the handshake: a JSON object for each frame, the
/// cut-off last one included, and for a cut-off header one with its bytes.
#[must_use]
pub fn dissect(direction: Direction, deflate: Option<DeflateParams>, bytes: &[u8]) -> Vec<String> {
    let mut dissector = Dissector::new(direction.sender(), deflate);
    dissector.feed(bytes);
    let mut found = Vec::new();
    while let Some(dissection) = dissector.next_frame() {
        found.push(dissection_json(&dissection));
    }
    let partial_header = dissector.partial_header().to_vec();
    if let Some(cut_off) = dissector.finish() {
        found.push(dissection_json(&cut_off));
    }
    if !partial_header.is_empty() {
        found.push(json(&CutHeader { cut_header: hex(&partial_header) }));
    }
    found
}

/// What stands in each frame that one end of a connection sent, behind the handshake, in words: for a page that has the
/// bytes and no capture. The cut-off last one is included.
#[must_use]
pub fn explain(direction: Direction, deflate: Option<DeflateParams>, bytes: &[u8], is_late: bool) -> Vec<Explained> {
    let made = if is_late { Dissector::joining_late } else { Dissector::new };
    let mut dissector = made(direction.sender(), deflate);
    dissector.feed(bytes);
    let mut found = Vec::new();
    while let Some(dissection) = dissector.next_frame() {
        found.push(explained(&dissection));
    }
    found.extend(dissector.finish().as_ref().map(explained));
    found
}

fn explained(dissection: &Dissection) -> Explained {
    Explained {
        fields: fields::of_frame(dissection),
        violations: fields::violations(dissection),
        header_length: dissection.header.encoded_len(),
    }
}

/// The whole of a dissection.
#[must_use]
pub fn dissection_json(dissection: &Dissection) -> String {
    let Dissection {
        number,
        offset,
        header,
        payload,
        payload_missing,
        violations,
        fragment,
        inflated_len,
        message,
        close,
    } = dissection;
    json(&Frame {
        number: *number,
        offset: *offset,
        header: Header {
            bytes: hex(header.encode_array().as_ref()),
            fin: header.fin,
            rsv: header.rsv.bits(),
            opcode: header.opcode.bits(),
            opcode_name: header.opcode.name(),
            masking_key: header.masking_key.map(|key| hex(&key.0)),
            length_form: match header.payload_length.form() {
                LengthForm::Bits7 => 7,
                LengthForm::Bits16 => 16,
                LengthForm::Bits64 => 64,
            },
            payload_length: header.payload_length.get(),
            fields: header.fields().map(|(field, bits)| (field.name(), bits.start, bits.end)).collect(),
        },
        payload: hex(payload),
        payload_missing: *payload_missing,
        violations: violations
            .iter()
            .map(|found| Violation {
                rule: found.violation.name(),
                section: found.violation.section(),
                field: found.violation.field().name(),
                close_code: found.violation.close_code().get(),
                payload_offset: found.payload_offset,
            })
            .collect(),
        fragment: fragment.map(|place| Fragment { message: place.message, index: place.index }),
        inflated_length: *inflated_len,
        message: message.as_ref().map(|message| Message {
            kind: message.kind.map(|kind| match kind {
                MessageKind::Text => "text",
                MessageKind::Binary => "binary",
            }),
            compressed: message.compressed,
            payload: hex(&message.payload),
            payload_is_whole: message.payload_is_whole,
            fragments: message.fragments,
            inflation: inflation_name(message.inflation),
        }),
        close: close.as_ref().map(|close| Close { code: close.code, reason: hex(&close.reason) }),
    })
}

/// How inflating went, in kebab case.
const fn inflation_name(inflation: Inflation) -> &'static str {
    match inflation {
        Inflation::NotNeeded => "not-needed",
        Inflation::Done => "done",
        Inflation::Failed => "failed",
        Inflation::HistoryMissing => "history-missing",
    }
}

/// Lower-case hex without spaces.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Our own types hold nothing that JSON cannot.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    number: u64,
    offset: u64,
    header: Header,
    payload: String,
    payload_missing: u64,
    violations: Vec<Violation>,
    fragment: Option<Fragment>,
    inflated_length: Option<u64>,
    message: Option<Message>,
    close: Option<Close>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    bytes: String,
    fin: bool,
    rsv: u8,
    opcode: u8,
    opcode_name: &'static str,
    masking_key: Option<String>,
    length_form: u8,
    payload_length: u64,
    /// Name, first bit, one past the last.
    fields: Vec<(&'static str, u8, u8)>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Violation {
    rule: &'static str,
    section: &'static str,
    field: &'static str,
    close_code: u16,
    payload_offset: Option<u64>,
}

#[derive(Serialize)]
struct Fragment {
    message: u64,
    index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    kind: Option<&'static str>,
    compressed: bool,
    payload: String,
    payload_is_whole: bool,
    fragments: u32,
    inflation: &'static str,
}

#[derive(Serialize)]
struct Close {
    code: Option<u16>,
    reason: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CutHeader {
    cut_header: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_written_down_whole() {
        let found = dissect(Direction::ClientToServer, None, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x81");
        assert_eq!(
            found,
            [
                concat!(
                    r#"{"number":0,"offset":0,"header":{"bytes":"818537fa213d","fin":true,"rsv":0,"opcode":1,"#,
                    r#""opcodeName":"text","maskingKey":"37fa213d","lengthForm":7,"payloadLength":5,"fields":"#,
                    r#"[["fin",0,1],["rsv1",1,2],["rsv2",2,3],["rsv3",3,4],["opcode",4,8],["mask",8,9],"#,
                    r#"["payload-length",9,16],["masking-key",16,48]]},"payload":"48656c6c6f","payloadMissing":0,"#,
                    r#""violations":[],"fragment":{"message":0,"index":0},"inflatedLength":null,"message":"#,
                    r#"{"kind":"text","compressed":false,"payload":"48656c6c6f","payloadIsWhole":true,"fragments":1,"#,
                    r#""inflation":"not-needed"},"close":null}"#,
                ),
                r#"{"cutHeader":"81"}"#,
            ]
        );
    }
}
