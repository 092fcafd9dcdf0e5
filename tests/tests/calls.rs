//! Video calls, as the contract has them: who is in one, and whom signals reach.

use std::time::Duration;

use framescope_codec::Opcode;
use framescope_tests::{OutFrame, Talker, TestServer, create_call, http, person};
use serde_json::{Value, json};

fn join(call: &str) -> Value {
    json!({"messageType": "join_call", "callId": call})
}

fn info(name: &str) -> Value {
    json!({"messageType": "call_info", "name": name})
}

fn existing(participants: &[(&str, &str)]) -> Value {
    let participants: Vec<_> =
        participants.iter().map(|(id, name)| json!({"socketId": id, "username": name})).collect();
    json!({"messageType": "existing_participants", "participants": participants})
}

fn calls(calls: &[(&str, &str)]) -> Value {
    let calls: Vec<_> = calls.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    json!({"messageType": "call_list", "calls": calls})
}

/// Hears of a newcomer by this name; their socket id.
async fn joined(talker: &mut Talker, name: &str) -> String {
    let message = talker.hear().await;
    let id = message["socketId"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned();
    assert_eq!(message, json!({"messageType": "user_joined", "socketId": id, "username": name}));
    id
}

fn left(id: &str) -> Value {
    json!({"messageType": "user_left", "socketId": id})
}

/// Somebody signed in, by name.
async fn talker(server: &TestServer, name: &str) -> (Talker, String) {
    let cookie = person(server.addr(), name).await;
    (Talker::user(server.addr(), &cookie).await, cookie)
}

#[tokio::test]
async fn people_join_and_leave_a_call() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (mut alice, cookie) = talker(&server, "alice").await;
    let (mut bob, _) = talker(&server, "bob").await;
    let (mut carol, _) = talker(&server, "carol").await;
    let call = create_call(addr, &cookie, "the <b>call</b>").await;
    let other = create_call(addr, &cookie, "another").await;
    assert_ne!(call, other);
    alice.say(&join(&call)).await;
    alice.expect(&info("the <b>call</b>")).await;
    alice.expect(&existing(&[])).await;
    bob.say(&join(&call)).await;
    bob.expect(&info("the <b>call</b>")).await;
    let bob_id = joined(&mut alice, "bob").await;
    let answer = bob.hear().await;
    let alice_id = answer["participants"][0]["socketId"].as_str().unwrap().to_owned();
    assert_eq!(answer, existing(&[(&alice_id, "alice")]));
    carol.say(&join(&call)).await;
    carol.expect(&info("the <b>call</b>")).await;
    carol.expect(&existing(&[(&alice_id, "alice"), (&bob_id, "bob")])).await;
    let carol_id = joined(&mut alice, "carol").await;
    assert_eq!(joined(&mut bob, "carol").await, carol_id);
    // Once more into the same: the two answers, and nothing to the others.
    bob.say(&join(&call)).await;
    bob.expect(&info("the <b>call</b>")).await;
    bob.expect(&existing(&[(&alice_id, "alice"), (&carol_id, "carol")])).await;
    // Into another: out of the first.
    bob.say(&join(&other)).await;
    bob.expect(&info("another")).await;
    bob.expect(&existing(&[])).await;
    for talker in [&mut alice, &mut carol] {
        talker.expect(&left(&bob_id)).await;
    }
    bob.say(&join(&call)).await;
    bob.expect(&info("the <b>call</b>")).await;
    bob.expect(&existing(&[(&alice_id, "alice"), (&carol_id, "carol")])).await;
    for talker in [&mut alice, &mut carol] {
        assert_eq!(joined(talker, "bob").await, bob_id);
    }
    // By a Close, and by a lost connection.
    carol.wire.send_frame(OutFrame::new(Opcode::Close, [])).await;
    for talker in [&mut alice, &mut bob] {
        talker.expect(&left(&carol_id)).await;
    }
    alice.wire.reset();
    bob.expect(&left(&alice_id)).await;
    // An unknown call leaves one where one is.
    for bad in ["", "nobody", &call.to_uppercase(), &"x".repeat(100_000), "' OR 1=1 --", "a\0b", "é"] {
        if bad != call {
            bob.expect_refusal(&join(bad)).await;
        }
    }
    bob.say(&join(&call)).await;
    bob.expect(&info("the <b>call</b>")).await;
    bob.expect(&existing(&[])).await;
}

