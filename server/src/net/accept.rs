//! The accept loop: one task, for all threads.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Arrival, Guest, Limits, Options};

/// The way to one thread, and a count of who is there.
pub(super) struct Desk {
    pub(super) sender: mpsc::UnboundedSender<Arrival>,
    pub(super) tracker: TaskTracker,
}

/// Accepts until `stopping`, then closes the listening socket.
pub(super) async fn accept(
    listener: StdListener,
    desks: Vec<Desk>,
    limits: Arc<Limits>,
    options: Options,
    stopping: CancellationToken,
) {
    let _ = stopping.run_until_cancelled(accept_forever(listener, desks, limits, options)).await;
}

async fn accept_forever(listener: StdListener, desks: Vec<Desk>, limits: Arc<Limits>, options: Options) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the listening socket cannot be watched"),
    };
    let refusals = Arc::new(Semaphore::new(REFUSALS_AT_ONCE));
    loop {
        let (socket, address) = next(async || listener.accept().await, tokio::time::sleep).await;
        let Some((number, desk)) = desks.iter().enumerate().min_by_key(|(_, desk)| desk.tracker.len()) else {
            return;
        };
        match limits.admit(address, desk.tracker.token()) {
            Some(guest) => hand_over(socket, guest, number == 0, desk),
            None => refuse(socket, options.full, &refusals),
        }
    }
}

/// What is accepted next, however often that fails before.
async fn next<T>(accept: impl AsyncFn() -> io::Result<T>, wait: impl AsyncFn(Duration)) -> T {
    let mut pause = Duration::ZERO;
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                // Out of files or memory: connections wait in the kernel's queue until some are given
                // back. Trying again at once would only burn the processor.
                if pause.is_zero() {
                    tracing::warn!(%error, "cannot accept; pausing");
                }
                pause = (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
                wait(pause).await;
            }
        }
    }
}

/// Sends the socket to its thread. On ours, the first, it is registered already.
fn hand_over(socket: TcpStream, guest: Guest, is_ours: bool, desk: &Desk) {
    let arrival = if is_ours {
        Arrival::Registered(socket, guest)
    } else {
        match socket.into_std() {
            Ok(socket) => Arrival::Bare(socket, guest),
            Err(error) => return tracing::warn!(%error, "an accepted socket could not be handed over"),
        }
    };
    // A thread that is gone takes its connections with it.
    drop(desk.sender.send(arrival));
}

/// Errors that `accept` passes on from a connection that broke before it was accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Says that there is no room, and reads on for a moment: closing with unread bytes would reset the
/// connection, and the answer with it. Only so many at once; in a flood the rest are just dropped.
fn refuse(mut socket: TcpStream, full: &'static [u8], refusals: &Arc<Semaphore>) {
    let Ok(permit) = refusals.clone().try_acquire_owned() else { return };
    tokio::task::spawn_local(async move {
        let _permit = permit;
        let _ = tokio::time::timeout(REFUSAL_MAX, async {
            socket.write_all(full).await?;
            socket.shutdown().await?;
            let mut discarded = [0; 1024];
            while socket.read(&mut discarded).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    });
}

const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);
const REFUSALS_AT_ONCE: usize = 256;
const REFUSAL_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn out_of_files_it_tries_again_ever_less_often() {
        let (tries, waited) = (Cell::new(0), Cell::new(Duration::ZERO));
        let accept = async || {
            tries.set(tries.get() + 1);
            // Once a minute has gone by, there is one.
            if waited.get() < Duration::from_secs(60) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(7) }
        };
        let accepted = next(accept, async |pause| waited.set(waited.get() + pause)).await;
        assert_eq!(accepted, 7);
        // From 10 milliseconds on, each pause is twice as long, up to a second.
        assert_eq!(tries.get(), 7 + 59 + 1);
    }

    #[tokio::test]
    async fn what_broke_before_it_was_accepted_holds_up_nobody() {
        let tries = Cell::new(0);
        let accept = async || {
            tries.set(tries.get() + 1);
            if tries.get() < 100 { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
        };
        next(accept, async |_| panic!("there is nothing to wait for")).await;
    }
}
