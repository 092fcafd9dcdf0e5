//! Each packet of MQTT; both versions number their sections alike.

use super::properties;
use super::reader::Reader;
use crate::capture::Direction;
use crate::capture::subprotocol::Said;
use crate::capture::subprotocol::decoded::{Decoded, bytes, content};

struct Kind {
    name: &'static str,
    /// The four flag bits, where they are fixed.
    flags: Option<u8>,
    from: Option<Direction>,
    section: &'static str,
    says: &'static str,
}

const C: Option<Direction> = Some(Direction::ClientToServer);
const S: Option<Direction> = Some(Direction::ServerToClient);

const fn kind(
    name: &'static str,
    flags: Option<u8>,
    from: Option<Direction>,
    section: &'static str,
    says: &'static str,
) -> Kind {
    Kind { name, flags, from, section, says }
}

#[rustfmt::skip] // a table
const KINDS: [Kind; 16] = [
    kind("reserved", None, None, "MQTT, 2.1.2", "No packet has this type."),
    kind("connect", Some(0), C, "MQTT, 3.1", "The first packet of a client."),
    kind("connack", Some(0), S, "MQTT, 3.2", "Whether the server agrees."),
    kind("publish", None, None, "MQTT, 3.3", "A message."),
    kind("puback", Some(0), None, "MQTT, 3.4", "A message of QoS 1 has arrived."),
    kind("pubrec", Some(0), None, "MQTT, 3.5", "A message of QoS 2 has arrived: the second of four steps."),
    kind("pubrel", Some(2), None, "MQTT, 3.6", "The sender forgets the message: the third of four steps."),
    kind("pubcomp", Some(0), None, "MQTT, 3.7", "QoS 2 is complete: the last of four steps."),
    kind("subscribe", Some(2), C, "MQTT, 3.8", "Asks for the messages of some topics."),
    kind("suback", Some(0), S, "MQTT, 3.9", "What became of each."),
    kind("unsubscribe", Some(2), C, "MQTT, 3.10", "Wants no more of some topics."),
    kind("unsuback", Some(0), S, "MQTT, 3.11", "The client is unsubscribed."),
    kind("pingreq", Some(0), C, "MQTT, 3.12", "Is the server there? Not a ping frame, but a packet of MQTT."),
    kind("pingresp", Some(0), S, "MQTT, 3.13", "It is."),
    kind("disconnect", Some(0), None, "MQTT, 3.14", "The connection ends."),
    kind("auth", Some(0), None, "MQTT, 3.15", "A step of authentication; since version 5."),
];

/// Decodes one whole packet into `all`; its name, and a line about it.
pub(super) fn decode(packet: &[u8], said: &Said<'_>, all: &mut Decoded) -> (&'static str, String) {
    let first = packet.first().copied().unwrap_or_default();
    let (number, flags) = (first >> 4, first & 0xF);
    let [reserved, ..] = &KINDS;
    let kind = KINDS.get(usize::from(number)).unwrap_or(reserved);
    all.part("packet", &format!("{number} {}", kind.name), kind.says, kind.section);
    if number == 0 {
        all.problem("0 is no type of packet.");
        return (kind.name, kind.name.into());
    }
    if number == 15 && said.version == 4 {
        all.problem("AUTH came with version 5.");
    }
    if kind.from.is_some_and(|from| from != said.direction) {
        all.problem(format!("Only a {} sends {}.", if kind.from == C { "client" } else { "server" }, kind.name));
    } else if number == 14 && said.version != 5 && said.direction == Direction::ServerToClient {
        all.problem("Before version 5, only a client sends disconnect.");
    }
    if kind.flags.is_some_and(|wanted| wanted != flags) {
        all.problem(format!("The flags of {} are fixed, and here they are {flags:04b}.", kind.name));
    }
    let mut body = Reader::new(packet.get(1..).unwrap_or_default());
    let mut summary = kind.name.to_owned();
    let is_whole = body.variable().is_some() && {
        let mut packet = Packet { kind, flags, version: said.version, body, all, summary: &mut summary };
        let whole = packet.read(number);
        let left = packet.body.left();
        if whole.is_some() && left > 0 {
            packet.all.problem(format!("{} behind the end of {}.", bytes(left), kind.name));
        }
        whole.is_some()
    };
    if !is_whole {
        all.problem(format!("{} is cut off.", kind.name));
    }
    (kind.name, summary)
}

struct Packet<'a, 'b> {
    kind: &'static Kind,
    flags: u8,
    version: u8,
    body: Reader<'a>,
    all: &'b mut Decoded,
    summary: &'b mut String,
}

