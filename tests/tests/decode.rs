//! `framescope decode`, as somebody at a terminal sees it.
#![allow(clippy::unwrap_used, reason = "in a test that is a failure like any other")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use framescope_codec::Opcode;
use framescope_codec::capture::{Direction, pcapng, tap::Flow};
use framescope_tests::{OutFrame, ServerProcess, TestServer, WireClient, frames, program};
use serde_json::Value;

const TAP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/captures/tap.pcapng");

fn decode(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program());
    command.arg("decode").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || {
        // A program that does not read what it is given is no failure here.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

/// Its standard output, where nothing is wrong.
fn decoded(arguments: &[&str]) -> String {
    let output = decode(arguments, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

fn lines(arguments: &[&str]) -> Vec<Value> {
    decoded(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What it says on standard error, and how it ends.
fn complaint(arguments: &[&str], input: &[u8]) -> (i32, String) {
    let output = decode(arguments, input);
    (output.status.code().expect("no signal"), String::from_utf8(output.stderr).unwrap())
}

/// The capture that a proxy writes of two connections to a server: one that behaves, and one that does not.
async fn recorded(folder: &Path) -> PathBuf {
    let file = folder.join("a.pcapng");
    let server = TestServer::start().await;
    let flags = ["--no-inspect", "--write", file.to_str().unwrap()];
    let mut proxy = ServerProcess::proxy(&format!("ws://{}", server.addr()), &flags, "").await;
    let extensions = ("Sec-WebSocket-Extensions", "permessage-deflate; client_no_context_takeover");
    let (mut client, _) = WireClient::open_with(proxy.addr(), "/echo?room=7", &[extensions]).await;
    for _ in 0..2 {
        client.send_frame(OutFrame::text(r#"{"type":"chat","text":"hello hello hello"}"#)).await;
        client.message().await;
    }
    client.send_frame(OutFrame::new(Opcode::Ping, "are you there?")).await;
    client.frame().await;
    client.send_frame(OutFrame::text("in tw").unfinished()).await;
    client.send_frame(OutFrame::continuation("o parts")).await;
    client.message().await;
    client.send_frame(OutFrame::close(1000, "done")).await;
    client.assert_closed(1000).await;
    drop(client);
    let mut client = WireClient::open(proxy.addr(), "/echo").await;
    client.send_frame(OutFrame::text("wrong").unmasked()).await;
    client.assert_closed(1002).await;
    drop(client);
    proxy.signal("TERM");
    assert!(proxy.wait().await.success());
    file
}

#[tokio::test]
async fn each_frame_is_an_object_with_the_keys_that_were_promised() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path()).await;
    let lines = lines(&[file.to_str().unwrap()]);
    let keys = [
        "stream",
        "src",
        "dst",
        "dir",
        "time",
        "fin",
        "rsv",
        "opcode",
        "mask",
        "payload_length",
        "masking_key",
        "payload",
        "violations",
    ];
    let mut frames = 0;
    for line in lines.iter().filter(|line| line.get("event").is_none()) {
        let object = line.as_object().unwrap();
        assert!(keys.iter().all(|key| object.contains_key(*key)), "{line}");
        assert_eq!(object.len(), keys.len() + usize::from(object.contains_key("message")), "{line}");
        frames += 1;
    }
    let find = |stream: u64, dir: &str, opcode: u64| {
        let is_it = |line: &&Value| line["stream"] == stream && line["dir"] == dir && line["opcode"] == opcode;
        lines.iter().filter(is_it).collect::<Vec<_>>()
    };
    assert_eq!(frames, 6 + 5 + 1 + 1);
    let [first, ..] = &find(0, "c2s", 1)[..] else { panic!("a text") };
    assert_eq!((&first["fin"], &first["rsv"], &first["mask"]), (&1.into(), &0.into(), &1.into()));
    assert_eq!((&first["masking_key"], &first["payload_length"]), (&"37fa213d".into(), &42.into()));
    assert_eq!(first["message"]["kind"], "text");
    assert_eq!(first["message"]["hex"], first["payload"]);
    let time = first["time"].as_str().unwrap();
    let (seconds, nanos) = time.split_once('.').unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 1_500_000_000 && nanos.len() == 9, "{time}");
    // The server compresses, the second time with what it has in its window.
    let back = find(0, "s2c", 1);
    assert_eq!((&back[1]["rsv"], &back[1]["message"]), (&4.into(), &first["message"]));
    assert!(back[1]["payload_length"].as_u64() < back[0]["payload_length"].as_u64());
    let [ping] = &find(0, "c2s", 9)[..] else { panic!("a ping") };
    assert_eq!(ping["message"]["kind"], "ping");
    let [part, ..] = &find(0, "c2s", 0)[..] else { panic!("a continuation") };
    assert_eq!((&part["message"]["kind"], &part["message"]["length"]), (&"text".into(), &12.into()));
    assert!(find(0, "c2s", 1)[2].get("message").is_none(), "it is not whole yet");
    let [close] = &find(0, "c2s", 8)[..] else { panic!("a close") };
    assert_eq!((&close["message"]["close_code"], &close["message"]["reason"]), (&1000.into(), &"done".into()));
    let [wrong] = &find(1, "c2s", 1)[..] else { panic!("a text") };
    let broken = serde_json::json!([{"rule": "unmasked-from-client", "section": "RFC 6455, 5.1", "close_code": 1002}]);
    assert_eq!((&wrong["violations"], &wrong["masking_key"]), (&broken, &Value::Null));
    let handshakes: Vec<_> = lines.iter().filter(|line| line["event"] == "handshake").collect();
    assert_eq!(handshakes.len(), 4);
    assert_eq!((&handshakes[0]["target"], &handshakes[1]["status"]), (&"/echo?room=7".into(), &101.into()));
    assert_eq!(handshakes[1]["deflate"]["client_no_context_takeover"], true);
    assert_eq!(lines.iter().filter(|line| line["event"] == "end").count(), 4);
}

#[tokio::test]
async fn a_filter_chooses_and_a_stream_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path()).await;
    let file = file.to_str().unwrap();
    let count = |arguments: &[&str]| lines(&[&[file], arguments].concat()).len();
    assert_eq!(count(&["--filter", "opcode == ping"]), 1);
    assert_eq!(count(&["--filter", "rtt"]), 1);
    assert_eq!(count(&["--filter", "violation"]), 1);
    assert_eq!(count(&["--filter", "text contains \"HELLO\"i and dir == s2c"]), 2);
    assert_eq!(count(&["--filter", "json.type == \"chat\""]), 4);
    assert_eq!(count(&["--filter", "target endswith 'room=7' and close.code == 1000"]), 2);
    assert_eq!(count(&["--filter", "conn == 2 and stream == 1 and handshake"]), 2);
    assert_eq!(count(&["--follow", "1", "--filter", "handshake"]), 2);
    assert_eq!(count(&["--follow", "1", "--filter", "opcode == ping"]), 0);
    assert!(lines(&[file, "--follow", "1"]).iter().all(|line| line["stream"] == 1));
    let text = decoded(&[file, "--follow", "0", "--text"]);
    for expected in [
        " > GET /echo?room=7 HTTP/1.1",
        " < HTTP/1.1 101 Switching Protocols; permessage-deflate",
        " > text, 42 bytes: {\"type\":\"chat\",\"text\":\"hello hello hello\"}",
        " > ping, 14 bytes: are you there?",
        " > text, fragment 1, 5 bytes",
        " > continuation, fragment 2 and last, 7 bytes: in two parts",
        " > close, 6 bytes: 1000 normal closure done",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    assert!(decoded(&[file, "--text"]).contains("!! unmasked-from-client: "));
}

#[tokio::test]
async fn a_summary_says_what_there_is_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path()).await;
    let file = file.to_str().unwrap();
    let summary = decoded(&[file, "--summary"]);
    for expected in [
        "2 TCP connections, 2 of them WebSocket",
        "STREAM  CLIENT",
        "/echo?room=7",
        "permessage-deflate; client_no_context_takeover",
        "closed 1000 by client",
        "1 round trip,",
        "broken: unmasked-from-client x1 (RFC 6455, 5.1)",
    ] {
        assert!(summary.contains(expected), "{expected} in\n{summary}");
    }
    let one = decoded(&[file, "--summary", "--filter", "violation"]);
    assert!(one.contains("1 of them WebSocket") && !one.contains("room=7"), "{one}");
    let all = decoded(&[file, "--summary", "--follow", "0"]);
    for expected in ["request\n", "response\n", "agreed\n", "masking\n", "end\n", "Sec-WebSocket-Accept"] {
        assert!(all.contains(expected), "{expected} in\n{all}");
    }
}

/// A client that masks all with one key, and a server whose pings it does not answer.
fn careless() -> Vec<u8> {
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    let mut flow = Flow::new("192.0.2.1:50000".parse().unwrap(), "192.0.2.2:80".parse().unwrap());
    flow.join_late(1_000_000_000, None, &mut capture);
    for second in 1..4 {
        let mut say = |direction, bytes: &[u8]| {
            flow.boundary(direction);
            flow.bytes(direction, (1 + second * 3) * 1_000_000_000, bytes, &mut capture);
        };
        say(Direction::ClientToServer, b"\x81\x81abcd\0");
        say(Direction::ServerToClient, b"\x89\x01?");
    }
    capture
}

#[test]
fn what_no_frame_shows_alone_is_told_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("careless.pcapng");
    std::fs::write(&file, careless()).unwrap();
    let file = file.to_str().unwrap();
    let all = lines(&[file]);
    let found: Vec<_> = all.iter().filter(|line| line["event"] == "finding").collect();
    let name = |line: &Value| line["finding"].as_str().unwrap().to_owned();
    assert_eq!(found.iter().map(|line| name(line)).collect::<Vec<_>>(), ["repeated-masking-key", "unanswered-ping"]);
    assert_eq!((&found[0]["section"], &found[0]["severity"]), (&"RFC 6455, 5.3".into(), &"warning".into()));
    // Behind the frame at which it is certain.
    let at = all.iter().position(|line| line["finding"] == "repeated-masking-key").unwrap();
    assert_eq!((&all[at - 1]["masking_key"], &all[at - 1]["time"]), (&"61626364".into(), &all[at]["time"]));
    assert_eq!(lines(&[file, "--filter", "finding == unanswered-ping"]).len(), 2);
    let summary = decoded(&[file, "--summary"]);
    assert!(summary.contains("0 broken rules, 2 findings,"), "{summary}");
    assert!(summary.contains("found: repeated-masking-key (RFC 6455, 5.3), unanswered-ping (RFC 6455, 5.5.2)"));
    let one = decoded(&[file, "--summary", "--follow", "0"]);
    assert!(one.contains("round trips 0; 3 pings unanswered, 0 pongs unasked"), "{one}");
    // Times count from the capture's beginning, whatever is shown of it.
    let text = decoded(&[file, "--text", "--filter", "finding == unanswered-ping"]);
    assert!(text.starts_with("     6.000000    0 < ping, 1 bytes: ?"), "{text}");
    assert!(text.contains("!! unanswered-ping: pings get no pong (RFC 6455, 5.5.2)"), "{text}");
    let frames = lines(&[file, "--filter", "source == careless.pcapng"]);
    assert_eq!(frames.len(), all.len() - found.len(), "a filter that does not ask for findings gets none");
}

