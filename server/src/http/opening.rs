//! The first request of a connection, read before it is known what will become of the connection.
//!
//! An opening handshake goes to the codec on the bare socket: of the HTTP library nothing is ever made for
//! it, so nothing of it can stay behind. Everything else is replayed into the library byte for byte.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use framescope_codec::Role;
use framescope_codec::handshake::{HandshakeError, HeadLimits, HeadReader, Request};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::config::Config;
use crate::net::Stream;
use crate::ws::thread;

/// What the first bytes amount to.
pub(crate) enum Begun {
    /// It means to be an opening handshake. The bytes that came behind its head are in `behind`.
    Upgrade { request: Request, behind: Vec<u8> },
    /// Some other request, and all that was received so far.
    Plain { request: Request, received: Vec<u8> },
    /// It is no HTTP that we would have, or too much of it.
    Bad(HandshakeError),
    /// The peer left without having asked for anything.
    Gone,
}

/// Reads the head of the first request.
pub(crate) async fn begin(stream: &mut Stream, limits: HeadLimits) -> Begun {
    let mut reader = HeadReader::new(Role::Client, limits);
    let mut received = Vec::new();
    loop {
        match read_some(stream, &mut received).await {
            Ok(0) | Err(_) => return Begun::Gone,
            Ok(_) => {}
        }
        let len = match reader.find_end(&received) {
            Ok(Some(len)) => len,
            Ok(None) => continue,
            Err(error) => return Begun::Bad(error),
        };
        return match Request::read(&received[..len]) {
            Ok(request) if request.is_upgrade() => Begun::Upgrade { request, behind: received.split_off(len) },
            Ok(request) => Begun::Plain { request, received },
            Err(error) => Begun::Bad(error),
        };
    }
}

async fn read_some(stream: &mut Stream, received: &mut Vec<u8>) -> io::Result<usize> {
    poll_fn(|cx| {
        thread::with_read_buffer(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
            received.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}

/// Sends a last answer, and reads on until the peer is done or patience ends: closing a socket with
/// unread bytes would reset the connection, and the answer with it.
pub(crate) async fn part(mut stream: Stream, answer: &[u8], config: &Config) {
    let linger = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut discarded = Vec::new();
        let mut total = 0;
        while total <= config.linger_max.min(DISCARD_MAX) {
            discarded.clear();
            match tokio::time::timeout(config.linger_quiet, read_some(&mut stream, &mut discarded)).await {
                Ok(Ok(len)) if len > 0 => total += len,
                _ => break,
            }
        }
        io::Result::Ok(())
    };
    // However it went, that was all there was to say.
    let _ = tokio::time::timeout(config.linger_deadline.max(Duration::from_millis(1)), linger).await;
}

/// Who sends this much behind a request that was refused will not read the answer.
const DISCARD_MAX: usize = 1 << 20;

/// A stream that begins with bytes that were read from it already.
#[derive(Debug)]
pub(super) struct Replay {
    read: Vec<u8>,
    at: usize,
    stream: Stream,
    heads: Heads,
}

/// The heads of an opening handshake as they are on the wire, which the library does not keep.
// The library asks for streams that could be sent elsewhere, so this is a mutex, though all is on one thread.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    kept: Arc<Mutex<Kept>>,
    max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// What was read since something was last written. If that was all for one request, it begins with its head.
    read: Vec<u8>,
    /// The answer that switches protocols.
    answer: Vec<u8>,
}

impl Heads {
    /// The request that was read last, if it came by itself.
    pub(super) fn request(&self) -> Option<Request> {
        let limits = HeadLimits { bytes: self.max, ..HeadLimits::default() };
        Request::parse(&self.lock().read, &limits).ok().flatten().map(|(request, _)| request)
    }

    /// The answer, once it is written.
    pub(super) fn answer(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().answer)
    }

    /// What is beyond the limit is of no use: no head is as long.
    fn read(&self, bytes: &[u8]) {
        let read = &mut self.lock().read;
        let room = self.max.saturating_sub(read.len());
        read.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// An answer goes out: what is read next is another request.
    fn wrote(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        if kept.read.capacity() > 0 {
            kept.read = Vec::new();
        }
        if !kept.answer.is_empty() || bytes.starts_with(b"HTTP/1.1 101 ") {
            kept.answer.extend_from_slice(bytes);
        }
    }

    /// A panic elsewhere leaves it as whole as it was.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replay {
    /// `read` has been read from `stream` already; a head has at most `head_max` bytes.
    pub(super) fn new(read: Vec<u8>, stream: Stream, head_max: usize) -> Self {
        Self { read, at: 0, stream, heads: Heads { kept: Arc::default(), max: head_max } }
    }

    pub(super) const fn heads(&self) -> &Heads {
        &self.heads
    }

    pub(super) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The stream alone. All that was read must have been read again.
    pub(super) fn into_inner(self) -> Stream {
        self.stream
    }
}

impl AsyncRead for Replay {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.at < this.read.len() {
            let rest = &this.read[this.at..];
            let len = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..len]);
            this.heads.read(&rest[..len]);
            this.at += len;
            if this.at == this.read.len() {
                (this.read, this.at) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.heads.read(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Replay {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(len)) = written {
            self.heads.wrote(&bytes[..len]);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(mut left)) = written {
            for slice in slices {
                let len = slice.len().min(left);
                self.heads.wrote(&slice[..len]);
                left -= len;
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
