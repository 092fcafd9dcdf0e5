//! A socket that one task reads and writes, and that can be watched for breaking at the same time.
//!
//! Whoever passes bytes on does not always read: not while the other side is slow, and not behind a FIN. A connection
//! that is torn down meanwhile shows in neither reading nor writing, and its other half would stand for nothing. The
//! kernel does tell, to those who wait for exactly that.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A socket. Only one of its tasks may read and write.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<TcpStream>);

impl Wire {
    /// The socket itself.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.0
    }

    /// Ends when the connection is torn down, by an RST or because nothing arrives any more.
    pub(crate) fn broken(&self) -> impl Future<Output = ()> + use<> {
        let socket = self.0.clone();
        async move {
            // Without a runtime there is nothing to wait for, and nobody who waits.
            drop(socket.ready(Interest::ERROR).await);
        }
    }

    /// Has the kernel send an RST when the last of us lets go.
    pub(crate) fn reset_when_dropped(&self) {
        if let Err(error) = self.0.set_zero_linger() {
            tracing::debug!(%error, "a connection is closed where it should be reset");
        }
    }
}

impl From<TcpStream> for Wire {
    fn from(socket: TcpStream) -> Self {
        Self(Arc::new(socket))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(len) => {
                    if 0 < len && len < room {
                        // That was all: whatever comes now, the kernel tells. Saves asking it.
                        let _ = self.0.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (one, other) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (one.unwrap().into(), other.unwrap().0)
    }

    #[tokio::test]
    async fn it_carries_bytes_and_ends_each_half_by_itself() {
        let (mut wire, mut peer) = pair().await;
        let sent = vec![7; 3 << 20];
        let echo = async {
            let mut bytes = Vec::new();
            peer.read_to_end(&mut bytes).await.unwrap();
            peer.write_all(&bytes).await.unwrap();
            drop(peer);
        };
        let mut received = Vec::new();
        let talk = async {
            wire.write_all(&sent).await.unwrap();
            wire.shutdown().await.unwrap();
            wire.read_to_end(&mut received).await.unwrap();
        };
        tokio::join!(echo, talk);
        assert!(received == sent);
    }

    #[tokio::test]
    async fn it_tells_of_an_rst_to_one_who_does_not_read() {
        let (wire, mut peer) = pair().await;
        peer.write_all(b"unread").await.unwrap();
        peer.set_zero_linger().unwrap();
        drop(peer);
        wire.broken().await;
        let (wire, peer) = pair().await;
        drop(peer);
        tokio::select! {
            biased;
            () = wire.broken() => panic!("a FIN breaks nothing"),
            readable = wire.socket().readable() => readable.unwrap(),
        }
        wire.reset_when_dropped();
    }
}
