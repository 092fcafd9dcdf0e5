//! One order for all: those who talk at once, those who come later, those who are too slow.

use std::time::Duration;

use framescope_codec::Opcode;
use framescope_tests::{Ending, OutFrame, Talker, TestServer, frames};
use serde_json::json;

use crate::{connect, enter, members, message, received};

#[tokio::test]
async fn two_who_talk_at_once_are_heard_in_one_order_by_all() {
    const EACH: usize = 200;
    let server = TestServer::start().await;
    let mut talkers = Vec::new();
    let names = ["a", "b", "c", "d"];
    for place in 0..names.len() {
        let mut talker = Talker::in_rooms(server.addr(), "/").await;
        enter(&mut talker, "r", &names[..=place], &[]).await;
        talkers.push(talker);
    }
    for (place, talker) in talkers.iter_mut().enumerate() {
        for later in place + 1..names.len() {
            talker.expect(&members(&names[..=later])).await;
        }
    }
    let all = |name: &str| {
        let texts: Vec<_> = (0..EACH).map(|at| OutFrame::text(message(&format!("{name}{at}")).to_string())).collect();
        frames(&texts)
    };
    let (from_a, from_b) = (all("a"), all("b"));
    let [a, b, c, d] = &mut talkers[..] else { panic!() };
    tokio::join!(a.wire.send(&from_a), b.wire.send(&from_b));
    let mut heard = Vec::new();
    for talker in [c, d] {
        let mut texts = Vec::new();
        for _ in 0..2 * EACH {
            texts.push(talker.hear().await["message"].as_str().unwrap().to_owned());
        }
        heard.push(texts);
    }
    assert_eq!(heard[0], heard[1]);
    for (talker, others) in [(a, "b"), (b, "a")] {
        for at in 0..EACH {
            talker.expect(&received(&format!("{others}{at}"), others)).await;
        }
    }
    // And whoever comes later reads it in the same order.
    let mut late = Talker::in_rooms(server.addr(), "/").await;
    let history = late.ask(&connect("r", "late")).await;
    let texts: Vec<_> = history["messages"].as_array().unwrap().iter().map(|m| m["message"].clone()).collect();
    assert_eq!(json!(texts), json!(heard[0]));
}

/// Whoever enters while others talk misses nothing and hears nothing twice.
#[tokio::test]
async fn a_history_and_what_comes_behind_it_fit_together() {
    const ALL: usize = 600;
    let server = TestServer::start().await;
    let mut ann = Talker::in_rooms(server.addr(), "/").await;
    enter(&mut ann, "r", &["ann"], &[]).await;
    let texts: Vec<_> = (0..ALL).map(|at| OutFrame::text(message(&at.to_string()).to_string()).bytes()).collect();
    let talking = async {
        for text in &texts {
            ann.wire.send(text).await;
            tokio::task::yield_now().await;
        }
        ann
    };
    let listening = async {
        for turn in 0..10 {
            let mut late = Talker::in_rooms(server.addr(), "/").await;
            let history = late.ask(&connect("r", &format!("late{turn}"))).await;
            let mut next = 0;
            for entry in history["messages"].as_array().unwrap() {
                assert_eq!(entry["message"], next.to_string());
                next += 1;
            }
            let until = (turn + 1) * ALL / 10;
            while next < until {
                let message = late.hear().await;
                if message["type"] == "receive-message" {
                    assert_eq!(message["message"], next.to_string());
                    next += 1;
                }
            }
        }
    };
    tokio::join!(talking, listening);
}

