//! permessage-deflate (RFC 7692): compressing and inflating messages.
//!
//! Each direction of a connection has its own window, which the sender either carries from one
//! message to the next ("context takeover") or empties before each. [`params`] is what the two ends
//! agreed on; here it is carried out. DEFLATE itself is a library's.
//!
//! A compressed message ends where its sender flushed, and the four bytes `00 00 ff ff` that every
//! flush ends with are left out on the wire (7.2.1); the receiver puts them back (7.2.2).

use std::collections::VecDeque;
use std::fmt;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status, Strategy};

pub mod params;

use crate::rules::Role;
use params::{DeflateParams, WindowBits};

/// Compresses the messages of one sender.
///
/// What it needs, up to some 260 KiB, is made at the first message, and can be given back at any
/// time by [`release`](Self::release).
pub struct Compressor {
    deflate: Option<Deflate>,
    window_bits: WindowBits,
    context_takeover: bool,
    level: i32,
}

impl Compressor {
    /// For what `sender` sends under these parameters; `level` is zlib's, 1 to 9.
    #[must_use]
    pub const fn new(params: DeflateParams, sender: Role, level: i32) -> Self {
        Self {
            deflate: None,
            window_bits: params.max_window_bits(sender),
            context_takeover: params.context_takeover(sender),
            level,
        }
    }

    /// Appends `message`, compressed, to `out`.
    pub fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) {
        if message.is_empty() {
            out.push(EMPTY_MESSAGE); // a library flushes nothing twice in a row
            return;
        }
        let deflate =
            self.deflate.get_or_insert_with(|| Deflate::new_with_config(config(self.window_bits, self.level)));
        let mut rest = message;
        let start = out.len();
        let mut room = message.len() / 2 + 64;
        loop {
            let before = (deflate.total_in(), deflate.total_out());
            let len = out.len();
            out.resize(len + room, 0);
            let status = deflate.compress(rest, &mut out[len..], DeflateFlush::SyncFlush);
            out.truncate(len + difference(before.1, deflate.total_out()));
            rest = &rest[difference(before.0, deflate.total_in())..];
            let filled = out.len() == len + room;
            room = room.max(1024);
            if status.is_err() || (rest.is_empty() && !filled) {
                break;
            }
        }
        if out[start..].ends_with(&FLUSH_TAIL) {
            out.truncate(out.len() - FLUSH_TAIL.len());
        }
        if !self.context_takeover {
            deflate.reset();
        }
    }

    /// Empties the window: to be called when what was compressed last is not sent after all, since
    /// the peer then cannot know what later messages would refer to.
    pub fn forget(&mut self) {
        if let Some(deflate) = &mut self.deflate {
            deflate.reset();
        }
    }

    /// Gives back all memory. The next message begins with an empty window, which is always allowed.
    pub fn release(&mut self) {
        self.deflate = None;
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}

/// The library has no raw window of 256 bytes. Run-length matching looks one byte back and so keeps
/// to any window, at the price of a worse ratio.
fn config(window_bits: WindowBits, level: i32) -> DeflateConfig {
    let strategy = if window_bits == WindowBits::MIN { Strategy::Rle } else { Strategy::Default };
    let raw = -i32::from(window_bits.get().max(9));
    DeflateConfig { window_bits: raw, strategy, level, ..DeflateConfig::default() }
}

/// Inflates the messages of one sender.
///
/// Like the compressor it holds no big memory before the first message. After that it keeps the
/// sender's window and, until [`release`](Self::release), the library's state.
pub struct Decompressor {
    inflate: Option<Inflate>,
    /// What the sender may still refer to. The library holds it too, but gives it to nobody, and a
    /// new stream behind a final block (7.2.3.5) needs it.
    window: VecDeque<u8>,
    context_takeover: bool,
    /// The DEFLATE stream ended with a final block, and nothing came behind it yet.
    at_stream_end: bool,
}

/// The data is not DEFLATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDeflate;