impl Packet<'_, '_> {
    fn read(&mut self, number: u8) -> Option<()> {
        match number {
            1 => self.connect(),
            2 => self.connack(),
            3 => self.publish(),
            4..=7 => {
                self.identifier()?;
                self.reason_and_properties()
            }
            8 => self.subscribe(),
            9 | 11 => {
                self.identifier()?;
                self.properties()?;
                self.codes();
                Some(())
            }
            10 => {
                self.identifier()?;
                self.properties()?;
                while self.body.left() > 0 {
                    let filter = self.body.text()?;
                    self.named("topic filter", &filter, "");
                }
                Some(())
            }
            14 | 15 if self.version == 5 => self.reason_and_properties(),
            _ => Some(()),
        }
    }

    fn part(&mut self, label: &str, value: &str, says: &str) {
        self.all.part(label, value, says, self.kind.section);
    }

    /// A part that the summary names.
    fn named(&mut self, label: &str, value: &str, says: &str) {
        self.summary.push(' ');
        self.summary.push_str(value);
        self.part(label, value, says);
    }

    fn properties(&mut self) -> Option<()> {
        if self.version == 5 { properties::read(&mut self.body, self.all) } else { Some(()) }
    }

    fn identifier(&mut self) -> Option<()> {
        let id = self.body.two()?;
        if id == 0 {
            self.all.problem("A packet identifier is not 0.");
        }
        self.named("packet identifier", &id.to_string(), "Ties the packets about one message together.");
        Some(())
    }

    fn reason_and_properties(&mut self) -> Option<()> {
        if self.version != 5 || self.body.left() == 0 {
            return Some(());
        }
        let code = self.body.byte()?;
        self.part("reason code", &format!("0x{code:02X}"), reason(code));
        if code >= 0x80 {
            self.summary.push_str(&format!(": {}", reason(code)));
        }
        if self.body.left() > 0 { self.properties() } else { Some(()) }
    }

    fn connect(&mut self) -> Option<()> {
        let protocol = self.body.text()?;
        let level = self.body.byte()?;
        // It says itself which version it is.
        self.version = level;
        let words = match level {
            3 => "3.1, before it was a standard",
            4 => "3.1.1",
            5 => "5.0",
            _ => "unknown",
        };
        self.part("protocol", &protocol, "");
        self.named("version", &level.to_string(), words);
        let expected = if level == 3 { "MQIsdp" } else { "MQTT" };
        if protocol != expected {
            self.all.problem(format!("The name of the protocol is {expected}."));
        }
        if !(3..=5).contains(&level) {
            self.all.problem(format!("{level} is no version of MQTT."));
        }
        let flags = self.body.byte()?;
        let has = |bit: u8| flags >> bit & 1 == 1;
        let mut words = vec![if has(1) { "begins afresh" } else { "goes on with an earlier session" }];
        words.extend(has(2).then_some("leaves a will"));
        words.extend(has(5).then_some("the will is retained"));
        words.extend(has(6).then_some("with a password"));
        words.extend(has(7).then_some("with a user name"));
        self.part("flags", &format!("{flags:08b}"), &words.join(", "));
        if has(0) {
            self.all.problem("The lowest flag is reserved.");
        }
        let will_qos = flags >> 3 & 3;
        if will_qos == 3 || (!has(2) && (will_qos != 0 || has(5))) {
            self.all.problem("The flags of the will do not go together.");
        }
        let keep_alive = self.body.two()?;
        self.part(
            "keep alive",
            &keep_alive.to_string(),
            "Seconds: if the client says nothing for one and a half times as long, the server closes. 0 for never.",
        );
        self.properties()?;
        let client = self.body.text()?;
        self.named("client identifier", &client, "Names the session; a second connection with it ends the first.");
        if has(2) {
            if level == 5 {
                properties::read(&mut self.body, self.all)?;
            }
            let topic = self.body.text()?;
            self.part("will topic", &topic, "Where the will is sent if the client vanishes.");
            let payload = content(self.body.data()?);
            self.part("will payload", &payload, "");
        }
        if has(7) {
            let user = self.body.text()?;
            self.part("user name", &user, "");
        }
        if has(6) {
            let len = self.body.data()?.len();
            self.part("password", "••••••••", &format!("{}, hidden here.", bytes(len)));
        }
        Some(())
    }

