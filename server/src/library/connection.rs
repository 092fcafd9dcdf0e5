//! One connection, as a server's handler has it.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::task::{Poll, Waker};

use framescope_codec::{Closed, Message, Violation};

use super::{Event, Outbox, Queue};
use crate::apps::App;

/// A connection that a [`WebSocketServer`](super::WebSocketServer) has accepted.
///
/// A cheap handle: clones are the same connection. It stays on its thread, and what is sent goes through the
/// [`Outbox`] it dereferences to.
///
/// ```
/// use framescope_server::WebSocketConnection;
///
/// fn greet(connection: WebSocketConnection) {
///     println!("{} came to {}", connection.peer(), connection.target());
///     connection.on_message(|message, connection| connection.send(message));
///     connection.on_close(|connection| println!("{} left: {:?}", connection.peer(), connection.closed()));
/// }
/// # let _ = greet;
/// ```
#[derive(Clone)]
pub struct WebSocketConnection(Rc<Shared>);

struct Shared {
    outbox: Rc<Outbox>,
    peer: SocketAddr,
    target: String,
    hooks: RefCell<Hooks>,
}

#[derive(Default)]
struct Hooks {
    on_message: Option<Box<OnMessage>>,
    on_close: Option<Box<OnClose>>,
    /// Once there is somebody to take them.
    events: Option<Queue>,
    /// Of whoever waits for an event.
    waiting: Option<Waker>,
    closed: Option<Closed>,
}

type OnMessage = dyn FnMut(Message<'_>, &WebSocketConnection);
type OnClose = dyn FnMut(&WebSocketConnection);

impl WebSocketConnection {
    pub(super) fn new(outbox: Rc<Outbox>, peer: SocketAddr, target: String) -> Self {
        Self(Rc::new(Shared { outbox, peer, target, hooks: RefCell::default() }))
    }

    /// Has `handler` called with each message, text or binary by its opcode, in place of the one before. The message
    /// is lent: it lies where it was received. What the handler returns is dropped.
    pub fn on_message<R>(&self, mut handler: impl FnMut(Message<'_>, &Self) -> R + 'static) {
        let handler = move |message: Message<'_>, connection: &Self| drop(handler(message, connection));
        self.0.hooks.borrow_mut().on_message = Some(Box::new(handler));
    }

    /// Has `handler` called once, when the connection is over, however it ended.
    pub fn on_close(&self, handler: impl FnMut(&Self) + 'static) {
        self.0.hooks.borrow_mut().on_close = Some(Box::new(handler));
    }

    /// From now on, keeps what comes in for whoever asks for it. While a megabyte waits, the connection is not read
    /// from, and its peer has to wait as well.
    ///
    /// ```
    /// # use framescope_server::{Event, WebSocketConnection};
    /// fn serve(connection: WebSocketConnection) {
    ///     let events = connection.events();
    ///     tokio::task::spawn_local(async move {
    ///         while let Some(event) = events.next().await {
    ///             if let Some(message) = event.message() {
    ///                 connection.send(message)?;
    ///             }
    ///         }
    ///         Ok::<(), framescope_server::SendError>(())
    ///     });
    /// }
    /// # let _ = serve;
    /// ```
    #[must_use]
    pub fn events(&self) -> Events {
        self.0.hooks.borrow_mut().events.get_or_insert_default();
        Events(self.clone())
    }

    /// The address it comes from.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The path and query it asked for.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// How it ended; `None` as long as it has not.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.0.hooks.borrow().closed.clone()
    }

    fn push(&self, event: impl FnOnce() -> Event) {
        let mut hooks = self.0.hooks.borrow_mut();
        if let Some(events) = &mut hooks.events {
            events.push(event());
            let waiting = hooks.waiting.take();
            drop(hooks);
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
    }
}

impl Deref for WebSocketConnection {
    type Target = Outbox;

    fn deref(&self) -> &Outbox {
        &self.0.outbox
    }
}

impl fmt::Debug for WebSocketConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketConnection").field("peer", &self.0.peer).field("outbox", &self.0.outbox).finish()
    }
}

/// What came in over a connection, in order, from the moment it was asked for.
#[derive(Clone, Debug)]
pub struct Events(WebSocketConnection);

impl Events {
    /// The next event; the last one is [`Event::Closed`], and `None` follows.
    pub async fn next(&self) -> Option<Event> {
        poll_fn(|cx| {
            let mut hooks = self.0.0.hooks.borrow_mut();
            let had_room = hooks.events.as_ref().is_none_or(Queue::has_room);
            if let Some(event) = hooks.events.as_mut().and_then(Queue::pop) {
                drop(hooks);
                if !had_room {
                    self.0.0.outbox.wake();
                }
                return Poll::Ready(Some(event));
            }
            if hooks.closed.is_some() {
                return Poll::Ready(None);
            }
            hooks.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// The app behind a handler: calls back.
pub(super) struct Callbacks<H> {
    connection: WebSocketConnection,
    /// Until the connection is open.
    handler: Option<H>,
}

impl<H> Callbacks<H> {
    pub(super) const fn new(connection: WebSocketConnection, handler: H) -> Self {
        Self { connection, handler: Some(handler) }
    }
}

impl<H: FnOnce(WebSocketConnection)> App for Callbacks<H> {
    fn opened(&mut self, _outbox: &Outbox) {
        if let Some(handler) = self.handler.take() {
            handler(self.connection.clone());
        }
    }

    fn message(&mut self, message: Message<'_>, _outbox: &Outbox) {
        self.connection.push(|| message.into());
        // It is out of its place while it runs, so that it may put another there.
        let on_message = self.connection.0.hooks.borrow_mut().on_message.take();
        if let Some(mut on_message) = on_message {
            on_message(message, &self.connection);
            self.connection.0.hooks.borrow_mut().on_message.get_or_insert(on_message);
        }
    }

    fn ping(&mut self, payload: &[u8], _outbox: &Outbox) {
        self.connection.push(|| Event::Ping(payload.to_owned()));
    }

    fn pong(&mut self, payload: &[u8], _outbox: &Outbox) {
        self.connection.push(|| Event::Pong(payload.to_owned()));
    }

    fn failed(&mut self, violation: Violation) {
        self.connection.push(|| Event::Failed(violation));
    }

    fn has_room(&self) -> bool {
        self.connection.0.hooks.borrow().events.as_ref().is_none_or(Queue::has_room)
    }

    fn closed(&mut self, closed: &Closed) {
        self.connection.0.hooks.borrow_mut().closed = Some(closed.clone());
        self.connection.push(|| Event::Closed(closed.clone()));
        // Handlers often hold the connection they hang on: it would keep itself alive.
        let hooks = &self.connection.0.hooks;
        let (on_message, on_close) = {
            let mut hooks = hooks.borrow_mut();
            (hooks.on_message.take(), hooks.on_close.take())
        };
        drop(on_message);
        if let Some(mut on_close) = on_close {
            on_close(&self.connection);
        }
    }
}
