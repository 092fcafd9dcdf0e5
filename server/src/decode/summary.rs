//! A capture in sum: its connections in a table, or one of them in full.

use std::collections::BTreeMap;
use std::fmt::Write;

use framescope_codec::capture::insight::{
    Compression, ConnectionInfo, Conversation, Found, Handshake, Insight, Verdict,
};
use framescope_codec::capture::{Decoder, Event, Unread};

use super::text::preview;

/// Counts while a capture goes by.
#[derive(Debug)]
pub(super) struct Summary {
    /// Show all about this one.
    follow: Option<u32>,
    /// How many rows of each connection the filter found.
    found: BTreeMap<u32, u64>,
    span_ns: Option<(u64, u64)>,
}

impl Summary {
    pub(super) fn new(follow: Option<u32>) -> Self {
        Self { follow, found: BTreeMap::new(), span_ns: None }
    }

    pub(super) fn take(&mut self, event: &Event, is_found: bool) {
        let (first, last) = self.span_ns.get_or_insert((event.time_ns, event.time_ns));
        (*first, *last) = ((*first).min(event.time_ns), (*last).max(event.time_ns));
        if is_found {
            *self.found.entry(event.stream).or_default() += 1;
        }
    }

    /// Writing to a string cannot fail.
    pub(super) fn report(&self, decoder: &Decoder, insight: &Insight, formats: &[&str]) -> String {
        let mut out = String::new();
        let followed = self.follow.and_then(|stream| Some((insight.conversation(stream)?, insight.handshake(stream)?)));
        if let Some((conversation, handshake)) = followed {
            let _ = in_full(&conversation, &handshake, &mut out);
            return out;
        }
        let shown: Vec<_> =
            insight.connections().into_iter().filter(|info| self.found.contains_key(&info.connection)).collect();
        let sum = |of: fn(&ConnectionInfo) -> u64| shown.iter().map(of).sum::<u64>();
        let packets = decoder.packets();
        let _ = writeln!(
            out,
            "{}{}, {}, {} of them WebSocket",
            formats.iter().fold(String::new(), |names, name| format!("{names}{name}, ")),
            count(packets.tcp, "TCP packet"),
            count(decoder.streams().into(), "TCP connection"),
            shown.len(),
        );
        let (first, last) = self.span_ns.unwrap_or_default();
        let _ = writeln!(
            out,
            "{}, {}, {}, {}, {} long\n",
            count(sum(|info| info.frames.iter().sum()), "frame"),
            count(sum(|info| info.messages.iter().sum()), "message"),
            count(sum(|info| info.violations), "broken rule"),
            count(sum(|info| info.findings.len() as u64), "finding"),
            span(last - first),
        );
        let unread = decoder.unread();
        for unread in unread.iter().take(UNREAD_SHOWN) {
            let _ = writeln!(out, "not read: {}", unread_words(unread));
        }
        if unread.len() > UNREAD_SHOWN {
            let _ = writeln!(out, "not read: {} more", unread.len() - UNREAD_SHOWN);
        }
        if shown.is_empty() {
            return out;
        }
        out.push_str(if unread.is_empty() { "" } else { "\n" });
        let mut rows = vec![(HEADINGS.map(str::to_owned), Vec::new())];
        rows.extend(shown.iter().filter_map(|info| {
            let about = insight.conversation(info.connection)?;
            Some((cells(info, &about), remarks(&about)))
        }));
        let widths: Vec<usize> = (0..HEADINGS.len())
            .map(|column| rows.iter().map(|(row, _)| row[column].chars().count()).max().unwrap_or_default())
            .collect();
        for (row, remarks) in &rows {
            let line = row.iter().zip(&widths).zip(LEFT).fold(String::new(), |line, ((cell, width), is_left)| {
                if is_left { format!("{line}{cell:width$}  ") } else { format!("{line}{cell:>width$}  ") }
            });
            let _ = writeln!(out, "{}", line.trim_end());
            for remark in remarks {
                let _ = writeln!(out, "{:>8}{remark}", "");
            }
        }
        let _ =
            writeln!(out, "\nIn pairs: client to server / server to client. --follow N --summary shows all about one.");
        out
    }
}

