//! A WebSocket client.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use framescope_codec::deflate::params::Offer;
use framescope_codec::handshake::{
    self, ClientHandshake, ExtraHeaders, HandshakeError, InvalidHeader, InvalidUrl, Url,
};
use framescope_codec::{Closed, MaskingKey, Message, Receiver};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::{Event, Outbox, Queue};
use crate::ws::{Pump, Witness};

/// The client's end of a connection.
///
/// It has no task of its own: whoever calls [`next`](Self::next) moves it, so bytes go out, pings are answered and
/// callbacks are called while a `next` is awaited. It is `Send`; what is sent goes through the [`Outbox`] it
/// dereferences to.
///
/// ```no_run
/// use framescope_server::WebSocketClient;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = WebSocketClient::connect("ws://127.0.0.1:8080/echo").await?;
/// client.send("Hello")?;
/// while let Some(event) = client.next().await {
///     println!("{event:?}"); // Text("Hello"), then Closed(..)
///     client.close(None).ok(); // Err if it is closing already
/// }
/// # Ok(()) }
/// ```
pub struct WebSocketClient<S = TcpStream> {
    pump: Pump<S>,
    outbox: Outbox,
    inbox: Inbox,
    response: handshake::Response,
    close_deadline: Duration,
    /// Running since either side began to close.
    patience: Option<Pin<Box<Sleep>>>,
    closed: Option<Closed>,
}

/// What a client asks for, and what it bears.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Subprotocols to offer, the one liked best first.
    pub subprotocols: Vec<String>,
    /// Offers of permessage-deflate, the one liked best first; empty for no compression.
    pub compression: Vec<Offer>,
    /// Further headers of the opening handshake, such as `Cookie` or `Origin`.
    pub headers: Vec<(String, String)>,
    /// Limits on what comes in, and when to compress what goes out.
    pub limits: framescope_codec::Config,
    /// Bytes that may wait to be sent, besides the message that was let in last.
    pub queue_max: usize,
    /// How long connecting and the opening handshake may take.
    pub open_deadline: Duration,
    /// How long to wait for the server's half of the closing handshake, and for it to close the stream.
    pub close_deadline: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            subprotocols: Vec::new(),
            compression: vec![Offer::BROWSER],
            headers: Vec::new(),
            limits: framescope_codec::Config::default(),
            queue_max: 1 << 20,
            open_deadline: Duration::from_secs(10),
            close_deadline: Duration::from_secs(5),
        }
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The address is none.
    Url(InvalidUrl),
    /// `wss://` wants TLS, which is not in here: connect such a stream and use [`WebSocketClient::over`].
    NeedsTls,
    /// A header cannot be in a handshake.
    Header(InvalidHeader),
    /// The network said no, or the stream ended too early.
    Io(io::Error),
    /// The server said no, or something that is not WebSocket.
    Handshake(HandshakeError),
    /// It took too long.
    TimedOut,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::NeedsTls => f.write_str("wss:// needs a TLS stream: connect one and use WebSocketClient::over"),
            Self::Header(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
            Self::TimedOut => f.write_str("the server did not answer in time"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            Self::Header(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::NeedsTls | Self::TimedOut => None,
        }
    }
}

