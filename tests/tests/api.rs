//! Plain HTTP from outside: the contract's table, bodies, origins, and pages of other people.

use std::net::SocketAddr;
use std::time::Duration;

use framescope_tests::{HttpAnswer, PASSWORD, TestServer, WireClient, http, person, post_form};
use serde_json::{Value, json};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

async fn get(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> HttpAnswer {
    http(addr, "GET", path, headers, "").await
}

/// Sends a request as it stands, and reads the answer's head.
async fn raw(addr: SocketAddr, request: &str) -> (WireClient, framescope_tests::ResponseHead) {
    let mut client = WireClient::connect(addr).await;
    client.send(request.as_bytes()).await;
    let head = client.response_head().await;
    (client, head)
}

fn json_of(answer: &HttpAnswer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON in {answer:?}"))
}

#[tokio::test]
async fn every_page_is_there_for_everybody() {
    let server = TestServer::start().await;
    for path in [
        "/",
        "/test-websocket",
        "/drawing-board",
        "/direct-messaging",
        "/video-call",
        "/video-call/4f2a",
        "/video-call/%22%3E%3Cb%3E",
        "/chat",
        "/ping-pong",
        "/inspector",
        "/login",
        "/login?next=%2Fvideo-call",
        "/register",
        "/account",
    ] {
        let page = get(server.addr(), path, &[]).await;
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(page.head.header("Content-Type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(page.cookie().starts_with("framescope_session="), "{path}");
        for (name, part) in [
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Content-Security-Policy", "frame-ancestors 'none'"),
            ("Permissions-Policy", "camera=(self)"),
        ] {
            assert!(page.head.header(name).is_some_and(|value| value.contains(part)), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_a_wrong_method_405() {
    let server = TestServer::start().await;
    let addr = server.addr();
    for (method, path) in
        [("GET", "/nowhere"), ("POST", "/nowhere"), ("GET", "/api/nowhere"), ("GET", "/video-call/a/b")]
    {
        assert_eq!(http(addr, method, path, &[], "").await.status(), 404, "{method} {path}");
    }
    for (method, path, allowed) in [
        ("PUT", "/login", "GET,HEAD,POST"),
        ("DELETE", "/register", "GET,HEAD,POST"),
        ("POST", "/logout", "GET,HEAD"),
        ("POST", "/api/users/@me", "GET,HEAD"),
        ("GET", "/api/video-calls", "POST"),
        ("GET", "/api/account/password", "POST"),
        ("POST", "/api/ice-servers", "GET,HEAD"),
        ("POST", "/healthz", "GET,HEAD"),
        ("POST", "/metrics", "GET,HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("OPTIONS", "/login", "GET,HEAD,POST"),
        ("TRACE", "/login", "GET,HEAD,POST"),
    ] {
        let answer = http(addr, method, path, &[], "").await;
        assert_eq!((answer.status(), answer.head.header("Allow")), (405, Some(allowed)), "{method} {path}");
    }
    for path in ["/", "/login", "/healthz", "/readyz", "/metrics"] {
        let (_, head) = raw(addr, &format!("HEAD {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n")).await;
        assert_eq!(head.status, 200, "{path}");
    }
}

#[tokio::test]
async fn foreign_pages_change_nothing() {
    let server = TestServer::with(|config| config.allow_origin = vec!["http://app.example".to_owned()]).await;
    let addr = server.addr();
    let cookie = person(addr, "alice").await;
    let ours = format!("http://{addr}");
    let port = addr.port();
    for (path, body, otherwise) in [
        ("/register", "username=x&password=short", 400),
        ("/login", "username=x&password=short", 400),
        ("/api/account/password", "current=x&new=short", 400),
        ("/api/account/sessions/end-others", "", 200),
        ("/api/video-calls", "{\"name\":\"x\"}", 200),
    ] {
        let post = |origin: String| {
            let cookie = cookie.clone();
            async move {
                let headers = [FORM, ("Cookie", cookie.as_str()), ("Origin", origin.as_str())];
                http(addr, "POST", path, &headers, body).await.status()
            }
        };
        for origin in [
            "http://evil.example".to_owned(),
            "null".to_owned(),
            "https://app.example".to_owned(),
            format!("https://127.0.0.1:{port}"),
            "http://127.0.0.1".to_owned(),
            format!("{ours}.evil.example"),
            format!("http://evil{}", &ours["http://".len()..]),
            format!("http://{addr}@evil.example"),
            String::new(),
        ] {
            assert_eq!(post(origin.clone()).await, 403, "{path} from {origin}");
        }
        for origin in [ours.clone(), "http://app.example".to_owned()] {
            assert_eq!(post(origin.clone()).await, otherwise, "{path} from {origin}");
        }
    }
}

#[tokio::test]
async fn an_image_in_a_foreign_page_signs_nobody_out() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let cookie = person(addr, "alice").await;
    let from = |site, mode, dest| {
        [("Cookie", &*cookie), ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]
    };
    let me = async || get(addr, "/api/users/@me", &[("Cookie", &cookie)]).await.status();
    assert_eq!(get(addr, "/logout", &from("same-site", "no-cors", "image")).await.status(), 403);
    let (_, head) = raw(addr, &format!("HEAD /logout HTTP/1.1\r\nHost: {addr}\r\nCookie: {cookie}\r\n\r\n")).await;
    assert_eq!((head.status, head.header("Set-Cookie")), (302, None));
    assert_eq!(me().await, 200);
    assert_eq!(get(addr, "/logout", &from("cross-site", "navigate", "document")).await.status(), 302);
    assert_eq!(me().await, 401);
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time() {
    let server = TestServer::with(|config| config.body_deadline = Duration::from_secs(1)).await;
    let addr = server.addr();
    let post = |rest: &str| format!("POST /login HTTP/1.1\r\nHost: {addr}\r\n{}: {}\r\n{rest}", FORM.0, FORM.1);

    let (_, head) = raw(addr, &post("Content-Length: 67108864\r\n\r\n")).await;
    assert_eq!(head.status, 413, "by what is announced");
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let (mut client, head) = raw(addr, &post(&format!("Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(5)))).await;
    assert_eq!(head.status, 413, "by what has come");
    assert_eq!(head.header("Connection").map(str::to_lowercase).as_deref(), Some("close"));
    let body = client.body(&head).await;
    assert_eq!(body, "the body is too large\n");

    for nonsense in ["zz\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n", "fffffffffffffffffffff\r\n", "\r\n\r\n"] {
        let (_, head) = raw(addr, &post(&format!("Transfer-Encoding: chunked\r\n\r\n{nonsense}"))).await;
        assert_eq!(head.status, 400, "{nonsense:?}");
    }
    for slow in ["Content-Length: 100\r\n\r\nuser", "Transfer-Encoding: chunked\r\n\r\n5\r\nuse"] {
        let (mut client, head) = raw(addr, &post(slow)).await;
        assert_eq!(head.status, 408, "{slow:?}");
        client.body(&head).await;
        client.assert_ended().await;
    }
    // A connection that behaves lives on.
    let mut client = WireClient::connect(addr).await;
    for _ in 0..2 {
        client.send(post("Content-Length: 26\r\n\r\nusername=a&password=123456").as_bytes()).await;
        let head = client.response_head().await;
        assert_eq!(head.status, 400);
        assert_eq!(client.body(&head).await, "name or password is wrong\n");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let mut client = WireClient::connect(addr).await;
    let head = format!(
        "POST /api/video-calls HTTP/1.1\r\nHost: {addr}\r\nTransfer-Encoding: chunked\r\nCookie: {}\r\n\r\n",
        person(addr, "a").await
    );
    client.send(head.as_bytes()).await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0;
    while client.try_send(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 64 << 20, "it reads and reads");
    }
    assert_eq!(client.response_head().await.status, 413);
}

#[tokio::test]
async fn calls_are_created_by_who_is_signed_in() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let cookie = person(addr, "alice").await;
    let guest = http(addr, "POST", "/api/video-calls", &[], "{\"name\":\"x\"}").await;
    assert_eq!((guest.status(), json_of(&guest)), (401, json!({ "error": "not signed in" })));
    let create = |mime: &'static str, body: String| {
        let cookie = cookie.clone();
        async move {
            let headers = [("Cookie", cookie.as_str()), ("Content-Type", mime)];
            http(addr, "POST", "/api/video-calls", &headers, &body).await
        }
    };
    let mut ids = Vec::new();
    for (mime, name) in [
        ("application/json", "Morning".to_owned()),
        ("text/plain;charset=UTF-8", "<b>&\"'".to_owned()),
        ("application/x-www-form-urlencoded", "é😀".repeat(32)),
    ] {
        let answer = create(mime, json!({ "name": name, "other": [1, 2] }).to_string()).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        ids.push(json_of(&answer)["id"].as_str().unwrap().to_owned());
    }
    assert!(ids.iter().all(|id| id.len() >= 16 && id != &ids[(ids.iter().position(|i| i == id).unwrap() + 1) % 3]));
    // What is not asked for is not taken apart, however deep it goes.
    let deep = format!("{{\"name\":\"x\",\"y\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(create("application/json", deep).await.status(), 200);
    for bad in [
        "",
        "x",
        "null",
        "[]",
        "{}",
        "{\"name\":\"\"}",
        "{\"name\":\"  \\t\"}",
        "{\"name\":null}",
        "{\"name\":7}",
        "{\"name\":[\"x\"]}",
        "{\"name\":\"a\\u0000\"}",
        "[\"x\"]",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"a\"",
        &json!({ "name": "é".repeat(65) }).to_string(),
    ] {
        let answer = create("application/json", bad.to_owned()).await;
        assert_eq!(answer.status(), 400, "{bad:.60}");
        assert!(json_of(&answer)["error"].is_string());
    }
}

#[tokio::test]
async fn ice_servers_come_from_the_configuration() {
    let server = TestServer::start().await;
    assert_eq!(get(server.addr(), "/api/ice-servers", &[]).await.status(), 401);
    let cookie = person(server.addr(), "alice").await;
    assert_eq!(
        json_of(&get(server.addr(), "/api/ice-servers", &[("Cookie", &cookie)]).await),
        json!({ "iceServers": [] })
    );

    let server = TestServer::with(|config| {
        config.ice_server =
            ["stun:stun.example:3478", "turn:turn.example:3478?transport=udp"].map(str::to_owned).to_vec();
        config.turn_secret = Some("north".to_owned());
    })
    .await;
    let cookie = person(server.addr(), "Alice").await;
    let answer = get(server.addr(), "/api/ice-servers", &[("Cookie", &cookie)]).await;
    assert_eq!(answer.head.header("Cache-Control"), Some("no-store"));
    let servers = json_of(&answer)["iceServers"].clone();
    assert_eq!(servers[0], json!({ "urls": ["stun:stun.example:3478"] }));
    assert_eq!(servers[1]["urls"], json!(["turn:turn.example:3478?transport=udp"]));
    let (expiry, name) = servers[1]["username"].as_str().unwrap().split_once(':').unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(name == "Alice" && (now..now + 86_500).contains(&expiry.parse().unwrap()));
    assert_eq!(servers[1]["credential"].as_str().unwrap().len(), 28, "HMAC-SHA1 in base64");
}

#[tokio::test]
async fn a_front_end_of_an_allowed_origin_can_read_the_answers() {
    let server = TestServer::with(|config| config.allow_origin = vec!["http://localhost:3000".to_owned()]).await;
    let addr = server.addr();
    let origin = ("Origin", "http://localhost:3000");
    let asks = [origin, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type")];
    let preflight = http(addr, "OPTIONS", "/api/video-calls", &asks, "").await;
    assert_eq!(preflight.status(), 204);
    let cookie = person(addr, "alice").await;
    let me = get(addr, "/api/users/@me", &[origin, ("Cookie", &cookie)]).await;
    let refused = http(addr, "POST", "/login", &[origin, FORM], "username=alice&password=not+it+either").await;
    assert_eq!((me.status(), refused.status()), (200, 400));
    for answer in [&preflight, &me, &refused] {
        let header = |name| answer.head.header(name);
        assert_eq!(header("Access-Control-Allow-Origin"), Some("http://localhost:3000"));
        assert_eq!(header("Access-Control-Allow-Credentials"), Some("true"));
        assert!(header("Vary").is_some_and(|vary| vary.to_lowercase().contains("origin")), "{answer:?}");
    }
    assert!(preflight.head.header("Access-Control-Allow-Methods").unwrap().contains("POST"));
    assert_eq!(preflight.head.header("Access-Control-Allow-Headers"), Some("content-type"));
    for other in ["http://localhost:3001", "https://localhost:3000", "null", &format!("http://{addr}")] {
        let answer = get(addr, "/api/users/@me", &[("Origin", other), ("Cookie", &cookie)]).await;
        assert_eq!(answer.head.header("Access-Control-Allow-Origin"), None, "{other}");
        let asks = [("Origin", other), ("Access-Control-Request-Method", "POST")];
        assert_eq!(http(addr, "OPTIONS", "/api/video-calls", &asks, "").await.status(), 405, "{other}");
    }
    let (_, head) = WireClient::open_with(addr, "/websocket", &[origin, ("Cookie", &cookie)]).await;
    assert_eq!(head.status, 101);
}

#[tokio::test]
async fn operators_hear_how_it_fares() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (health, ready) = (get(addr, "/healthz", &[]).await, get(addr, "/readyz", &[]).await);
    assert_eq!((health.status(), ready.status()), (200, 200));
    person(addr, "alice").await;
    post_form(addr, "/login", "", &[("username", "alice"), ("password", "not my password")]).await;
    let mut echo = WireClient::open(addr, "/echo").await;
    echo.assert_echoes("x").await;
    let answer = get(addr, "/metrics", &[]).await;
    assert_eq!(answer.head.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "framescope_http_requests_total{status=\"201\"} 1",
        "framescope_http_requests_total{status=\"101\"} 1",
        "framescope_registrations_total 1",
        "framescope_store_failures_total 0",
        "framescope_logins_total{outcome=\"ok\"} 1",
        "framescope_logins_total{outcome=\"wrong\"} 1",
        "framescope_websocket_connections{endpoint=\"/echo\"} 1",
        "framescope_websocket_messages_received_total{endpoint=\"/echo\"} 1",
    ] {
        assert!(answer.body.lines().any(|other| other == line), "{line} in {}", answer.body);
    }
    let stored = answer.body.lines().find_map(|line| line.strip_prefix("framescope_store_writes_total "));
    assert!(stored.and_then(|count| count.parse().ok()).is_some_and(|count: u64| count >= 2), "a user and a session");
    // Another server in this process counts for itself.
    let other = TestServer::start().await;
    assert!(!get(other.addr(), "/metrics", &[]).await.body.contains("outcome"));
}

#[tokio::test]
async fn pages_of_other_people_stand_in_for_ours() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("index.html", "their home");
    write("login.html", "their login");
    write("chat/index.html", "their chat");
    write("js/app.js", "let x;");
    write("video-call.html", "their calls");
    let www = Some(folder.path().to_owned());
    let server = TestServer::with(|config| config.www = www).await;
    let addr = server.addr();
    let shows = |path: &'static str| async move {
        let answer = get(addr, path, &[]).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.head.header("Content-Security-Policy"), None);
        assert_eq!(answer.head.header("X-Content-Type-Options"), Some("nosniff"));
        answer.body
    };
    for (path, text) in [
        ("/", "their home"),
        ("/login", "their login"),
        ("/login?next=/", "their login"),
        ("/chat", "their chat"),
        ("/js/app.js", "let x;"),
        ("/video-call", "their calls"),
        ("/video-call/4f2a", "their calls"),
    ] {
        assert_eq!(shows(path).await, text, "{path}");
    }
    write("video-call/room/index.html", "their room");
    assert_eq!(shows("/video-call/4f2a").await, "their room");
    write("video-call-room.html", "their call room");
    assert_eq!(shows("/video-call/4f2a").await, "their call room");
    write("video-call/script.js", "let y;");
    assert_eq!(shows("/video-call/script.js").await, "let y;");
    assert_eq!(get(addr, "/drawing-board", &[]).await.status(), 404, "none of ours beside theirs");
    // What is not a file works as ever.
    let registered = post_form(addr, "/register", "", &[("username", "alice"), ("password", PASSWORD)]).await;
    assert_eq!(registered.status(), 201);
}
