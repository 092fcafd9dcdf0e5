//! Accounts and sessions from outside: the contract's table, and what hostile clients try.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use framescope_tests::bystander::ROUND_TRIP_MAX;
use framescope_tests::{
    AppClient, HttpAnswer, PASSWORD, ServerProcess, TestServer, WireClient, greeted, http, person, post_form, sign_in,
};
use serde_json::{Value, json};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

async fn register(addr: SocketAddr, name: &str, password: &str) -> HttpAnswer {
    post_form(addr, "/register", "", &[("username", name), ("password", password)]).await
}

async fn login(addr: SocketAddr, name: &str, password: &str) -> HttpAnswer {
    post_form(addr, "/login", "", &[("username", name), ("password", password)]).await
}

async fn get(addr: SocketAddr, path: &str, cookie: &str) -> HttpAnswer {
    let cookie = [("Cookie", cookie)];
    http(addr, "GET", path, if cookie[0].1.is_empty() { &[] } else { &cookie }, "").await
}

async fn me(addr: SocketAddr, cookie: &str) -> u16 {
    get(addr, "/api/users/@me", cookie).await.status()
}

fn json_of(answer: &HttpAnswer) -> Value {
    assert_eq!(answer.head.header("Content-Type"), Some("application/json"), "{answer:?}");
    assert_eq!(answer.head.header("Cache-Control"), Some("no-store"), "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// A counter in `/metrics`; 0 if it is not there.
async fn counted(addr: SocketAddr, name: &str) -> u64 {
    let text = get(addr, "/metrics", "").await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().expect("a number"))
}

/// The one text that says nothing of which was wrong.
fn assert_wrong(answer: &HttpAnswer) {
    assert_eq!((answer.status(), answer.body.as_str()), (400, "name or password is wrong\n"), "{answer:?}");
    assert_eq!(answer.head.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.cookie(), "");
}

#[tokio::test]
async fn somebody_registers_signs_in_and_out() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let registered = register(addr, "Alice.b-c_9", PASSWORD).await;
    assert_eq!((registered.status(), registered.cookie().as_str()), (201, ""));
    let answer = login(addr, "ALICE.B-C_9", PASSWORD).await;
    assert_eq!(answer.status(), 200);
    let set = answer.head.header("Set-Cookie").unwrap();
    let (pair, flags) = set.split_once("; ").unwrap();
    assert_eq!(flags, "HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000");
    // 256 random bits in hexadecimal, behind the mark of a login.
    assert_eq!(pair.len(), "framescope_session=u".len() + 64);
    let found = json_of(&get(addr, "/api/users/@me", pair).await);
    assert_eq!(found, json!({ "id": found["id"].as_i64().unwrap(), "username": "Alice.b-c_9" }));

    let left = get(addr, "/logout", pair).await;
    assert_eq!((left.status(), left.head.header("Location")), (302, Some("/")));
    assert_eq!(left.head.header("Set-Cookie"), Some("framescope_session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"));
    let nobody = get(addr, "/api/users/@me", pair).await;
    assert_eq!((nobody.status(), json_of(&nobody)), (401, json!({ "error": "not signed in" })));
    assert_eq!(get(addr, "/logout", pair).await.status(), 302, "again does no harm");
    assert_eq!(get(addr, "/logout", "").await.status(), 302);
}

#[tokio::test]
async fn behind_https_cookies_are_for_https_alone() {
    let server = TestServer::with(|config| config.public_url = Some("https://example.org".to_owned())).await;
    register(server.addr(), "alice", PASSWORD).await;
    let answer = login(server.addr(), "alice", PASSWORD).await;
    assert!(answer.head.header("Set-Cookie").unwrap().contains("; Secure"), "{answer:?}");
}