/// A connection of which nothing is shown.
pub(super) fn unread_words(unread: &Unread) -> String {
    let Unread { stream, client, server, bytes, looks } = unread;
    format!("stream {stream}, {client} to {server}, {}: {looks}", size(*bytes))
}

/// By how much compression made its messages smaller.
#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit behind the point")]
fn ratio(sum: &Compression) -> f64 {
    sum.inflated as f64 / (sum.wire as f64).max(1.0)
}

/// What is worth a line of its own under a connection's.
fn remarks(about: &Conversation) -> Vec<String> {
    let mut remarks = Vec::new();
    let info = &about.info;
    if let Some(name) = &info.subprotocol {
        remarks.push(format!("subprotocol {}", preview(name.as_bytes())));
    }
    if !info.extensions.is_empty() {
        let ratios = about.compression.iter().filter(|sum| sum.messages > 0);
        let ratios = ratios.fold(String::new(), |all, sum| format!("{all}, {} {:.1} to 1", sum.direction, ratio(sum)));
        remarks.push(format!("{}{ratios}", preview(info.extensions.as_bytes())));
    }
    if let Some(trips) = &about.round_trips {
        let median = if trips.count > 0 { format!(", median {}", span(trips.median)) } else { String::new() };
        let silent = if trips.unanswered > 0 {
            format!(", {} unanswered", count(trips.unanswered, "ping"))
        } else {
            String::new()
        };
        remarks.push(format!("{}{median}{silent}", count(trips.count, "round trip")));
    }
    if about.missing > 0 {
        remarks.push(format!("{} bytes were not captured", about.missing));
    }
    if about.masking.verdict == Verdict::Bad {
        remarks.push(format!("masking: {}", about.masking.says));
    }
    let found: Vec<_> = info.findings.iter().map(found_words).collect();
    if !found.is_empty() {
        remarks.push(format!("found: {}", found.join(", ")));
    }
    let broken = about.violations.iter().map(|rule| format!("{} x{} ({})", rule.name, rule.count, rule.section));
    let broken: Vec<_> = broken.collect();
    if !broken.is_empty() {
        remarks.push(format!("broken: {}", broken.join(", ")));
    }
    remarks
}

/// `unanswered-ping (RFC 6455, 5.5.2)`.
fn found_words(found: &Found) -> String {
    format!("{} ({})", found.name.name(), found.section)
}

/// More are counted.
const UNREAD_SHOWN: usize = 20;

const HEADINGS: [&str; 9] = ["STREAM", "CLIENT", "SERVER", "TARGET", "FRAMES", "MESSAGES", "BYTES", "BROKEN", "END"];
/// Words stand left, numbers right.
const LEFT: [bool; 9] = [false, true, true, true, false, false, false, false, true];

fn cells(info: &ConnectionInfo, about: &Conversation) -> [String; 9] {
    let pair = |[one, other]: [u64; 2]| format!("{one}/{other}");
    let [sent, received] = info.bytes.map(size);
    [
        info.connection.to_string(),
        info.client.clone(),
        info.server.clone(),
        if info.target.is_empty() { "(not captured)".into() } else { short(&preview(info.target.as_bytes()), 40) },
        pair(info.frames),
        pair(info.messages),
        format!("{sent}/{received}"),
        info.violations.to_string(),
        ending(about),
    ]
}

/// How far it came: `closed 1000 by client`, `open`.
fn ending(about: &Conversation) -> String {
    let code = about.closing.code.map_or_else(String::new, |code| format!(" {code}"));
    let by = match about.closing.by {
        Some("both") => " by both",
        Some("client") => " by client",
        Some("server") => " by server",
        _ => "",
    };
    format!("{}{code}{by}", about.info.state.name())
}

