//! The drawing board as everybody gets it: each stroke as JSON, once for the whole process.
//!
//! A new connection is sent what is here up to the number of the last stroke, in pieces copied straight into its
//! outbox; it needs no copy of the board to itself. What comes after that number it gets from the bus. A connection
//! that has fallen between the two, because strokes came in while it was sent the board, reads on here until it has
//! caught up: strokes are put here before anybody hears of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use framescope_codec::{Broadcast, Message};
use tokio::sync::OnceCell;

use super::drawing;
use crate::bus::{Bus, Ear, Note, Subscription, Topic};
use crate::store::{Part, Store, StoreError, Stream};

/// Every stroke, oldest first. One for all threads.
#[derive(Debug)]
pub(crate) struct History {
    strokes: Arc<Strokes>,
    /// Listens for new ones, once the old ones are read.
    listening: OnceCell<Subscription>,
    codec: framescope_codec::Config,
}

#[derive(Debug, Default)]
struct Strokes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    chunks: Vec<Chunk>,
    /// The number of the last stroke.
    head: u64,
    /// The length of all strokes' JSON.
    len: usize,
    /// Strokes that came in while the old ones were being read.
    early: Vec<(u64, String)>,
    is_read: bool,
    /// `init_strokes` as of its head, while that fits into one frame.
    greeting: Option<(u64, Arc<Broadcast>)>,
}

/// Strokes in a row: `{..},{..},`, each with its comma behind.
#[derive(Debug)]
struct Chunk {
    /// The number of the first.
    first: u64,
    text: String,
    /// Where each one ends in `text`, behind its comma.
    ends: Vec<u32>,
}

impl History {
    pub(crate) fn new(codec: framescope_codec::Config) -> Self {
        Self { strokes: Arc::default(), listening: OnceCell::new(), codec }
    }

    /// Waits until all that is stored is here, and reads it if nobody has.
    pub(crate) async fn ready(&self, store: &dyn Store, bus: &dyn Bus) -> Result<(), StoreError> {
        let read = || async {
            // Heard first, read then: nothing can fall between.
            let subscription = bus.subscribe(Topic::Board, self.strokes.clone()).await;
            let mut after = 0;
            loop {
                let page = store.read(Stream::Board, Part::After { after, limit: PAGE }).await?;
                let is_last = page.items.len() < PAGE;
                let mut inner = self.strokes.lock();
                for item in page.items {
                    inner.push(item.seq, &item.body);
                }
                after = inner.head;
                if is_last {
                    inner.finish_reading();
                    return Ok(subscription);
                }
            }
        };
        self.listening.get_or_try_init(read).await.map(|_| ())
    }

    /// The number of the last stroke.
    #[cfg(test)]
    fn head(&self) -> u64 {
        self.strokes.lock().head
    }

    /// The number of the last stroke, and `init_strokes` whole if it is not too long for one frame.
    pub(crate) fn greeting(&self) -> (u64, Option<Arc<Broadcast>>) {
        let mut inner = self.strokes.lock();
        let head = inner.head;
        if inner.len > GREETING_MAX {
            return (head, None);
        }
        if let Some((of, greeting)) = &inner.greeting
            && *of == head
        {
            return (head, Some(greeting.clone()));
        }
        let mut json = String::with_capacity(inner.len + 64);
        json.push_str(GREETING_START);
        inner.chunks.iter().for_each(|chunk| json.push_str(&chunk.text));
        if json.ends_with(',') {
            json.pop();
        }
        json.push_str(GREETING_END);
        let greeting = Arc::new(Broadcast::new(json.as_str(), &self.codec));
        inner.greeting = Some((head, greeting.clone()));
        (head, Some(greeting))
    }

    /// Lends strokes from number `next` to at most `last`, some of them: as JSON with commas behind, and the number that
    /// comes next. Nothing if there are none.
    pub(crate) fn lend<R>(&self, next: u64, last: u64, with: impl FnOnce(&str, u64) -> R) -> Option<R> {
        let inner = self.strokes.lock();
        let last = last.min(inner.head);
        if next > last {
            return None;
        }
        let place = inner.chunks.partition_point(|chunk| chunk.first <= next).checked_sub(1)?;
        let chunk = inner.chunks.get(place)?;
        let from = chunk.end_before(next);
        let until = last.min(chunk.last());
        let to = chunk.end_before(until + 1);
        Some(with(chunk.text.get(from..to).unwrap_or_default(), until + 1))
    }
}

