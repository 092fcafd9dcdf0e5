//! Tunnels to other servers: only those that are listed, every byte of theirs, and little of it at a time.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use framescope_server::Config;
use framescope_tests::{PATIENCE, ServerProcess, TestServer, TunnelClient, Word, guest, http};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// Somebody to tunnel to, as a test plays it.
struct Target {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Target {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // What the network holds besides does not matter here, and the machine has only so much.
        socket.set_recv_buffer_size(128 << 10).expect("a socket");
        socket.set_send_buffer_size(128 << 10).expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
        let listener = socket.listen(8).expect("a socket");
        let addr = listener.local_addr().expect("a socket");
        Self { listener, addr }
    }

    async fn accept(&self) -> TcpStream {
        timeout(PATIENCE, self.listener.accept()).await.expect("a connection in time").expect("a connection").0
    }

    /// A server that lists it, and a tunnel to it with both its ends.
    async fn reached(&self) -> (TestServer, TunnelClient, TcpStream) {
        let server = self.server().await;
        let cookie = guest(server.addr()).await;
        let tunnel = TunnelClient::open(server.addr(), "target", &cookie).await;
        let socket = self.accept().await;
        (server, tunnel, socket)
    }

    async fn server(&self) -> TestServer {
        let entry = format!("target=ws://{}/", self.addr);
        TestServer::with(|config| config.tunnel_to = vec![entry]).await
    }
}

/// A stream of bytes that shows what is missing or out of place.
fn noise(from: usize, len: usize) -> Vec<u8> {
    // A prime, so that no buffer's size hides a shift.
    const PERIOD: usize = 65_521;
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let period: Vec<_> = (0..PERIOD).map(|at| (at ^ at >> 8).to_le_bytes()[0]).collect();
        period.repeat(18)
    });
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let rest = &BYTES[(from + bytes.len()) % PERIOD..];
        bytes.extend_from_slice(&rest[..rest.len().min(len - bytes.len())]);
    }
    bytes
}

#[tokio::test]
async fn each_half_ends_by_itself() {
    let target = Target::new().await;
    // The page first.
    let (_server, mut tunnel, mut socket) = target.reached().await;
    tunnel.send(b"question").await;
    tunnel.control(&json!({"eof": true})).await;
    let mut question = String::new();
    socket.read_to_string(&mut question).await.unwrap();
    assert_eq!(question, "question");
    for piece in [&b"an"[..], b"swer"] {
        socket.write_all(piece).await.unwrap();
        assert_eq!(tunnel.bytes(piece.len()).await, piece);
    }
    drop(socket);
    assert_eq!(tunnel.assert_closed(1000).await, Some(json!({"eof": true})));
    // The target first.
    let (_server, mut tunnel, mut socket) = target.reached().await;
    socket.write_all(b"greeting").await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(tunnel.news().await, Word::Control(json!({"eof": true})));
    assert_eq!(tunnel.unread(), b"greeting");
    for piece in [&b"an"[..], b"swer"] {
        tunnel.send(piece).await;
        let mut read = vec![0; piece.len()];
        socket.read_exact(&mut read).await.unwrap();
        assert_eq!(read, piece);
    }
    tunnel.control(&json!({"eof": true})).await;
    assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
    tunnel.assert_closed(1000).await;
}