#[tokio::test]
async fn names_and_passwords_are_judged_before_anything_is_hashed() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let long = "x".repeat(50_000);
    for name in
        ["", " ", "a b", "a\u{7}", "a\0", "bob\n", "böb", "ｂｏｂ", "' OR '1'='1", "<b>", &"x".repeat(33), &long]
    {
        let answer = register(addr, name, PASSWORD).await;
        assert_eq!(answer.status(), 400, "{name:.40?}");
        assert_eq!(answer.head.header("Content-Type"), Some("text/plain; charset=utf-8"));
        assert_wrong(&login(addr, name, PASSWORD).await);
    }
    for password in ["", "1234567", &"x".repeat(257), &long] {
        assert_eq!(register(addr, "bob", password).await.status(), 400, "{password:.40?}");
        assert_wrong(&login(addr, "bob", password).await);
    }
    assert_eq!(counted(addr, "framescope_password_hashes_total").await, 0);
    let (shortest, longest) = ("äöüß", "x".repeat(256));
    assert_eq!(register(addr, "bob", shortest).await.status(), 201, "8 bytes");
    assert_eq!(register(addr, "x".repeat(32).as_str(), &longest).await.status(), 201);
    assert_eq!(login(addr, "bob", shortest).await.status(), 200);
}

#[tokio::test]
async fn forms_that_are_none_are_400_and_never_5xx() {
    let server = TestServer::start().await;
    let addr = server.addr();
    for path in ["/register", "/login"] {
        for body in [
            "",
            "username=bob",
            "password=12345678",
            "username=bob&username=bob&password=12345678",
            "username=bob&password=12345678&password=12345678",
            "username=b%zzb&password=12345678",
            "username=bob%&password=12345678",
            "username=bob%f&password=12345678",
            "username=bob&password=%ff%ff%ff%ff%ff%ff%ff%ff",
            "{\"username\":\"bob\",\"password\":\"12345678\"}",
        ] {
            assert_eq!(http(addr, "POST", path, &[FORM], body).await.status(), 400, "{path} {body}");
        }
        for mime in ["application/json", "text/plain", "multipart/form-data; boundary=x", "\u{7f}"] {
            let body = "username=bob&password=12345678";
            assert_eq!(
                http(addr, "POST", path, &[("Content-Type", mime)], body).await.status(),
                400,
                "{path} {mime:?}"
            );
        }
        assert_eq!(http(addr, "POST", path, &[], "username=bob&password=12345678").await.status(), 400);
    }
    assert_eq!(register(addr, "bob", "12345678").await.status(), 201, "none of these was a registration");
}

#[tokio::test]
async fn of_twenty_who_want_one_name_one_gets_it() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let names = ["bob", "Bob", "BOB", "boB"];
    let tries = (0..20).map(|n| {
        let password = format!("password {n}");
        async move { (register(addr, names[n % 4], &password).await.status(), password) }
    });
    let tasks: Vec<_> = tries.map(tokio::spawn).collect();
    let (mut won, mut lost) = (Vec::new(), 0);
    for task in tasks {
        match task.await.unwrap() {
            (201, password) => won.push(password),
            (status, _) => {
                assert_eq!(status, 400);
                lost += 1;
            }
        }
    }
    assert_eq!((won.len(), lost), (1, 19));
    assert_eq!(login(addr, "bob", &won[0]).await.status(), 200, "and keeps the password");
}

#[tokio::test]
async fn an_unknown_name_costs_what_a_wrong_password_costs() {
    let server = TestServer::start().await;
    let addr = server.addr();
    register(addr, "bob", PASSWORD).await;
    let mut before = counted(addr, "framescope_password_hashes_total").await;
    for name in ["bob", "nobody", "BOB", "nobody"] {
        assert_wrong(&login(addr, name, "a wrong password").await);
        let after = counted(addr, "framescope_password_hashes_total").await;
        assert_eq!(after - before, 1, "{name}: one hash at the usual cost");
        before = after;
    }
}

