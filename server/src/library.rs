//! WebSockets for other programs: a server and a client with one vocabulary, on the driver and the codec
//! that Framescope itself runs on.
//!
//! A connection comes with callbacks (`on_message`, `on_close`) and with a stream of [`Event`]s; take either, or
//! both. What is sent goes through an [`Outbox`], which never waits and is bounded.

use framescope_codec::{Closed, Message, Violation};

pub use client::{ClientOptions, ConnectError, WebSocketClient};
pub use connection::{Events, WebSocketConnection};
pub use server::{ListenAddress, WebSocketServer};

use crate::ws::Outbox;

mod client;
mod connection;
mod server;
#[cfg(test)]
mod tests;

/// Something that came in over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping; its pong is on its way already.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The peer broke a rule, and has been told which; the end follows.
    Failed(Violation),
    /// The connection is over. Nothing follows.
    Closed(Closed),
}

impl Event {
    /// The message, if it is one.
    ///
    /// ```
    /// use framescope_server::{Event, Message};
    ///
    /// assert_eq!(Event::Text("Hello".to_owned()).message(), Some(Message::Text("Hello")));
    /// assert_eq!(Event::Ping(vec![]).message(), None);
    /// ```
    #[must_use]
    pub fn message(&self) -> Option<Message<'_>> {
        match self {
            Self::Text(text) => Some(Message::Text(text)),
            Self::Binary(bytes) => Some(Message::Binary(bytes)),
            Self::Ping(_) | Self::Pong(_) | Self::Failed(_) | Self::Closed(_) => None,
        }
    }

    /// What it takes up in a queue, about.
    fn weight(&self) -> usize {
        let content = match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Failed(_) => 0,
            Self::Closed(closed) => closed.reason.len(),
        };
        content + size_of::<Self>()
    }
}

impl From<Message<'_>> for Event {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_owned()),
        }
    }
}

/// Events that nobody has asked for yet. While there are too many, the connection is not read from.
#[derive(Debug, Default)]
struct Queue {
    events: std::collections::VecDeque<Event>,
    weight: usize,
}

impl Queue {
    fn push(&mut self, event: Event) {
        self.weight += event.weight();
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.weight -= event.weight();
        Some(event)
    }

    const fn has_room(&self) -> bool {
        self.weight < QUEUE_MAX
    }
}

const QUEUE_MAX: usize = 1 << 20;
