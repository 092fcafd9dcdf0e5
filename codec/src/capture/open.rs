//! Any file as pcapng: whatever people bring is turned into the one format that is read here, as it comes.
//!
//! ```text
//! pcapng ------------------------------------------------+
//! pcap ------------ each record as a block --------------|
//! gzip ------------ inflated, and opened again ----------+--> pcapng, to a Decoder
//! HAR ------------- messages as frames of a connection --+
//! NetLog ---------- the bytes of sockets ----------------+
//! hex, base64 ----- a file, packets or frames in them ---+
//! frames alone ---- as the bytes of a connection --------+
//! ```
//!
//! What a file is, its bytes say, never its name. What cannot be understood becomes a [`Fault`] that says what it looks
//! like and where, behind everything that could be read. No length that a file claims makes anything be allocated.
//!
//! ```
//! use framescope_codec::capture::{Decoder, open::{Format, Opener}, pcapng};
//!
//! let mut file = Vec::new();
//! pcapng::write_start(&mut file);
//! let mut opener = Opener::new();
//! let mut decoder = Decoder::new();
//! opener.feed(&file); // in whatever pieces it comes
//! opener.finish();
//! while let Some(bytes) = opener.next_bytes() {
//!     decoder.feed(&bytes);
//!     while let Some(_record) = decoder.next_record() {}
//! }
//! decoder.finish();
//! assert_eq!((opener.format(), opener.next_fault()), (Some(Format::Pcapng), None));
//! ```

mod bare;
mod crc32;
mod gzip;
mod har;
mod hex;
mod input;
mod json;
mod log;
mod netlog;
mod pcap;
mod rebuilt;
mod sniff;
mod text;

use std::collections::VecDeque;

use super::pcapng::{Fault, FaultKind};
use input::Input;
use sniff::Sniffed;

/// Opens a file of any format that is known: its bytes go in as they are read, pcapng comes out.
///
/// See the [module](self) for how to run it.
#[derive(Debug)]
pub struct Opener {
    input: Input,
    stage: Stage,
    /// In how many others this one is.
    depth: u8,
    format: Option<Format>,
    faults: VecDeque<Fault>,
    /// Nothing more is read, however much comes.
    is_over: bool,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A capture as it is.
    Pcapng,
    /// A capture in the older format.
    Pcap,
    /// Compressed; what is in it was opened too.
    Gzip,
    /// An HTTP archive with messages of WebSocket.
    Har,
    /// What Chromium logs of its network.
    NetLog,
    /// A hex dump; what it is of was opened too.
    Hex,
    /// Base64; what it is of was opened too.
    Base64,
    /// Frames of WebSocket and nothing around them but, perhaps, an opening handshake.
    Frames,
}

impl Format {
    /// As it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcapng => "pcapng",
            Self::Pcap => "pcap",
            Self::Gzip => "gzip",
            Self::Har => "HAR",
            Self::NetLog => "NetLog",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Frames => "frames",
        }
    }
}

#[derive(Debug)]
enum Stage {
    /// It is not known yet what this is.
    Sniffing,
    /// As it is.
    Pcapng,
    Pcap(Box<pcap::Pcap>),
    Gzip(Box<gzip::Gzip>),
    Json(Box<log::Log>),
    Text(Box<text::Text>),
    /// Frames; they are written once their first bytes are there.
    Bare(Option<Box<bare::Bare>>),
}

/// What came of some work.
#[derive(Debug)]
enum Step {
    /// pcapng bytes.
    Bytes(Vec<u8>),
    /// There is more to do.
    Again,
    /// More bytes are needed, or everything is done.
    Wait,
    /// The rest cannot be read.
    Over,
}

impl Default for Opener {
    fn default() -> Self {
        Self::new()
    }
}

