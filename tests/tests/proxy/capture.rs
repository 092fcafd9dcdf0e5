//! What a proxy writes into a file.

use std::path::Path;
use std::process::Command;

use framescope_codec::capture::{Decoder, Direction, End, Record, What};
use framescope_codec::{Opcode, Violation};
use framescope_tests::{OutFrame, ServerProcess, TestServer, WireClient};
use tokio::io::AsyncWriteExt;

use super::{Upstream, connect, noise, proxy, read};

/// What the codec reads in a capture.
fn events(capture: &[u8]) -> Vec<(Direction, What)> {
    let mut decoder = Decoder::new();
    decoder.feed(capture);
    decoder.finish();
    all(decoder)
}

/// What it reads in one that is still being written.
fn read_so_far(capture: &Path) -> Vec<(Direction, What)> {
    let mut decoder = Decoder::new();
    decoder.feed(&std::fs::read(capture).unwrap());
    all(decoder)
}

fn all(mut decoder: Decoder) -> Vec<(Direction, What)> {
    std::iter::from_fn(|| decoder.next_record())
        .map(|record| match record {
            Record::Event(event) => (event.direction, event.what),
            Record::Fault(fault) => panic!("{fault:?}"),
        })
        .collect()
}

fn payloads(events: &[(Direction, What)], direction: Direction) -> Vec<(Opcode, Vec<u8>)> {
    let frame = |(at, what): &(Direction, What)| match what {
        What::Frame(frame) if *at == direction => {
            Some((frame.dissection.header.opcode, frame.dissection.payload.clone()))
        }
        _ => None,
    };
    events.iter().filter_map(frame).collect()
}

/// tshark's own opinion of a capture: these fields of the packets that a filter lets through.
fn tshark(capture: &Path, filter: &str, fields: &[&str]) -> String {
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let arguments = ["-r", capture.to_str().unwrap(), "-Y", filter, "-T", "fields"];
    let output = Command::new("tshark").args(arguments).args(fields).output().expect("tshark is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn everything_that_passed_is_in_the_file_and_tshark_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcapng");
    let server = TestServer::start().await;
    let flags = ["--no-inspect", "--write", file.to_str().unwrap()];
    let mut proxy = ServerProcess::proxy(&format!("ws://{}", server.addr()), &flags, "").await;
    let cookie = ("Cookie", "theme=s3cr3t");
    let (mut client, _) = WireClient::open_with(proxy.addr(), "/echo?token=s3cr3t&a=b", &[cookie]).await;
    client.assert_echoes("hello").await;
    client.send_frame(OutFrame::new(Opcode::Ping, "are you there?")).await;
    client.frame().await;
    let large = noise(200_000, 1);
    client.send_frame(OutFrame::binary(large.clone())).await;
    client.message().await;
    // It can be read at any time, and holds what has passed before long. A block may be on its way to the disk.
    let hello = (Opcode::Text, b"hello".to_vec());
    let is_there = || payloads(&read_so_far(&file), Direction::ClientToServer).contains(&hello);
    super::eventually(is_there).await;
    client.send_frame(OutFrame::text("wrong").rsv(2)).await;
    client.assert_closed(1002).await;
    drop(client);
    proxy.signal("TERM");
    assert!(proxy.wait().await.success());

    let capture = std::fs::read(&file).unwrap();
    assert!(!capture.windows(6).any(|window| window == b"s3cr3t"), "credentials have no business in it");
    assert!(capture.windows(30).any(|window| window == b"framescope: a proxy in front o"));
    let events = events(&capture);
    let [(_, What::Request(request)), (_, What::Response(response)), ..] = &events[..] else { panic!("{events:?}") };
    assert_eq!(request.head().header("cookie"), Some(&b"************"[..]));
    assert!(request.head().header("host").is_some_and(|host| host == proxy.addr().to_string().as_bytes()));
    assert_eq!((response.status(), response.accept_matches()), (Some(101), Some(true)));
    let expected = [
        (Opcode::Text, b"hello".to_vec()),
        (Opcode::Ping, b"are you there?".to_vec()),
        (Opcode::Binary, large.clone()),
        (Opcode::Text, b"wrong".to_vec()),
    ];
    assert!(payloads(&events, Direction::ClientToServer) == expected);
    let back = payloads(&events, Direction::ServerToClient);
    assert!(back[2] == (Opcode::Binary, large) && back[3].0 == Opcode::Close);
    let broken = events.iter().filter_map(|(_, what)| match what {
        What::Frame(frame) => frame.dissection.violations.first().map(|found| found.violation),
        _ => None,
    });
    assert_eq!(broken.collect::<Vec<_>>(), [Violation::Rsv2WithoutExtension]);
    assert_eq!(events.iter().filter(|(_, what)| *what == What::End(End::Finished)).count(), 2);

    let opcodes = tshark(
        &file,
        "websocket && tcp.dstport == {}".replace("{}", &proxy.addr().port().to_string()).as_str(),
        &["websocket.opcode"],
    );
    assert_eq!(opcodes.split_whitespace().collect::<Vec<_>>(), ["1", "9", "2", "1"]);
    let text = tshark(&file, "websocket.opcode == 9", &["websocket.payload_length", "ip.dst", "tcp.stream"]);
    assert_eq!(text.trim(), "14\t127.0.0.1\t0");
    assert_eq!(tshark(&file, "_ws.malformed || tcp.analysis.flags", &["frame.number"]), "");
}

