//! Direct messages, as the contract has them, and who must not see them.

use framescope_codec::Opcode;
use framescope_tests::{OutFrame, Talker, TestServer, WireClient, frames, http, person, post_form, sign_in};
use serde_json::{Value, json};

fn message(to: &str, text: &str) -> Value {
    json!({"messageType": "direct_message", "targetUser": to, "text": text})
}

fn shown(from: &str, text: &str) -> Value {
    json!({"messageType": "direct_message", "fromUser": from, "text": text})
}

fn select(user: &str) -> Value {
    json!({"messageType": "select_user", "targetUser": user})
}

fn history(messages: &[(&str, &str)]) -> Value {
    let messages: Vec<_> = messages.iter().map(|(from, text)| shown(from, text)).collect();
    json!({"messageType": "message_history", "messages": messages})
}

fn users(names: &[&str]) -> Value {
    let users: Vec<_> = names.iter().map(|name| json!({ "username": name })).collect();
    json!({"messageType": "all_users_list", "users": users})
}

#[tokio::test]
async fn both_hear_in_all_their_tabs_and_nobody_else() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, bob, carol) = (person(addr, "alice").await, person(addr, "Bob").await, person(addr, "carol").await);
    let (mut alice1, mut alice2) = (Talker::user(addr, &alice).await, Talker::user(addr, &alice).await);
    let (mut bob1, mut bob2) = (Talker::user(addr, &bob).await, Talker::user(addr, &sign_in(addr, "bob").await).await);
    let mut carol = Talker::user(addr, &carol).await;
    let mut guest = Talker::guest(addr).await;
    let text = "<b>&amp;</b> \"q\" \u{202e}rtl\u{202c} 😀\n\t\\ \u{2028}";
    alice1.say(&message("bOB", text)).await;
    for talker in [&mut alice1, &mut alice2, &mut bob1, &mut bob2] {
        talker.expect(&shown("alice", text)).await;
    }
    // From the other side, and spoofed: the sender is who is signed in.
    bob2.say(&json!({"messageType": "direct_message", "targetUser": "alice", "text": "back", "fromUser": "carol",
        "username": "carol", "socketId": "x"}))
        .await;
    for talker in [&mut alice1, &mut alice2, &mut bob1, &mut bob2] {
        talker.expect(&shown("Bob", "back")).await;
    }
    // What comes next for the others shows that nothing came before.
    alice1.say(&message("carol", "to carol")).await;
    carol.expect(&shown("alice", "to carol")).await;
    let stroke = json!({"messageType": "drawing", "startX": 0, "startY": 0, "endX": 1, "endY": 1, "color": "#000"});
    alice1.say(&stroke).await;
    guest.expect(&stroke).await;
    carol.expect(&stroke).await;
    for talker in [&mut bob1, &mut bob2] {
        talker.expect(&stroke).await;
    }
    // The history is each one's own.
    let both = [("alice", text), ("Bob", "back")];
    assert_eq!(bob1.ask(&select("ALICE")).await, history(&both));
    assert_eq!(carol.ask(&select("Bob")).await, history(&[]));
    assert_eq!(carol.ask(&select("alice")).await, history(&[("alice", "to carol")]));
    let spoofed = json!({"messageType": "select_user", "targetUser": "Bob", "fromUser": "alice", "username": "alice", "user": "alice"});
    assert_eq!(carol.ask(&spoofed).await, history(&[]));
}

#[tokio::test]
async fn a_message_to_oneself_arrives_once() {
    let server = TestServer::start().await;
    let alice = person(server.addr(), "alice").await;
    let (mut one, mut two) = (Talker::user(server.addr(), &alice).await, Talker::user(server.addr(), &alice).await);
    one.say(&message("alice", "note")).await;
    one.say(&message("alice", "end")).await;
    for talker in [&mut one, &mut two] {
        talker.expect(&shown("alice", "note")).await;
        talker.expect(&shown("alice", "end")).await;
    }
    assert_eq!(one.ask(&select("alice")).await, history(&[("alice", "note"), ("alice", "end")]));
}

#[tokio::test]
async fn everybody_who_registered_is_listed_at_once() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let cookie = person(addr, "mallory").await;
    let mut talker = Talker::user(addr, &cookie).await;
    let ask = json!({"messageType": "get_all_users"});
    assert_eq!(talker.ask(&ask).await, users(&["mallory"]));
    let mut names = vec!["mallory"];
    for name in ["zoe", "Adam", "bob", "_x"] {
        let answer = post_form(addr, "/register", "", &[("username", name), ("password", "12345678")]).await;
        assert_eq!(answer.status(), 201);
        names.push(name);
        names.sort_by_key(|name| name.to_ascii_lowercase());
        assert_eq!(talker.ask(&ask).await, users(&names));
    }
    // Not one more for a name that is taken.
    assert_eq!(post_form(addr, "/register", "", &[("username", "ADAM"), ("password", "12345678")]).await.status(), 400);
    assert_eq!(talker.ask(&ask).await, users(&names));
}