impl Opener {
    /// At the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::at_depth(0)
    }

    /// For what was inside another format.
    fn at_depth(depth: u8) -> Self {
        Self {
            input: Input::default(),
            stage: Stage::Sniffing,
            depth,
            format: None,
            faults: VecDeque::new(),
            is_over: false,
        }
    }

    /// Takes the next bytes of the file. Fetch what comes of them before the next call: until then they wait.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.is_over {
            self.input.feed(bytes);
        }
    }

    /// No more bytes will come. What was cut off comes out as far as it goes.
    pub fn finish(&mut self) {
        self.input.has_ended = true;
    }

    /// The next piece of the capture, some hundred kilobytes at most whatever the file inflates to; `None` if more bytes
    /// are needed.
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        while !self.is_over {
            match self.step() {
                Step::Bytes(bytes) => return Some(bytes),
                Step::Again => {}
                Step::Wait => return None,
                Step::Over => {
                    self.is_over = true;
                    self.input.discard();
                }
            }
        }
        None
    }

    /// The next thing that could not be read. Offsets count in the file, or in what was inside of it.
    pub fn next_fault(&mut self) -> Option<Fault> {
        self.faults.pop_front()
    }

    /// What the file is, once that is known; of one inside another, the inner.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.formats().pop()
    }

    /// The same with all that it is wrapped in, outermost first.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        let mut formats: Vec<_> = self.format.into_iter().collect();
        if let Stage::Json(log) = &self.stage {
            formats.extend(log.format);
        }
        if let Some(inner) = self.inner() {
            formats.extend(inner.formats());
        }
        formats
    }

    const fn inner(&self) -> Option<&Self> {
        match &self.stage {
            Stage::Gzip(gzip) => Some(gzip.inner()),
            Stage::Text(text) => text.inner(),
            Stage::Sniffing | Stage::Pcapng | Stage::Pcap(_) | Stage::Json(_) | Stage::Bare(_) => None,
        }
    }

    fn step(&mut self) -> Step {
        let Self { input, stage, faults, .. } = self;
        match stage {
            Stage::Sniffing => self.sniff(),
            Stage::Pcapng if input.rest().is_empty() => Step::Wait,
            Stage::Pcapng => Step::Bytes(input.take_all()),
            Stage::Pcap(pcap) => pcap.step(input, faults),
            Stage::Gzip(gzip) => gzip.step(input, faults),
            Stage::Json(log) => log.step(input, faults),
            Stage::Text(text) => text.step(input, faults),
            Stage::Bare(bare) => bare_step(bare, input),
        }
    }

    fn sniff(&mut self) -> Step {
        let kind = match sniff::sniff(self.input.rest(), self.input.has_ended) {
            Sniffed::NeedsMore => return Step::Wait,
            Sniffed::Pcapng => return self.become_stage(Format::Pcapng, Stage::Pcapng),
            Sniffed::Pcap(pcap, damaged) => {
                if damaged {
                    self.fault(FaultKind::Within(Format::Pcap, "the magic number in front is damaged"));
                }
                return self.become_stage(Format::Pcap, Stage::Pcap(Box::new(pcap)));
            }
            Sniffed::Json => {
                self.stage = Stage::Json(Box::default());
                return Step::Again;
            }
            Sniffed::Text(format) => {
                let text = text::Text::new(format, self.depth);
                return self.become_stage(format, Stage::Text(Box::new(text)));
            }
            Sniffed::Bare => return self.become_stage(Format::Frames, Stage::Bare(None)),
            Sniffed::Gzip if self.depth < DEPTH_MAX => {
                let inner = Self::at_depth(self.depth + 1);
                return self.become_stage(Format::Gzip, Stage::Gzip(Box::new(gzip::Gzip::new(inner))));
            }
            Sniffed::Gzip => FaultKind::Within(Format::Gzip, "compressed too many times over to be a capture"),
            Sniffed::Known(name) => FaultKind::Other(name),
            Sniffed::Unknown => FaultKind::Unknown,
            Sniffed::Empty => FaultKind::Empty,
        };
        self.fault(kind);
        Step::Over
    }

    fn become_stage(&mut self, format: Format, stage: Stage) -> Step {
        self.format = Some(format);
        self.stage = stage;
        Step::Again
    }

    fn fault(&mut self, kind: FaultKind) {
        self.faults.push_back(Fault { offset: self.input.offset(), kind });
    }
}

fn bare_step(bare: &mut Option<Box<bare::Bare>>, input: &mut Input) -> Step {
    let mut out = Vec::new();
    if let Some(bytes) = input.take_piece(PIECE) {
        let bare = bare.get_or_insert_with(|| {
            let chunks = std::iter::once((None, bytes.as_slice()));
            Box::new(bare::Bare::new(chunks, &mut out))
        });
        bare.bytes(None, 0, &bytes, &mut out);
    } else if input.has_ended
        && let Some(mut bare) = bare.take()
    {
        bare.finish(&mut out);
    }
    if out.is_empty() { Step::Wait } else { Step::Bytes(out) }
}

/// So many wrappings are looked into.
const DEPTH_MAX: u8 = 3;
/// A piece that is handed on is about so long.
const PIECE: usize = 1 << 17;
