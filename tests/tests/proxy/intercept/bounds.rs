//! What interception costs, and whom.

use std::time::Duration;

use framescope_codec::{Compressor, DeflateParams, Role};
use framescope_tests::{OutFrame, ServerProcess};
use serde_json::json;

use super::holding::connect_compressing;
use super::{Operator, intercepted, stays_silent};
use crate::{Upstream, connect, read};

#[tokio::test]
async fn a_sender_waits_when_enough_of_what_it_says_is_held_and_memory_stays_bounded() {
    let (proxy, _upstream, mut operator, mut client, mut stream) = intercepted("opcode == text").await;
    client.send_frame(OutFrame::text("held")).await;
    let (id, ..) = operator.held().await;
    let before = proxy.rss();
    // Behind it, far more than may wait.
    client.patience = Duration::from_secs(2);
    let frame = OutFrame::binary(vec![7; 60_000]).bytes();
    let mut sent = 0;
    while client.try_send(&frame).await.is_ok() {
        sent += 1;
        assert!(sent < 1000, "nobody stops it");
    }
    assert!(proxy.rss() < before + (16 << 20), "{} more", proxy.rss() - before);
    stays_silent(&mut stream).await;
    operator.say(&json!({ "forward": id })).await;
    read(&mut stream, OutFrame::text("held").bytes().len()).await;
    for _ in 0..sent {
        assert!(read(&mut stream, frame.len()).await == frame);
    }
}

#[tokio::test]
async fn what_is_held_inflated_counts_and_is_left_out_where_it_would_be_too_much() {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &[], "").await;
    let mut operator = Operator::at(&proxy).await;
    operator.hold("compressed").await;
    let extension = "permessage-deflate; client_no_context_takeover";
    let (mut client, mut stream) = connect_compressing(&proxy, &upstream, extension).await;
    let params = DeflateParams { client_no_context_takeover: true, ..DeflateParams::default() };
    let mut payload = Vec::new();
    Compressor::new(params, Role::Client, 6).compress(&vec![0; 1 << 20], &mut payload);
    let sent = OutFrame::binary(payload).rsv(4).bytes().repeat(300);
    let before = proxy.rss();
    client.send(&sent).await;
    let mut copies = Vec::new();
    for _ in 0..4 {
        let held = operator.hear("held").await;
        copies.push(held["inflated"].as_str().map(str::len));
    }
    let whole = Some((1_usize << 20).div_ceil(3) * 4);
    assert_eq!(copies, [whole, whole, None, None]);
    assert!(proxy.rss() < before + (32 << 20), "{} more", proxy.rss() - before);
    operator.say(&json!({ "filter": null })).await;
    assert!(read(&mut stream, sent.len()).await == sent);
}

#[tokio::test]
async fn a_frame_that_is_too_long_goes_by_and_that_is_said() {
    let (_proxy, _upstream, mut operator, mut client, mut stream) = intercepted("opcode == binary").await;
    let long = OutFrame::binary(vec![7; (1 << 20) + 1]).bytes();
    client.send(&long).await;
    assert!(read(&mut stream, long.len()).await == long);
    let unheld = operator.hear("unheld").await;
    assert_eq!(
        (&unheld["count"], &unheld["length"], &unheld["direction"]),
        (&json!(1), &json!((1 << 20) + 1), &json!("c2s"))
    );
    // One that just fits is held.
    let fits = OutFrame::binary(vec![7; (1 << 20) - 14]).bytes();
    client.send(&fits).await;
    let (id, _, bytes) = operator.held().await;
    assert!(bytes == fits);
    operator.say(&json!({ "forward": id })).await;
    assert!(read(&mut stream, fits.len()).await == fits);
}

#[tokio::test]
async fn a_connection_of_which_nothing_is_held_does_not_notice() {
    let (proxy, upstream, mut operator, mut client, mut stream) = intercepted(r#"text contains "held""#).await;
    client.send_frame(OutFrame::text("held")).await;
    operator.held().await;
    let (mut bystander, mut its_stream) = connect(&proxy, &upstream).await;
    let frame = OutFrame::text("something else").bytes();
    // Each goes on while the other connection's is held, which nobody lets go here.
    for _ in 0..200 {
        bystander.send(&frame).await;
        assert_eq!(read(&mut its_stream, frame.len()).await, frame);
    }
    stays_silent(&mut stream).await;
}