impl Strokes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Strokes are put in whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear<Topic, Arc<Note>> for Strokes {
    fn hear(&self, _about: &Topic, note: &Arc<Note>) {
        let Message::Text(message) = note.message.message() else { return };
        let Some(stroke) = drawing::stroke_in(message) else { return };
        let mut inner = self.lock();
        if inner.is_read {
            inner.push(note.seq, &stroke);
        } else {
            inner.early.push((note.seq, stroke));
        }
    }
}

impl Inner {
    /// Takes a stroke in, if it is the next one.
    fn push(&mut self, seq: u64, stroke: &str) {
        if seq != self.head + 1 {
            return;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.text.len() + stroke.len() >= CHUNK) {
            self.chunks.push(Chunk { first: seq, text: String::with_capacity(CHUNK), ends: Vec::new() });
        }
        let Some(chunk) = self.chunks.last_mut() else { return };
        chunk.text.push_str(stroke);
        chunk.text.push(',');
        chunk.ends.push(u32::try_from(chunk.text.len()).unwrap_or(u32::MAX));
        self.head = seq;
        self.len += stroke.len() + 1;
    }

    fn finish_reading(&mut self) {
        for (seq, stroke) in std::mem::take(&mut self.early) {
            self.push(seq, &stroke);
        }
        self.is_read = true;
    }
}

impl Chunk {
    fn last(&self) -> u64 {
        self.first + self.ends.len() as u64 - 1
    }

    /// Where stroke `seq` begins; `seq` may be the one behind the last.
    fn end_before(&self, seq: u64) -> usize {
        let before = usize::try_from(seq.saturating_sub(self.first)).unwrap_or(usize::MAX);
        before.checked_sub(1).and_then(|place| self.ends.get(place)).map_or(0, |end| *end as usize)
    }
}

/// How `init_strokes` begins.
pub(super) const GREETING_START: &str = r#"{"messageType":"init_strokes","strokes":["#;

/// How `init_strokes` ends.
pub(super) const GREETING_END: &str = "]}";

/// One frame up to a mebibyte, fragments beyond.
const GREETING_MAX: usize = (1 << 20) - GREETING_START.len() - GREETING_END.len();

/// About how much JSON stands in one piece, and goes into one fragment.
const CHUNK: usize = 64 << 10;

/// How many strokes are read from the store at once.
const PAGE: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_are_lent_from_anywhere_and_come_out_in_order() {
        let history = History::new(framescope_codec::Config::default());
        let stroke = |seq: u64| format!(r#"{{"n":{seq},"x":"{}"}}"#, "x".repeat(400));
        for seq in 1..=1000 {
            history.strokes.lock().push(seq, &stroke(seq));
            // What is not next is no news.
            history.strokes.lock().push(seq, "{}");
            history.strokes.lock().push(seq + 2, "{}");
        }
        assert_eq!(history.head(), 1000);
        for (from, last) in [(1, 1000), (1, 1), (500, 777), (1000, 1000), (1000, 5000), (157, 160)] {
            let (mut next, mut text) = (from, String::new());
            while let Some(after) = history.lend(next, last, |strokes, after| {
                text.push_str(strokes);
                after
            }) {
                assert!(after > next);
                next = after;
            }
            let expected: String = (from..=last.min(1000)).map(|seq| stroke(seq) + ",").collect();
            assert_eq!(text, expected, "{from} to {last}");
        }
        assert!(history.lend(1001, 2000, |_, _| ()).is_none());
    }

    #[test]
    fn the_greeting_is_made_once_for_each_stroke_and_not_at_all_when_it_is_long() {
        let history = History::new(framescope_codec::Config::default());
        let (head, empty) = history.greeting();
        assert_eq!(
            (head, empty.unwrap().message()),
            (0, Message::Text(r#"{"messageType":"init_strokes","strokes":[]}"#))
        );
        history.strokes.lock().push(1, "{}");
        history.strokes.lock().push(2, "{}");
        let (_, first) = history.greeting();
        let (head, second) = history.greeting();
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(head == 2 && Arc::ptr_eq(&first, &second));
        assert_eq!(first.message(), Message::Text(r#"{"messageType":"init_strokes","strokes":[{},{}]}"#));
        history.strokes.lock().push(3, &" ".repeat(1 << 20));
        assert!(history.greeting().1.is_none());
    }
}
