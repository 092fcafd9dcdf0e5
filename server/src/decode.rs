//! `framescope decode`: what is in a capture, on the command line, read by the same code as the page reads it.

mod summary;
mod text;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use framescope_codec::capture::filter::{Field, Filter, Follower, Problem};
use framescope_codec::capture::insight::{Findings, Insight};
use framescope_codec::capture::open::Opener;
use framescope_codec::capture::pcapng::Fault;
use framescope_codec::capture::{Decoder, Event, Record, Word, lines};
use framescope_codec::deflate::params::Offer;

use summary::Summary;

/// What to decode, and how to show it.
#[derive(Args, Clone, Debug)]
pub struct DecodeSettings {
    /// The capture; - is standard input. What it is, its bytes say, not its name
    pub file: PathBuf,
    /// Print a table for people in place of JSON: each connection, what it agreed on, how it ended, what is wrong
    #[arg(long)]
    pub summary: bool,
    /// Print one line for people per frame in place of JSON, as a conversation: > from the client, < from the server
    #[arg(long, conflicts_with = "summary")]
    pub text: bool,
    /// Only the TCP connection of this number, as `stream` counts them; with --summary all about it
    #[arg(long, value_name = "N")]
    pub follow: Option<u32>,
    /// Only what this filter finds, in the language of the inspector's filter bar; with --summary the connections that
    /// have something it finds
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Take it as given that this TCP connection is WebSocket, though its opening handshake was not captured: its number,
    /// the client's address, and what was agreed on about compression if that is known, as in 3=127.0.0.1:50000 or
    /// 3=127.0.0.1:50000;permessage-deflate. May be repeated; --summary lists what is not read
    #[arg(long, value_name = "N=ADDR:PORT[;EXTENSION]", value_parser = assumption)]
    pub assume: Vec<Word>,
}

/// Decodes a capture to standard output.
///
/// Success is 0; 1 if the capture cannot be read, in whole or in part; 2 if it was asked for in the wrong way.
#[must_use]
pub fn decode(settings: &DecodeSettings) -> ExitCode {
    let filter = match settings.filter.as_deref().map(Filter::parse).transpose() {
        Ok(filter) => filter,
        Err(problem) => {
            complain(&point_at(settings.filter.as_deref().unwrap_or_default(), &problem));
            return ExitCode::from(2);
        }
    };
    let file = match open(&settings.file) {
        Ok(file) => file,
        Err(error) => {
            complain(&format!("{}: {error}", settings.file.display()));
            return ExitCode::FAILURE;
        }
    };
    // Standard output as it is: std's own looks for line ends in all that passes.
    let out = io::stdout().as_fd().try_clone_to_owned().map(|out| io::BufWriter::with_capacity(OUT, File::from(out)));
    let show = match (settings.summary, settings.text) {
        (true, _) => Show::Summary(Box::new(Summary::new(settings.follow))),
        (_, true) => Show::Text(text::Text::default()),
        _ => Show::Lines,
    };
    let show = out.map(|out| Printer { out, line: Vec::with_capacity(OUT), show });
    let printed = show.and_then(|printer| Reading::new(settings, filter, printer).run(file));
    match printed {
        Ok(code) => code,
        // Who reads has read enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("what was decoded cannot be written: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if path.as_os_str() == "-" {
        return Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?));
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// A capture on its way to standard output.
struct Reading<'a> {
    settings: &'a DecodeSettings,
    filter: Option<Filter>,
    follower: Follower,
    insight: Insight,
    decoder: Decoder,
    printer: Printer,
    rows: u64,
    /// Whether the stream that was asked for has come up.
    was_seen: bool,
    faults: Faults,
}

#[derive(Default)]
struct Faults {
    first: Vec<Fault>,
    count: u64,
}

struct Printer {
    out: io::BufWriter<File>,
    line: Vec<u8>,
    show: Show,
}

enum Show {
    Lines,
    Text(text::Text),
    Summary(Box<Summary>),
}

impl<'a> Reading<'a> {
    fn new(settings: &'a DecodeSettings, filter: Option<Filter>, printer: Printer) -> Self {
        let mut decoder = Decoder::new();
        for word in &settings.assume {
            decoder.assume(*word);
        }
        Self {
            settings,
            filter,
            follower: Follower::new().with_source(&settings.file.file_name().unwrap_or_default().to_string_lossy()),
            insight: Insight::new(),
            decoder,
            printer,
            rows: 0,
            was_seen: false,
            faults: Faults::default(),
        }
    }

