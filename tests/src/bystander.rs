//! Somebody who only wants to be served while others misbehave.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::WireClient;

/// What a bystander's round trip may take while an attack runs. Without optimisation the code is many times slower, on
/// both ends, and such tests run beside each other on whatever cores there are: there, it only shows that nobody hangs.
pub const ROUND_TRIP_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 5000 } else { 250 });

/// A bystander's round trip: how long it took.
async fn round_trip(client: &mut WireClient) -> Duration {
    let started = Instant::now();
    client.assert_echoes("bystander").await;
    started.elapsed()
}

/// Somebody comes, is served, and goes: before an attack, so that what the first connection costs is paid, and after.
///
/// # Panics
/// When that takes too long.
pub async fn comes_and_goes(addr: SocketAddr) {
    let mut client = WireClient::open(addr, "/echo").await;
    let took = round_trip(&mut client).await;
    assert!(took < ROUND_TRIP_MAX, "{took:?}");
}

/// Carries out an attack, which must not spoil the round trips of somebody who is there all the while.
///
/// # Panics
/// When it does.
pub async fn beside<T>(addr: SocketAddr, attack: impl Future<Output = T>) -> T {
    let (opened, is_open) = oneshot::channel();
    let (stop, mut stopping) = oneshot::channel::<()>();
    // On a thread of its own: what the attacker computes must not count.
    let bystander = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut client = WireClient::open(addr, "/echo").await;
            let mut slowest = round_trip(&mut client).await;
            opened.send(()).expect("somebody waits");
            // Often, and not so often as to be a load itself.
            let mut pace = tokio::time::interval(Duration::from_millis(5));
            while stopping.try_recv() == Err(TryRecvError::Empty) {
                slowest = slowest.max(round_trip(&mut client).await);
                pace.tick().await;
            }
            slowest
        })
    });
    is_open.await.expect("the bystander is served");
    let result = attack.await;
    drop(stop);
    let slowest = bystander.await.expect("the bystander is served");
    assert!(slowest < ROUND_TRIP_MAX, "{slowest:?}");
    result
}

/// Sends `bytes` again and again, `times` at most, until the server no longer takes them; says how often it did.
pub async fn flood(client: &mut WireClient, bytes: &[u8], times: usize) -> usize {
    client.patience = Duration::from_secs(2);
    for sent in 0..times {
        if client.try_send(bytes).await.is_err() {
            return sent;
        }
    }
    times
}