#[test]
fn what_can_be_read_of_a_damaged_file_is_printed_first() {
    let whole = std::fs::read(TAP).unwrap();
    let output = decode(&["-"], &whole[..whole.len() - 10]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, before) = lines.split_last().unwrap();
    assert_eq!(last["event"], "fault");
    assert!(before.len() > 8 && before.iter().all(|line| line["event"] != "fault"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with("framescope: standard input: byte ") && stderr.contains("ends within a block"),
        "{stderr}"
    );
    let (code, says) = complaint(&["-"], b"this is no capture");
    assert!(code == 1 && says.starts_with("framescope: standard input: byte 0: "), "{says}");
    let (code, says) = complaint(&["-"], b"");
    assert!(code == 1 && says.contains("empty"), "{says}");
    let (code, says) = complaint(&["/no/such/file"], b"");
    assert!(code == 1 && says == "framescope: /no/such/file: No such file or directory (os error 2)\n", "{says}");
    assert_eq!(complaint(&["/"], b"").0, 1);
}

#[test]
fn a_capture_without_web_socket_is_no_failure_and_says_so() {
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    let (code, says) = complaint(&["-", "--summary"], &capture);
    assert!(code == 0 && says.contains("no WebSocket connection in it"), "{says}");
}

#[test]
fn a_stream_without_its_handshake_is_read_on_the_users_word() {
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    let mut flow = Flow::new("192.0.2.1:50000".parse().unwrap(), "198.51.100.1:80".parse().unwrap());
    flow.bytes(Direction::ServerToClient, 2_000, b"\x81\x02Hi", &mut capture);
    let (code, says) = complaint(&["-"], &capture);
    assert!(code == 0 && says.contains("stream 0, 192.0.2.1:50000 to 198.51.100.1:80, 4 B: "), "{says}");
    let output = decode(&["-", "--text", "--assume", "0=192.0.2.1:50000"], &capture);
    assert!(String::from_utf8(output.stdout).unwrap().contains(" < text, 2 bytes: Hi"));
    assert_eq!(complaint(&["-", "--assume", "0=192.0.2.1"], &capture).0, 2);
}

#[test]
fn a_wrong_filter_is_pointed_at() {
    let (code, says) = complaint(&[TAP, "--filter", "opcode = text"], b"");
    assert_eq!(code, 2);
    let expected =
        "framescope: the filter cannot be read\n  opcode = text\n         ^\n  `=` is no operator.\n  Write `==`.\n";
    assert_eq!(says, expected);
    assert_eq!(complaint(&[TAP, "--follow", "x"], b"").0, 2);
    assert_eq!(complaint(&[TAP, "--text", "--summary"], b"").0, 2);
    assert_eq!(complaint(&[TAP, "--follow", "99"], b"").0, 2);
    assert_eq!(complaint(&[], b"").0, 2);
}

/// A capture with so many texts of the server.
fn many(frames_count: usize) -> Vec<u8> {
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    let mut flow = Flow::in_process(1);
    flow.join_late(1_000, None, &mut capture);
    let texts: Vec<_> = (0..100).map(|number| OutFrame::text(format!("text {number}")).unmasked()).collect();
    let texts = frames(&texts);
    for number in 0..frames_count / 100 {
        flow.boundary(Direction::ServerToClient);
        flow.bytes(Direction::ServerToClient, 2_000 + number as u64, &texts, &mut capture);
    }
    capture
}

#[test]
fn who_is_followed_is_not_forgotten_for_the_many_that_are_not() {
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    for client in 0..17_000 {
        let mut flow = Flow::in_process(30_000 + client);
        flow.join_late(1_000_000_000, None, &mut capture);
        flow.boundary(Direction::ServerToClient);
        flow.bytes(Direction::ServerToClient, 2_000_000_000, b"\x81\x02Hi", &mut capture);
    }
    let output = decode(&["-", "--summary", "--follow", "0"], &capture);
    let all = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && all.contains("\nmasking\n") && all.contains(":30000"), "{all}");
}