    fn connack(&mut self) -> Option<()> {
        let flags = self.body.byte()?;
        let says =
            if flags & 1 == 1 { "The server has kept an earlier session." } else { "There is no earlier session." };
        self.part("session present", &(flags & 1).to_string(), says);
        let code = self.body.byte()?;
        let says = match (self.version, code) {
            (_, 0) => "accepted",
            (5, code) => reason(code),
            (_, 1) => "refused: this version of the protocol is not spoken",
            (_, 2) => "refused: the client identifier is not allowed",
            (_, 3) => "refused: the server is not available",
            (_, 4) => "refused: bad user name or password",
            (_, 5) => "refused: not authorized",
            _ => "reserved",
        };
        self.summary.push_str(&format!(" {says}"));
        self.part(if self.version == 5 { "reason code" } else { "return code" }, &format!("0x{code:02X}"), says);
        self.properties()
    }

    fn publish(&mut self) -> Option<()> {
        let qos = self.flags >> 1 & 3;
        let says = match qos {
            0 => "At most once: no answer.",
            1 => "At least once: answered with puback.",
            2 => "Exactly once: four packets in all.",
            _ => "There is no QoS 3.",
        };
        if qos == 3 {
            self.all.problem("QoS 3 does not exist.");
        }
        self.part("QoS", &qos.to_string(), says);
        if self.flags & 8 != 0 {
            self.part("DUP", "1", "Sent before, perhaps.");
            if qos == 0 {
                self.all.problem("DUP goes with QoS 1 and 2 only.");
            }
        }
        if self.flags & 1 != 0 {
            self.part("RETAIN", "1", "The server keeps it for those who subscribe later.");
        }
        let topic = self.body.text()?;
        self.named("topic", &topic, if topic.is_empty() { "Empty: a topic alias stands for it." } else { "" });
        if topic.contains(['+', '#']) {
            self.all.problem("A topic that is published to has no wildcards.");
        }
        if topic.is_empty() && self.version == 4 {
            self.all.problem("A topic is not empty before version 5.");
        }
        if qos > 0 {
            self.identifier()?;
        }
        self.properties()?;
        let payload = self.body.rest();
        self.summary.push_str(&format!(", {}", bytes(payload.len())));
        self.part("payload", &content(payload), &bytes(payload.len()));
        Some(())
    }

    fn subscribe(&mut self) -> Option<()> {
        self.identifier()?;
        self.properties()?;
        if self.body.left() == 0 {
            self.all.problem("There is no topic in this.");
        }
        while self.body.left() > 0 {
            let filter = self.body.text()?;
            let options = self.body.byte()?;
            let mut says = format!("QoS {} at most", options & 3);
            if self.version == 5 {
                says.push_str(if options & 4 != 0 { ", not one's own" } else { "" });
                says.push_str(if options & 8 != 0 { ", retain as published" } else { "" });
                says.push_str(match options >> 4 & 3 {
                    0 => "",
                    1 => ", retained messages only for a new subscription",
                    _ => ", no retained messages",
                });
            }
            if options & 3 == 3 || (self.version == 4 && options & 0xFC != 0) {
                self.all.problem("The options of a subscription have bits that are reserved.");
            }
            self.named("topic filter", &filter, &says);
        }
        Some(())
    }

    fn codes(&mut self) {
        let codes = self.body.rest();
        for code in codes {
            let says = match code {
                0..=2 => format!("granted, QoS {code} at most"),
                _ if self.version == 4 => "failed".into(),
                code => reason(*code).into(),
            };
            self.part("reason code", &format!("0x{code:02X}"), &says);
            if *code >= 0x80 {
                self.summary.push_str(&format!(": {says}"));
            }
        }
    }
}

/// The reason codes of version 5 (MQTT 5.0, 2.4).
fn reason(code: u8) -> &'static str {
    match code {
        0x00 => "success",
        0x01 => "granted QoS 1",
        0x02 => "granted QoS 2",
        0x04 => "disconnect with will message",
        0x10 => "no matching subscribers",
        0x11 => "no subscription existed",
        0x18 => "continue authentication",
        0x19 => "re-authenticate",
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "unsupported protocol version",
        0x85 => "client identifier not valid",
        0x86 => "bad user name or password",
        0x87 => "not authorized",
        0x88 => "server unavailable",
        0x89 => "server busy",
        0x8A => "banned",
        0x8B => "server shutting down",
        0x8C => "bad authentication method",
        0x8D => "keep alive timeout",
        0x8E => "session taken over",
        0x8F => "topic filter invalid",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x92 => "packet identifier not found",
        0x93 => "receive maximum exceeded",
        0x94 => "topic alias invalid",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9A => "retain not supported",
        0x9B => "QoS not supported",
        0x9C => "use another server",
        0x9D => "server moved",
        0x9E => "shared subscriptions not supported",
        0x9F => "connection rate exceeded",
        0xA0 => "maximum connect time",
        0xA1 => "subscription identifiers not supported",
        0xA2 => "wildcard subscriptions not supported",
        _ => "unknown",
    }
}
