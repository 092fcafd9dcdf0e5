//! Direct messages: stored for both, shown to every connection of both, and to nobody else.
//!
//! A history and the messages that come in while it is read must not overlap, nor leave a gap: while it is read, new
//! messages of the same two users are not shown but only noted; those that the history turns out not to hold are read
//! and shown behind it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use framescope_codec::{Broadcast, Message};
use serde::Serialize;
use tokio::time::Instant;

use super::past::Past;
use super::peer::{Peer, Refusal};
use super::said::{DirectMessage, Family, SelectUser};
use crate::bus::{Note, Topic};
use crate::store::{Append, Item, Pair, Part, Stream, User};

/// What of its user's messages a connection has been shown.
#[derive(Debug, Default)]
pub(crate) struct State {
    reading: RefCell<Option<Reading>>,
    /// Histories that were shown of late, and the number up to which: notes of those may still be on their way.
    shown: RefCell<VecDeque<(Pair, u64)>>,
    /// It has read history by pages, and wants to know the place of each message.
    wants_numbers: Cell<bool>,
}

/// A history that is being read, and which messages came in meanwhile.
#[derive(Debug)]
struct Reading {
    pair: Pair,
    /// The numbers of the first and the last.
    came: Option<(u64, u64)>,
}

/// `direct_message` as clients see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    message_type: &'static str,
    from_user: &'a str,
    text: Cow<'a, str>,
}

/// What it has besides for those who read by pages.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct More<'a> {
    target_user: &'a str,
    number: u64,
}

/// `get_all_users`
pub(super) fn all_users(peer: &Rc<Peer>) -> Result<(), Refusal> {
    peer.signed_in()?;
    let this = peer.clone();
    peer.busily(async move {
        let services = this.shard().services();
        match this.commons().directory.list(&*services.store, &*services.bus).await {
            Ok(list) => this.send(&list),
            Err(error) => this.refuse(Family::Board, &error.to_string(), None),
        }
    });
    Ok(())
}

/// `direct_message`
pub(super) fn send(peer: &Rc<Peer>, said: DirectMessage<'_>) -> Result<(), Refusal> {
    let user = peer.signed_in()?.clone();
    let id = peer.sent_id(said.id);
    let text = said.text.0.into_owned();
    if let Some(target) = peer.commons().directory.known(&said.target_user) {
        append(peer, &user, &target, text, id);
        return Ok(());
    }
    let (this, target) = (peer.clone(), said.target_user.into_owned());
    peer.busily(async move {
        match find(&this, &target).await {
            Ok(target) => append(&this, &user, &target, text, id),
            Err(Refusal(error)) => this.refuse(Family::Board, &error, id.as_ref().map(|id| &*id.id)),
        }
    });
    Ok(())
}

/// `select_user`
pub(super) fn select(peer: &Rc<Peer>, said: SelectUser<'_>) -> Result<(), Refusal> {
    peer.signed_in()?;
    let page = match (said.before, said.limit) {
        (None, None) => None,
        (before, limit) => Some((before, limit.unwrap_or(PAGE_MAX).min(PAGE_MAX))),
    };
    let (this, target) = (peer.clone(), said.target_user.into_owned());
    peer.busily(async move {
        let shown = match page {
            None => show_all(&this, &target).await,
            Some((before, limit)) => show_page(&this, &target, before, limit).await,
        };
        let reading = this.direct.reading.take();
        match (shown, reading.and_then(|reading| reading.came)) {
            (Ok(()), _) => {}
            (Err(Refusal(error)), None) => this.refuse(Family::Board, &error, None),
            // Messages came in that were to be shown behind it.
            (Err(Refusal(error)), Some(_)) => this.give_up(&error),
        }
    });
    Ok(())
}

/// A message was stored.
pub(super) fn heard(peer: &Rc<Peer>, note: &Note) {
    let Some(Stream::Direct(pair)) = note.stream else { return };
    if let Some(reading) = peer.direct.reading.borrow_mut().as_mut().filter(|reading| reading.pair == pair) {
        let (first, last) = reading.came.unwrap_or((note.seq, note.seq));
        reading.came = Some((first.min(note.seq), last.max(note.seq)));
        return;
    }
    if peer.direct.shown.borrow().iter().any(|(other, last)| *other == pair && note.seq <= *last) {
        return;
    }
    match (&note.more, note.message.message()) {
        (Some(more), Message::Text(text)) if peer.direct.wants_numbers.get() => {
            peer.send_text(&with_more(text, more));
        }
        _ => peer.send(&note.message),
    }
}

async fn find(peer: &Peer, name: &str) -> Result<User, Refusal> {
    let found = peer.commons().directory.find(name, &*peer.shard().services().store).await?;
    Ok(found.ok_or("there is no such user")?)
}

fn append(peer: &Peer, user: &User, target: &User, text: String, id: Option<crate::store::SentId>) {
    let pair = Pair::new(user.id, target.id);
    let message = Broadcast::new(shown(peer, &user.name, &text).as_str(), &peer.commons().codec);
    let append = Append { stream: Stream::Direct(pair), author: user.name.to_string(), body: text, id };
    let (from, target) = (peer.id(), target.name.clone());
    peer.append(Family::Board, append, move |bus, seq| {
        let more = Some(more(&target, seq).into());
        let note = Arc::new(Note { seq, stream: Some(Stream::Direct(pair)), from, message, more });
        let (one, other) = pair.ids();
        bus.publish(Topic::User(one), note.clone());
        if one != other {
            bus.publish(Topic::User(other), note);
        }
    });
}

