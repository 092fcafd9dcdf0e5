//! `/inspect/intercept`: an operator's page at the desk.

use std::net::SocketAddr;
use std::sync::Arc;

use framescope_codec::capture::filter::Filter;
use framescope_codec::capture::gate::Decision;
use framescope_codec::{CloseCode, CloseFrame, Message};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::desk::{Desk, Inbox};
use super::talk::{self, ConnectionInfo, Forward, Hold, Inject, Notice, Said};
use crate::apps::App;
use crate::inspect::viewer::Viewer;
use crate::ws::Outbox;
use crate::ws::thread::{self, Tick};

/// One page that intercepts.
pub(crate) struct Operator {
    viewer: Viewer,
    peer: SocketAddr,
    desk: Arc<Desk>,
    inbox: Arc<Inbox>,
    /// What can wait, waits until then.
    rests_until: Option<Tick>,
    has_left: bool,
    /// Ends with this.
    _alarm: DropGuard,
}

impl Operator {
    /// Sits down at the desk. The viewer is the operator's.
    pub(crate) fn new(desk: &Arc<Desk>, viewer: Viewer, peer: SocketAddr) -> Self {
        let inbox = desk.join();
        tracing::info!(%viewer, %peer, "an interception begins");
        let gone = CancellationToken::new();
        let (late, alarm, watching) = (inbox.clone(), gone.clone(), viewer.clone());
        tokio::task::spawn_local(async move {
            if alarm.run_until_cancelled(watching.ended()).await.is_some() {
                late.wake();
            }
        });
        let desk = desk.clone();
        Self { viewer, peer, desk, inbox, rests_until: None, has_left: false, _alarm: gone.drop_guard() }
    }

    fn hear(&self, text: &str) {
        match Said::read(text) {
            Ok(Said::Hold(hold)) => self.hold(hold),
            Ok(Said::Forward(forward)) => self.forward(forward),
            Ok(Said::Drop(talk::Drop { drop, mend })) => {
                self.decide("drop", drop, |can_mend| Decision::Drop { mend: mend && can_mend });
            }
            Ok(Said::ForwardAll) => self.desk.forward_all(&self.inbox),
            Ok(Said::Inject(inject)) => self.inject(inject),
            Err(why) => self.refuse("message", None, Value::Null, why),
        }
    }

    fn hold(&self, Hold { filter, directions }: Hold) {
        let directions = directions.unwrap_or([true; 2]);
        let parsed = match &filter {
            Some(text) => match Filter::parse(text) {
                Ok(filter) => Some(filter),
                Err(problem) => return self.inbox.tell(Notice::problem(text, &problem)),
            },
            None => None,
        };
        // What is looked for may be a secret, such as a token.
        match &filter {
            Some(filter) => tracing::info!(peer = %self.peer, filter_length = filter.len(), "frames are held"),
            None => tracing::info!(peer = %self.peer, "no frames are held any more"),
        }
        self.inbox.tell(Notice::Holding(filter.map(|filter| (filter, directions))));
        self.desk.hold_from_now(&self.inbox, parsed, directions);
    }

    fn forward(&self, Forward { forward, bytes, mend }: Forward) {
        let Some(bytes) = bytes else { return self.decide("forward", forward, |_| Decision::Forward) };
        match talk::bytes(&bytes) {
            Some(bytes) => {
                self.decide("forward", forward, |can_mend| Decision::Edit { bytes, mend: mend && can_mend });
            }
            None => self.refuse("forward", Some(forward), Value::Null, NO_BASE64),
        }
    }

    fn decide(&self, what: &'static str, id: u64, decision: impl FnOnce(bool) -> Decision) {
        if !self.desk.decide(&self.inbox, id, decision) {
            self.refuse(what, Some(id), Value::Null, "no frame of that number is held");
        }
    }

    fn inject(&self, inject: Inject) {
        let tag = inject.tag.clone();
        match talk::bytes(&inject.bytes) {
            None => self.refuse("inject", None, tag, NO_BASE64),
            Some(bytes) => {
                if !self.desk.inject(&self.inbox, inject, bytes) {
                    self.refuse("inject", None, tag, "there is no such connection");
                }
            }
        }
    }

    fn refuse(&self, what: &'static str, id: Option<u64>, tag: Value, why: impl Into<String>) {
        self.inbox.tell(Notice::Refused { what, id, tag, why: why.into(), can_force: false });
    }

    fn is_resting(&self) -> bool {
        self.rests_until.is_some_and(|until| thread::now().is_before(until))
    }

    /// Lets go of everything, once.
    fn leave(&mut self) {
        if !std::mem::replace(&mut self.has_left, true) {
            self.desk.leave(&self.inbox);
            tracing::info!(viewer = %self.viewer, peer = %self.peer, "an interception ends");
        }
    }
}

impl App for Operator {
    fn opened(&mut self, outbox: &Outbox) {
        self.inbox.set_waker(outbox.waker());
    }

    fn message(&mut self, message: Message<'_>, _outbox: &Outbox) {
        if !self.viewer.holds() {
            // It is told so as soon as there is room.
            return;
        }
        match message {
            Message::Text(text) => self.hear(text),
            Message::Binary(_) => self.refuse("message", None, Value::Null, "what is said here is JSON, as text"),
        }
    }

    fn parted(&mut self) {
        self.leave();
    }

    fn has_more(&self, outbox: &Outbox) -> bool {
        outbox.has_room() && (self.inbox.is_due(self.is_resting()) || !self.viewer.holds())
    }

    fn send_more(&mut self, outbox: &Outbox) {
        if !self.viewer.holds() {
            self.leave();
            return outbox.end(Some(CloseFrame::new(CloseCode::POLICY_VIOLATION, "signed out")));
        }
        // Only asked for while there is room and the connection is open.
        let send = |json: &Value| {
            let _ = outbox.send(&*json.to_string());
        };
        if let Some(notice) = self.inbox.next() {
            match notice {
                // It may have been let go meanwhile; then it is said what became of it, and that is that.
                Notice::Held(id) => self.desk.held(id).iter().for_each(|held| send(&held.json())),
                notice => send(&notice.json()),
            }
        } else {
            let (has_new_list, unheld) = self.inbox.take_rest();
            if has_new_list {
                let (connections, more) = self.desk.connections();
                send(&ConnectionInfo::list(&connections, more));
            }
            unheld.iter().for_each(|unheld| send(&unheld.json()));
            self.rests_until = Some(thread::now().after(thread::TICK_MILLIS));
            outbox.wake_in_a_tick();
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.leave();
    }
}

const NO_BASE64: &str = "the bytes are no base64";
