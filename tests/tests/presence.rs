//! Who is online, as the contract has it: `active_users_list`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use framescope_tests::{AppClient, Greeted, OutFrame, TestServer, WireClient, greeted, http, names, person};
use serde_json::{Value, json};

/// Somebody signed in, connected and greeted.
async fn come(addr: SocketAddr, cookie: &str) -> Greeted {
    greeted(addr, &[("Cookie", cookie)]).await
}

/// Reads on until somebody is told of exactly these, and says how many lists that took.
async fn until(client: &mut WireClient, expected: &[&str]) -> usize {
    for lists in 1.. {
        let list: Value = serde_json::from_str(&client.text().await).expect("JSON");
        if names(&list) == expected {
            return lists;
        }
    }
    unreachable!("it goes on until the test's patience ends")
}

#[tokio::test]
async fn everybody_is_told_who_comes_and_goes_and_the_newcomer_at_once() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let (ann, bob) = (person(addr, "ann").await, person(addr, "Bob").await);
    let mut guest = greeted(addr, &[]).await;
    assert!(guest.online.is_empty());
    let mut at_ann = come(addr, &ann).await;
    assert_eq!(at_ann.online, ["ann"]);
    until(&mut guest.client, &["ann"]).await;
    let at_bob = come(addr, &bob).await;
    assert_eq!(at_bob.online, ["ann", "Bob"], "in order, whatever the case");
    for client in [&mut guest.client, &mut at_ann.client] {
        until(client, &["ann", "Bob"]).await;
    }
    // A Close frame, and a connection that is lost without one.
    let Greeted { client: mut leaving, .. } = at_bob;
    leaving.send_frame(OutFrame::close(1000, "")).await;
    for client in [&mut guest.client, &mut at_ann.client] {
        until(client, &["ann"]).await;
    }
    at_ann.client.reset();
    until(&mut guest.client, &[]).await;
}

#[tokio::test]
async fn somebody_in_two_tabs_is_there_once_until_both_are_closed() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let ann = person(addr, "ann").await;
    let mut guest = greeted(addr, &[]).await.client;
    let first = come(addr, &ann).await;
    until(&mut guest, &["ann"]).await;
    let second = come(addr, &ann).await;
    assert_eq!(second.online, ["ann"]);
    first.client.reset();
    let bob = come(addr, &person(addr, "bob").await).await;
    assert_eq!(until(&mut guest, &["ann", "bob"]).await, 1, "a second tab is no news, nor is its end");
    drop(bob);
    until(&mut guest, &["ann"]).await;
    second.client.reset();
    until(&mut guest, &[]).await;
}

#[tokio::test]
async fn guests_and_other_endpoints_are_nobody() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let ann = person(addr, "ann").await;
    let mut guest = greeted(addr, &[]).await.client;
    let (_echo, _) = WireClient::open_with(addr, "/echo", &[("Cookie", &ann)]).await;
    let (_chat, _) = WireClient::open_with(addr, "/chat", &[("Cookie", &ann)]).await;
    let _another = greeted(addr, &[]).await;
    let bob = come(addr, &person(addr, "bob").await).await;
    assert_eq!(bob.online, ["bob"]);
    assert_eq!(until(&mut guest, &["bob"]).await, 1);
}

#[tokio::test]
async fn a_storm_of_changes_is_few_lists_and_the_last_one_is_right() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let mut watcher = greeted(addr, &[]).await.client;
    let mut cookies = Vec::new();
    for number in 0..12 {
        cookies.push(person(addr, &format!("user{number:02}")).await);
    }
    let began = Instant::now();
    for _ in 0..10 {
        let mut there = Vec::new();
        for cookie in &cookies {
            there.push(come(addr, cookie).await);
        }
        for connection in there {
            connection.client.reset();
        }
    }
    let stayed = come(addr, &cookies[7]).await;
    let lists = until(&mut watcher, &["user07"]).await;
    // What was sent within this time, at five a second, and the first and the last.
    let allowed = usize::try_from(began.elapsed().as_millis() / 200).unwrap() + 2;
    assert!(lists <= allowed, "{lists} lists where {allowed} are allowed");
    // It can be right by chance, and change once more: then that is to be the end of it.
    drop(stayed);
    until(&mut watcher, &[]).await;
}

#[tokio::test]
async fn who_signs_out_is_closed_with_1008_and_gone_from_the_list() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let ann = person(addr, "ann").await;
    let mut guest = greeted(addr, &[]).await.client;
    let mut tabs = [come(addr, &ann).await.client, come(addr, &ann).await.client];
    let (mut chat, _) = WireClient::open_with(addr, "/chat", &[("Cookie", &ann)]).await;
    until(&mut guest, &["ann"]).await;
    let answer = http(addr, "GET", "/logout", &[("Cookie", &ann)], "").await;
    assert_eq!(answer.status(), 302);
    for tab in &mut tabs {
        tab.assert_closed(1008).await;
    }
    chat.assert_closed(1008).await;
    until(&mut guest, &[]).await;
    // The cookie is worth nothing now, and its holder a guest.
    assert!(come(addr, &ann).await.online.is_empty());
}

#[tokio::test]
async fn who_asks_for_much_and_reads_nothing_of_it_is_gone_in_the_end() {
    let server = TestServer::with(|config| config.idle_deadline = Duration::from_secs(2)).await;
    let addr = server.addr();
    let (ann, bob) = (person(addr, "ann").await, person(addr, "bob").await);
    let (mut at_ann, _) = AppClient::greeted(addr, &ann).await;
    let text = "x".repeat(60_000);
    // More than the system keeps for a connection that does not read.
    for _ in 0..300 {
        at_ann.say(&json!({"messageType": "direct_message", "targetUser": "bob", "text": text}));
        at_ann.hear_a("direct_message").await;
    }
    let mut at_bob = come(addr, &bob).await.client;
    at_bob.send_frame(OutFrame::text(r#"{"messageType":"select_user","targetUser":"ann"}"#)).await;
    while names(&at_ann.hear_a("active_users_list").await) != ["ann", "bob"] {}
    while names(&at_ann.hear_a("active_users_list").await) != ["ann"] {}
}

#[tokio::test]
async fn who_is_online_can_be_asked_without_a_socket() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let ask = async || http(addr, "GET", "/api/users/online", &[], "").await.body;
    assert_eq!(ask().await, r#"{"users":[]}"#);
    let _ann = come(addr, &person(addr, "ann").await).await;
    let _bob = come(addr, &person(addr, "bob").await).await;
    assert_eq!(ask().await, r#"{"users":[{"username":"ann"},{"username":"bob"}]}"#);
}
