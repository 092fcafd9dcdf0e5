//! Threads, accepting, limits and stopping. Knows nothing of HTTP or WebSocket.
//!
//! One current-thread runtime per core, and a connection lives and dies on one of them, so that what
//! serves it needs no locks and need not be `Send`. One task accepts for all and hands each socket to
//! the thread that has the fewest. The alternative, a `SO_REUSEPORT` listener per thread, saves
//! a wake-up per connection, but spreads by hash, which is lopsided for the long-lived connections we
//! have; lets a second server of the same user take half of the port without an error; and would
//! need every limit to be shared anyway.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
pub(crate) use limits::{Guest, Limits, Seat, connections_allowed, raise_file_limit};
pub(crate) use stream::{PIPE_MAX, Pipe, Stream};

mod accept;
pub(crate) mod dial;
mod limits;
mod stream;
mod wire;

/// What runs on one thread and serves the sockets it is given.
pub(crate) trait Serve: 'static {
    /// Takes over a connection: spawns a local task for it, and returns at once. The connection
    /// counts as there until `guest` is dropped.
    fn serve(&self, socket: TcpStream, guest: Guest);

    /// The server stops: part with everyone, politely.
    fn stop(&self);
}

/// What an accept loop needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Threads to start, at least one.
    pub(crate) threads: usize,
    /// Connections at once, in all; 0 means what the limit on open files allows.
    pub(crate) connections_max: usize,
    /// Connections at once from one address that is not loopback; 0 is no limit.
    pub(crate) connections_per_address: usize,
    /// How long connections have to end once stopping began.
    pub(crate) shutdown_deadline: Duration,
    /// How long the other side may leave our bytes unacknowledged.
    pub(crate) unacknowledged_max: Duration,
    /// What a connection over the limits is told.
    pub(crate) full: &'static [u8],
}

impl Options {
    /// As configured; `full` is what a connection over the limits is told.
    pub(crate) fn new(config: &Config, full: &'static [u8]) -> Self {
        Self {
            threads: config.thread_count(),
            connections_max: config.connections_max,
            connections_per_address: config.connections_per_address,
            shutdown_deadline: config.shutdown_deadline,
            // A peer that does not read for a while is the idle deadline's affair, not the kernel's.
            unacknowledged_max: config.idle_deadline.max(Duration::from_secs(60)),
            full,
        }
    }
}

/// A socket on its way from the accepting task to the thread that will serve it.
enum Arrival {
    /// With this thread's runtime already, because it is the accepting one.
    Registered(TcpStream, Guest),
    /// With no runtime yet.
    Bare(StdStream, Guest),
}