#[tokio::test]
async fn guests_and_nonsense_are_refused_and_nothing_is_stored() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, _bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let mut guest = Talker::guest(addr).await;
    for said in [message("bob", "x"), select("bob"), json!({"messageType": "get_all_users"})] {
        guest.expect_refusal(&said).await;
    }
    let mut alice = Talker::user(addr, &alice).await;
    for target in [
        "",
        "nobody",
        "*",
        "%",
        "bo_",
        "alice bob",
        "__proto__",
        "constructor",
        "bob\0",
        "' OR '1'='1",
        &"x".repeat(70_000),
    ] {
        alice.expect_refusal(&message(target, "x")).await;
        alice.expect_refusal(&select(target)).await;
    }
    for target in [json!(null), json!(7), json!(["bob"]), json!({"name": "bob"}), json!(true)] {
        alice.expect_refusal(&json!({"messageType": "direct_message", "targetUser": target, "text": "x"})).await;
        alice.expect_refusal(&json!({"messageType": "select_user", "targetUser": target})).await;
    }
    for bad in [
        json!({"messageType": "direct_message", "targetUser": "bob"}),
        json!({"messageType": "direct_message", "text": "x"}),
        json!({"messageType": "direct_message", "targetUser": "bob", "text": null}),
        json!({"messageType": "direct_message", "targetUser": "bob", "text": ["x"]}),
        json!({"messageType": "direct_message", "targetUser": "bob", "text": "x", "id": 7}),
        message("bob", "a\0b"),
        message("bob", &"x".repeat((64 << 10) + 1)),
        json!({"messageType": "select_user"}),
        json!({"messageType": "select_user", "targetUser": "bob", "limit": -1}),
        json!({"messageType": "select_user", "targetUser": "bob", "before": "7"}),
        json!({"messageType": "message_history", "messages": []}),
    ] {
        alice.expect_refusal(&bad).await;
    }
    assert_eq!(alice.ask(&select("bob")).await, history(&[]));
    let largest = "é".repeat(32 << 10);
    alice.say(&message("bob", &largest)).await;
    alice.expect(&shown("alice", &largest)).await;
    alice.say(&message("bob", "")).await;
    alice.expect(&shown("alice", "")).await;
}

#[tokio::test]
async fn who_signs_out_is_nobody_at_once() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let (mut alice1, mut bob) = (Talker::user(addr, &alice).await, Talker::user(addr, &bob).await);
    let mut alice2 = Talker::user(addr, &sign_in(addr, "alice").await).await;
    assert_eq!(http(addr, "GET", "/logout", &[("Cookie", &alice)], "").await.status(), 302);
    alice1.wire.assert_closed(1008).await;
    // Another session is another matter.
    alice2.say(&message("bob", "still here")).await;
    bob.expect(&shown("alice", "still here")).await;
    Talker::user(addr, &alice).await.expect_refusal(&message("bob", "x")).await;
}

#[tokio::test]
async fn two_who_write_at_once_are_heard_in_one_order_by_both() {
    const EACH: usize = 200;
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let mut tabs = Vec::new();
    for cookie in [&alice, &bob, &alice, &bob] {
        tabs.push(Talker::user(addr, cookie).await);
    }
    let all = |to: &str, tag: &str| {
        let all: Vec<_> = (0..EACH).map(|at| OutFrame::text(message(to, &format!("{tag}{at}")).to_string())).collect();
        frames(&all)
    };
    let (from_alice, from_bob) = (all("bob", "a"), all("alice", "b"));
    let [first, second, ..] = &mut tabs[..] else { panic!() };
    tokio::join!(first.wire.send(&from_alice), second.wire.send(&from_bob));
    let mut heard: Vec<Vec<Value>> = Vec::new();
    for tab in &mut tabs {
        let mut texts = Vec::new();
        for _ in 0..2 * EACH {
            texts.push(tab.hear().await);
        }
        heard.push(texts);
    }
    assert!(heard.iter().all(|texts| *texts == heard[0]));
    for tag in ["a", "b"] {
        let own: Vec<_> =
            heard[0].iter().filter_map(|m| m["text"].as_str()).filter(|text| text.starts_with(tag)).collect();
        let expected: Vec<_> = (0..EACH).map(|at| format!("{tag}{at}")).collect();
        assert_eq!(own, expected);
    }
    assert_eq!(tabs[0].ask(&select("bob")).await["messages"], json!(heard[0]));
}