/// All about one connection.
fn in_full(about: &Conversation, handshake: &Handshake, out: &mut String) -> std::fmt::Result {
    let info = &about.info;
    writeln!(out, "stream {}: {} to {}, {}", info.connection, info.client, info.server, info.state.name())?;
    if !info.target.is_empty() {
        writeln!(out, "asked for {} of {}", preview(info.target.as_bytes()), preview(info.host.as_bytes()))?;
    }
    if let Some(took) = about.handshake_ns {
        writeln!(out, "opened in {}", span(took))?;
    }
    let [sent, received] = info.bytes.map(size);
    writeln!(
        out,
        "frames {} / {}, messages {} / {}, bytes {sent} / {received} (client to server / server to client)",
        info.frames[0], info.frames[1], info.messages[0], info.messages[1],
    )?;
    if about.missing > 0 {
        writeln!(out, "{} bytes were not captured", about.missing)?;
    }
    for side in ["request", "response"] {
        let headers: Vec<_> = handshake.headers.iter().filter(|header| header.side == side).collect();
        if !headers.is_empty() {
            writeln!(out, "\n{side}")?;
        }
        for header in headers {
            let sign = match header.verdict {
                Verdict::Good => '+',
                Verdict::Plain => ' ',
                Verdict::Bad => '!',
            };
            let line = format!("{}: {}", header.name, header.value);
            writeln!(out, "  {sign} {}", short(&preview(line.as_bytes()), 100))?;
            let section = if header.section.is_empty() { String::new() } else { format!(" ({})", header.section) };
            if !header.says.is_empty() {
                writeln!(out, "      {}{section}", preview(header.says.as_bytes()))?;
            }
        }
    }
    writeln!(out, "\nagreed")?;
    writeln!(out, "    {}", preview(handshake.subprotocol.says.as_bytes()))?;
    for extension in &handshake.agreed {
        let sign = if extension.verdict == Verdict::Bad { '!' } else { ' ' };
        writeln!(out, "  {sign} {}: {}", preview(extension.extension.as_bytes()), preview(extension.says.as_bytes()))?;
    }
    writeln!(out, "\nframes")?;
    for opcode in &about.opcodes {
        writeln!(out, "    {} {:<12} {:>8}  {}", opcode.direction, opcode.name, opcode.count, size(opcode.bytes))?;
    }
    for sum in &about.compression {
        writeln!(
            out,
            "    {} compressed {} messages, {} plain: {} to {}, {:.1} to 1",
            sum.direction,
            sum.messages,
            sum.plain,
            size(sum.inflated),
            size(sum.wire),
            ratio(sum),
        )?;
    }
    if let Some(trips) = &about.round_trips {
        let times = || format!(": least {}, median {}, most {}", span(trips.min), span(trips.median), span(trips.max));
        writeln!(
            out,
            "    round trips {}{}; {} unanswered, {} unasked",
            trips.count,
            if trips.count > 0 { times() } else { String::new() },
            count(trips.unanswered, "ping"),
            count(trips.unsolicited, "pong"),
        )?;
    }
    writeln!(out, "\nmasking\n    {}", about.masking.says)?;
    writeln!(out, "\nend\n    {}", preview(about.closing.says.as_bytes()))?;
    if !info.findings.is_empty() {
        writeln!(out, "\nfindings")?;
    }
    for found in &info.findings {
        writeln!(out, "    {}: {}", found_words(found), found.name.says())?;
    }
    if !about.violations.is_empty() {
        writeln!(out, "\nbroken rules")?;
    }
    for rule in &about.violations {
        writeln!(out, "    {:>6} x {} ({})", rule.count, rule.name, rule.section)?;
    }
    Ok(())
}

fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max { text.into() } else { text.chars().take(max - 1).chain(['…']).collect() }
}

/// `1 frame`, `2 frames`.
fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Bytes as people say them.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        10_000_000..10_000_000_000 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// A time as people say it.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn span(ns: u64) -> String {
    match ns {
        0..1000 => format!("{ns} ns"),
        1000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        1_000_000_000..600_000_000_000 => format!("{:.3} s", ns as f64 / 1e9),
        _ => format!("{} min", ns / 60_000_000_000),
    }
}
