//! Who sees what passes through a proxy: the operator's pages, and a file.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use framescope_codec::DeflateParams;
use framescope_codec::capture::Direction;
use framescope_codec::capture::intervention::Intervention;
use tokio::sync::watch;

use super::{Ends, Hub, Tap};

/// Where the taps of a proxy lead.
#[derive(Clone, Debug)]
pub(crate) struct Hubs {
    /// To pages, and to a file that shows no more than they do.
    pub(crate) masked: Arc<Hub>,
    /// To a file that shows everything.
    pub(crate) unmasked: Option<Arc<Hub>>,
}

/// The taps on one relayed connection.
pub(crate) struct Taps {
    masked: Tap,
    unmasked: Option<Tap>,
    /// Whether somebody comes or goes.
    bell: Pin<Box<dyn Future<Output = watch::Receiver<()>>>>,
}

impl Taps {
    pub(crate) fn new(hubs: &Hubs, ends: Ends) -> Self {
        let unmasked = hubs.unmasked.as_ref().map(|hub| Tap::proxied(hub, ends).unmasked());
        Self { masked: Tap::proxied(&hubs.masked, ends), unmasked, bell: rings(hubs.masked.bell()) }
    }

    pub(crate) fn request(&mut self, head: &[u8]) {
        self.each(|tap| tap.request(head));
    }

    pub(crate) fn response(&mut self, head: &[u8], deflate: Option<DeflateParams>) {
        self.each(|tap| tap.response(head, deflate));
    }

    pub(crate) fn relayed(&mut self, direction: Direction, bytes: &[u8], next_frame: Option<usize>) {
        self.each(|tap| tap.relayed(direction, bytes, next_frame));
    }

    pub(crate) fn intervened(&mut self, direction: Direction, bytes: &[u8], intervention: &Intervention) {
        self.each(|tap| tap.intervened(direction, bytes, intervention));
    }

    pub(crate) fn shut(&mut self, direction: Direction) {
        self.each(|tap| tap.shut(direction));
    }

    pub(crate) fn reset(&mut self, direction: Direction) {
        self.each(|tap| tap.reset(direction));
    }

    pub(crate) fn ended(&mut self) {
        self.each(Tap::ended);
    }

    /// Ready once after somebody has come or gone: then it is time to [look](Self::look).
    pub(crate) fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut has_changed = Poll::Pending;
        while let Poll::Ready(bell) = self.bell.as_mut().poll(cx) {
            self.bell = rings(bell);
            has_changed = Poll::Ready(());
        }
        has_changed
    }

    /// Tells those who are new of this connection.
    pub(crate) fn look(&mut self) {
        self.masked.look();
    }

    /// Whether a file has kept up. Pages are not waited for.
    pub(crate) fn has_room(&self) -> bool {
        self.masked.has_room() && self.unmasked.as_ref().is_none_or(Tap::has_room)
    }

    /// Waits until it has.
    pub(crate) async fn room(&self) {
        self.masked.room().await;
        if let Some(tap) = &self.unmasked {
            tap.room().await;
        }
    }

    fn each(&mut self, mut work: impl FnMut(&mut Tap)) {
        work(&mut self.masked);
        if let Some(tap) = &mut self.unmasked {
            work(tap);
        }
    }
}

/// Waits for the bell, and hands it back.
fn rings(mut bell: watch::Receiver<()>) -> Pin<Box<dyn Future<Output = watch::Receiver<()>>>> {
    Box::pin(async move {
        if bell.changed().await.is_err() {
            // The hub is gone, and so is whoever could come.
            std::future::pending::<()>().await;
        }
        bell
    })
}