#[tokio::test]
async fn an_rst_and_a_refusal_are_seen_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcapng");
    let upstream = Upstream::new().await;
    let mut proxy = proxy(&upstream.url(), &["--write", file.to_str().unwrap()]).await;
    let (client, mut stream) = connect(&proxy, &upstream).await;
    client.reset();
    super::ends::ending(&mut stream).await;
    let mut client = WireClient::connect(proxy.addr()).await;
    client.send(&framescope_tests::opening_request(proxy.addr(), "/", &[])).await;
    let (mut stream, _) = upstream.accept().await;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(client.response_head().await.status, 502);
    client.ending().await;
    drop(client);
    proxy.signal("TERM");
    assert!(proxy.wait().await.success());
    let events = events(&std::fs::read(&file).unwrap());
    assert!(events.contains(&(Direction::ClientToServer, What::End(End::Reset))), "{events:?}");
    let status = |what: &What| match what {
        What::Response(response) => response.status(),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(|(_, what)| status(what)).collect::<Vec<_>>(), [101, 502]);
}

#[tokio::test]
async fn credentials_are_in_it_for_who_asks_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcapng");
    let upstream = Upstream::new().await;
    let mut proxy = proxy(&upstream.url(), &["--unmasked", "--write", file.to_str().unwrap()]).await;
    let opening = WireClient::open_with(proxy.addr(), "/?token=s3cr3t", &[("Authorization", "Basic s3cr3t")]);
    let ((mut client, _), mut stream) = tokio::join!(opening, upstream.switch());
    client.send_frame(OutFrame::text("x")).await;
    read(&mut stream, 7).await;
    proxy.signal("TERM");
    client.ending().await;
    drop((client, stream));
    assert!(proxy.wait().await.success());
    let events = events(&std::fs::read(&file).unwrap());
    let [(_, What::Request(request)), ..] = &events[..] else { panic!("{events:?}") };
    assert_eq!(request.head().header("authorization"), Some(&b"Basic s3cr3t"[..]));
    assert_eq!(payloads(&events, Direction::ClientToServer), [(Opcode::Text, b"x".to_vec())]);
}

#[tokio::test]
async fn a_capture_that_is_there_is_not_overwritten_unless_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcapng");
    std::fs::write(&file, "precious").unwrap();
    let path = file.to_str().unwrap();
    let arguments = ["proxy", "--to", "ws://127.0.0.1:1", "--listen", "127.0.0.1:0", "--no-inspect", "--write", path];
    let output = ServerProcess::run(&arguments).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.ends_with("it is there already; --force begins it anew\n"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    let proxy = proxy("ws://127.0.0.1:1", &["--write", path, "--force"]).await;
    super::eventually(|| std::fs::read(&file).unwrap().starts_with(&[0x0A, 0x0D, 0x0D, 0x0A])).await;
    drop(proxy);
}

#[tokio::test]
async fn a_disk_that_is_full_ends_the_file_and_not_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcapng");
    let upstream = Upstream::new().await;
    let flags = ["--no-inspect", "--write", file.to_str().unwrap()];
    // A limit on the size of files, in blocks of 512 bytes: to the program it is a disk that is full.
    let mut proxy = ServerProcess::proxy(&upstream.url(), &flags, "ulimit -f 200").await;
    let (mut client, mut stream) = connect(&proxy, &upstream).await;
    for seed in 0..40 {
        let frame = OutFrame::binary(noise(10_000, seed)).bytes();
        client.send(&frame).await;
        assert!(read(&mut stream, frame.len()).await == frame);
    }
    drop((client, stream));
    proxy.signal("TERM");
    assert!(!proxy.wait().await.success(), "it says that the capture is not whole");
    let capture = std::fs::read(&file).unwrap();
    assert!(capture.len() <= 200 * 512);
    let seen = payloads(&events(&capture), Direction::ClientToServer);
    assert!(!seen.is_empty() && seen.iter().zip(0..).all(|((_, payload), seed)| *payload == noise(10_000, seed)));
    assert!(tshark(&file, "websocket", &["frame.number"]).lines().count() > 1);
}

#[tokio::test]
async fn a_pipe_gets_it_as_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reading = {
        let pipe = pipe.clone();
        tokio::task::spawn_blocking(move || std::fs::read(pipe).unwrap())
    };
    let upstream = Upstream::new().await;
    let mut proxy = proxy(&upstream.url(), &["--write", pipe.to_str().unwrap()]).await;
    let (mut client, mut stream) = connect(&proxy, &upstream).await;
    client.send_frame(OutFrame::text("through a pipe")).await;
    read(&mut stream, 20).await;
    drop((client, stream));
    proxy.signal("TERM");
    assert!(proxy.wait().await.success());
    let events = events(&reading.await.unwrap());
    assert_eq!(payloads(&events, Direction::ClientToServer), [(Opcode::Text, b"through a pipe".to_vec())]);
}
