//! Connections that end while frames of theirs are held.

use framescope_codec::capture::intervention::Intervention;
use framescope_codec::capture::{End, Note, What};
use framescope_tests::{Ending, OutFrame, ServerProcess, Watch};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{Operator, intercepted, link, stays_silent};
use crate::ends::ending;
use crate::{Upstream, connect, read};

#[tokio::test]
async fn a_fin_waits_behind_what_is_held() {
    let (_proxy, _upstream, mut operator, mut client, mut stream) = intercepted("opcode == text").await;
    let sent = [OutFrame::text("held").bytes(), OutFrame::close(1000, "done").bytes()].concat();
    client.send(&sent).await;
    let (id, ..) = operator.held().await;
    client.shut_down().await;
    let list = operator.connections(|list| list.iter().any(|one| one["ended"] == json!(["c2s"]))).await;
    assert_eq!(list[0]["reset"], json!([]));
    stays_silent(&mut stream).await;
    stream.write_all(b"\x88\x00").await.unwrap();
    assert_eq!(client.close_frame().await.close_code(), None);
    operator.say(&json!({ "forward": id })).await;
    assert_eq!(read(&mut stream, sent.len()).await, sent);
    assert_eq!(ending(&mut stream).await, Ending::Fin);
    drop(stream);
    assert_eq!(client.ending().await, Ending::Fin);
    operator.connections(<[_]>::is_empty).await;
}

#[tokio::test]
async fn an_rst_of_the_sender_waits_behind_what_is_held() {
    let (_proxy, _upstream, mut operator, mut client, mut stream) = intercepted("opcode == text").await;
    let frame = OutFrame::text("held").bytes();
    client.send(&frame).await;
    let (id, ..) = operator.held().await;
    client.reset();
    operator.connections(|list| list.iter().any(|one| one["reset"] == json!(["c2s"]))).await;
    stays_silent(&mut stream).await;
    operator.say(&json!({ "forward": id })).await;
    assert_eq!(operator.hear("released").await["how"], "forwarded");
    assert_eq!(read(&mut stream, frame.len()).await, frame);
    assert_eq!(ending(&mut stream).await, Ending::Reset);
    operator.connections(<[_]>::is_empty).await;
}

#[tokio::test]
async fn what_is_held_for_somebody_who_is_gone_is_undelivered() {
    let upstream = Upstream::new().await;
    let proxy = ServerProcess::proxy(&upstream.url(), &[], "").await;
    let (addr, token) = link(&proxy);
    let mut watch = Watch::start_at(addr, &format!("/inspect/live?token={token}"), &[]).await;
    let mut operator = Operator::at(&proxy).await;
    operator.hold("").await;
    let (mut client, stream) = connect(&proxy, &upstream).await;
    client.send_frame(OutFrame::text("held")).await;
    let (id, ..) = operator.held().await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(client.ending().await, Ending::Reset);
    assert_eq!(operator.hear("released").await, json!({ "released": id, "how": "undelivered" }));
    operator.connections(<[_]>::is_empty).await;
    let seen = watch.until(|what| *what == What::End(End::Reset)).await;
    let is_said = |what: &What| match what {
        What::Note(Note::Intervened(Intervention::Undelivered { original, .. })) => original.bytes()[0] == 0x81,
        _ => false,
    };
    assert!(seen.iter().any(|(_, what)| is_said(what)), "{seen:?}");
}

#[tokio::test]
async fn a_proxy_that_stops_lets_everything_go() {
    let (mut proxy, _upstream, mut operator, mut client, mut stream) = intercepted("").await;
    let frame = OutFrame::text("held").bytes();
    client.send(&frame).await;
    operator.held().await;
    proxy.signal("TERM");
    assert_eq!(read(&mut stream, frame.len()).await, frame);
    assert_eq!(ending(&mut stream).await, Ending::Fin);
    drop(stream);
    client.shut_down().await;
    assert_eq!(client.ending().await, Ending::Fin);
    assert!(proxy.wait().await.success());
}
