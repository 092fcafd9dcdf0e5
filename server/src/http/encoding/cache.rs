//! What was compressed so far. gzip is made while the client waits. Brotli takes too long for that: it is ordered, and
//! made by a thread of its own, one file after another; whoever asks before it is there gets gzip.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Coding, brotli, gzip};

/// Smaller versions of files: one of each, as an edit makes the older ones useless.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    shared: Arc<Shared>,
}

/// A file as it is.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    /// Its path.
    pub(crate) name: String,
    /// Another one for other bytes under this name. Files of the same size and date share it.
    pub(crate) etag: String,
    pub(crate) bytes: Bytes,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Whether the thread for Brotli runs. It lives as long as there is work.
    is_working: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    by_name: HashMap<String, Entry>,
    orders: VecDeque<Plain>,
}

#[derive(Debug, Default)]
struct Entry {
    etag: String,
    gzip: Made,
    brotli: Made,
}

#[derive(Clone, Debug, Default)]
enum Made {
    #[default]
    NotYet,
    Ordered,
    /// `None` where it would be no smaller.
    Done(Option<Bytes>),
}

impl Cache {
    /// `plain` in the first of these codings in which it is to be had now, and is smaller.
    pub(crate) async fn encoded(&self, plain: &Plain, codings: &[Coding]) -> Option<(Coding, Bytes)> {
        if !is_worthwhile(plain) {
            return None;
        }
        for &coding in codings {
            let made = match coding {
                Coding::Brotli => self.brotli(plain),
                Coding::Gzip => self.gzip(plain).await,
            };
            if let Some(bytes) = made {
                return Some((coding, bytes));
            }
        }
        None
    }

    /// Has Brotli made of it before anybody asks.
    pub(crate) fn prepare(&self, plain: &Plain) {
        if is_worthwhile(plain) {
            self.brotli(plain);
        }
    }

    async fn gzip(&self, plain: &Plain) -> Option<Bytes> {
        if let Made::Done(known) = &self.shared.lock().entry(plain).gzip {
            return known.clone();
        }
        let bytes = plain.bytes.clone();
        let made = tokio::task::spawn_blocking(move || gzip::compress(&bytes)).await.ok()?;
        if let Some(entry) = self.shared.lock().still(plain) {
            entry.gzip = Made::Done(made.clone());
        }
        made
    }

    fn brotli(&self, plain: &Plain) -> Option<Bytes> {
        let mut state = self.shared.lock();
        match &state.entry(plain).brotli {
            Made::Done(known) => return known.clone(),
            Made::Ordered => return None,
            Made::NotYet => {}
        }
        // Not a thread of the runtime's, which would wait for the last file when it stops.
        if !*self.shared.is_working.borrow() {
            let shared = Arc::downgrade(&self.shared);
            if std::thread::Builder::new().name("brotli".to_owned()).spawn(move || work(&shared)).is_err() {
                return None;
            }
            self.shared.is_working.send_replace(true);
        }
        state.entry(plain).brotli = Made::Ordered;
        state.orders.push_back(plain.clone());
        None
    }

    /// Returns once all that was ordered is there.
    #[cfg(test)]
    pub(crate) async fn settled(&self) {
        self.shared.is_working.subscribe().wait_for(|is_working| !is_working).await.unwrap();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next order. If there is none, the thread that asks has to end.
    fn next_order(&self) -> Option<Plain> {
        let mut state = self.lock();
        let order = state.orders.pop_front();
        if order.is_none() {
            // While nobody can order anything.
            self.is_working.send_replace(false);
        }
        order
    }
}

impl State {
    /// What is there of a file, which has another ETag after an edit.
    fn entry(&mut self, plain: &Plain) -> &mut Entry {
        if self.by_name.len() >= ENTRIES_MAX && !self.by_name.contains_key(&plain.name) {
            self.by_name.clear();
            self.orders.clear();
        }
        let entry = self.by_name.entry(plain.name.clone()).or_default();
        if entry.etag != plain.etag {
            *entry = Entry { etag: plain.etag.clone(), ..Entry::default() };
            self.orders.retain(|order| order.name != plain.name);
        }
        entry
    }

