//! How a connection ends: the closing handshake (RFC 6455, 5.5.1 and 7.1), and what TCP does behind it.

use super::end;
use super::report::{Closing, State};
use crate::capture::{Direction, End};
use crate::close::{CloseCode, close_code_name};
use crate::dissect::DissectedClose;

/// What was seen of the end of one connection.
#[derive(Debug, Default)]
pub(super) struct Endings {
    closes: [Option<Close>; 2],
    ends: [Option<Ended>; 2],
    /// Rows of all of them, in order.
    rows: Vec<u64>,
    /// Frames behind a Close of the same end.
    late_frames: u64,
    first: Option<Direction>,
    reset: Option<Direction>,
}

#[derive(Debug)]
struct Close {
    time_ns: u64,
    code: Option<u16>,
    reason: String,
    /// It came behind the other end's.
    is_second: bool,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    how: End,
    /// The other end had ended already.
    is_second: bool,
    /// How many Close frames there had been by then.
    closes_before: usize,
}

impl Endings {
    pub(super) fn close(&mut self, direction: Direction, row: u64, time_ns: u64, close: Option<&DissectedClose>) {
        let is_second = self.closes[direction.reverse().index()].is_some();
        let own = &mut self.closes[direction.index()];
        if own.is_some() {
            return; // a Close behind a Close is a frame too many, and no ending
        }
        let mut reason = close.map(|close| String::from_utf8_lossy(&close.reason).into_owned()).unwrap_or_default();
        reason.truncate(reason.floor_char_boundary(REASON_MAX));
        *own = Some(Close { time_ns, code: close.and_then(|close| close.code), reason, is_second });
        self.happened(direction, row);
    }

    /// Whether this end has sent a Close.
    pub(super) const fn has_closed(&self, direction: Direction) -> bool {
        self.closes[direction.index()].is_some()
    }

    pub(super) const fn frame_after_close(&mut self) {
        self.late_frames += 1;
    }

    pub(super) fn end(&mut self, direction: Direction, row: u64, how: End) {
        let is_second = self.ends[direction.reverse().index()].is_some();
        let closes_before = self.closes.iter().flatten().count();
        let own = &mut self.ends[direction.index()];
        if own.is_some() && how == End::Finished {
            return;
        }
        own.get_or_insert(Ended { how, is_second, closes_before });
        if how == End::Reset {
            self.reset.get_or_insert(direction);
        }
        self.happened(direction, row);
    }

    fn happened(&mut self, direction: Direction, row: u64) {
        self.first.get_or_insert(direction);
        if self.rows.len() < ROWS_MAX {
            self.rows.push(row);
        }
    }

    /// How far it has come.
    pub(super) fn state(&self) -> State {
        let tcp_is_over = self.reset.is_some() || self.ends.iter().all(Option::is_some);
        // Behind the closing handshake, one FIN is the end: nothing more can be said.
        if tcp_is_over || (self.is_clean() && self.ends.iter().any(Option::is_some)) {
            State::Closed
        } else if self.first.is_some() {
            State::Closing
        } else {
            State::Open
        }
    }

    fn is_clean(&self) -> bool {
        self.closes.iter().all(Option::is_some)
    }

    /// The direction and the Close frame of whoever closed first.
    fn first_close(&self) -> Option<(Direction, &Close)> {
        let closes = Direction::BOTH.into_iter().filter_map(|direction| {
            let close = self.closes[direction.index()].as_ref()?;
            Some((direction, close))
        });
        closes.min_by_key(|(_, close)| close.is_second)
    }

    pub(super) fn report(&self) -> Closing {
        let mut closing = Closing {
            by: None,
            code: None,
            reason: String::new(),
            clean: self.is_clean(),
            says: String::new(),
            rows: self.rows.clone(),
        };
        let Some(first) = self.first else {
            closing.says = "The connection is open as far as the capture goes.".into();
            return closing;
        };
        let mut says = Vec::new();
        match self.first_close() {
            Some((direction, close)) => {
                closing.by = Some(if self.at_once() { "both" } else { end(direction) });
                closing.code = Some(close.code.unwrap_or(1005));
                closing.reason.clone_from(&close.reason);
                self.tell_closes(direction, close, &mut says);
            }
            None => {
                closing.by = Some(end(first));
                closing.code = Some(1006);
                says.push(match self.reset {
                    Some(direction) => {
                        format!("The {} broke the TCP connection off (RST) without a Close frame", end(direction))
                    }
                    None => format!("The {} ended the TCP connection (FIN) without a Close frame", end(first)),
                });
                says.push("Programs are told 1006, abnormal closure, and cannot know whether anything was lost (RFC 6455, 7.1.5)".into());
            }
        }
        if closing.code != Some(1006) {
            self.tell_tcp(&mut says);
        }
        match self.late_frames {
            0 => {}
            1 => says.push("1 frame came behind the Close of its own sender, and has to be ignored".into()),
            more => {
                says.push(format!("{more} frames came behind the Close of their own sender, and have to be ignored"))
            }
        }
        closing.says = says.join(". ") + ".";
        closing
    }

    /// Both closed in the same instant of the capture.
    fn at_once(&self) -> bool {
        matches!(&self.closes, [Some(one), Some(other)] if one.time_ns == other.time_ns && one.code != other.code)
    }