    /// Reads to the end of the file, or to the first error in writing.
    fn run(mut self, mut file: File) -> io::Result<ExitCode> {
        let mut opener = Opener::new();
        let mut buffer = vec![0; PIECE];
        let unreadable = loop {
            let (len, error) = match file.read(&mut buffer) {
                Ok(len) => (len, None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => (0, Some(error)),
            };
            match len {
                0 => opener.finish(),
                len => opener.feed(&buffer[..len]),
            }
            while let Some(bytes) = opener.next_bytes() {
                self.decoder.feed(&bytes);
                self.take_records()?;
            }
            while let Some(fault) = opener.next_fault() {
                self.take_fault(fault)?;
            }
            if len == 0 {
                break error;
            }
            // Of a live capture nothing waits for what is to come.
            self.printer.out.flush()?;
        };
        self.decoder.finish();
        self.take_records()?;
        self.printer.finish(&self.decoder, &self.insight, &opener)?;
        Ok(self.conclude(unreadable))
    }

    fn take_records(&mut self) -> io::Result<()> {
        while let Some(record) = self.decoder.next_record() {
            match record {
                Record::Event(event) => self.take_event(&event)?,
                Record::Fault(fault) => self.take_fault(fault)?,
            }
        }
        Ok(())
    }

    fn take_event(&mut self, event: &Event) -> io::Result<()> {
        self.rows += 1;
        let is_followed = self.settings.follow.is_none_or(|stream| stream == event.stream);
        self.was_seen |= is_followed;
        // Of others nothing is shown, and what is kept of them would push out the one that is followed.
        let row =
            if is_followed { self.follower.follow_with(event, &mut self.insight) } else { self.follower.follow(event) };
        let is_found = self.filter.as_ref().is_none_or(|filter| filter.matches(&row));
        // Who asks for frames of one kind gets a line for each, and none besides.
        let are_wanted =
            self.settings.text || self.filter.as_ref().is_none_or(|filter| filter.asks_for(Field::Finding));
        let findings = if are_wanted { row.findings() } else { Findings::default() };
        self.printer.event(event, findings, is_followed && is_found)
    }

    fn take_fault(&mut self, fault: Fault) -> io::Result<()> {
        self.faults.count += 1;
        if self.faults.first.len() < FAULTS_SHOWN {
            self.faults.first.push(fault);
        }
        // It is a row on the page, so that numbers are the same here.
        self.follower.pass();
        // Of no stream, and found by no filter.
        if self.filter.is_none() && self.settings.follow.is_none() { self.printer.fault(&fault) } else { Ok(()) }
    }

    /// What is to be said at the end, and what the end is called.
    fn conclude(&self, unreadable: Option<io::Error>) -> ExitCode {
        let name = match self.settings.file.as_os_str() {
            name if name == "-" => "standard input".into(),
            name => name.to_string_lossy(),
        };
        for fault in &self.faults.first {
            complain(&format!("{name}: {fault}"));
        }
        let more = self.faults.count - self.faults.first.len() as u64;
        if more > 0 {
            complain(&format!("{name}: {more} more places cannot be read"));
        }
        if let Some(error) = &unreadable {
            complain(&format!("{name}: {error}"));
        }
        if unreadable.is_some() || self.faults.count > 0 {
            return ExitCode::FAILURE;
        }
        if self.rows == 0 {
            let (packets, streams) = (self.decoder.packets(), self.decoder.streams());
            complain(&format!(
                "{name}: no WebSocket connection in it, among {} packets of {streams} TCP connections and {} others",
                packets.tcp, packets.other
            ));
            if !self.settings.summary {
                for unread in self.decoder.unread().iter().take(FAULTS_SHOWN) {
                    complain(&format!("{name}: {}", summary::unread_words(unread)));
                }
            }
        } else if let Some(stream) = self.settings.follow.filter(|_| !self.was_seen) {
            complain(&format!(
                "{name}: no WebSocket connection has the number {stream}; --summary shows which there are"
            ));
            return ExitCode::from(2);
        }
        ExitCode::SUCCESS
    }
}

impl Printer {
    fn event(&mut self, event: &Event, findings: Findings, is_found: bool) -> io::Result<()> {
        match &mut self.show {
            Show::Summary(summary) => {
                summary.take(event, is_found);
                return Ok(());
            }
            Show::Text(text) if !is_found => {
                text.pass(event);
                return Ok(());
            }
            _ if !is_found => return Ok(()),
            Show::Lines => {
                lines::event(event, &mut self.line);
                lines::findings(&lines::Place::of(event), findings, &mut self.line);
            }
            Show::Text(text) => text.event(event, findings, &mut self.line),
        }
        self.print()
    }

