//! Bytes of a file that wait to be read.

/// What was fed and not read yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    /// How much of `buffer` is done with.
    done: usize,
    /// Where in the file `buffer` begins.
    start: u64,
    /// Nothing more will come.
    pub(super) has_ended: bool,
}

impl Input {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.done);
        self.start += self.done as u64;
        self.done = 0;
        self.buffer.extend_from_slice(bytes);
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.done..]
    }

    /// Where in the file the rest begins.
    pub(super) const fn offset(&self) -> u64 {
        self.start + self.done as u64
    }

    /// So many bytes are read.
    pub(super) fn advance(&mut self, len: usize) {
        self.done += len.min(self.rest().len());
    }

    pub(super) fn take_all(&mut self) -> Vec<u8> {
        let mut taken = std::mem::take(&mut self.buffer);
        self.start += taken.len() as u64;
        taken.drain(..self.done);
        self.done = 0;
        taken
    }

    /// The next bytes in pieces of this size, and what is left at the end.
    pub(super) fn take_piece(&mut self, size: usize) -> Option<Vec<u8>> {
        let rest = self.rest();
        let len = if rest.len() >= size {
            size
        } else if self.has_ended {
            rest.len()
        } else {
            0
        };
        let piece = (len > 0).then(|| rest[..len].to_vec());
        self.advance(len);
        piece
    }

    pub(super) fn discard(&mut self) {
        self.take_all();
    }
}
