//! Everything that taps see, written to a file.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::hub::{Audience, Hub};
use super::watcher::Watcher;

/// A capture on its way to the disk, on a thread of its own. It drops nothing: whoever relays waits for
/// [`Tap::room`](super::Tap::room) before reading more, and so the disk's pace becomes the network's.
#[derive(Debug)]
pub(crate) struct Recording {
    audience: Arc<Audience>,
    watcher: Arc<Watcher>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Recording {
    /// Records what all taps of this hub see from now on.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started, or too many watch already.
    pub(crate) fn start(hub: &Hub, file: File) -> io::Result<Self> {
        let watcher = Arc::new(Watcher::keeping_all(WAITING_MAX));
        let mut start = Vec::new();
        hub.write_start(&mut start);
        watcher.push(&start);
        let from = watcher.clone();
        let writer = std::thread::Builder::new().name("framescope-record".to_owned()).spawn(move || {
            let written = write(&from, file);
            if let Err(error) = &written {
                tracing::error!(%error, "the capture cannot be written any further");
            }
            // Nobody is to wait for a file that cannot be written.
            from.end();
            written
        })?;
        let audience = hub.everything().clone();
        if !audience.join(watcher.clone()) {
            watcher.end();
            return Err(io::Error::other("too many watch already"));
        }
        Ok(Self { audience, watcher, writer: Some(writer) })
    }

    /// Ends it, once all that was seen is on the disk.
    ///
    /// # Errors
    ///
    /// When not all of it is.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        self.audience.leave(&self.watcher);
        self.watcher.end();
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || writer.join()).await?;
        joined.unwrap_or_else(|_| Err(io::Error::other("the thread that writes the capture panicked")))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.audience.leave(&self.watcher);
        self.watcher.end();
    }
}

/// What is taken at once are whole blocks: a file that is cut back to where some of them began can be read.
fn write(from: &Watcher, mut file: File) -> io::Result<()> {
    let mut has_written = false;
    while let Some(chunks) = from.wait(has_written) {
        has_written = true;
        for blocks in chunks {
            let whole = file.stream_position();
            if let Err(error) = file.write_all(&blocks) {
                // Of a pipe nothing can be taken back.
                if let Ok(whole) = whole {
                    let _ = file.set_len(whole);
                }
                return Err(error);
            }
            from.give_back(blocks);
        }
    }
    // Nor need one be synchronised.
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}

/// How much may wait for the disk before those that relay wait as well.
const WAITING_MAX: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use framescope_codec::capture::{Decoder, Direction, Record, What};
    use framescope_codec::{Frame, Opcode};

    use super::*;
    use crate::inspect::tap::{self, Tap};

    const PAYLOAD: usize = 60_000;

    /// More than may wait, from one who waits when told to.
    async fn chatter(hub: &Hub, frames: usize) {
        let ends = (([127, 0, 0, 1], 50_000).into(), ([127, 0, 0, 1], 9000).into());
        let mut tap = Tap::proxied(hub, ends);
        tap.request(tap::tests::REQUEST);
        tap.response(tap::tests::ANSWER, None);
        let frame = Frame::new(Opcode::Binary, [7; PAYLOAD]).to_bytes();
        for _ in 0..frames {
            tap.room().await;
            assert!(tap.has_room());
            tap.relayed(Direction::ServerToClient, &frame, Some(0));
        }
        tap.ended();
    }

    #[tokio::test]
    async fn all_that_was_seen_is_in_the_file_however_slow_the_disk() {
        let hub = Hub::default();
        let path = tempfile::NamedTempFile::new().unwrap();
        let recording = Recording::start(&hub, path.reopen().unwrap()).unwrap();
        chatter(&hub, 400).await;
        recording.finish().await.unwrap();
        assert!(!hub.is_watched());
        let mut decoder = Decoder::new();
        decoder.feed(&std::fs::read(&path).unwrap());
        let mut frames = 0;
        while let Some(record) = decoder.next_record() {
            let Record::Event(event) = record else { panic!("{record:?}") };
            match event.what {
                What::Frame(frame) => {
                    assert_eq!(frame.dissection.payload.len(), PAYLOAD);
                    frames += 1;
                }
                What::Gap { .. } => panic!("nothing is dropped"),
                _ => {}
            }
        }
        assert_eq!(frames, 400);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_file_that_cannot_be_written() {
        let hub = Hub::default();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let recording = Recording::start(&hub, full).unwrap();
        chatter(&hub, 400).await;
        assert!(recording.finish().await.is_err());
    }
}
