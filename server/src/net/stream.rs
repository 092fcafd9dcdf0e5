//! What carries a connection: a socket, or a pipe within this process.
//!
//! What comes through `/tunnel?to=self` is served as what comes through a socket is, by the same code: the two ends of a
//! pipe stand in for the network. Like one, it holds so much each way and then makes its writer wait, either side
//! may stop writing and go on reading, and whoever leaves without having read everything has broken the connection off.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The bytes of one connection.
#[derive(Debug)]
pub(crate) enum Stream {
    /// From another process.
    Tcp(TcpStream),
    /// From this one.
    Pipe(Pipe),
}

/// One end of a pipe. What is written to it is read at the other.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: Arc<Half>,
    write: Arc<Half>,
    port: u16,
}

/// One direction.
// hyper asks for streams that could be sent elsewhere, so this is a mutex, though both ends are on one thread.
#[derive(Debug, Default)]
struct Half(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Without an allocation while there is nothing.
    bytes: VecDeque<u8>,
    end: End,
    /// Nobody reads any more.
    is_deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What comes behind the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    /// More of them.
    #[default]
    Open,
    /// Nothing.
    Shut,
    /// Nothing, and what was sent the other way was not all read.
    Reset,
}

impl Pipe {
    /// Both ends.
    pub(crate) fn new() -> (Self, Self) {
        let (there, back) = (Arc::<Half>::default(), Arc::<Half>::default());
        let number = PIPES.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT | number & !FIRST_PORT;
        (Self { read: back.clone(), write: there.clone(), port }, Self { read: there, write: back, port })
    }

    /// A number that stands for the port that it does not have, and tells it from other pipes for a good while.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Breaks the connection off: what was written and not read yet is the last that the other end gets.
    pub(crate) fn reset(self) {
        self.write.end(End::Reset);
    }
}

impl Half {
    /// A panic elsewhere leaves it as whole as it was.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more will be written. What was said first holds.
    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end == End::Open {
            state.end = end;
            wake(state, |state| &mut state.reader);
        }
    }

    /// Nothing more will be read. Whether something was left.
    fn close(&self) -> bool {
        let mut state = self.lock();
        state.is_deaf = true;
        let was_unread = !std::mem::take(&mut state.bytes).is_empty();
        wake(state, |state| &mut state.writer);
        was_unread
    }
}

/// Wakes one who waits, when the lock is gone.
fn wake(mut state: MutexGuard<'_, State>, who: impl FnOnce(&mut State) -> &mut Option<Waker>) {
    let waker = who(&mut state).take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut state = self.read.lock();
        if state.bytes.is_empty() {
            return match state.end {
                End::Shut => Poll::Ready(Ok(())),
                End::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                End::Open => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        let (first, second) = state.bytes.as_slices();
        let mut taken = 0;
        for slice in [first, second] {
            let len = slice.len().min(buffer.remaining());
            buffer.put_slice(&slice[..len]);
            taken += len;
        }
        if taken == state.bytes.len() {
            state.bytes = VecDeque::new();
        } else {
            state.bytes.drain(..taken);
        }
        wake(state, |state| &mut state.writer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.write.lock();
        if state.is_deaf || state.end != End::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = bytes.len().min(PIPE_MAX - state.bytes.len());
        if len == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Doubling could make it hold nearly twice of what it may.
        state.bytes.reserve_exact(len);
        state.bytes.extend(&bytes[..len]);
        wake(state, |state| &mut state.reader);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.end(End::Shut);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let was_unread = self.read.close();
        self.write.end(if was_unread { End::Reset } else { End::Shut });
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<Pipe> for Stream {
    fn from(pipe: Pipe) -> Self {
        Self::Pipe(pipe)
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Pipe(pipe) => Pin::new(pipe).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Pipe(pipe) => Pin::new(pipe).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Pipe(pipe) => Pin::new(pipe).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Self::Tcp(stream) if stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Pipe(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Pipe(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }
}

/// How many there were, modulo 65 536.
static PIPES: AtomicU16 = AtomicU16::new(0);

/// Of those that systems give to clients (RFC 6335, 6); the rest of its bits are free.
const FIRST_PORT: u16 = 0xC000;

/// How much of one direction a pipe holds. A tunnel has a quarter of a megabyte for all its buffers.
pub(crate) const PIPE_MAX: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn all_arrives_in_order_however_much_more_than_it_holds() {
        let (mut one, mut other) = Pipe::new();
        let sent: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
        let copy = sent.clone();
        let writing = tokio::spawn(async move {
            for piece in copy.chunks(7_919) {
                one.write_all(piece).await.unwrap();
            }
            one
        });
        let mut received = Vec::new();
        let mut piece = vec![0; 4_099];
        while received.len() < sent.len() {
            let len = other.read(&mut piece).await.unwrap();
            assert!(len > 0);
            received.extend_from_slice(&piece[..len]);
        }
        assert!(received == sent);
        assert_eq!(writing.await.unwrap().read.lock().bytes.capacity(), 0);
        assert_eq!(other.read.lock().bytes.capacity(), 0, "an idle pipe holds nothing");
    }

    #[tokio::test]
    async fn a_full_pipe_makes_its_writer_wait() {
        let (mut one, mut other) = Pipe::new();
        let mut cx = Context::from_waker(Waker::noop());
        let bytes = vec![1; PIPE_MAX + 1];
        let Poll::Ready(Ok(len)) = Pin::new(&mut one).poll_write(&mut cx, &bytes) else { panic!("there is room") };
        assert_eq!(len, PIPE_MAX);
        assert!(Pin::new(&mut one).poll_write(&mut cx, &bytes[len..]).is_pending());
        let writing = tokio::spawn(async move { one.write_all(&[2]).await.map(|()| one) });
        let mut received = vec![0; PIPE_MAX + 1];
        other.read_exact(&mut received).await.unwrap();
        assert_eq!(received[PIPE_MAX], 2);
        drop(writing.await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn each_half_ends_by_itself() {
        let (mut one, mut other) = Pipe::new();
        one.write_all(b"question").await.unwrap();
        one.shutdown().await.unwrap();
        assert_eq!(one.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut question = String::new();
        other.read_to_string(&mut question).await.unwrap();
        other.write_all(b"answer").await.unwrap();
        drop(other);
        let mut answer = String::new();
        one.read_to_string(&mut answer).await.unwrap();
        assert_eq!((&*question, &*answer), ("question", "answer"));
    }

    #[tokio::test]
    async fn who_leaves_something_unread_has_broken_it_off() {
        let (mut one, mut other) = Pipe::new();
        one.write_all(b"never read").await.unwrap();
        other.write_all(b"last").await.unwrap();
        drop(other);
        let mut last = [0; 4];
        one.read_exact(&mut last).await.unwrap();
        assert_eq!(one.read(&mut last).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(one.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_when_the_other_leaves() {
        let (mut one, other) = Pipe::new();
        let reading = tokio::spawn(async move { one.read(&mut [0; 8]).await });
        tokio::task::yield_now().await;
        drop(other);
        assert_eq!(reading.await.unwrap().unwrap(), 0);

        let (mut one, other) = Pipe::new();
        let writing = tokio::spawn(async move { one.write_all(&vec![0; 2 * PIPE_MAX]).await });
        tokio::task::yield_now().await;
        drop(other);
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
