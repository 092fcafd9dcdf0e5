//! JSON files of browsers, told apart by what they have in them: HAR and NetLog.

use std::collections::VecDeque;

use super::har::Har;
use super::input::Input;
use super::json::{Item, Scanner, Wanted};
use super::netlog::NetLog;
use super::{Format, PIECE, Step};
use crate::capture::pcapng::{Fault, FaultKind};

#[derive(Debug, Default)]
pub(super) struct Log {
    scanner: Scanner,
    pub(super) format: Option<Format>,
    har: Har,
    netlog: NetLog,
    has_ended: bool,
}

impl Log {
    pub(super) fn step(&mut self, input: &mut Input, faults: &mut VecDeque<Fault>) -> Step {
        let mut out = Vec::new();
        while out.len() < PIECE {
            if self.har.is_busy() {
                self.har.messages(&mut out, faults);
                continue;
            }
            if !input.rest().is_empty() {
                let (read, item) = self.scanner.scan(input.rest());
                input.advance(read);
                if let Some(item) = item {
                    self.item(item, false, &mut out);
                }
                continue;
            }
            if !input.has_ended || self.has_ended {
                break;
            }
            let (is_cut, item) = self.scanner.finish();
            if let Some(item) = item {
                self.item(item, true, &mut out);
                continue;
            }
            self.has_ended = true;
            let says = match self.format {
                None => Some(FaultKind::Other("JSON, but neither HAR nor a NetLog of Chromium")),
                Some(format) if is_cut => Some(FaultKind::Within(format, "the file ends too early")),
                Some(Format::Har) if self.har.is_empty() => {
                    Some(FaultKind::Within(Format::Har, "no entry in it has messages of WebSocket"))
                }
                Some(Format::NetLog) if self.netlog.is_empty() => {
                    let says =
                        "no WebSocket in it, and no bytes of sockets, which --net-log-capture-mode=Everything logs";
                    Some(FaultKind::Within(Format::NetLog, says))
                }
                Some(_) => None,
            };
            faults.extend(says.map(|kind| Fault { offset: input.offset(), kind }));
        }
        if out.is_empty() { Step::Wait } else { Step::Bytes(out) }
    }

    fn item(&mut self, item: Item, is_cut: bool, out: &mut Vec<u8>) {
        let Item { wanted, offset, text } = item;
        match wanted {
            Wanted::Entry => {
                self.format = Some(Format::Har);
                self.har.entry(text, offset, is_cut, out);
            }
            Wanted::Constants => {
                self.format = Some(Format::NetLog);
                self.netlog.constants(&text);
            }
            Wanted::Event if self.format == Some(Format::NetLog) && !is_cut => self.netlog.event(&text, out),
            Wanted::Event => {}
        }
    }
}