    fn tell_closes(&self, direction: Direction, close: &Close, says: &mut Vec<String>) {
        let (who, other) = (end(direction), end(direction.reverse()));
        let with = match close.code {
            None => " without a status, which programs are told as 1005".into(),
            Some(code) if close.reason.is_empty() => format!(" with {}", code_words(code)),
            Some(code) => format!(" with {}, “{}”", code_words(code), close.reason),
        };
        says.push(format!("The {who} closed first{with}"));
        match &self.closes[direction.reverse().index()] {
            None => says.push(format!("The {other} did not answer with a Close frame, so it was not a clean end")),
            Some(answer) if self.at_once() => {
                says.push(format!("The {other} closed at the same time with {}", answered_words(answer.code)));
            }
            Some(answer) if answer.code == close.code => {
                says.push(format!("The {other} answered with the same, as it should (RFC 6455, 5.5.1)"));
            }
            Some(answer) => says.push(format!(
                "The {other} closed with {}: an answer usually repeats the code, so the two may have crossed on their way",
                answered_words(answer.code)
            )),
        }
        if let Some(code) = close.code.filter(|code| CloseCode::new(*code).is_none()) {
            says.push(format!("{code} must not be sent in a frame (RFC 6455, 7.4)"));
        }
    }

    fn tell_tcp(&self, says: &mut Vec<String>) {
        if let Some(direction) = self.reset {
            let before = self.ends[direction.index()].map_or(2, |ended| ended.closes_before);
            says.push(format!(
                "The {} broke the TCP connection off (RST){}",
                end(direction),
                if before < 2 { " before the closing handshake was complete" } else { "" }
            ));
            return;
        }
        let first = Direction::BOTH
            .into_iter()
            .filter_map(|direction| Some((direction, self.ends[direction.index()]?)))
            .min_by_key(|(_, ended)| ended.is_second);
        match first {
            None => says.push("The end of the TCP connection was not captured".into()),
            Some((direction, ended)) if ended.closes_before < 2 => says.push(format!(
                "The {} ended its half of the TCP connection (FIN) before the closing handshake was complete",
                end(direction)
            )),
            Some((Direction::ServerToClient, Ended { how: End::Finished | End::Reset, .. })) => {
                says.push("The server ended the TCP connection first, as it should (RFC 6455, 7.1.1)".into());
            }
            Some((Direction::ClientToServer, _)) => says.push(
                "The client ended the TCP connection first; that is better left to the server, so that the client's port is free again (RFC 6455, 7.1.1)"
                    .into(),
            ),
        }
    }
}

fn code_words(code: u16) -> String {
    format!("{code} ({})", close_code_name(code))
}

fn answered_words(code: Option<u16>) -> String {
    code.map_or_else(|| "no status".into(), code_words)
}

/// Rows kept: two Close frames, two FIN and an RST are all there can be.
const ROWS_MAX: usize = 8;
/// A longer reason breaks a rule already.
const REASON_MAX: usize = 125;

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens, in words of two letters: who (C, S) and what (c Close 1000, d Close 1001, n Close without a
    /// status, f FIN, r RST); against who closed, the code, whether cleanly, the state, and words that must be said.
    fn check(events: &str, by: Option<&str>, code: Option<u16>, clean: bool, state: State, words: &str) {
        let mut endings = Endings::default();
        for (row, event) in (0..).zip(events.split_whitespace()) {
            let direction = Direction::BOTH[usize::from(event.starts_with('S'))];
            let close = |code| DissectedClose { code, reason: Vec::new() };
            match &event[1..] {
                "c" => endings.close(direction, row, row, Some(&close(Some(1000)))),
                "d" => endings.close(direction, row, row, Some(&close(Some(1001)))),
                "n" => endings.close(direction, row, row, Some(&close(None))),
                "f" => endings.end(direction, row, End::Finished),
                _ => endings.end(direction, row, End::Reset),
            }
        }
        let closing = endings.report();
        let found = (closing.by, closing.code, closing.clean, endings.state());
        assert_eq!(found, (by, code, clean, state), "{events}: {}", closing.says);
        assert!(closing.says.contains(words), "{events}: {}", closing.says);
    }

    #[test]
    fn each_way_to_end_is_told() {
        use State::{Closed, Closing, Open};
        const C: Option<&str> = Some("client");
        const S: Option<&str> = Some("server");
        check("", None, None, false, Open, "is open");
        check("Cc", C, Some(1000), false, Closing, "did not answer");
        check("Cc Sc", C, Some(1000), true, Closing, "not captured");
        check("Cc Sc Sf", C, Some(1000), true, Closed, "as it should (RFC 6455, 7.1.1)");
        check("Cc Sc Sf Cf", C, Some(1000), true, Closed, "answered with the same");
        check("Cc Sc Cf Sf", C, Some(1000), true, Closed, "better left to the server");
        check("Sd Cd Sf", S, Some(1001), true, Closed, "1001 (going away)");
        check("Sd Cc Sf", S, Some(1001), true, Closed, "may have crossed");
        check("Cn Sn Sf", C, Some(1005), true, Closed, "told as 1005");
        check("Cf", C, Some(1006), false, Closing, "FIN");
        check("Cf Sf", C, Some(1006), false, Closed, "client ended the TCP connection (FIN) without");
        check("Sr", S, Some(1006), false, Closed, "server broke the TCP connection off");
        check("Cf Sr", C, Some(1006), false, Closed, "server broke");
        check("Cc Sr", C, Some(1000), false, Closed, "before the closing handshake was complete");
        check("Cc Sc Cr", C, Some(1000), true, Closed, "RST");
        check("Cc Cf Sc Sf", C, Some(1000), true, Closed, "client ended its half");
        check("Cc Cd Sc Sf", C, Some(1000), true, Closed, "answered with the same");
    }
}