#[tokio::test]
async fn signals_reach_their_addressee_alone_and_as_they_were_written() {
    let server = TestServer::start().await;
    let (mut alice, cookie) = talker(&server, "alice").await;
    let (mut bob, _) = talker(&server, "bob").await;
    let (mut carol, _) = talker(&server, "carol").await;
    let (mut dora, _) = talker(&server, "dora").await;
    let call = create_call(server.addr(), &cookie, "call").await;
    let elsewhere = create_call(server.addr(), &cookie, "elsewhere").await;
    alice.say(&join(&call)).await;
    alice.expect(&info("call")).await;
    alice.expect(&existing(&[])).await;
    for talker in [&mut bob, &mut carol] {
        talker.say(&join(&call)).await;
        talker.expect(&info("call")).await;
        talker.hear().await;
    }
    let bob_id = joined(&mut alice, "bob").await;
    let carol_id = joined(&mut alice, "carol").await;
    bob.hear().await;
    dora.say(&join(&elsewhere)).await;
    dora.expect(&info("elsewhere")).await;
    dora.expect(&existing(&[])).await;
    let mut alice_id = String::new();
    for kind in ["offer", "answer", "ice_candidate"] {
        let rest = r#""sdp":{"type":"offer","sdp":"v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\n"},"candidate":{"z":1.50,"a":-0.0e1},"big":123456789012345678901234567890,"u":"\u00fc\/""#;
        let said =
            format!(r#"{{"username":"carol","messageType":"{kind}",{rest},"socketId":"{bob_id}","callId":null}}"#);
        alice.wire.send_frame(OutFrame::text(said)).await;
        let text = loop {
            let text = bob.wire.text().await;
            if !text.contains("active_users_list") {
                break text;
            }
        };
        assert!(text.contains(rest), "{text}");
        let heard: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&heard["messageType"], &heard["username"]), (&json!(kind), &json!("alice")));
        heard["socketId"].as_str().unwrap().clone_into(&mut alice_id);
        assert_eq!(heard.as_object().unwrap().len(), 8);
    }
    assert_ne!(alice_id, bob_id);
    // The sender's own id is what the addressee answers to.
    bob.say(&json!({"messageType": "answer", "socketId": alice_id, "sdp": "x"})).await;
    alice.expect(&json!({"messageType": "answer", "socketId": bob_id, "username": "bob", "sdp": "x"})).await;
    // Not to oneself, not out of the call, not from outside, not to nobody.
    let offer = |to: &str| json!({"messageType": "offer", "socketId": to, "sdp": "x"});
    for to in
        ["", "nobody", &alice_id, &alice_id.to_uppercase(), &format!("0{bob_id}"), "' OR 1=1", "*", &"x".repeat(10_000)]
    {
        alice.expect_refusal(&offer(to)).await;
    }
    for bad in [json!(null), json!(7), json!([bob_id]), json!({"socketId": bob_id})] {
        alice.expect_refusal(&json!({"messageType": "offer", "socketId": bad})).await;
    }
    alice.expect_refusal(&json!({"messageType": "offer", "sdp": "x"})).await;
    dora.expect_refusal(&offer(&alice_id)).await;
    let mut guest = Talker::guest(server.addr()).await;
    guest.expect_refusal(&offer(&alice_id)).await;
    guest.expect_refusal(&join(&call)).await;
    // From nowhere, having left.
    carol.say(&join(&elsewhere)).await;
    carol.expect(&info("elsewhere")).await;
    for talker in [&mut alice, &mut bob] {
        talker.expect(&left(&carol_id)).await;
    }
    carol.hear().await;
    carol.expect_refusal(&offer(&alice_id)).await;
    alice.expect_refusal(&offer(&carol_id)).await;
    // Nobody else heard any of it.
    assert_eq!(joined(&mut dora, "carol").await, carol_id);
    bob.say(&offer(&alice_id)).await;
    assert_eq!(alice.hear().await["socketId"], bob_id);
}

#[tokio::test]
async fn calls_are_listed_for_everybody_and_kept_for_a_while() {
    let server = TestServer::with(|config| config.call_kept = Duration::from_millis(1500)).await;
    let addr = server.addr();
    let (mut alice, cookie) = talker(&server, "alice").await;
    let mut guest = Talker::guest(addr).await;
    let list = json!({"messageType": "get_calls"});
    assert_eq!(guest.ask(&list).await, calls(&[]));
    let first = create_call(addr, &cookie, "first").await;
    let second = create_call(addr, &cookie, &"é".repeat(64)).await;
    let both = [(&*first, "first"), (&*second, &*"é".repeat(64))];
    alice.say(&join(&second)).await;
    alice.hear().await;
    alice.hear().await;
    assert_eq!(guest.ask(&list).await, calls(&both));
    assert_eq!(alice.ask(&list).await, calls(&both));
    // One in which nobody is goes in time, one with people stays.
    while guest.ask(&list).await == calls(&both) {}
    assert_eq!(guest.ask(&list).await, calls(&both[1..]));
    // It is kept from when the last one left.
    alice.wire.reset();
    let since = std::time::Instant::now();
    while guest.ask(&list).await == calls(&both[1..]) {}
    assert!(since.elapsed() >= Duration::from_millis(1200), "{:?}", since.elapsed());
    assert_eq!(guest.ask(&list).await, calls(&[]));
    // And can be joined by whoever knows it.
    let (mut bob, _) = talker(&server, "bob").await;
    bob.say(&join(&first)).await;
    bob.expect(&info("first")).await;
    bob.expect(&existing(&[])).await;
    assert_eq!(guest.ask(&list).await, calls(&both[..1]));
}