#[tokio::test]
async fn wrong_passwords_are_counted_by_name_and_right_ones_are_not() {
    let server = TestServer::with(|config| config.login_failures = 3).await;
    let addr = server.addr();
    let bob = person(addr, "bob").await;
    register(addr, "carol", PASSWORD).await;
    for _ in 0..5 {
        assert_eq!(login(addr, "bob", PASSWORD).await.status(), 200);
    }
    for name in ["bob", "Bob", "BOB"] {
        assert_wrong(&login(addr, name, "a wrong password").await);
    }
    for password in ["a wrong password", PASSWORD] {
        let answer = login(addr, "bob", password).await;
        assert_eq!(answer.status(), 429);
        let wait: u64 = answer.head.header("Retry-After").unwrap().parse().unwrap();
        assert!((1..=300).contains(&wait), "{wait}");
    }
    assert_eq!(me(addr, &bob).await, 200, "who is signed in stays so");
    assert_eq!(login(addr, "carol", PASSWORD).await.status(), 200, "another name is another matter");
    for n in 0..4 {
        let answer = login(addr, "nobody", "a wrong password").await;
        assert_eq!(answer.status(), if n < 3 { 400 } else { 429 }, "nor does that tell who is registered");
    }
}

#[tokio::test]
async fn a_guess_that_could_never_be_right_is_a_guess_too() {
    let server = TestServer::start().await;
    let addr = server.addr();
    register(addr, "bob", PASSWORD).await;
    for _ in 0..10 {
        assert_wrong(&login(addr, "bob", "short").await);
    }
    assert_eq!(login(addr, "bob", "short").await.status(), 429);
    assert_eq!(login(addr, "bob", PASSWORD).await.status(), 429);
}

/// Whoever signs out and does not stay for the answer is signed out, open sockets and all.
#[tokio::test]
async fn hanging_up_does_not_stop_what_was_begun() {
    let server = TestServer::start().await;
    let addr = server.addr();
    for round in 0..8 {
        let cookie = person(addr, &format!("user{round}")).await;
        let mut socket = greeted(addr, &[("Cookie", &cookie)]).await.client;
        let mut client = WireClient::connect(addr).await;
        client.send(format!("GET /logout HTTP/1.1\r\nHost: {addr}\r\nCookie: {cookie}\r\n\r\n").as_bytes()).await;
        client.reset();
        socket.patience = Duration::from_secs(5);
        // It may be that the request was never read. Then it has to hold all the same.
        if me(addr, &cookie).await == 401 {
            socket.assert_closed(1008).await;
        }
    }
}

#[tokio::test]
async fn a_foreign_page_signs_nobody_out() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let bob = person(addr, "bob").await;
    for origin in ["http://evil.example", "null"] {
        let answer = http(addr, "GET", "/logout", &[("Cookie", &bob), ("Origin", origin)], "").await;
        assert_eq!(answer.status(), 403, "{origin}");
    }
    assert_eq!(me(addr, &bob).await, 200);
}

#[tokio::test]
async fn a_hundred_guesses_at_once_are_no_more_than_ten() {
    let server = TestServer::with(|config| config.hash_queue_max = 200).await;
    let addr = server.addr();
    register(addr, "bob", PASSWORD).await;
    let before = counted(addr, "framescope_password_hashes_total").await;
    let tasks: Vec<_> = (0..100)
        .map(|n| tokio::spawn(async move { login(addr, "bob", &format!("a guess {n}")).await.status() }))
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((count(400), count(429)), (10, 90));
    assert_eq!(counted(addr, "framescope_password_hashes_total").await - before, 10);
}

