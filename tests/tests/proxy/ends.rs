//! How connections end: a FIN is passed on as a FIN, and an RST as an RST.

use std::time::Duration;

use framescope_tests::{Ending, PATIENCE, WireClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Upstream, connect, noise, proxy, read, relayed};

/// How the stream of an upstream ends.
pub(crate) async fn ending(stream: &mut TcpStream) -> Ending {
    let mut rest = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end") {
        Ok(_) => Ending::Fin,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            Ending::Reset
        }
    }
}

#[tokio::test]
async fn a_client_that_has_said_all_can_still_be_answered() {
    let (_proxy, mut client, mut stream) = relayed().await;
    client.send(b"\x81\x80\0\0\0\0").await;
    client.shut_down().await;
    let mut all = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("a FIN").unwrap();
    assert_eq!(all, b"\x81\x80\0\0\0\0");
    let answer = noise(1 << 20, 1);
    stream.write_all(&answer).await.unwrap();
    drop(stream);
    assert_eq!(client.ending().await, Ending::Fin);
    assert!(client.unread() == answer);
}

#[tokio::test]
async fn an_upstream_that_has_said_all_can_still_be_talked_to() {
    let (_proxy, mut client, mut stream) = relayed().await;
    stream.write_all(b"\x88\x00").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(client.ending().await, Ending::Fin);
    let more = noise(1 << 20, 2);
    client.send(&more).await;
    assert!(read(&mut stream, more.len()).await == more);
    drop(client);
    assert_eq!(ending(&mut stream).await, Ending::Fin);
}

#[tokio::test]
async fn who_breaks_off_is_seen_to_by_the_other() {
    let (_proxy, client, mut stream) = relayed().await;
    client.reset();
    assert_eq!(ending(&mut stream).await, Ending::Reset);
    let (_proxy, mut client, stream) = relayed().await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(client.ending().await, Ending::Reset);
}

#[tokio::test]
async fn what_was_said_before_breaking_off_arrives() {
    let (_proxy, mut client, mut stream) = relayed().await;
    stream.write_all(b"\x81\x04last").await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(client.ending().await, Ending::Reset);
    assert_eq!(client.unread(), b"\x81\x04last");
}

#[tokio::test]
async fn an_rst_arrives_although_the_other_direction_is_stuck() {
    let (proxy, mut client, mut stream) = relayed().await;
    // The upstream does not read, so the proxy does not read the client either.
    client.patience = Duration::from_millis(300);
    client.try_send(&noise(64 << 20, 3)).await.unwrap_err();
    let files = proxy.open_files();
    client.reset();
    super::eventually(|| proxy.open_files() == files - 2).await;
    assert_eq!(ending(&mut stream).await, Ending::Reset);
}

#[tokio::test]
async fn an_rst_arrives_behind_a_fin() {
    let (_proxy, mut client, mut stream) = relayed().await;
    client.shut_down().await;
    assert_eq!(ending(&mut stream).await, Ending::Fin);
    client.reset();
    // Nothing is written, so nothing but the proxy's own watching can tell.
    timeout(PATIENCE, stream.ready(Interest::ERROR)).await.expect("an RST").unwrap();
    assert!(stream.take_error().unwrap().is_some());
}

#[tokio::test]
async fn who_closes_with_more_on_its_way_breaks_off() {
    let (_proxy, mut client, stream) = relayed().await;
    client.send(b"never read").await;
    stream.peek(&mut [0]).await.unwrap();
    // Closing with unread bytes is an RST.
    drop(stream);
    assert_eq!(client.ending().await, Ending::Reset);
}

#[tokio::test]
async fn a_signal_ends_every_connection_with_what_was_on_its_way() {
    let upstream = Upstream::new().await;
    let mut proxy = proxy(&upstream.url(), &["--shutdown-deadline", "1h"]).await;
    let mut pairs = Vec::new();
    for _ in 0..10 {
        pairs.push(connect(&proxy, &upstream).await);
    }
    for (client, stream) in &mut pairs {
        client.send(b"on its way").await;
        assert_eq!(read(stream, 10).await, b"on its way");
    }
    proxy.signal("TERM");
    for (client, stream) in &mut pairs {
        assert_eq!(client.ending().await, Ending::Fin);
        assert_eq!(ending(stream).await, Ending::Fin);
        client.shut_down().await;
        stream.shutdown().await.unwrap();
    }
    assert!(proxy.wait().await.success());
    assert!(WireClient::try_connect(proxy.addr()).await.is_err());
}