#[tokio::test]
async fn bytes_behind_their_end_are_refused_with_1008() {
    let target = Target::new().await;
    let (_server, mut tunnel, mut socket) = target.reached().await;
    tunnel.control(&json!({"eof": true})).await;
    assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
    tunnel.send(b"one more thing").await;
    assert_eq!(tunnel.assert_closed(1008).await, Some(json!({"error": "bytes behind their end"})));
    assert_eq!(timeout(PATIENCE, socket.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_connection_that_is_broken_off_is_told_so() {
    let target = Target::new().await;
    let broken = Some(json!({"error": "it broke the connection off"}));
    let (_server, mut tunnel, mut socket) = target.reached().await;
    socket.write_all(b"the last that is heard").await.unwrap();
    assert_eq!(tunnel.bytes(22).await, b"the last that is heard");
    socket.set_zero_linger().unwrap();
    drop(socket);
    assert_eq!(tunnel.assert_closed(1011).await, broken);
    // Behind its end, where nobody reads any more.
    let (_server, mut tunnel, mut socket) = target.reached().await;
    socket.shutdown().await.unwrap();
    assert_eq!(tunnel.news().await, Word::Control(json!({"eof": true})));
    socket.set_zero_linger().unwrap();
    drop(socket);
    assert_eq!(tunnel.assert_closed(1011).await, broken);
    // By the page.
    let (_server, mut tunnel, mut socket) = target.reached().await;
    tunnel.control(&json!({"error": "enough"})).await;
    let error = timeout(PATIENCE, socket.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(matches!(tunnel.news().await, Word::Closed(_)));
}

#[tokio::test]
async fn what_was_sent_before_the_page_left_is_delivered() {
    let target = Target::new().await;
    let (_server, mut tunnel, mut socket) = target.reached().await;
    let sent = noise(0, 100_000);
    tunnel.send(&sent).await;
    tunnel.close().await;
    let closing = tokio::spawn(async move { tunnel.news().await });
    let mut received = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut received)).await.unwrap().unwrap();
    assert!(received == sent);
    assert!(matches!(closing.await.unwrap(), Word::Closed(_)));
}

#[tokio::test]
async fn what_is_not_on_the_list_is_refused_and_never_connected_to() {
    let target = Target::new().await;
    let other = Target::new().await;
    let (listed, port) = (target.addr, other.addr.port());
    // A name that looks like an address, for those who look it up.
    let number = u32::from(Ipv4Addr::LOCALHOST);
    let server = TestServer::with(|config| {
        config.tunnel_to = vec![format!("target=ws://{listed}/"), format!("number=ws://{number}:{port}/")];
    })
    .await;
    let cookie = guest(server.addr()).await;
    let mut refused = vec![
        "to-nobody".to_owned(),
        String::new(),
        "Self".to_owned(),
        "TARGET".to_owned(),
        "target%00".to_owned(),
        "target%20".to_owned(),
        "%ff".to_owned(),
        "%".to_owned(),
        "self&to=target".to_owned(),
        "169.254.169.254".to_owned(),
        "169.254.169.254:80".to_owned(),
        "127.0.0.1:5432".to_owned(),
        format!("http://{listed}/"),
        format!("ws://{listed}/"),
        format!("user@{listed}"),
        format!("{listed}@evil.example"),
        format!("{listed}/"),
        format!("{listed}%23"),
        format!("{listed}."),
        format!("target:{}", listed.port()),
        server.addr().to_string(),
    ];
    for host in
        ["127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::1]", "localhost"]
    {
        refused.push(format!("{host}:{port}"));
        if host != "127.0.0.1" {
            refused.push(format!("{host}:{}", listed.port()));
        }
    }
    for host in ["[::ffff:127.0.0.1]", "[::]", "LOCALHOST", "localhost.", "%6cocalhost", "127.0.0.1:80"] {
        refused.push(format!("{host}:{}", listed.port()));
    }
    for to in refused.iter().filter(|to| !to.starts_with(&format!("{number}:{port}"))) {
        let mut tunnel = TunnelClient::open(server.addr(), to, &cookie).await;
        let word = tunnel.assert_closed(1008).await;
        assert_eq!(word, Some(json!({"error": "this server makes no tunnels there; --tunnel-to allows them"})), "{to}");
    }
    // Listed, but it leads to where names may not lead.
    for to in ["number".to_owned(), format!("{number}:{port}")] {
        let mut tunnel = TunnelClient::open(server.addr(), &to, &cookie).await;
        let word = tunnel.assert_closed(1008).await.unwrap();
        assert_eq!(word, json!({"error": "number: its name leads to an address that is not public"}));
    }
    // What comes now comes first.
    for (target, to) in [(&target, "target".to_owned()), (&target, listed.to_string().replace(':', "%3A"))] {
        let mut tunnel = TunnelClient::open(server.addr(), &to, &cookie).await;
        target.accept().await.write_all(b"it is you").await.unwrap();
        assert_eq!(tunnel.bytes(9).await, b"it is you");
    }
    TcpStream::connect(other.addr).await.unwrap().write_all(b"first").await.unwrap();
    let mut first = String::new();
    other.accept().await.read_to_string(&mut first).await.unwrap();
    assert_eq!(first, "first");
}

#[tokio::test]
async fn a_target_that_is_not_there_or_does_not_answer_is_told_with_1011() {
    let gone = Target::new().await.addr;
    let silent = Target::new().await;
    let server = TestServer::with(|config| {
        config.tunnel_to = vec![format!("gone=ws://{gone}/"), format!("silent=wss://{}/", silent.addr)];
    })
    .await;
    let cookie = guest(server.addr()).await;
    let mut tunnel = TunnelClient::open(server.addr(), "gone", &cookie).await;
    assert_eq!(tunnel.assert_closed(1011).await, Some(json!({"error": "gone: nobody listens there"})));
    // It accepts, and then says nothing of TLS.
    let begun = Instant::now();
    let mut tunnel = TunnelClient::open(server.addr(), "silent", &cookie).await;
    let _socket = silent.accept().await;
    assert_eq!(tunnel.assert_closed(1011).await, Some(json!({"error": "silent: it does not answer in time"})));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // A page that leaves meanwhile is not waited for, nor is a server that stops.
    let mut tunnel = TunnelClient::open(server.addr(), "silent", &cookie).await;
    let mut socket = silent.accept().await;
    tunnel.close().await;
    assert!(matches!(tunnel.news().await, Word::Closed(_)));
    let mut hello = Vec::new();
    timeout(Duration::from_secs(3), socket.read_to_end(&mut hello)).await.expect("it is let go").unwrap();
}

#[tokio::test]
async fn redirects_are_bytes_like_any_others() {
    let target = Target::new().await;
    let elsewhere = Target::new().await;
    let (_server, mut tunnel, mut socket) = target.reached().await;
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", elsewhere.addr);
    tunnel.send(b"GET / HTTP/1.1\r\n\r\n").await;
    socket.write_all(answer.as_bytes()).await.unwrap();
    assert_eq!(tunnel.bytes(answer.len()).await, answer.as_bytes());
    tunnel.send(b"still here").await;
    let mut request = vec![0; 28];
    socket.read_exact(&mut request).await.unwrap();
    assert!(request.ends_with(b"still here"));
    TcpStream::connect(elsewhere.addr).await.unwrap().write_all(b"first").await.unwrap();
    let mut first = String::new();
    elsewhere.accept().await.read_to_string(&mut first).await.unwrap();
    assert_eq!(first, "first");
}

#[tokio::test]
async fn bytes_one_by_one_arrive_in_order_both_ways() {
    let target = Target::new().await;
    let (_server, mut tunnel, mut socket) = target.reached().await;
    let sent = noise(3, 20_000);
    for byte in &sent {
        tunnel.queue(&[*byte]);
    }
    let reading = tokio::spawn(async move {
        let mut received = vec![0; 20_000];
        socket.read_exact(&mut received).await.unwrap();
        for byte in &received {
            socket.write_all(&[*byte]).await.unwrap();
        }
        (received, socket)
    });
    assert!(tunnel.bytes(sent.len()).await == sent);
    assert!(reading.await.unwrap().0 == sent);
}

#[tokio::test]
async fn a_page_is_ahead_of_the_target_by_no_more_than_its_credit() {
    let target = Target::new().await;
    let (_server, mut tunnel, mut socket) = target.reached().await;
    // The target reads nothing; what it is sent goes into the buffers between us and it, and then waits.
    let (mut sent, mut credit) = (0, 131_072);
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_secs(1) {
        if credit > 0 {
            let len = credit.min(8_192);
            tunnel.send(&noise(sent, len)).await;
            (sent, credit, last) = (sent + len, credit - len, Instant::now());
        } else if let Ok(Word::Control(word)) = timeout(Duration::from_millis(100), tunnel.word()).await {
            credit += usize::try_from(word["credit"].as_u64().unwrap()).unwrap();
        }
        assert!(sent < 64 << 20, "nobody reads, and yet there is credit");
    }
    // Its own bytes still come, and the credit for them still goes, through a tunnel that is stopped up.
    tunnel.control(&json!({"credit": 5})).await;
    socket.write_all(b"hello, and more").await.unwrap();
    assert_eq!(tunnel.bytes(5).await, b"hello");
    tunnel.control(&json!({"credit": 10})).await;
    assert_eq!(tunnel.bytes(10).await, b", and more");
    // Nothing of it is lost.
    let mut received = vec![0; sent];
    timeout(PATIENCE, socket.read_exact(&mut received)).await.unwrap().unwrap();
    assert!(received == noise(0, sent));
}

/// The end costs no credit: who has none left is told of it, and of nothing that comes before its time.
#[tokio::test]
async fn a_page_without_credit_learns_of_the_end() {
    let target = Target::new().await;
    let (_server, mut tunnel, mut socket) = target.reached().await;
    tunnel.control(&json!({"credit": 4})).await;
    socket.write_all(b"1234").await.unwrap();
    assert_eq!(tunnel.bytes(4).await, b"1234");
    socket.shutdown().await.unwrap();
    assert_eq!(tunnel.news().await, Word::Control(json!({"eof": true})));
    tunnel.control(&json!({"eof": true})).await;
    tunnel.assert_closed(1000).await;
    // Broken off with bytes on the way that there is no credit for.
    let (_server, mut tunnel, mut socket) = target.reached().await;
    tunnel.control(&json!({"credit": 2})).await;
    socket.write_all(b"1234").await.unwrap();
    assert_eq!(tunnel.bytes(2).await, b"12");
    socket.set_zero_linger().unwrap();
    drop(socket);
    let error = tunnel.assert_closed(1011).await.expect("a reason");
    assert_eq!(error, json!({"error": "it broke the connection off"}));
    // And what has to wait comes in order, once it may.
    let (_server, mut tunnel, mut socket) = target.reached().await;
    tunnel.control(&json!({"credit": 0})).await;
    socket.write_all(b"123456").await.unwrap();
    for (credit, bytes) in [(1, &b"1"[..]), (2, b"23"), (3, b"456")] {
        tunnel.control(&json!({"credit": credit})).await;
        assert_eq!(tunnel.bytes(bytes.len()).await, bytes);
    }
}

/// Both ways at once, as fast as credit and network allow: all arrives, and little is held on the way.
#[tokio::test]
async fn bursts_both_ways_arrive_whole_and_are_not_held_here() {
    // Unoptimised, our two ends take their time.
    const LEN: usize = if cfg!(debug_assertions) { 16 << 20 } else { 64 << 20 };
    let target = Target::new().await;
    let server = ServerProcess::start(&["--tunnel-to", &format!("target=ws://{}/", target.addr)]).await;
    let cookie = guest(server.addr()).await;
    let mut tunnel = TunnelClient::open(server.addr(), "target", &cookie).await;
    let (mut read, mut write) = target.accept().await.into_split();
    let before = server.rss();
    let reading = tokio::spawn(async move {
        let (mut at, mut piece) = (0, vec![0; 256 << 10]);
        while at < LEN {
            let len = read.read(&mut piece).await.unwrap();
            assert!(len > 0 && piece[..len] == noise(at, len), "at {at}");
            at += len;
        }
        assert_eq!(read.read(&mut piece).await.unwrap(), 0);
    });
    let writing = tokio::spawn(async move {
        for at in (0..LEN).step_by(1 << 20) {
            write.write_all(&noise(at, 1 << 20)).await.unwrap();
        }
        write.shutdown().await.unwrap();
    });
    let (mut sent, mut received, mut credit) = (0, 0, 131_072);
    while sent < LEN || received < LEN {
        let len = credit.min(48 << 10).min(LEN - sent);
        if len > 0 {
            tunnel.queue(&noise(sent, len));
            (sent, credit) = (sent + len, credit - len);
        }
        if sent == LEN && received == LEN {
            // For the last bytes there may be no credit in return, and then nothing more comes.
            break;
        }
        if let Some(Word::Control(word)) = tunnel.step().await {
            credit += usize::try_from(word["credit"].as_u64().unwrap_or(0)).unwrap();
        }
        let bytes = tunnel.unread();
        assert!(bytes == noise(received, bytes.len()), "at {received}");
        received += bytes.len();
    }
    tunnel.control(&json!({"eof": true})).await;
    tunnel.assert_closed(1000).await;
    reading.await.unwrap();
    writing.await.unwrap();
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more for {LEN} each way through one tunnel");
}

#[tokio::test]
async fn of_a_page_that_does_not_care_for_credit_no_more_is_read_and_nothing_lost() {
    let target = Target::new().await;
    let (_server, mut tunnel, mut socket) = target.reached().await;
    let sent = noise(0, 8 << 20);
    let pushing = sent.clone();
    let pushing = tokio::spawn(async move {
        for piece in pushing.chunks(100_000) {
            tunnel.send(piece).await;
        }
        tunnel.control(&json!({"eof": true})).await;
        tunnel
    });
    let mut received = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut received)).await.unwrap().unwrap();
    assert!(received == sent);
    drop(socket);
    let mut tunnel = pushing.await.unwrap();
    tunnel.assert_closed(1000).await;
}

