//! What an operator wants of a relay, and how it gets there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use framescope_codec::capture::Direction;
use framescope_codec::capture::gate::Decision;

use crate::inspect::watcher::lock;

/// What is to be done in one connection.
#[derive(Debug)]
pub(in crate::inspect) enum Order {
    /// With a frame that is held.
    Decide { id: u64, direction: Direction, decision: Decision },
    /// With bytes that nobody sent.
    Inject { tag: u64, direction: Direction, bytes: Vec<u8>, is_forced: bool },
}

/// One relay's: rung when there are orders, or when who is at the desk has changed.
#[derive(Debug, Default)]
pub(super) struct Orders {
    is_rung: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Order>,
    waker: Option<Waker>,
}

impl Orders {
    /// Who is to be woken.
    pub(super) fn set_waker(&self, waker: &Waker) {
        lock(&self.inner).waker = Some(waker.clone());
    }

    pub(super) fn give(&self, order: Order) {
        lock(&self.inner).waiting.push(order);
        self.ring();
    }

    pub(super) fn ring(&self) {
        self.is_rung.store(true, Ordering::Release);
        let waker = lock(&self.inner).waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it was rung since this was last asked.
    #[inline]
    pub(super) fn was_rung(&self) -> bool {
        self.is_rung.load(Ordering::Relaxed) && self.is_rung.swap(false, Ordering::Acquire)
    }

    pub(super) fn take(&self) -> Vec<Order> {
        std::mem::take(&mut lock(&self.inner).waiting)
    }
}
