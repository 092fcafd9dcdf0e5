//! The client's side: a request out, a response in, and a connection if the two fit.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::check::{self, Asked, Findings};
use super::head::{Head, HeadLimits, HeadReader};
use super::response;
use super::server::{ExtraHeaders, push_header};
use super::{HandshakeError, HandshakeRule, Url, VERSION, grammar};
use crate::connection::{Config, Connection};
use crate::deflate::params::{DeflateParams, Offer};
use crate::mask::MaskingKey;
use crate::rules::Role;

/// An opening handshake from the client's end.
///
/// ```
/// use framescope_codec::handshake::{ClientHandshake, ClientOptions, Url};
/// use framescope_codec::{Config, MaskingKey};
///
/// let url = Url::parse("ws://server.example.com/chat")?;
/// let key = *b"the sample nonce"; // random, in earnest
/// let mut handshake = ClientHandshake::new(&url, key, &ClientOptions::default())?;
/// let mut out = Vec::new();
/// handshake.request(&mut out); // to be written to the socket
///
/// let received = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05Hello";
/// let (response, len) = handshake.receive(received)?.expect("a whole head");
/// assert_eq!(received.len() - len, 7); // a frame came right behind, and waits for the connection
/// let connection = response.accept(Config::default(), || MaskingKey([1, 2, 3, 4])); // random, too
/// assert!(connection.is_open());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    request: Vec<u8>,
    asked: Asked,
    limits: HeadLimits,
    reader: HeadReader,
    /// Bytes of interim responses, which came before the one that counts.
    interim: usize,
}

/// What a client asks for, besides the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientOptions<'a> {
    /// Subprotocols to offer, the one liked best first.
    pub subprotocols: &'a [&'a str],
    /// Offers of permessage-deflate, the one liked best first; most often none, or [`Offer::BROWSER`] alone.
    pub offers: &'a [Offer],
    /// Further headers, such as `Origin`, `Cookie` or `Authorization`.
    pub headers: Option<&'a ExtraHeaders>,
    /// How large a response may be.
    pub limits: HeadLimits,
}

impl ClientHandshake {
    /// Prepares the request. `key` is 16 random bytes, fresh for each connection.
    ///
    /// # Errors
    ///
    /// A subprotocol that is not a token, or offered twice.
    pub fn new(url: &Url, key: [u8; 16], options: &ClientOptions<'_>) -> Result<Self, HandshakeError> {
        if !options.subprotocols.iter().all(|protocol| grammar::is_token(protocol.as_bytes())) {
            return Err(HandshakeError::Request(HandshakeRule::MalformedProtocols));
        }
        // Our own request has to pass like anybody's, and what it asks for is read as a server would read it.
        Self::relaying(write_request(url, key, options).into_bytes(), options.limits)
    }

    /// Prepares to judge the answer to a request that somebody else wrote, and that is passed on as it is.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks.
    pub fn relaying(request: Vec<u8>, limits: HeadLimits) -> Result<Self, HandshakeError> {
        let head = Head::read(&request);
        let mut findings = Findings::default();
        check::check_request(&head, &mut findings);
        let asked = check::check_opening(&head, &mut findings);
        if let Some(rule) = findings.first_fatal() {
            return Err(HandshakeError::Request(rule));
        }
        let reader = HeadReader::new(Role::Server, limits);
        Ok(Self { request, asked, limits, reader, interim: 0 })
    }

    /// Appends the request.
    pub fn request(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.request);
    }

    /// Reads the response from the front of `received`, which is all that has arrived so far, from the first byte on;
    /// and says how many bytes it takes up. What follows are frames. `None` means that more bytes are needed.
    ///
    /// Interim responses such as `100 Continue` are passed over (RFC 9110, 15.2).
    ///
    /// # Errors
    ///
    /// The response breaks a rule, or says no: [`HandshakeError::Refused`] carries its status and head.
    pub fn receive(&mut self, received: &[u8]) -> Result<Option<(Response, usize)>, HandshakeError> {
        loop {
            let rest = received.get(self.interim..).unwrap_or_default();
            let Some(len) = self.reader.find_end(rest)? else { return Ok(None) };
            let head = Head::read(rest.get(..len).unwrap_or(rest));
            let mut findings = Findings::default();
            let answered = response::check_answer(&head, Some(&self.asked), &mut findings);
            if let Some(rule) = findings.first_fatal() {
                return Err(HandshakeError::Response(rule));
            }
            match answered.status {
                Some(101) => {
                    let (subprotocol, deflate) = (answered.protocol, answered.deflate);
                    return Ok(Some((Response { head, subprotocol, deflate }, self.interim + len)));
                }
                Some(100..=199) if self.interim + len < self.limits.bytes => {
                    self.interim += len;
                    self.reader = HeadReader::new(Role::Server, self.limits);
                }
                status => {
                    return Err(HandshakeError::Refused { status: status.unwrap_or_default(), head: Box::new(head) });
                }
            }
        }
    }
}

fn write_request(url: &Url, key: [u8; 16], options: &ClientOptions<'_>) -> String {
    let mut head = format!("GET {} HTTP/1.1\r\n", url.resource());
    push_header(&mut head, "Host", &url.host_header());
    push_header(&mut head, "Upgrade", "websocket");
    push_header(&mut head, "Connection", "Upgrade");
    push_header(&mut head, "Sec-WebSocket-Key", &BASE64_STANDARD.encode(key));
    push_header(&mut head, "Sec-WebSocket-Version", VERSION);
    if !options.subprotocols.is_empty() {
        push_header(&mut head, "Sec-WebSocket-Protocol", &options.subprotocols.join(", "));
    }
    if !options.offers.is_empty() {
        let offers: Vec<_> = options.offers.iter().map(Offer::to_string).collect();
        push_header(&mut head, "Sec-WebSocket-Extensions", &offers.join(", "));
    }
    for (name, value) in options.headers.into_iter().flat_map(ExtraHeaders::iter) {
        push_header(&mut head, name, value);
    }
    head.push_str("\r\n");
    head
}

/// A 101 response that fits its request.
#[derive(Clone, Debug)]
pub struct Response {
    head: Head,
    subprotocol: Option<String>,
    deflate: Option<DeflateParams>,
}

impl Response {
    /// The connection that the handshake opened. It masks each frame with a fresh key from `keys`; hand in a
    /// cryptographic source.
    #[must_use]
    pub fn accept(&self, config: Config, keys: impl FnMut() -> MaskingKey + Send + 'static) -> Connection {
        Connection::client(config, self.deflate, keys)
    }

    /// The head, byte for byte.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The subprotocol to speak; `None` if the server chose none.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What was agreed about compression; `None` if the server declined.
    #[must_use]
    pub const fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }

    /// The value of the first header called `name`, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.header(name)
    }

    /// The values of all headers called `name`, in any case.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.head.headers(name)
    }
}
