//! What a file is, by its first bytes.

use super::bare::Fit;
use super::pcap::Pcap;
use super::{Format, text};

/// What the bytes look like.
#[derive(Debug)]
pub(super) enum Sniffed {
    /// Too few to say.
    NeedsMore,
    Pcapng,
    /// And whether its magic number is damaged.
    Pcap(Pcap, bool),
    Gzip,
    /// One object of JSON.
    Json,
    /// Bytes written as text.
    Text(Format),
    /// Frames and nothing else.
    Bare,
    /// Something with a name that is not read here.
    Known(&'static str),
    Unknown,
    /// Nothing at all.
    Empty,
}

/// Looks at the first bytes of a file; `is_all` if they are the last ones too.
pub(super) fn sniff(bytes: &[u8], is_all: bool) -> Sniffed {
    // However the file comes, these are what it is judged by.
    let is_all = is_all && bytes.len() <= SNIFFED;
    let bytes = &bytes[..bytes.len().min(SNIFFED)];
    if bytes.is_empty() {
        return if is_all { Sniffed::Empty } else { Sniffed::NeedsMore };
    }
    if let Some(sniffed) = by_magic(bytes) {
        return sniffed;
    }
    if bytes.len() < SNIFFED && !is_all {
        return Sniffed::NeedsMore;
    }
    if let Some(sniffed) = damaged(bytes) {
        return sniffed;
    }
    // Text may be cut within a character.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    if let Some(format) = text.and_then(|text| text::sniff(text, is_all)) {
        return Sniffed::Text(format);
    }
    if Fit::of(bytes).is_certain(is_all) { Sniffed::Bare } else { Sniffed::Unknown }
}

/// Whether these bytes begin as a file does that is read.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    by_magic(bytes).is_some_and(|sniffed| !matches!(sniffed, Sniffed::Known(_)))
}

/// By the first bytes, which most formats have of their own.
fn by_magic(bytes: &[u8]) -> Option<Sniffed> {
    if bytes.starts_with(b"\x0a\x0d\x0d\x0a") {
        return Some(Sniffed::Pcapng);
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Some(Sniffed::Gzip);
    }
    if let Some(pcap) = Pcap::sniff(bytes) {
        return Some(Sniffed::Pcap(pcap, false));
    }
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    if text.strip_prefix(b"{").is_some_and(|behind| matches!(behind.trim_ascii_start(), [b'"' | b'}', ..])) {
        return Some(Sniffed::Json);
    }
    let known = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic));
    known.map(|(_, name)| Sniffed::Known(name))
}

/// A capture whose first bytes were damaged is worth reading all the same.
fn damaged(bytes: &[u8]) -> Option<Sniffed> {
    if let Some(pcap) = Pcap::sniff_damaged(bytes) {
        return Some(Sniffed::Pcap(pcap, true));
    }
    let order = bytes.get(8..12)?;
    (order == b"\x4d\x3c\x2b\x1a" || order == b"\x1a\x2b\x3c\x4d").then_some(Sniffed::Pcapng)
}

/// What some editors put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// So many bytes tell any format, or it cannot be told.
const SNIFFED: usize = 4096;

/// What people may well try, and what it is called.
const KNOWN: [(&[u8], &str); 20] = [
    (b"\xff\xfe", "text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16; save it as UTF-8"),
    (b"\x28\xb5\x2f\xfd", "Zstandard; unpack it first"),
    (b"\xfd7zXZ\0", "xz; unpack it first"),
    (b"BZh", "bzip2; unpack it first"),
    (b"\x04\x22\x4d\x18", "LZ4; unpack it first"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (b"snoop\0\0\0", "a snoop capture; editcap makes pcapng of it"),
    (b"GMBU", "a capture of Microsoft Network Monitor; editcap makes pcapng of it"),
    (b"RTSS", "a capture of Microsoft Network Monitor; editcap makes pcapng of it"),
    (b"TRSNIFF data", "a capture of Sniffer; editcap makes pcapng of it"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF-", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
    (b"\0asm", "a WebAssembly module"),
];