impl WebSocketClient {
    /// Connects to a `ws://` address.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says at which point there was no going on.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::connect_with(url, ClientOptions::default()).await
    }

    /// Connects, with wishes.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(url: &str, options: ClientOptions) -> Result<Self, ConnectError> {
        let parsed = Url::parse(url).map_err(ConnectError::Url)?;
        if parsed.is_secure() {
            return Err(ConnectError::NeedsTls);
        }
        let deadline = options.open_deadline;
        let connect = async {
            let stream = TcpStream::connect((parsed.host(), parsed.port())).await.map_err(ConnectError::Io)?;
            stream.set_nodelay(true).map_err(ConnectError::Io)?;
            Self::over(stream, url, options).await
        };
        tokio::time::timeout(deadline, connect).await.map_err(|_| ConnectError::TimedOut)?
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketClient<S> {
    /// Opens a WebSocket over a stream that leads to the server of `url`: through TLS, a tunnel, or memory.
    ///
    /// # Errors
    ///
    /// As [`connect`](WebSocketClient::connect).
    pub async fn over(mut stream: S, url: &str, options: ClientOptions) -> Result<Self, ConnectError> {
        let open = open(&mut stream, url, &options);
        let (response, behind) =
            tokio::time::timeout(options.open_deadline, open).await.map_err(|_| ConnectError::TimedOut)??;
        // rand's thread generator is a cryptographic one, as RFC 6455, 5.3 wants.
        let connection = response.accept(options.limits, || MaskingKey(rand::random()));
        let (receiver, sender) = connection.into_halves();
        Ok(Self {
            pump: Pump::new(stream, receiver, &behind),
            outbox: Outbox::new(sender, Vec::new(), options.queue_max),
            inbox: Inbox::default(),
            response,
            close_deadline: options.close_deadline,
            patience: None,
            closed: None,
        })
    }

    /// Has `handler` called with each message, text or binary by its opcode, in place of the one before. The message
    /// is lent, and comes out of [`next`](Self::next) as well. What the handler returns is dropped.
    pub fn on_message<R>(&mut self, mut handler: impl FnMut(Message<'_>, &Outbox) -> R + Send + 'static) {
        self.inbox.on_message = Some(Box::new(move |message, outbox| drop(handler(message, outbox))));
    }

    /// Has `handler` called once, when the connection is over.
    pub fn on_close(&mut self, handler: impl FnMut(&Closed) + Send + 'static) {
        self.inbox.on_close = Some(Box::new(handler));
    }

    /// Sends what waits, receives, and gives out the next event; the last one is [`Event::Closed`], and `None`
    /// follows. Nothing is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Goes on until the connection is over, for those who have callbacks.
    pub async fn run(&mut self) -> Closed {
        while self.next().await.is_some() {}
        self.closed.clone().unwrap_or_else(|| self.outbox.closed())
    }

    /// Waits until all that was sent is written, while receiving as [`next`](Self::next) does.
    pub async fn flush(&mut self) {
        poll_fn(|cx| {
            if self.closed.is_none() {
                self.pump(cx);
            }
            if self.outbox.waiting() == 0 || self.closed.is_some() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The server's answer to the opening handshake.
    #[must_use]
    pub const fn response(&self) -> &handshake::Response {
        &self.response
    }

    /// How it ended; `None` as long as it has not.
    #[must_use]
    pub const fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(event) = self.inbox.queue.pop() {
            return Poll::Ready(Some(event));
        }
        if self.closed.is_none() {
            self.pump(cx);
        }
        match self.inbox.queue.pop() {
            Some(event) => Poll::Ready(Some(event)),
            None if self.closed.is_some() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Moves bytes, and notices the end.
    fn pump(&mut self, cx: &mut Context<'_>) {
        let mut is_over = self.pump.poll(cx, &self.outbox, &mut self.inbox).is_ready();
        if !is_over && !self.outbox.is_open() {
            let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.close_deadline)));
            is_over = patience.as_mut().poll(cx).is_ready();
        }
        if is_over {
            let closed = self.outbox.closed();
            if let Some(on_close) = &mut self.inbox.on_close {
                on_close(&closed);
            }
            self.inbox.queue.push(Event::Closed(closed.clone()));
            self.closed = Some(closed);
        }
    }
}

impl<S> Deref for WebSocketClient<S> {
    type Target = Outbox;

    fn deref(&self) -> &Outbox {
        &self.outbox
    }
}

impl<S> fmt::Debug for WebSocketClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketClient").field("outbox", &self.outbox).field("closed", &self.closed).finish()
    }
}

/// Sends the opening handshake and waits for its answer; with it come the bytes that followed it.
async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    url: &str,
    options: &ClientOptions,
) -> Result<(handshake::Response, Vec<u8>), ConnectError> {
    let url = Url::parse(url).map_err(ConnectError::Url)?;
    let mut headers = ExtraHeaders::new();
    for (name, value) in &options.headers {
        headers.push(name, value).map_err(ConnectError::Header)?;
    }
    let subprotocols: Vec<_> = options.subprotocols.iter().map(String::as_str).collect();
    let asked = handshake::ClientOptions {
        subprotocols: &subprotocols,
        offers: &options.compression,
        headers: Some(&headers),
        ..handshake::ClientOptions::default()
    };
    let mut handshake = ClientHandshake::new(&url, rand::random(), &asked).map_err(ConnectError::Handshake)?;
    let mut request = Vec::new();
    handshake.request(&mut request);
    stream.write_all(&request).await.map_err(ConnectError::Io)?;
    stream.flush().await.map_err(ConnectError::Io)?;
    let mut received = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut received).await.map_err(ConnectError::Io)? == 0 {
            return Err(ConnectError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some((response, len)) = handshake.receive(&received).map_err(ConnectError::Handshake)? {
            return Ok((response, received.split_off(len)));
        }
    }
}

/// Where events go.
#[derive(Default)]
struct Inbox {
    queue: Queue,
    on_message: Option<Box<OnMessage>>,
    on_close: Option<Box<OnClose>>,
}

type OnMessage = dyn FnMut(Message<'_>, &Outbox) + Send;
type OnClose = dyn FnMut(&Closed) + Send;

impl Witness for Inbox {
    fn read(&mut self, _bytes: &[u8], _receiver: &Receiver) {}

    fn wrote(&mut self, _bytes: &[u8], _begins_frame: bool) {}

    fn event(&mut self, event: framescope_codec::Event<'_>, outbox: &Outbox) {
        match event {
            framescope_codec::Event::Message(message) => {
                self.queue.push(message.into());
                if let Some(on_message) = &mut self.on_message {
                    on_message(message, outbox);
                }
            }
            framescope_codec::Event::Ping(payload) => self.queue.push(Event::Ping(payload.to_owned())),
            framescope_codec::Event::Pong(payload) => self.queue.push(Event::Pong(payload.to_owned())),
            framescope_codec::Event::Failed(violation) => self.queue.push(Event::Failed(violation)),
            // It shows in how the connection ends.
            framescope_codec::Event::Closing(_) => {}
        }
    }

    fn has_room(&mut self) -> bool {
        self.queue.has_room()
    }
}