    fn fault(&mut self, fault: &Fault) -> io::Result<()> {
        match self.show {
            Show::Lines => lines::fault(fault, &mut self.line),
            // They follow, on standard error.
            Show::Text(_) | Show::Summary(_) => return Ok(()),
        }
        self.print()
    }

    fn print(&mut self) -> io::Result<()> {
        self.out.write_all(&self.line)?;
        self.line.clear();
        // One frame of many megabytes is no reason to hold that much from there on.
        self.line.shrink_to(OUT);
        Ok(())
    }

    fn finish(&mut self, decoder: &Decoder, insight: &Insight, opener: &Opener) -> io::Result<()> {
        if let Show::Summary(summary) = &self.show {
            let formats: Vec<_> = opener.formats().into_iter().map(|format| format.name()).collect();
            self.out.write_all(summary.report(decoder, insight, &formats).as_bytes())?;
        }
        self.out.flush()
    }
}

/// `3=127.0.0.1:50000;permessage-deflate`.
fn assumption(text: &str) -> Result<Word, String> {
    let (stream, rest) = text.split_once('=').ok_or("write it as 3=127.0.0.1:50000")?;
    let (client, extension) =
        rest.split_once(';').map_or((rest, None), |(client, extension)| (client, Some(extension)));
    let stream = stream.trim().parse().map_err(|_| format!("{stream:?} is no connection's number"))?;
    let client = client.trim().parse().map_err(|_| format!("{client:?} is no address with a port"))?;
    let read = |extension: &str| {
        let agreed = Offer::BROWSER.check_response(extension.trim().as_bytes());
        agreed.ok_or_else(|| format!("{extension:?} is nothing that permessage-deflate can agree on"))
    };
    Ok(Word { stream, client, deflate: extension.map(read).transpose()? })
}

/// The filter, a caret under the place, and what is wrong there.
fn point_at(filter: &str, problem: &Problem) -> String {
    // A filter of several lines, or with a tab in it, would shift what stands under it.
    let filter: String = filter.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let place = problem.place();
    let width = |text: Option<&str>| text.map_or(0, |text| text.chars().count());
    let indent = width(filter.get(..place.start));
    let carets = width(filter.get(place)).max(1);
    let hint = problem.hint.as_deref().map_or_else(String::new, |hint| format!("\n  {hint}"));
    format!("the filter cannot be read\n  {filter}\n  {:indent$}{:^<carets$}\n  {}{hint}", "", "", problem.message)
}

/// On standard error, and if nobody reads it, then so be it.
fn complain(what: &str) {
    let _ = io::stderr().write_all(format!("framescope: {what}\n").as_bytes());
}

/// Read at a time.
const PIECE: usize = 256 * 1024;
/// Written at a time.
const OUT: usize = 64 * 1024;
/// More faults than anybody reads are counted.
const FAULTS_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let check = |filter: &str, expected: &str| {
            assert_eq!(point_at(filter, &Filter::parse(filter).unwrap_err()), expected);
        };
        check(
            "\"é\" and opcod == text",
            "the filter cannot be read\n  \"é\" and opcod == text\n          ^^^^^\n  There is no field `opcod`.\n  Did you mean `opcode`?",
        );
        assert_eq!(assumption("3=[::1]:9;permessage-deflate; server_max_window_bits=9").unwrap().stream, 3);
        assert!(assumption("3=1.2.3.4:5").unwrap().deflate.is_none());
        for wrong in ["", "3", "x=1.2.3.4:5", "3=1.2.3.4", "3=1.2.3.4:5;permessage-deflate; server_max_window_bits=99"]
        {
            assert!(assumption(wrong).is_err(), "{wrong}");
        }
        check("(fin", "the filter cannot be read\n  (fin\n  ^\n  The ) to this is missing.");
    }
}