#[tokio::test]
async fn of_two_who_come_at_once_one_finds_the_other_there() {
    const MANY: usize = 8;
    let server = TestServer::start().await;
    let mut talkers = Vec::new();
    let cookie = person(server.addr(), "u0").await;
    talkers.push(Talker::user(server.addr(), &cookie).await);
    for at in 1..MANY {
        talkers.push(talker(&server, &format!("u{at}")).await.0);
    }
    for turn in 0..20 {
        let call = create_call(server.addr(), &cookie, &turn.to_string()).await;
        let mut tasks = Vec::new();
        for mut talker in talkers.drain(..) {
            let join = join(&call);
            tasks.push(tokio::spawn(async move {
                talker.say(&join).await;
                // Of the call before: who left it.
                let mut heard = talker.hear().await;
                while heard["messageType"] == "user_left" {
                    heard = talker.hear().await;
                }
                assert_eq!(heard["messageType"], "call_info");
                let there = talker.hear().await;
                let names = |list: &Value| -> Vec<String> {
                    let list = list.as_array().unwrap();
                    list.iter().map(|one| one["username"].as_str().unwrap().to_owned()).collect()
                };
                let there = names(&there["participants"]);
                let mut met = there.clone();
                while met.len() + 1 < MANY {
                    let heard = talker.hear().await;
                    assert_eq!(heard["messageType"], "user_joined", "{heard}");
                    met.push(heard["username"].as_str().unwrap().to_owned());
                }
                (talker, there, met)
            }));
        }
        let mut found = vec![Vec::new(); MANY];
        for (at, task) in tasks.into_iter().enumerate() {
            let (talker, there, mut met) = task.await.unwrap();
            talkers.push(talker);
            found[at] = there;
            met.sort();
            met.dedup();
            assert_eq!(met.len(), MANY - 1, "each other is met once");
        }
        for one in 0..MANY {
            for other in 0..one {
                let finds = |a: usize, b: usize| found[a].contains(&format!("u{b}"));
                assert_ne!(finds(one, other), finds(other, one), "u{one} and u{other}");
            }
        }
    }
}

#[tokio::test]
async fn a_user_in_two_tabs_is_in_the_call_twice() {
    let server = TestServer::start().await;
    let (mut one, cookie) = talker(&server, "alice").await;
    let mut two = Talker::user(server.addr(), &cookie).await;
    let call = create_call(server.addr(), &cookie, "c").await;
    one.say(&join(&call)).await;
    one.expect(&info("c")).await;
    one.expect(&existing(&[])).await;
    two.say(&join(&call)).await;
    two.expect(&info("c")).await;
    let id = joined(&mut one, "alice").await;
    assert_eq!(two.hear().await["participants"][0]["username"], "alice");
    // Whoever signs out is out of the call with every connection of that session.
    assert_eq!(http(server.addr(), "GET", "/logout", &[("Cookie", &cookie)], "").await.status(), 302);
    for tab in [&mut one, &mut two] {
        tab.wire.assert_closed(1008).await;
    }
    let (mut bob, _) = talker(&server, "bob").await;
    bob.say(&join(&call)).await;
    bob.expect(&info("c")).await;
    let there = bob.hear().await;
    assert!(!there.to_string().contains(&id), "{there}");
}

#[tokio::test]
async fn names_of_calls_are_escaped_for_pages_that_ask_for_it() {
    let server = TestServer::with(|config| config.escape_html = Some(true)).await;
    let (mut alice, cookie) = talker(&server, "alice").await;
    let call = create_call(server.addr(), &cookie, "<'\"&>").await;
    alice.say(&join(&call)).await;
    alice.expect(&info("&lt;&#39;&quot;&amp;&gt;")).await;
    alice.expect(&existing(&[])).await;
    let list = alice.ask(&json!({"messageType": "get_calls"})).await;
    assert_eq!(list, calls(&[(&call, "&lt;&#39;&quot;&amp;&gt;")]));
}
