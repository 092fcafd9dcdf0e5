//! A client that speaks raw bytes: right ones, wrong ones, and late ones.

mod frame;
mod head;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use frame::{InFrame, KEY, OutFrame, frames, hex};
use framescope_codec::{FrameHeader, Opcode, Rsv};
pub use head::{ACCEPT, NONCE, ResponseHead, opening_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;

/// How the stream of the other side came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A FIN.
    Fin,
    /// An RST.
    Reset,
}

/// A TCP connection to a server under test. Every wait has an end, after which the test fails.
#[derive(Debug)]
pub struct WireClient {
    stream: TcpStream,
    unread: Vec<u8>,
    /// How long to wait for anything.
    pub patience: Duration,
}

impl WireClient {
    /// A TCP connection, nothing said yet.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).await.expect("a connection")
    }

    /// A TCP connection to a server that may be gone.
    ///
    /// # Errors
    /// Those of the socket, and `TimedOut`.
    ///
    /// # Panics
    /// When the socket does not let itself be configured.
    pub async fn try_connect(addr: SocketAddr) -> io::Result<Self> {
        let connecting = timeout(PATIENCE, TcpStream::connect(addr)).await;
        let stream = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        stream.set_nodelay(true).expect("no delay");
        Ok(Self { stream, unread: Vec::new(), patience: PATIENCE })
    }

    /// An open WebSocket on `path`.
    ///
    /// # Panics
    /// When the answer is not a proper 101.
    pub async fn open(addr: SocketAddr, path: &str) -> Self {
        Self::open_with(addr, path, &[]).await.0
    }

    /// The same with more header lines, and the response.
    ///
    /// # Panics
    /// When the answer is not a proper 101.
    pub async fn open_with(addr: SocketAddr, path: &str, extra: &[(&str, &str)]) -> (Self, ResponseHead) {
        let mut client = Self::connect(addr).await;
        client.send(&opening_request(addr, path, extra)).await;
        let response = client.response_head().await;
        assert_eq!(response.status, 101, "{response:?}");
        assert_eq!(response.header("Sec-WebSocket-Accept"), Some(ACCEPT));
        assert_eq!(response.header("Connection"), Some("Upgrade"));
        assert!(response.header("Upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")));
        (client, response)
    }

    /// Our own address.
    ///
    /// # Panics
    /// When the socket has none.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("a local address")
    }

    /// Sends these bytes as they are.
    ///
    /// # Panics
    /// When the other side does not take them.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.expect("the bytes are taken");
    }

    /// Sends these bytes, to a server that may be gone or may have stopped reading.
    ///
    /// # Errors
    /// Those of the socket, and `TimedOut`.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(self.patience, self.stream.write_all(bytes))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Sends one frame.
    ///
    /// # Panics
    /// When the other side does not take it.
    pub async fn send_frame(&mut self, frame: OutFrame) {
        self.send(&frame.bytes()).await;
    }

    /// Ends our half of the stream.
    ///
    /// # Panics
    /// When that fails.
    pub async fn shut_down(&mut self) {
        self.stream.shutdown().await.expect("a half-close");
    }

    /// The socket alone.
    ///
    /// # Panics
    /// When something was read from it that nobody has looked at.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        assert!(self.unread.is_empty(), "{:02x?}", self.unread);
        self.stream
    }

    /// Drops the connection with an RST.
    ///
    /// # Panics
    /// When the socket does not let itself be configured.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("no linger");
    }

    /// The head of the HTTP response; what follows it stays to be read.
    ///
    /// # Panics
    /// When none comes.
    pub async fn response_head(&mut self) -> ResponseHead {
        self.try_response_head()
            .await
            .unwrap_or_else(|ending| panic!("{ending:?} in place of a response; read {:?}", self.unread))
    }

    /// The head of the HTTP response, from a server that may rather hang up.
    ///
    /// # Errors
    /// How the stream ended in its place.
    ///
    /// # Panics
    /// When neither comes.
    pub async fn try_response_head(&mut self) -> Result<ResponseHead, Ending> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Ok(ResponseHead::parse(&String::from_utf8_lossy(&head)));
            }
            self.read_more().await?;
        }
    }

    /// The whole body of a response, up to its `Content-Length`.
    ///
    /// # Panics
    /// When it does not come, or has no such line.
    pub async fn body(&mut self, head: &ResponseHead) -> String {
        let len: usize = head.header("Content-Length").expect("a Content-Length").parse().expect("a number");
        while self.unread.len() < len {
            self.read_more().await.expect("the body");
        }
        String::from_utf8_lossy(&self.unread.drain(..len).collect::<Vec<_>>()).into_owned()
    }

    /// The next frame.
    ///
    /// # Panics
    /// When none comes, or it breaks a rule that holds for every server.
    pub async fn frame(&mut self) -> InFrame {
        match self.frame_or_end().await {
            Ok(frame) => frame,
            Err(ending) => {
                let left = &self.unread[..self.unread.len().min(64)];
                panic!("{ending:?} in place of a frame; left over {} bytes: {left:02x?}", self.unread.len())
            }
        }
    }

    /// The next frame, or how the stream ended.
    ///
    /// # Errors
    /// How the stream ended.
    ///
    /// # Panics
    /// When neither comes, or a frame breaks a rule that holds for every server.
    pub async fn frame_or_end(&mut self) -> Result<InFrame, Ending> {
        loop {
            if let Some((header, len)) = FrameHeader::decode(&self.unread) {
                assert_eq!(header.masking_key, None, "a server masks nothing");
                assert!(header.payload_length.is_minimal(), "{header:?}");
                let whole = len + usize::try_from(header.payload_length.get()).expect("a length of this machine");
                self.unread.reserve(whole.saturating_sub(self.unread.len()));
                if self.unread.len() >= whole {
                    let payload = self.unread[len..whole].to_vec();
                    self.unread.drain(..whole);
                    return Ok(InFrame { header, payload });
                }
            }
            self.read_more().await?;
        }
    }

    /// The header of the next frame, which stays to be read.
    ///
    /// # Panics
    /// When none comes.
    pub async fn peek_header(&mut self) -> FrameHeader {
        loop {
            if let Some((header, _)) = FrameHeader::decode(&self.unread) {
                return header;
            }
            self.read_more().await.expect("a frame");
        }
    }

    /// The next message that is neither ping nor pong, put together from its fragments: opcode, RSV bits of the first, payload.
    ///
    /// # Panics
    /// When none comes.
    pub async fn message(&mut self) -> (Opcode, Rsv, Vec<u8>) {
        let mut first: Option<(Opcode, Rsv)> = None;
        let mut payload = Vec::new();
        loop {
            let frame = self.frame().await;
            match frame.header.opcode {
                Opcode::Ping | Opcode::Pong => continue,
                Opcode::Close => panic!(
                    "{:?} {:?} in place of a message",
                    frame.close_code(),
                    String::from_utf8_lossy(&frame.payload)
                ),
                Opcode::Continuation => assert!(first.is_some(), "a stray continuation"),
                opcode => assert_eq!(first.replace((opcode, frame.header.rsv)), None, "a message inside a message"),
            }
            payload.extend_from_slice(&frame.payload);
            if let (true, Some((opcode, rsv))) = (frame.header.fin, first) {
                return (opcode, rsv, payload);
            }
        }
    }

    /// The next message, which must be text.
    ///
    /// # Panics
    /// When it is something else.
    pub async fn text(&mut self) -> String {
        let (opcode, _, payload) = self.message().await;
        assert_eq!(opcode, Opcode::Text);
        String::from_utf8(payload).expect("UTF-8")
    }

    /// Says so and hears it back: the connection is alive and consistent.
    ///
    /// # Panics
    /// When it is not.
    pub async fn assert_echoes(&mut self, text: &str) {
        self.send_frame(OutFrame::text(text)).await;
        assert_eq!(self.text().await, text);
    }

    /// Reads the Close with this code (`None`: an empty one) and the FIN behind it, other frames before it passed over.
    ///
    /// # Panics
    /// When it ends in any other way.
    pub async fn assert_closed(&mut self, code: impl Into<Option<u16>>) {
        let close = self.close_frame().await;
        assert_eq!(
            close.close_code(),
            code.into(),
            "reason {:?}",
            String::from_utf8_lossy(close.payload.get(2..).unwrap_or_default())
        );
        self.assert_ended().await;
    }

    /// The Close frame that comes next, other frames before it passed over.
    ///
    /// # Panics
    /// When none comes.
    pub async fn close_frame(&mut self) -> InFrame {
        loop {
            let frame = self.frame().await;
            if frame.header.opcode == Opcode::Close {
                return frame;
            }
        }
    }

    /// Reads the FIN, with nothing in front of it.
    ///
    /// # Panics
    /// When anything else comes.
    pub async fn assert_ended(&mut self) {
        let ending = self.ending().await;
        assert_eq!(ending, Ending::Fin);
        assert!(self.unread.is_empty(), "behind the end: {:02x?}", self.unread);
    }

    /// Reads until the stream ends, and says how. What came stays to be read.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ending(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.read_more().await {
                return ending;
            }
        }
    }

    /// What was read and not yet looked at.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    async fn read_more(&mut self) -> Result<(), Ending> {
        let read = timeout(self.patience, self.stream.read_buf(&mut self.unread)).await;
        match read.unwrap_or_else(|_| panic!("nothing came for {:?}; before: {:02x?}", self.patience, self.unread)) {
            Ok(0) => Err(Ending::Fin),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(Ending::Reset),
            Err(error) => panic!("reading fails: {error}"),
        }
    }
}