/// Tunnels that are stopped up both ways: a quarter of a megabyte each, and the network has the rest.
#[tokio::test]
async fn a_tunnel_that_is_stopped_up_holds_a_quarter_of_a_megabyte() {
    const TUNNELS: u64 = 6;
    let target = Target::new().await;
    let list = format!("target=ws://{}/", target.addr);
    let server = ServerProcess::start(&["--threads", "1", "--tunnel-to", &list]).await;
    let cookie = guest(server.addr()).await;
    // The first one pays for what all share.
    let mut open = Vec::new();
    let mut before = 0;
    for number in 0..=TUNNELS {
        if number == 1 {
            before = server.rss();
        }
        let mut tunnel = TunnelClient::open(server.addr(), "target", &cookie).await;
        let mut socket = target.accept().await;
        let stopped = Duration::from_millis(300);
        let piece = noise(0, 256 << 10);
        while timeout(stopped, socket.write_all(&piece)).await.is_ok() {}
        tunnel.push(stopped).await;
        open.push((tunnel, socket));
    }
    let each = server.rss().saturating_sub(before) / TUNNELS;
    assert!(each < 300 << 10, "{each} bytes for each tunnel");
}

#[tokio::test]
async fn pages_are_told_of_the_list_and_may_connect_to_it_and_to_nothing_else() {
    let list =
        ["reference=ws://127.0.0.1:3051/", "wss://example.org/socket?a=b;script-src%20*", "six=ws://[2001:db8::1]:81/"];
    let server = TestServer::with(|config| config.tunnel_to = list.map(str::to_owned).to_vec()).await;
    let answer = http(server.addr(), "GET", "/api/servers", &[], "").await;
    let servers: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let expected = json!({"servers": [
        {"name": "reference", "url": "ws://127.0.0.1:3051/"},
        {"name": "example.org:443", "url": "wss://example.org/socket?a=b;script-src%20*"},
        {"name": "six", "url": "ws://[2001:db8::1]:81/"},
    ]});
    assert_eq!(servers, expected);
    let page = http(server.addr(), "GET", "/login", &[], "").await;
    let policy = page.head.header("Content-Security-Policy").unwrap();
    let sources = policy.split("; ").find_map(|directive| directive.strip_prefix("connect-src ")).unwrap();
    let ours = server.addr();
    assert_eq!(sources, format!("'self' ws://{ours} ws://127.0.0.1:3051 wss://example.org ws://[2001:db8::1]:81"));
    // Nobody chooses by asking.
    let page = http(server.addr(), "GET", "/login?tunnel-to=ws://evil.example", &[], "").await;
    assert_eq!(page.head.header("Content-Security-Policy"), Some(policy));
    let none = TestServer::start().await;
    assert_eq!(http(none.addr(), "GET", "/api/servers", &[], "").await.body, "{\"servers\":[]}");
}

#[tokio::test]
async fn a_list_that_is_none_keeps_the_server_from_starting_with_one_line() {
    for entry in ["reference", "ws://user@h/", "self=ws://h/"] {
        let config = Config { tunnel_to: vec![entry.to_owned()], in_memory: true, ..Config::default() };
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        let error = framescope_server::Server::bind(Config { listen, ..config }).await.unwrap_err().to_string();
        assert!(error.starts_with("tunnel-to: ") && !error.contains('\n'), "{error}");
    }
}