/// A history that is read while messages come in, and the messages behind it: none is lost, none comes twice.
#[tokio::test]
async fn a_history_and_what_comes_behind_it_fit_together() {
    const ALL: usize = 1000;
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let (mut writer, mut reader) = (Talker::user(addr, &alice).await, Talker::user(addr, &bob).await);
    let writing = async {
        for at in 0..ALL {
            writer.say(&message("bob", &at.to_string())).await;
            writer.expect(&shown("alice", &at.to_string())).await;
        }
    };
    let reading = async {
        let mut next = 0;
        let mut asked = 0;
        while next < ALL {
            // With and without pages; the pages are long enough to reach back to what was seen.
            let mut ask = select("alice");
            if asked % 2 == 1 {
                ask["limit"] = json!(500);
            }
            asked += 1;
            reader.say(&ask).await;
            loop {
                let heard = reader.hear().await;
                if heard["messageType"] == "direct_message" {
                    assert_eq!(heard["text"], next.to_string());
                    next += 1;
                    continue;
                }
                let messages = heard["messages"].as_array().unwrap();
                let first = messages.first().map_or(0, |m| m["text"].as_str().unwrap().parse::<usize>().unwrap());
                assert!(first <= next, "{first} leaves a gap behind {next}");
                for (at, message) in messages.iter().enumerate() {
                    assert_eq!(message["text"], (first + at).to_string());
                }
                assert!(first + messages.len() >= next, "what was shown is in the history");
                next = first + messages.len();
                break;
            }
        }
        assert!(asked > 4);
    };
    tokio::join!(writing, reading);
}

#[tokio::test]
async fn history_can_be_read_by_pages() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let (mut writer, mut reader) = (Talker::user(addr, &alice).await, Talker::user(addr, &bob).await);
    for at in 1..=25 {
        writer.say(&message("bob", &at.to_string())).await;
        writer.expect(&shown("alice", &at.to_string())).await;
        reader.expect(&shown("alice", &at.to_string())).await;
    }
    let mut page = async |ask: Value| {
        let mut said = select("ALICE");
        for (key, value) in ask.as_object().unwrap() {
            said[key] = value.clone();
        }
        let answer = reader.ask(&said).await;
        assert_eq!((&answer["messageType"], &answer["targetUser"]), (&json!("message_history"), &json!("alice")));
        let texts = answer["messages"].as_array().unwrap().iter().map(|m| {
            assert_eq!(m.as_object().unwrap().len(), 3);
            m["text"].as_str().unwrap().parse::<u64>().unwrap()
        });
        (answer["first"].as_u64().unwrap(), texts.collect::<Vec<_>>())
    };
    for (ask, first, until) in [
        (json!({"limit": 10}), 16, 25),
        (json!({"limit": 10, "before": 16}), 6, 15),
        (json!({"limit": 10, "before": 6}), 1, 5),
        (json!({"limit": 10, "before": 1}), 1, 0),
        (json!({"limit": 10, "before": 0}), 1, 0),
        (json!({"limit": 1}), 25, 25),
        (json!({"limit": 0}), 26, 25),
        (json!({"limit": 0, "before": 7}), 7, 6),
        (json!({"before": 4}), 1, 3),
        (json!({"limit": 7, "before": 1000}), 19, 25),
        (json!({"limit": u64::MAX, "before": u64::MAX}), 1, 25),
    ] {
        assert_eq!(page(ask.clone()).await, (first, (first..=until).collect()), "{ask}");
    }
    // Whoever reads by pages is told the place of what comes; others are not.
    writer.say(&message("bob", "next")).await;
    writer.expect(&shown("alice", "next")).await;
    reader
        .expect(&json!({"messageType": "direct_message", "fromUser": "alice", "text": "next", "targetUser": "bob", "number": 26}))
        .await;
    reader.say(&message("alice", "back")).await;
    reader
        .expect(&json!({"messageType": "direct_message", "fromUser": "bob", "text": "back", "targetUser": "alice", "number": 27}))
        .await;
    writer.expect(&shown("bob", "back")).await;
}

#[tokio::test]
async fn a_long_history_comes_as_one_message_in_fragments() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let (mut writer, mut reader) = (Talker::user(addr, &alice).await, Talker::user(addr, &bob).await);
    let text = "<é>".repeat(10_000);
    let all: Vec<_> = (0..100).map(|at| OutFrame::text(message("bob", &format!("{at}{text}")).to_string())).collect();
    let all = frames(&all);
    tokio::join!(writer.wire.send(&all), async {
        for at in 0..100 {
            reader.expect(&shown("alice", &format!("{at}{text}"))).await;
        }
    });
    reader.say(&select("alice")).await;
    // Handled behind the question: they wait behind the answer.
    reader.say(&message("alice", "behind")).await;
    reader.say(&json!({"messageType": "echo_client", "text": "last"})).await;
    loop {
        let header = reader.wire.peek_header().await;
        if header.opcode == Opcode::Text && !header.fin {
            break;
        }
        // A list of who is online may still be on its way.
        assert_eq!(reader.hear_any().await["messageType"], "active_users_list");
    }
    let history = reader.hear().await;
    let messages = history["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 100);
    for (at, message) in messages.iter().enumerate() {
        assert_eq!(*message, shown("alice", &format!("{at}{text}")));
    }
    let (one, other) = (reader.hear().await, reader.hear().await);
    for expected in [shown("bob", "behind"), json!({"messageType": "echo_server", "text": "last"})] {
        assert!(one == expected || other == expected, "{one} {other}");
    }
}