    /// Where to put what was made of a file, unless it was edited in the meantime.
    fn still(&mut self, plain: &Plain) -> Option<&mut Entry> {
        self.by_name.get_mut(&plain.name).filter(|entry| entry.etag == plain.etag)
    }
}

/// Makes what was ordered until there is nothing left to make, or nobody left to make it for.
fn work(shared: &Weak<Shared>) {
    // Everything else comes first. Elsewhere this would be asked for the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, LAST) {
        tracing::debug!(%error, "Brotli is made at the same priority as all else");
    }
    while let Some(shared) = shared.upgrade()
        && let Some(order) = shared.next_order()
    {
        // A panic would be a bug in the library, and gzip does as well.
        let made = catch_unwind(AssertUnwindSafe(|| brotli::compress(&order.bytes))).unwrap_or(None);
        if let Some(entry) = shared.lock().still(&order) {
            entry.brotli = Made::Done(made);
        }
    }
}

fn is_worthwhile(plain: &Plain) -> bool {
    (WORTHWHILE..=TOO_LARGE).contains(&plain.bytes.len())
}

/// Below this, one packet carries it anyway.
const WORTHWHILE: usize = 1 << 10;

/// Above this, keeping it would cost more than it saves.
const TOO_LARGE: usize = 8 << 20;

const ENTRIES_MAX: usize = 256;

/// The lowest priority.
#[cfg(target_os = "linux")]
const LAST: i32 = 19;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::encoding::Coding::{Brotli, Gzip};

    fn plain(name: &str, etag: &str, text: &str) -> Plain {
        Plain { name: name.to_owned(), etag: etag.to_owned(), bytes: text.repeat(500).into() }
    }

    #[tokio::test]
    async fn gzip_is_sent_until_brotli_is_there_and_both_are_kept() {
        let cache = Cache::default();
        let page = plain("page", "1", "a page of some kind\n");
        let (coding, gzipped) = cache.encoded(&page, &[Brotli, Gzip]).await.unwrap();
        assert_eq!((coding, gzip::decompress(&gzipped, page.bytes.len())), (Gzip, page.bytes.to_vec()));
        cache.settled().await;
        let (coding, smaller) = cache.encoded(&page, &[Brotli, Gzip]).await.unwrap();
        assert_eq!((coding, brotli::decompress(&smaller)), (Brotli, page.bytes.to_vec()));
        assert!(smaller.len() < gzipped.len());
        for (coding, known) in [(Brotli, smaller), (Gzip, gzipped)] {
            assert_eq!(cache.encoded(&page, &[coding]).await.unwrap().1.as_ptr(), known.as_ptr());
        }
        let small = Plain { bytes: Bytes::from_static(b"small"), ..page };
        assert_eq!(cache.encoded(&small, &[Brotli, Gzip]).await, None);
    }

    #[tokio::test]
    async fn who_takes_brotli_alone_gets_the_file_as_it_is_at_first() {
        let cache = Cache::default();
        let page = plain("page", "1", "a page of some kind\n");
        assert_eq!(cache.encoded(&page, &[Brotli]).await, None);
        cache.settled().await;
        assert!(cache.encoded(&page, &[Brotli]).await.is_some());
    }

    #[tokio::test]
    async fn nothing_is_sent_of_another_file_nor_of_one_before_its_edit() {
        let cache = Cache::default();
        // Files of a package are often as old as each other.
        let files = [plain("a", "1", "one of them"), plain("b", "1", "and another"), plain("a", "2", "it, edited.")];
        for file in &files {
            cache.prepare(file);
            cache.settled().await;
            let (_, gzipped) = cache.encoded(file, &[Gzip]).await.unwrap();
            assert_eq!(gzip::decompress(&gzipped, file.bytes.len()), file.bytes);
            let (_, smaller) = cache.encoded(file, &[Brotli]).await.unwrap();
            assert_eq!(brotli::decompress(&smaller), file.bytes);
        }
        assert_eq!(cache.shared.lock().by_name.len(), 2);
    }

    #[tokio::test]
    async fn what_is_kept_and_what_is_ordered_is_bounded() {
        let cache = Cache::default();
        for at in 0..3 * ENTRIES_MAX {
            cache.prepare(&plain(&at.to_string(), "1", "a page"));
            let state = cache.shared.lock();
            assert!(state.by_name.len() <= ENTRIES_MAX && state.orders.len() <= state.by_name.len());
        }
        cache.settled().await;
        assert!(cache.shared.lock().orders.is_empty());
    }

    #[tokio::test]
    async fn what_does_not_shrink_is_sent_as_it_is() {
        let cache = Cache::default();
        let bytes = (0..4096).map(|_| rand::random::<u8>()).collect();
        let noise = Plain { bytes, ..plain("noise", "1", "") };
        cache.prepare(&noise);
        cache.settled().await;
        assert_eq!(cache.encoded(&noise, &[Brotli, Gzip]).await, None);
    }
}
