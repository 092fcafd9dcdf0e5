//! Peers that misuse the apps: with messages that make no sense, with too many, by not reading, by vanishing. Each beside
//! people who do none of that and must not notice.

use std::time::{Duration, Instant};

use framescope_codec::Opcode;
use framescope_tests::{
    AppClient, OutFrame, PATIENCE, ServerProcess, TestServer, WireClient, bystander, frames, greeted, names, person,
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

const MIB: u64 = 1 << 20;

/// What only a server says.
const ANSWERS: &[&str] = &[
    r#"{"messageType":"init_strokes","strokes":[]}"#,
    r#"{"messageType":"active_users_list","users":[{"username":"mallory"}]}"#,
    r#"{"messageType":"echo_server","text":"x"}"#,
    r#"{"messageType":"all_users_list","users":[]}"#,
    r#"{"messageType":"message_history","messages":[]}"#,
    r#"{"messageType":"call_list","calls":[]}"#,
    r#"{"messageType":"call_info","name":"x"}"#,
    r#"{"messageType":"existing_participants","participants":[]}"#,
    r#"{"messageType":"user_joined","socketId":"x","username":"mallory"}"#,
    r#"{"messageType":"user_left","socketId":"x"}"#,
    r#"{"messageType":"stored","id":"x"}"#,
    r#"{"messageType":"error","error":"x"}"#,
    r#"{"type":"room-connected","roomId":"room","members":[],"messages":[]}"#,
    r#"{"type":"members-changed","names":[]}"#,
    r#"{"type":"receive-message","message":"x","name":"mallory"}"#,
    r#"{"type":"stored","id":"x"}"#,
    r#"{"type":"error","error":"x"}"#,
];

/// What is no message, or none that can be acted upon, on both endpoints.
fn senseless() -> Vec<String> {
    let mut all: Vec<String> = ANSWERS.iter().map(|&text| text.to_owned()).collect();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        all.push(format!(r#"{{"messageType":{deep}}}"#));
        all.push(format!(r#"{{"type":"room-connect","roomId":{deep},"name":"x"}}"#));
        all.push(deep);
        all.push(open.repeat(20_000));
    }
    let keys: String = (0..60_000).map(|at| format!(",\"k{at}\":{at}")).collect();
    all.push(format!(r#"{{"messageType":"nobody knows"{keys}}}"#));
    all.push(format!(r#"{{"type":"send-message","message":"{}"}}"#, "x".repeat((64 << 10) + 1)));
    for text in [
        r#"{"type":"send-message","message":"\ud800"}"#,
        r#"{"type":"send-message","message":"nul\u0000"}"#,
        r#"{"type":"send-message","message":"not in a room"}"#,
        r#"{"type":"room-leave"}"#,
        r#"{"type":"room-connect","roomId":"","name":""}"#,
        r#"{"type":"room-connect","roomId":"room"}"#,
        r#"{"type":"room-connect","roomId":["room"],"name":{}}"#,
        r#"{"type":"__proto__","__proto__":{}}"#,
        r#"{"messageType":"direct_message","targetUser":"anna","text":"from a guest"}"#,
        r#"{"messageType":"direct_message","targetUser":null,"text":[]}"#,
        r#"{"messageType":"select_user","targetUser":"*"}"#,
        r#"{"messageType":"join_call","callId":"' OR 1=1 --"}"#,
        r#"{"messageType":"offer","socketId":"nobody","offer":{}}"#,
        r#"{"messageType":"get_all_users"}"#,
        "",
        "{",
        "null",
        "1e400",
        "\u{FEFF}{}",
    ] {
        all.push(text.to_owned());
    }
    all
}

#[tokio::test]
async fn senseless_messages_get_errors_and_nobody_else_notices() {
    let server = ServerProcess::start(&[]).await;
    let anna = person(server.addr(), "anna").await;
    let mut anna = AppClient::greeted(server.addr(), &anna).await.0;
    let mut member = AppClient::open(server.addr(), "/chat", "").await;
    member.ask(&json!({"type": "room-connect", "roomId": "room", "name": "member"})).await;
    let all = senseless();
    let attack = async {
        for path in ["/websocket", "/chat"] {
            let mut client = AppClient::open(server.addr(), path, "").await;
            if path == "/websocket" {
                client.hear_a("active_users_list").await;
            }
            for round in 0..3 {
                for text in &all {
                    let shown = &text[..text.floor_char_boundary(100)];
                    // Read as text and as binary: the same.
                    match round {
                        0 => client.client.send(text.as_bytes()),
                        _ => client.client.send(text.as_str()),
                    }
                    .expect("there is room");
                    let answer = client.hear().await;
                    let kind = if path == "/chat" { &answer["type"] } else { &answer["messageType"] };
                    assert!(*kind == "error" || answer["type"] == "error", "{path}: {answer} to {shown}");
                    assert!(answer["error"].as_str().is_some_and(|error| error.len() < 500), "{answer}");
                }
            }
            // It can still be used.
            if path == "/chat" {
                client.say(&json!({"type": "room-connect", "roomId": "other", "name": "reformed"}));
                client.hear_a("room-connected").await;
            } else {
                client.assert_quiet().await;
            }
        }
    };
    bystander::beside(server.addr(), attack).await;
    // The next thing that these hear is what they ask for themselves.
    anna.assert_quiet().await;
    member.say(&json!({"type": "room-leave"}));
    let answer = member.ask(&json!({"type": "room-leave"})).await;
    assert_eq!(answer["type"], "error", "{answer}");
    let mut late = AppClient::open(server.addr(), "/chat", "").await;
    let connected = late.ask(&json!({"type": "room-connect", "roomId": "room", "name": "late"})).await;
    assert_eq!(connected["messages"], json!([]));
    let peak = server.peak_rss();
    assert!(peak < 192 * MIB, "{} MiB", peak / MIB);
}

#[tokio::test]
async fn a_flood_is_slowed_down_and_then_ended_with_1008() {
    let server = TestServer::with(|config| config.message_rate = 20).await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let some = OutFrame::text(r#"{"messageType":"echo_client","text":"x"}"#).bytes().repeat(20);
    let started = Instant::now();
    let mut answers = 0;
    let close = loop {
        // More than may pass always waits to be read.
        if answers % 20 == 0 && client.try_send(&some.repeat(2)).await.is_err() {
            break client.close_frame().await;
        }
        let frame = client.frame().await;
        match frame.header.opcode {
            Opcode::Close => break frame,
            Opcode::Text => answers += 1,
            _ => {}
        }
    };
    assert_eq!(close.close_code(), Some(1008));
    let took = started.elapsed();
    assert!(took > Duration::from_secs(25), "{took:?}");
    // Five seconds' worth at once, and then what comes by and by.
    let allowed = 20 * (5 + took.as_secs() + 2);
    assert!(answers <= allowed, "{answers} in {took:?}");
}

#[tokio::test]
async fn a_thousand_idle_connections_to_the_apps_are_small() {
    const COUNT: usize = 1000;
    let server = ServerProcess::start(&[]).await;
    bystander::comes_and_goes(server.addr()).await;
    for (path, max) in [("/websocket", 8 << 10), ("/chat", 8 << 10)] {
        let mut clients = Vec::new();
        for _ in 0..50 {
            clients.push(WireClient::open(server.addr(), path).await);
        }
        let before = server.rss();
        for _ in 0..COUNT {
            let mut client = WireClient::open(server.addr(), path).await;
            if path == "/websocket" {
                client.message().await;
                client.message().await;
            }
            clients.push(client);
        }
        let each = server.rss().saturating_sub(before) / COUNT as u64;
        println!("{path}: {each} bytes each");
        assert!(each < max, "{path}: {each} bytes each");
    }
}

#[tokio::test]
async fn who_vanishes_is_soon_gone_from_the_list() {
    let server = TestServer::start().await;
    let cookie = person(server.addr(), "anna").await;
    let mut watcher = greeted(server.addr(), &[]).await;
    for way in ["close", "fin", "rst", "in the middle of a message"] {
        let mut anna = greeted(server.addr(), &[("Cookie", &cookie)]).await;
        assert_eq!(anna.online, ["anna"], "{way}");
        until_online(&mut watcher.client, &["anna"]).await;
        match way {
            "close" => anna.client.send_frame(OutFrame::close(1000, "")).await,
            "fin" => anna.client.shut_down().await,
            "rst" => anna.client.reset(),
            _ => {
                anna.client.send_frame(OutFrame::text("{\"messageType\":").unfinished()).await;
                anna.client.reset();
            }
        }
        let gone = until_online(&mut watcher.client, &[]);
        timeout(Duration::from_secs(5), gone).await.unwrap_or_else(|_| panic!("still there after: {way}"));
    }
}

/// Reads lists until one has just these.
async fn until_online(client: &mut WireClient, wanted: &[&str]) {
    loop {
        let message: Value = serde_json::from_str(&client.text().await).expect("JSON");
        if names(&message) == wanted {
            return;
        }
    }
}

#[tokio::test]
async fn a_storm_of_comings_and_goings_is_merged_into_few_lists() {
    const PEOPLE: usize = 8;
    let server = ServerProcess::start(&[]).await;
    let mut cookies = Vec::new();
    for at in 0..PEOPLE {
        cookies.push(person(server.addr(), &format!("person-{at}")).await);
    }
    let mut watcher = greeted(server.addr(), &[]).await.client;
    let started = Instant::now();
    let storm = async {
        let mut there = Vec::new();
        for _ in 0..10 {
            for cookie in &cookies {
                there.push(greeted(server.addr(), &[("Cookie", cookie)]).await.client);
            }
            there.drain(..).for_each(WireClient::reset);
        }
        for cookie in &cookies {
            there.push(greeted(server.addr(), &[("Cookie", cookie)]).await.client);
        }
        there
    };
    let there = bystander::beside(server.addr(), storm).await;
    let everybody: Vec<_> = (0..PEOPLE).map(|at| format!("person-{at}")).collect();
    let mut lists = 0;
    loop {
        let message: Value = serde_json::from_str(&watcher.text().await).expect("JSON");
        lists += 1;
        if names(&message) == everybody && watcher.unread().is_empty() {
            break;
        }
    }
    // The first at once, then one for each 200 ms at most.
    let most = started.elapsed().as_millis() / 200 + 2;
    assert!(lists <= most, "{lists} lists where {most} are allowed");
    drop(there);
}

#[tokio::test]
async fn a_slow_member_of_a_busy_room_has_to_go_and_the_others_get_everything() {
    const COUNT: usize = 512;
    let server = ServerProcess::start(&[]).await;
    for path in ["/chat", "/websocket"] {
        let room = path.trim_start_matches('/');
        let join = |name: &str| json!({"type": "room-connect", "roomId": room, "name": name});
        let mut slow = WireClient::open(server.addr(), path).await;
        slow.send_frame(OutFrame::text(join("slow").to_string())).await;
        let mut fast = AppClient::open(server.addr(), path, "").await;
        fast.say(&join("fast"));
        fast.hear_a("room-connected").await;
        let mut speaker = AppClient::open(server.addr(), path, "").await;
        speaker.say(&join("speaker"));
        speaker.hear_a("room-connected").await;
        let before = server.rss();
        let text = "x".repeat(60 << 10);
        let is_gone = Notify::new();
        let talk = async {
            for at in 0..COUNT {
                speaker.say(&json!({"type": "send-message", "message": format!("{at} {text}"), "id": at.to_string()}));
                speaker.hear_a("stored").await;
                let heard = loop {
                    let heard = fast.hear().await;
                    if heard["names"] == json!(["fast", "speaker"]) {
                        is_gone.notify_one();
                    } else if heard["type"] == "receive-message" {
                        break heard;
                    }
                };
                assert!(heard["message"].as_str().is_some_and(|text| text.starts_with(&format!("{at} "))));
            }
            is_gone.notify_one();
        };
        // Once it reads, it gets what was on its way, and then the reason. It has a few seconds for that.
        let read = async {
            is_gone.notified().await;
            slow.assert_closed(1013).await;
        };
        bystander::beside(server.addr(), async { tokio::join!(talk, read) }).await;
        let mut late = AppClient::open(server.addr(), path, "").await;
        late.say(&join("late"));
        assert_eq!(late.hear_a("room-connected").await["members"], json!(["fast", "speaker", "late"]));
        let grown = server.rss().saturating_sub(before);
        // The database is in memory here, with all 30 MiB of what was said.
        assert!(grown < 96 * MIB, "{path}: {} MiB", grown / MIB);
    }
}

#[tokio::test]
async fn who_never_answers_pings_has_to_go_but_not_from_the_rooms_endpoints() {
    let server = TestServer::with(|config| config.idle_deadline = Duration::from_secs(2)).await;
    let mut rooms = Vec::new();
    for path in ["/", "/chat"] {
        rooms.push(WireClient::open(server.addr(), path).await);
    }
    let mut client = greeted(server.addr(), &[]).await.client;
    assert_eq!(client.frame().await.header.opcode, Opcode::Ping);
    client.assert_closed(1001).await;
    // By now those were silent for as long, and were asked nothing.
    for client in &mut rooms {
        client.send_frame(OutFrame::text(r#"{"type":"room-leave"}"#)).await;
        assert!(client.text().await.contains("error"));
    }
}

#[tokio::test]
async fn signalling_reaches_nobody_outside_of_a_call() {
    let server = TestServer::start().await;
    let (anna, ben) = (person(server.addr(), "anna").await, person(server.addr(), "ben").await);
    let mut anna = AppClient::greeted(server.addr(), &anna).await.0;
    let mut ben = AppClient::greeted(server.addr(), &ben).await.0;
    anna.hear_a("active_users_list").await;
    for kind in ["offer", "answer", "ice_candidate"] {
        for socket in ["", "*", "1", "../1", "__proto__", "'; DROP TABLE calls; --"] {
            let answer = ben.ask(&json!({"messageType": kind, "socketId": socket, "offer": {"sdp": "x"}})).await;
            assert_eq!(answer["messageType"], "error", "{answer}");
        }
        for socket in [Value::Null, json!(1), json!(["a"]), json!({"a": 1})] {
            let answer = ben.ask(&json!({"messageType": kind, "socketId": socket})).await;
            assert_eq!(answer["messageType"], "error", "{answer}");
        }
    }
    let answer = ben.ask(&json!({"messageType": "join_call", "callId": "no such call"})).await;
    assert_eq!(answer["messageType"], "error", "{answer}");
    anna.assert_quiet().await;
    ben.assert_quiet().await;
}

#[tokio::test]
async fn a_thousand_half_written_messages_take_little_memory() {
    let server = ServerProcess::start(&[]).await;
    bystander::comes_and_goes(server.addr()).await;
    let before = server.rss();
    let piece = frames(&[
        OutFrame::text(r#"{"messageType":"drawing","#).unfinished(),
        OutFrame::continuation("x".repeat(1000)).unfinished(),
    ]);
    let mut clients = Vec::new();
    let attack = async {
        for _ in 0..1000 {
            let mut client = WireClient::open(server.addr(), "/websocket").await;
            client.send(&piece).await;
            clients.push(client);
        }
    };
    timeout(4 * PATIENCE, bystander::beside(server.addr(), attack)).await.expect("in time");
    let grown = server.peak_rss().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB", grown / MIB);
}