/// Two messages that are sent in pieces must not get into each other.
#[tokio::test]
async fn a_long_history_waits_for_a_long_board() {
    const STROKES: usize = 40_000;
    let server = TestServer::with(|config| config.message_rate = 0).await;
    let addr = server.addr();
    let (alice, bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let mut writer = Talker::user(addr, &alice).await;
    let stroke = json!({"messageType": "drawing", "startX": 0, "startY": 0, "endX": 1, "endY": 1, "color": "#000",
        "padding": "x".repeat(900)});
    let text = "x".repeat(60_000);
    let stroke = OutFrame::text(stroke.to_string()).bytes();
    // Whoever draws is shown what they draw, and has to read it.
    for _ in 0..STROKES / 1000 {
        writer.wire.send(&stroke.repeat(1000)).await;
        for _ in 0..1000 {
            while !writer.wire.text().await.starts_with(r#"{"messageType":"drawing""#) {}
        }
    }
    for _ in 0..30 {
        writer.say(&message("bob", &text)).await;
        writer.expect(&shown("alice", &text)).await;
    }
    let mut reader = Talker::guest(addr).await;
    let (mut late, _) = WireClient::open_with(addr, "/websocket", &[("Cookie", &bob)]).await;
    // More than all that lies between us takes: it is not out when this is handled.
    assert!(!late.peek_header().await.fin);
    late.send_frame(OutFrame::text(select("alice").to_string())).await;
    reader.say(&json!({"messageType": "echo_client", "text": "some time has passed"})).await;
    reader.hear().await;
    let board: Value = serde_json::from_str(&late.text().await).unwrap();
    assert_eq!(board["strokes"].as_array().unwrap().len(), STROKES);
    let mut late = Talker { wire: late };
    let history = late.hear().await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 30);
}

#[tokio::test]
async fn an_id_makes_sending_again_safe() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (alice, bob) = (person(addr, "alice").await, person(addr, "bob").await);
    let (mut alice1, mut bob1) = (Talker::user(addr, &alice).await, Talker::user(addr, &bob).await);
    let with_id =
        |to: &str, text: &str| json!({"messageType": "direct_message", "targetUser": to, "text": text, "id": "7"});
    let stored = json!({"messageType": "stored", "id": "7"});
    alice1.say(&with_id("bob", "once")).await;
    alice1.expect(&shown("alice", "once")).await;
    alice1.expect(&stored).await;
    bob1.expect(&shown("alice", "once")).await;
    for _ in 0..3 {
        alice1.say(&with_id("bob", "once")).await;
        alice1.expect(&stored).await;
    }
    // Also from another connection of the same user, which is what it is for.
    drop(alice1);
    let mut alice2 = Talker::user(addr, &sign_in(addr, "alice").await).await;
    alice2.say(&with_id("bob", "once")).await;
    alice2.expect(&stored).await;
    bob1.say(&with_id("alice", "another's id is another's")).await;
    bob1.expect(&shown("bob", "another's id is another's")).await;
    bob1.expect(&stored).await;
    let refused = bob1.ask(&with_id("nobody", "x")).await;
    assert_eq!((&refused["messageType"], &refused["id"]), (&json!("error"), &json!("7")));
    alice2.expect(&shown("bob", "another's id is another's")).await;
    let both = [("alice", "once"), ("bob", "another's id is another's")];
    assert_eq!(alice2.ask(&select("bob")).await, history(&both));
}

#[tokio::test]
async fn text_is_escaped_for_pages_that_ask_for_it() {
    let server = TestServer::with(|config| config.escape_html = Some(true)).await;
    let alice = person(server.addr(), "alice").await;
    let mut alice = Talker::user(server.addr(), &alice).await;
    alice.say(&message("alice", "<a href='x'>&\"</a>")).await;
    let escaped = "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;";
    alice.expect(&shown("alice", escaped)).await;
    assert_eq!(alice.ask(&select("alice")).await, history(&[("alice", escaped)]));
    let echo = json!({"messageType": "echo_client", "text": "<b>"});
    assert_eq!(alice.ask(&echo).await, json!({"messageType": "echo_server", "text": "<b>"}));
}