impl Decompressor {
    /// For what `sender` sends under these parameters.
    #[must_use]
    pub const fn new(params: DeflateParams, sender: Role) -> Self {
        Self {
            inflate: None,
            window: VecDeque::new(),
            context_takeover: params.context_takeover(sender),
            at_stream_end: false,
        }
    }

    /// Inflates the next piece of a message, handing what comes out to `take` in small parts, so
    /// that whoever takes can stop before memory is spent.
    ///
    /// # Errors
    ///
    /// [`InvalidDeflate`], or whatever `take` failed with.
    pub fn inflate<E: From<InvalidDeflate>>(
        &mut self,
        piece: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut part = [0; 8 * 1024];
        let mut rest = piece;
        while !rest.is_empty() {
            let inflate = self.stream();
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(rest, &mut part, InflateFlush::SyncFlush);
            let consumed = difference(before.0, inflate.total_in());
            let made = &part[..difference(before.1, inflate.total_out())];
            self.remember(made);
            take(made)?;
            rest = &rest[consumed..];
            match status {
                Ok(Status::StreamEnd) => self.at_stream_end = true,
                Ok(_) if made.len() == part.len() => self.drain(&mut part, &mut take)?,
                Ok(_) if consumed == 0 && made.is_empty() => return Err(InvalidDeflate.into()),
                Ok(_) => {}
                Err(_) => return Err(InvalidDeflate.into()),
            }
        }
        Ok(())
    }

    /// Ends the message: what the sender left out of its last flush is put back.
    ///
    /// # Errors
    ///
    /// When the data ends elsewhere than before such a tail: cut off inside a block, the tail would
    /// be taken for more of its data.
    pub fn finish_message(&mut self) -> Result<(), InvalidDeflate> {
        if !self.at_stream_end {
            self.finish_block()?;
        }
        if !self.context_takeover {
            self.forget();
        }
        Ok(())
    }

    /// The tail is the rest of an empty block, so it has to be taken whole, to give nothing, and to
    /// leave the stream between two blocks. Asked to, the library stops there, in front of a byte
    /// that anywhere else it would have taken too.
    fn finish_block(&mut self) -> Result<(), InvalidDeflate> {
        const PROBE: [u8; 5] = [FLUSH_TAIL[0], FLUSH_TAIL[1], FLUSH_TAIL[2], FLUSH_TAIL[3], 0];
        let mut part = [0; 512];
        let inflate = self.stream();
        let before = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(&PROBE, &mut part, InflateFlush::Block);
        let consumed = difference(before.0, inflate.total_in());
        let made = difference(before.1, inflate.total_out());
        if made == 0 && consumed == FLUSH_TAIL.len() && matches!(status, Ok(Status::Ok)) {
            Ok(())
        } else {
            Err(InvalidDeflate)
        }
    }

    /// Begins anew with an empty window.
    pub fn forget(&mut self) {
        self.window = VecDeque::new();
        self.at_stream_end = false;
        if let Some(inflate) = &mut self.inflate {
            inflate.reset(false);
        }
    }

    /// Gives back all memory but the window, between two messages.
    pub fn release(&mut self) {
        self.inflate = None;
        self.at_stream_end = false;
        self.window.shrink_to_fit();
    }

    /// What the sender may refer back to, between two messages.
    #[must_use]
    pub fn window(&self) -> Box<[u8]> {
        self.window.iter().copied().collect()
    }

    /// Begins anew with what the sender may refer back to.
    pub fn restore(&mut self, window: &[u8]) {
        self.release();
        self.window = window.iter().copied().collect();
    }

    /// The stream that the next byte belongs to.
    fn stream(&mut self) -> &mut Inflate {
        let fresh = self.inflate.is_none() || self.at_stream_end;
        let inflate = self.inflate.get_or_insert_with(|| Inflate::new(false, WindowBits::MAX.get()));
        if fresh {
            if self.at_stream_end {
                inflate.reset(false);
                self.at_stream_end = false;
            }
            if !self.window.is_empty() {
                // A raw stream takes any dictionary at its start: the library cannot refuse.
                let _ = inflate.set_dictionary(self.window.make_contiguous());
            }
        }
        inflate
    }