#[tokio::test]
async fn many_logins_at_once_hold_up_nobody_else() {
    let server = ServerProcess::start(&[]).await;
    let addr = server.addr();
    let bob = person(addr, "bob").await;
    let mut bystander = greeted(addr, &[("Cookie", &bob)]).await.client;
    // All of one name and right: they are not taken for guesses.
    let tasks: Vec<_> = (0..30).map(|_| tokio::spawn(async move { login(addr, "bob", PASSWORD).await })).collect();
    let mut slowest = Duration::ZERO;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        let asked = Instant::now();
        bystander.send_frame(framescope_tests::OutFrame::text(r#"{"messageType":"echo_client","text":"x"}"#)).await;
        while !bystander.text().await.contains("echo_server") {}
        slowest = slowest.max(asked.elapsed());
    }
    for task in tasks {
        let answer = task.await.unwrap();
        assert!(answer.status() == 200 || (answer.status() == 503 && answer.head.header("Retry-After").is_some()));
    }
    assert!(slowest < ROUND_TRIP_MAX, "{slowest:?}");
}

#[tokio::test]
async fn who_comes_after_a_full_line_is_told_to_come_again() {
    let server = TestServer::with(|config| (config.hashes_max, config.hash_queue_max) = (1, 2)).await;
    let addr = server.addr();
    let tasks: Vec<_> = (0..20)
        .map(|n| tokio::spawn(async move { login(addr, &format!("nobody{n}"), "a wrong password").await }))
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        assert_eq!(answer.status() == 503, answer.head.header("Retry-After").is_some(), "{answer:?}");
        statuses.push(answer.status());
    }
    assert!(statuses.contains(&503) && statuses.contains(&400), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 400 | 503)), "{statuses:?}");
    assert_wrong(&login(addr, "nobody", "a wrong password").await);
}

#[tokio::test]
async fn cookies_that_we_did_not_make_are_nobody_s() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let bob = person(addr, "bob").await;
    let (_, value) = bob.split_once('=').unwrap();
    let flipped: String = {
        let last = if value.ends_with('0') { "1" } else { "0" };
        format!("{}{last}", &value[..value.len() - 1])
    };
    for wrong in [
        "",
        "x",
        &value[..value.len() / 2],
        &value[1..],
        &flipped,
        &value.to_uppercase(),
        &format!("{value}0"),
        &"u".repeat(6000),
        &format!("u{}", "0".repeat(64)),
        "é",
    ] {
        assert_eq!(me(addr, &format!("framescope_session={wrong}")).await, 401, "{wrong:.80}");
    }
    assert_eq!(
        me(addr, &format!("framescope_session={wrong}; {bob}", wrong = "x")).await,
        200,
        "nor do they hide ours"
    );
    let carol = person(addr, "carol").await;
    assert_eq!(me(addr, &format!("{bob}; {carol}")).await, 401, "two that differ: somebody else set one of them");
}

#[tokio::test]
async fn a_cookie_chosen_by_somebody_else_is_replaced_at_login() {
    let server = TestServer::start().await;
    let addr = server.addr();
    register(addr, "bob", PASSWORD).await;
    let fields = [("username", "bob"), ("password", PASSWORD)];
    let chosen = format!("framescope_session=u{}", "ab".repeat(32));
    let first = post_form(addr, "/login", &chosen, &fields).await.cookie();
    assert_ne!(first, chosen);
    assert_eq!((me(addr, &chosen).await, me(addr, &first).await), (401, 200));
    let second = post_form(addr, "/login", &first, &fields).await.cookie();
    assert_ne!(second, first);
    assert_eq!((me(addr, &first).await, me(addr, &second).await), (401, 200), "nobody could end the first any more");
}