/// Everything between the two, oldest first.
async fn show_all(peer: &Rc<Peer>, target: &str) -> Result<(), Refusal> {
    let user = peer.signed_in()?.clone();
    let target = find(peer, target).await?;
    let pair = Pair::new(user.id, target.id);
    begin_reading(peer, pair);
    let past = Past {
        stream: Stream::Direct(pair),
        first: 1,
        last: None,
        start: || r#"{"messageType":"message_history","messages":["#.to_owned(),
        item: |item: &Item, json: &mut String| json.push_str(&shown(peer, &item.author, &item.body)),
    };
    let last = past.show(peer).await?;
    match last {
        Some(last) => show_later(peer, &user, &target, last).await,
        None => Ok(()),
    }
}

/// The last `limit` messages between the two in front of number `before`.
async fn show_page(peer: &Rc<Peer>, target: &str, before: Option<u64>, limit: u64) -> Result<(), Refusal> {
    peer.direct.wants_numbers.set(true);
    let user = peer.signed_in()?.clone();
    let target = find(peer, target).await?;
    let pair = Pair::new(user.id, target.id);
    if before.is_none() {
        begin_reading(peer, pair);
    }
    let head =
        peer.shard().services().store.read(Stream::Direct(pair), Part::Before { before: None, limit: 1 }).await?.head;
    let last = before.map_or(head, |before| before.saturating_sub(1).min(head));
    let mut first = (last + 1).saturating_sub(limit).max(1);
    // What came in while this was asked for and is not shown by itself has to be in the answer.
    if let Some((came, _)) = peer.direct.reading.borrow().as_ref().and_then(|reading| reading.came) {
        first = first.min(came);
    }
    let past = Past {
        stream: Stream::Direct(pair),
        first,
        last: Some(last),
        start: || {
            let target = serde_json::to_string(&*target.name).unwrap_or_default();
            format!(r#"{{"messageType":"message_history","targetUser":{target},"first":{first},"messages":["#)
        },
        item: |item: &Item, json: &mut String| json.push_str(&shown(peer, &item.author, &item.body)),
    };
    let shown = past.show(peer).await?;
    match shown {
        Some(last) if before.is_none() => show_later(peer, &user, &target, last).await,
        _ => Ok(()),
    }
}

fn begin_reading(peer: &Peer, pair: Pair) {
    peer.direct.reading.replace(Some(Reading { pair, came: None }));
}

/// Shows what came in while the history up to `last` was read, and lets what comes next be shown by itself.
async fn show_later(peer: &Rc<Peer>, user: &User, target: &User, mut last: u64) -> Result<(), Refusal> {
    let pair = Pair::new(user.id, target.id);
    loop {
        let came = peer.direct.reading.borrow().as_ref().and_then(|reading| reading.came);
        if came.is_none_or(|(_, newest)| newest <= last) {
            break;
        }
        let part = Part::After { after: last, limit: LATER_AT_ONCE };
        let page = peer.shard().services().store.read(Stream::Direct(pair), part).await?;
        if peer.is_gone() || page.items.is_empty() {
            break;
        }
        for item in page.items {
            last = item.seq;
            let mut message = shown(peer, &item.author, &item.body);
            if peer.direct.wants_numbers.get() {
                let to = if *item.author == *user.name { target } else { user };
                message = with_more(&message, &more(&to.name, item.seq));
            }
            if !has_room(peer).await {
                return Ok(());
            }
            peer.send_text(&message);
        }
    }
    peer.direct.reading.take();
    let mut shown = peer.direct.shown.borrow_mut();
    shown.retain(|(other, _)| *other != pair);
    if shown.len() == SHOWN_MAX {
        shown.pop_front();
    }
    shown.push_back((pair, last));
    Ok(())
}

/// Waits until one of many messages may be sent, for as long as the peer reads; false if none may any more.
async fn has_room(peer: &Peer) -> bool {
    let seen = Cell::new((peer.outbox().waiting(), Instant::now()));
    let has_stalled = || {
        let (waiting, since) = seen.get();
        let is_read = peer.outbox().waiting() < waiting;
        if is_read {
            seen.set((peer.outbox().waiting(), Instant::now()));
        }
        !is_read && since.elapsed() > STALLED_AFTER
    };
    peer.room_for_next(has_stalled).await
}

/// A message as clients see it.
fn shown(peer: &Peer, author: &str, text: &str) -> String {
    let text = peer.commons().html(text);
    // Nothing in it can fail to be JSON.
    serde_json::to_string(&Shown { message_type: "direct_message", from_user: author, text }).unwrap_or_default()
}

/// What it has besides, without the braces.
fn more(target_user: &str, number: u64) -> String {
    let more = serde_json::to_string(&More { target_user, number }).unwrap_or_default();
    more.trim_start_matches('{').trim_end_matches('}').to_owned()
}

fn with_more(message: &str, more: &str) -> String {
    format!("{},{more}}}", message.strip_suffix('}').unwrap_or(message))
}

/// The longest page of history.
const PAGE_MAX: u64 = 500;

/// How many messages that came in while a history was read are read at once.
const LATER_AT_ONCE: usize = 16;

/// Whoever reads none of those for so long has to go.
const STALLED_AFTER: Duration = Duration::from_secs(5);

/// About so many histories a note can be late for.
const SHOWN_MAX: usize = 64;
