//! An app and nothing around it, for unit tests.

use framescope_codec::{Config, Connection, Event, Input, MaskingKey, Message};

use super::Outbox;
use crate::apps::App;

/// The text messages that `app` sends when `message` comes in.
pub(crate) fn answers(app: &mut dyn App, message: Message<'_>) -> Vec<String> {
    let config = Config { message_max: 64 << 20, ..Config::default() };
    let (_, sender) = Connection::server(config, None).into_halves();
    let outbox = Outbox::new(sender, Vec::new(), usize::MAX);
    app.message(message, &outbox);
    let mut client = Connection::client(config, None, || MaskingKey([0; 4]));
    let mut bytes = outbox.take_bytes();
    let (mut input, mut out, mut texts) = (Input::new(&mut bytes), Vec::new(), Vec::new());
    while let Some(event) = client.receive(&mut input, &mut out) {
        match event {
            Event::Message(Message::Text(text)) => texts.push(text.to_owned()),
            other => panic!("{other:?}"),
        }
    }
    texts
}