#[test]
fn who_stops_reading_ends_it_quietly() {
    let mut command = Command::new(program());
    command.args(["decode", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(&many(100_000)));
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("joined-late"), "{first}");
    let mut says = String::new();
    child.stderr.take().unwrap().read_to_string(&mut says).unwrap();
    assert_eq!((says.as_str(), child.wait().unwrap().code()), ("", Some(0)));
    assert!(writing.join().unwrap().is_err(), "it stopped reading as well");
}

#[test]
fn a_capture_that_is_still_being_written_is_shown_as_it_grows() {
    let mut command = Command::new(program());
    command.args(["decode", "-", "--text"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut capture = Vec::new();
    pcapng::write_start(&mut capture);
    let mut flow = Flow::in_process(1);
    flow.join_late(1_000, None, &mut capture);
    stdin.write_all(&capture).unwrap();
    assert!(lines.next().unwrap().unwrap().contains("was open already"));
    for number in 0..3_u64 {
        capture.clear();
        flow.boundary(Direction::ServerToClient);
        flow.bytes(Direction::ServerToClient, 2_000 + number, b"\x81\x02Hi", &mut capture);
        stdin.write_all(&capture).unwrap();
        assert!(lines.next().unwrap().unwrap().ends_with("< text, 2 bytes: Hi"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn all_of_a_long_capture_is_printed() {
    let capture = many(50_000);
    let output = decode(&["-", "--filter", "frame"], &capture);
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 50_000);
    let output = decode(&["-", "--filter", "text == \"text 99\""], &capture);
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 500);
}
