//! Captures that others made, segment by segment.

use std::net::SocketAddr;

use framescope_codec::capture::packet::{Flags, Segment};
use framescope_codec::capture::{Decoder, Record, Word, pcapng};

use crate::records::line;

/// A capture by others, of one connection at a time.
pub(crate) struct Wire {
    pub(crate) out: Vec<u8>,
    pub(crate) ends: [SocketAddr; 2],
    pub(crate) next: [u32; 2],
    pub(crate) time_ns: u64,
}

impl Wire {
    /// Between a client at this port and a server at that.
    pub(crate) fn new(client: u16, server: u16) -> Self {
        let mut out = Vec::new();
        pcapng::write_start(&mut out);
        let name = out.windows(10).position(|bytes| bytes == b"framescope").unwrap();
        out[name..name + 10].copy_from_slice(b"wiretapper");
        let mut wire =
            Self { out, ends: [([10, 0, 0, 7], 0).into(), ([10, 0, 0, 1], 0).into()], next: [0; 2], time_ns: 0 };
        wire.connect(client, server);
        wire
    }

    pub(crate) fn connect(&mut self, client: u16, server: u16) {
        self.ends[0].set_port(client);
        self.ends[1].set_port(server);
        self.next = [u32::MAX - 5, 7000];
    }

    pub(crate) fn client(&mut self, payload: &[u8]) -> &mut Self {
        self.segment(0, payload, Flags { ack: true, ..Flags::default() })
    }

    pub(crate) fn server(&mut self, payload: &[u8]) -> &mut Self {
        self.segment(1, payload, Flags { ack: true, ..Flags::default() })
    }

    pub(crate) fn segment(&mut self, from: usize, payload: &[u8], flags: Flags) -> &mut Self {
        let segment = Segment {
            src: self.ends[from],
            dst: self.ends[1 - from],
            seq: self.next[from],
            ack: 0,
            flags: Flags { ack: false, ..flags },
            payload,
        };
        self.time_ns += 1;
        pcapng::write_packet(self.time_ns, &[], &mut self.out, |out| segment.write(out));
        self.lose(from, payload.len() + usize::from(flags.syn))
    }

    pub(crate) fn lose(&mut self, from: usize, bytes: usize) -> &mut Self {
        self.next[from] = self.next[from].wrapping_add(u32::try_from(bytes).unwrap());
        self
    }

    pub(crate) fn read(&self) -> (Vec<Record>, Decoder) {
        self.read_with(&[])
    }

    pub(crate) fn read_with(&self, words: &[Word]) -> (Vec<Record>, Decoder) {
        let mut decoder = Decoder::new();
        for word in words {
            decoder.assume(*word);
        }
        decoder.feed(&self.out);
        decoder.finish();
        (std::iter::from_fn(|| decoder.next_record()).collect(), decoder)
    }

    pub(crate) fn check(&self, expected: &[&str]) {
        let lines: Vec<_> = self.read().0.iter().map(line).collect();
        assert_eq!(lines, expected);
    }
}