/// Opens a listening socket with the options that each accepted one is to have.
pub(crate) fn listen(address: SocketAddr, options: &Options) -> io::Result<StdListener> {
    use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` is to mean everything, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit these on Linux: no system call per connection. A test holds us to it.
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(options.unacknowledged_max))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

/// Serves until `shutdown` is ready and all connections have ended or run out of time.
///
/// `make` is called once on each thread. Dropping the future stops the threads as well, but does not
/// wait for them.
pub(crate) async fn run<S: Serve>(
    listener: StdListener,
    options: Options,
    make: impl Fn() -> S + Clone + Send + 'static,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let stopping = CancellationToken::new();
    let stop_when_dropped = stopping.clone().drop_guard();
    let limits = Arc::new(Limits::new(&options));
    let mut desks = Vec::new();
    let mut threads = Vec::new();
    let mut arrivals = Vec::new();
    for _ in 0..options.threads.max(1) {
        let (sender, receiver) = mpsc::unbounded_channel::<Arrival>();
        let tracker = TaskTracker::new();
        desks.push(accept::Desk { sender, tracker: tracker.clone() });
        arrivals.push((receiver, tracker));
    }
    let mut acceptor = Some((listener, desks));
    for (number, (receiver, tracker)) in arrivals.into_iter().enumerate() {
        let worker = Worker { receiver, tracker, stopping: stopping.clone(), deadline: options.shutdown_deadline };
        let (make, limits, options, acceptor) = (make.clone(), limits.clone(), options.clone(), acceptor.take());
        let (done, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread;
        std::thread::Builder::new().name(format!("framescope-{number}")).spawn(move || {
            let outcome = runtime().enable_all().build_local(tokio::runtime::LocalOptions::default()).map(|runtime| {
                runtime.block_on(async move {
                    if let Some((listener, desks)) = acceptor {
                        let stopping = worker.stopping.clone();
                        tokio::task::spawn_local(accept::accept(listener, desks, limits, options, stopping));
                    }
                    worker.run(make()).await;
                });
            });
            // Nobody listens when `run` was dropped.
            let _ = done.send(outcome);
        })?;
        threads.push(ended);
    }
    tokio::select! {
        () = shutdown => {}
        () = stopping.cancelled() => {}
    }
    drop(stop_when_dropped);
    for ended in threads {
        ended.await.map_err(|_| io::Error::other("a serving thread panicked"))??;
    }
    Ok(())
}

/// One thread's part.
struct Worker {
    receiver: mpsc::UnboundedReceiver<Arrival>,
    tracker: TaskTracker,
    stopping: CancellationToken,
    deadline: Duration,
}

impl Worker {
    async fn run(mut self, service: impl Serve) {
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                arrival = self.receiver.recv() => match arrival {
                    Some(arrival) => Self::seat(&service, arrival),
                    None => break,
                },
            }
        }
        self.receiver.close();
        // Who was accepted meanwhile is not served any more, and must not be waited for.
        while self.receiver.recv().await.is_some() {}
        service.stop();
        self.tracker.close();
        if tokio::time::timeout(self.deadline, self.tracker.wait()).await.is_err() {
            tracing::warn!(connections = self.tracker.len(), "time is up: connections are cut");
        }
    }

    fn seat(service: &impl Serve, arrival: Arrival) {
        let (socket, guest) = match arrival {
            Arrival::Registered(socket, guest) => (socket, guest),
            Arrival::Bare(socket, guest) => match TcpStream::from_std(socket) {
                Ok(socket) => (socket, guest),
                Err(error) => return tracing::warn!(%error, "an accepted socket could not be registered"),
            },
        };
        service.serve(socket, guest);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn options() -> Options {
        Options {
            threads: 1,
            connections_max: 0,
            connections_per_address: 0,
            shutdown_deadline: Duration::from_secs(3600),
            unacknowledged_max: Duration::from_secs(60),
            full: b"",
        }
    }

    #[tokio::test]
    async fn accepted_sockets_inherit_what_the_listener_was_given() {
        let options = options();
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)), &options).unwrap();
        let address = listener.local_addr().unwrap();
        let _client = StdStream::connect(address).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        assert!(socket.nodelay().unwrap());
        assert!(socket2::SockRef::from(&socket).keepalive().unwrap());
        let again = listen(address, &options).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }

    struct Nobody;

    impl Serve for Nobody {
        fn serve(&self, _socket: TcpStream, _guest: Guest) {
            panic!("it stops");
        }

        fn stop(&self) {}
    }

    #[tokio::test]
    async fn who_comes_too_late_to_be_served_does_not_hold_up_the_end() {
        let options = options();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (socket, address) = accepted.unwrap();
        let (tracker, stopping) = (TaskTracker::new(), CancellationToken::new());
        let guest = Arc::new(Limits::new(&options)).admit(address, tracker.token()).unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        assert!(sender.send(Arrival::Registered(socket, guest)).is_ok());
        stopping.cancel();
        let worker = Worker { receiver, tracker, stopping, deadline: options.shutdown_deadline };
        tokio::time::timeout(Duration::from_secs(20), worker.run(Nobody)).await.unwrap();
        assert_eq!(client.unwrap().read(&mut [0]).await.unwrap(), 0);
    }
}