#[tokio::test]
async fn a_long_history_comes_as_one_message_in_fragments() {
    let server = TestServer::start().await;
    let mut ann = Talker::in_rooms(server.addr(), "/").await;
    enter(&mut ann, "r", &["ann"], &[]).await;
    let text = "<é>".repeat(10_000);
    let all: Vec<_> = (0..100).map(|at| OutFrame::text(message(&format!("{at}{text}")).to_string())).collect();
    ann.wire.send(&frames(&all)).await;
    ann.say(&json!({"type": "send-message", "message": "the end", "id": "end"})).await;
    ann.expect(&json!({"type": "stored", "id": "end"})).await;
    let mut bob = Talker::in_rooms(server.addr(), "/").await;
    bob.say(&connect("r", "bob")).await;
    ann.expect(&members(&["ann", "bob"])).await;
    assert!(!bob.wire.peek_header().await.fin);
    // What follows waits behind it.
    ann.say(&message("behind")).await;
    let history = bob.hear().await;
    let messages = history["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 101);
    for (at, entry) in messages[..100].iter().enumerate() {
        assert_eq!(entry["message"], format!("{at}{text}"));
    }
    assert_eq!(messages[100], json!({"sender": "ann", "message": "the end"}));
    bob.expect(&received("behind", "ann")).await;
}

#[tokio::test]
async fn an_id_makes_sending_again_safe() {
    let server = TestServer::start().await;
    let (mut ann, mut bob) = (Talker::in_rooms(server.addr(), "/").await, Talker::in_rooms(server.addr(), "/").await);
    enter(&mut ann, "r", &["ann"], &[]).await;
    enter(&mut bob, "r", &["ann", "bob"], &[]).await;
    ann.expect(&members(&["ann", "bob"])).await;
    let with_id = |text: &str, id: &str| json!({"type": "send-message", "message": text, "id": id});
    let stored = |id: &str| json!({"type": "stored", "id": id});
    let longest = "é".repeat(64);
    for id in ["1", "", &longest] {
        for _ in 0..3 {
            ann.say(&with_id(id, id)).await;
            ann.expect(&stored(id)).await;
        }
        // The id is between its sender and the server.
        bob.expect(&received(id, "ann")).await;
    }
    // Another's id is another's.
    bob.say(&with_id("mine", "1")).await;
    bob.expect(&stored("1")).await;
    ann.expect(&received("mine", "bob")).await;
    // Who sent no id is told nothing.
    ann.say(&message("last")).await;
    bob.expect(&received("last", "ann")).await;
    bob.say(&message("over")).await;
    ann.expect(&received("over", "bob")).await;
    // A refusal says which.
    let refused = ann.ask(&json!({"type": "send-message", "message": "\0", "id": "9"})).await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("9")));
}

#[tokio::test]
async fn a_slow_member_is_let_go_and_the_others_miss_nothing() {
    const ALL: usize = 512;
    // It may read what is left when the others are done.
    let server = TestServer::with(|config| config.close_deadline = Duration::from_secs(60)).await;
    let (mut ann, mut fast) = (Talker::in_rooms(server.addr(), "/").await, Talker::in_rooms(server.addr(), "/").await);
    let mut slow = Talker::in_rooms(server.addr(), "/").await;
    enter(&mut ann, "r", &["ann"], &[]).await;
    enter(&mut fast, "r", &["ann", "fast"], &[]).await;
    enter(&mut slow, "r", &["ann", "fast", "slow"], &[]).await;
    let text = "x".repeat(64 << 10);
    let frame = OutFrame::text(message(&text).to_string()).bytes();
    let mut all = 0;
    let sending = async {
        for _ in 0..ALL {
            ann.wire.send(&frame).await;
        }
    };
    let receiving = async {
        let mut lists = Vec::new();
        while all < ALL {
            let heard = fast.hear().await;
            if heard["type"] == "receive-message" {
                assert_eq!(heard["message"].as_str().map(str::len), Some(text.len()));
                all += 1;
            } else {
                lists.push(heard);
            }
        }
        lists
    };
    let (_, lists) = tokio::join!(sending, receiving);
    assert_eq!(lists[0], members(&["ann", "fast", "slow"]));
    // What was on its way arrives, and then the reason.
    slow.wire.assert_closed(1013).await;
    if lists.len() < 2 {
        fast.expect(&members(&["ann", "fast"])).await;
    }
}

#[tokio::test]
async fn many_come_and_go_at_once_and_the_last_list_is_right() {
    const MANY: usize = 60;
    let server = TestServer::start().await;
    let mut watcher = Talker::in_rooms(server.addr(), "/").await;
    enter(&mut watcher, "r", &["watcher"], &[]).await;
    let coming = (0..MANY).map(|at| {
        let addr = server.addr();
        tokio::spawn(async move {
            let mut talker = Talker::in_rooms(addr, if at % 2 == 0 { "/" } else { "/chat" }).await;
            let answer = talker.ask(&connect("r", &format!("n{at}"))).await;
            assert_eq!(answer["type"], "room-connected");
            if at % 3 == 0 {
                talker.wire.reset();
                return None;
            }
            Some(talker)
        })
    });
    let coming: Vec<_> = coming.collect();
    let mut staying = Vec::new();
    for task in coming {
        staying.extend(task.await.unwrap());
    }
    loop {
        let list = watcher.hear().await;
        let names = list["names"].as_array().unwrap();
        assert_eq!(names[0], "watcher");
        if names.len() == 1 + staying.len() && names[1..].iter().all(|name| name.as_str() != Some("n0")) {
            break;
        }
    }
    for mut talker in staying {
        talker.wire.send_frame(OutFrame::new(Opcode::Close, [])).await;
        assert_eq!(talker.wire.ending().await, Ending::Fin);
    }
    while watcher.hear().await["names"] != json!(["watcher"]) {}
}