    /// Takes out what the library could not write for want of room.
    fn drain<E: From<InvalidDeflate>>(
        &mut self,
        part: &mut [u8],
        take: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let inflate = self.stream();
            let before = inflate.total_out();
            let status = inflate.decompress(&[], part, InflateFlush::SyncFlush);
            let made = &part[..difference(before, inflate.total_out())];
            self.remember(made);
            take(made)?;
            match status {
                Ok(Status::StreamEnd) => {
                    self.at_stream_end = true;
                    return Ok(());
                }
                Ok(_) if made.len() < part.len() => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(InvalidDeflate.into()),
            }
        }
    }

    fn remember(&mut self, made: &[u8]) {
        let kept = &made[made.len().saturating_sub(WINDOW_LEN)..];
        let over = (self.window.len() + kept.len()).saturating_sub(WINDOW_LEN);
        self.window.drain(..over);
        self.window.extend(kept);
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("window", &self.window.len()).finish_non_exhaustive()
    }
}

/// How far a counter of the library moved in one call, which is never more than a buffer's length.
fn difference(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

/// As much as the library's own window holds, whatever was agreed: so a sender that refers further back
/// than it may is treated alike before and after a [`release`](Decompressor::release).
const WINDOW_LEN: usize = WindowBits::MAX.window_len();

/// What every flush ends with, and what is left out on the wire.
const FLUSH_TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// An empty block less its flush tail (RFC 7692, 7.2.3.6).
const EMPTY_MESSAGE: u8 = 0x00;

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEOVER: DeflateParams = DeflateParams::DEFAULT;
    const NO_TAKEOVER: DeflateParams =
        DeflateParams { server_no_context_takeover: true, client_no_context_takeover: true, ..DeflateParams::DEFAULT };

    fn inflate(decompressor: &mut Decompressor, message: &[u8]) -> Result<Vec<u8>, InvalidDeflate> {
        let mut out = Vec::new();
        let mut take = |part: &[u8]| {
            out.extend_from_slice(part);
            Ok(())
        };
        decompressor.inflate(message, &mut take)?;
        decompressor.finish_message()?;
        Ok(out)
    }

    /// Messages on the wire, in hex, against what they inflate to, one after the other.
    fn check(params: DeflateParams, messages: &[(&str, &[u8])]) {
        let mut decompressor = Decompressor::new(params, Role::Server);
        for (wire, expected) in messages {
            let wire: Vec<u8> = wire.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
            assert_eq!(inflate(&mut decompressor, &wire).as_deref(), Ok(*expected), "{wire:x?}");
        }
    }

    #[test]
    fn the_examples_of_rfc_7692_section_7_2_3_inflate() {
        check(NO_TAKEOVER, &[("f2 48 cd c9 c9 07 00", b"Hello")]);
        check(TAKEOVER, &[("f2 48 cd c9 c9 07 00", b"Hello"), ("f2 00 11 00 00", b"Hello")]);
        check(NO_TAKEOVER, &[("00 05 00 fa ff 48 65 6c 6c 6f 00", b"Hello")]);
        check(TAKEOVER, &[("f3 48 cd c9 c9 07 00 00", b"Hello"), ("f2 00 11 00 00", b"Hello")]);
        check(TAKEOVER, &[("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", b"Hello")]);
        check(NO_TAKEOVER, &[("00", b""), ("f2 48 cd c9 c9 07 00", b"Hello")]);
    }

    #[test]
    fn our_compression_of_hello_is_the_rfcs() {
        let mut compressor = Compressor::new(TAKEOVER, Role::Server, 6);
        let mut out = Vec::new();
        compressor.compress(b"Hello", &mut out);
        assert_eq!(out, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        out.clear();
        compressor.compress(b"Hello", &mut out);
        assert_eq!(out, [0xf2, 0x00, 0x11, 0x00, 0x00]);
    }

    #[test]
    fn every_window_and_both_kinds_of_takeover_round_trip_across_messages_and_releases() {
        let noise: Vec<u8> = (0..40_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let text = b"To be, or not to be, that is the question. ".repeat(1000);
        for bits in 8..=15 {
            for takeover in [false, true] {
                let params = DeflateParams {
                    server_no_context_takeover: !takeover,
                    server_max_window_bits: WindowBits::new(bits).unwrap(),
                    ..DeflateParams::DEFAULT
                };
                let mut compressor = Compressor::new(params, Role::Server, 6);
                let mut decompressor = Decompressor::new(params, Role::Server);
                for (round, message) in
                    [&text[..], b"", &noise, b"Hello", b"Hello", &text[..300]].iter().cycle().take(18).enumerate()
                {
                    let mut wire = Vec::new();
                    compressor.compress(message, &mut wire);
                    assert_eq!(&inflate(&mut decompressor, &wire).unwrap(), message, "{bits} bits, message {round}");
                    match round % 4 {
                        1 => decompressor.release(),
                        2 => compressor.release(),
                        3 => compressor.forget(),
                        _ => {}
                    }
                }
            }
        }
    }

    #[test]
    fn a_small_window_is_kept_on_the_wire() {
        // 400 random bytes twice: a window of 256 cannot see the first from the second.
        let noise: Vec<u8> = (0..400_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let len = |bits| {
            let params =
                DeflateParams { server_max_window_bits: WindowBits::new(bits).unwrap(), ..DeflateParams::DEFAULT };
            let mut out = Vec::new();
            Compressor::new(params, Role::Server, 6).compress(&noise.repeat(2), &mut out);
            out.len()
        };
        assert!(len(8) > 700, "{}", len(8));
        assert!(len(9) > 700, "{}", len(9));
        assert!(len(15) < 500, "{}", len(15));
    }

    #[test]
    fn garbage_and_references_to_before_the_start_are_invalid() {
        for wire in [&[0xff, 0xff, 0xff][..], &[0x07], &[0xf2, 0x00, 0x11, 0x00, 0x00]] {
            let mut decompressor = Decompressor::new(TAKEOVER, Role::Server);
            assert_eq!(inflate(&mut decompressor, wire), Err(InvalidDeflate), "{wire:x?}");
        }
    }

    #[test]
    fn data_that_ends_inside_a_block_is_invalid_and_its_tail_is_nobodys_payload() {
        let mut hello = Vec::new();
        Compressor::new(TAKEOVER, Role::Server, 6).compress(&b"Hello, hello, Hello? ".repeat(40), &mut hello);
        let stored = [&[0x00, 0x64, 0x00, 0x9b, 0xff][..], b"abcdef"].concat();
        let cuts = (1..hello.len()).map(|len| hello[..len].to_vec());
        for wire in cuts.chain([stored, vec![0x00, 0x05], vec![0x04], vec![0x05, 0x80]]) {
            let mut decompressor = Decompressor::new(TAKEOVER, Role::Server);
            assert_eq!(inflate(&mut decompressor, &wire), Err(InvalidDeflate), "{wire:x?}");
        }
    }

    #[test]
    fn whoever_takes_can_stop_a_bomb_before_memory_is_spent() {
        let mut wire = Vec::new();
        Compressor::new(TAKEOVER, Role::Server, 9).compress(&vec![0; 64 << 20], &mut wire);
        let mut taken = 0;
        let result = Decompressor::new(TAKEOVER, Role::Server).inflate(&wire, |part| {
            taken += part.len();
            if taken > 1 << 20 { Err(InvalidDeflate) } else { Ok(()) }
        });
        assert_eq!(result, Err(InvalidDeflate));
        assert!(taken <= (1 << 20) + 8 * 1024);
    }
}