#[tokio::test]
async fn the_end_of_a_session_reaches_open_sockets() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (here, there) = (person(addr, "bob").await, sign_in(addr, "bob").await);
    let mut open = Vec::new();
    for (cookie, path) in [(&here, "/websocket"), (&here, "/chat"), (&here, "/inspect/live"), (&there, "/websocket")] {
        open.push(WireClient::open_with(addr, path, &[("Cookie", cookie)]).await.0);
    }
    let mut guest = greeted(addr, &[]).await.client;
    assert_eq!(get(addr, "/logout", &here).await.status(), 302);
    let mut elsewhere = open.pop().unwrap();
    for mut client in open {
        client.patience = Duration::from_secs(5);
        client.assert_closed(1008).await;
    }
    // Who signed in elsewhere stays, and so do guests.
    for client in [&mut elsewhere, &mut guest] {
        client.send_frame(framescope_tests::OutFrame::text(r#"{"messageType":"echo_client","text":"there"}"#)).await;
        while !client.text().await.contains("echo_server") {}
    }
    assert_eq!(me(addr, &there).await, 200);
}

#[tokio::test]
async fn a_changed_password_ends_all_other_sessions() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (here, there) = (person(addr, "bob").await, sign_in(addr, "bob").await);
    let carol = person(addr, "carol").await;
    let (mut mine, _) = AppClient::greeted(addr, &here).await;
    let mut other = greeted(addr, &[("Cookie", &there)]).await.client;
    let change = |cookie: &str, current: &str, new: &str| {
        let (cookie, fields) = (cookie.to_owned(), [("current", current.to_owned()), ("new", new.to_owned())]);
        async move {
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            post_form(addr, "/api/account/password", &cookie, &fields).await
        }
    };
    assert_eq!(change("", PASSWORD, "another password").await.status(), 401);
    assert_eq!(change(&here, PASSWORD, "short").await.status(), 400);
    assert_eq!(change(&here, "not my password", "another password").await.status(), 400);
    assert_eq!(me(addr, &there).await, 200);
    assert_eq!(change(&here, PASSWORD, "another password").await.status(), 200);
    other.assert_closed(1008).await;
    assert_eq!((me(addr, &here).await, me(addr, &there).await, me(addr, &carol).await), (200, 401, 200));
    mine.say(&json!({ "messageType": "echo_client", "text": "still here" }));
    while mine.hear().await["messageType"] != "echo_server" {}
    assert_wrong(&login(addr, "bob", PASSWORD).await);
    assert_eq!(login(addr, "bob", "another password").await.status(), 200);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let server = TestServer::start().await;
    let addr = server.addr();
    assert_eq!(get(addr, "/api/account/sessions", "").await.status(), 401);
    assert_eq!(http(addr, "POST", "/api/account/sessions/end-others", &[], "").await.status(), 401);
    let here = person(addr, "bob").await;
    let headers = [FORM, ("User-Agent", "A browser")];
    let form = "username=bob&password=correct+horse+battery";
    let there = http(addr, "POST", "/login", &headers, form).await.cookie();
    let listed = json_of(&get(addr, "/api/account/sessions", &here).await);
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let other = sessions.iter().find(|session| session["current"] == false).unwrap();
    assert_eq!(other["agent"], "A browser");
    assert_eq!(other["expires"].as_i64().unwrap() - other["created"].as_i64().unwrap(), 30 * 86_400_000);
    let ended = http(addr, "POST", "/api/account/sessions/end-others", &[("Cookie", &here)], "").await;
    assert_eq!(json_of(&ended), json!({ "ended": 1 }));
    assert_eq!((me(addr, &here).await, me(addr, &there).await), (200, 401));
}

#[tokio::test]
async fn a_session_that_runs_out_reaches_open_sockets_too() {
    let server = TestServer::with(|config| config.session_lifetime = Duration::from_secs(2)).await;
    let addr = server.addr();
    let bob = person(addr, "bob").await;
    let mut client = greeted(addr, &[("Cookie", &bob)]).await.client;
    client.assert_closed(1008).await;
    assert_eq!(me(addr, &bob).await, 401);
}

#[tokio::test]
async fn accounts_and_sessions_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let start = || TestServer::with(|config| (config.in_memory, config.data_dir) = (false, path.clone()));
    let server = start().await;
    let (bob, gone) = (person(server.addr(), "bob").await, sign_in(server.addr(), "bob").await);
    get(server.addr(), "/logout", &gone).await;
    server.stop().await;
    let server = start().await;
    let addr = server.addr();
    assert_eq!((me(addr, &bob).await, me(addr, &gone).await), (200, 401));
    assert_eq!(register(addr, "BOB", PASSWORD).await.status(), 400);
    sign_in(addr, "bob").await;
    server.stop().await;
    let kept: Vec<u8> = std::fs::read_dir(folder.path())
        .unwrap()
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default())
        .collect();
    let (_, token) = bob.split_once("=u").unwrap();
    let raw = framescope_tests::hex(token);
    for secret in [token.as_bytes(), &raw, PASSWORD.as_bytes()] {
        assert!(!kept.windows(secret.len()).any(|bytes| bytes == secret), "the store holds a secret as it is");
    }
}
