//! The byte tunnel from outside: to this server itself.

use framescope_codec::Opcode;
use framescope_tests::{OutFrame, TestServer, TunnelClient, WireClient, guest};

/// A port that leads through a tunnel to the server itself, for one connection.
async fn through(server: &TestServer, cookie: &str) -> std::net::SocketAddr {
    TunnelClient::open(server.addr(), "self", cookie).await.bridge().await.0
}

#[tokio::test]
async fn what_goes_in_is_served_like_what_comes_over_a_socket() {
    let server = TestServer::start().await;
    let cookie = guest(server.addr()).await;
    let mut client = WireClient::open(through(&server, &cookie).await, "/echo").await;
    client.assert_echoes("through and back").await;
    let big = vec![7; 1 << 20];
    client.send_frame(OutFrame::binary(big.clone())).await;
    let (opcode, _, payload) = client.message().await;
    assert!(opcode == Opcode::Binary && payload == big);
    for piece in ["frag", "men", "ted"] {
        let frame = if piece == "frag" { OutFrame::text(piece) } else { OutFrame::continuation(piece) };
        client.send_frame(if piece == "ted" { frame } else { frame.unfinished() }).await;
    }
    assert_eq!(client.text().await, "fragmented");
    client.send_frame(OutFrame::close(1000, "done")).await;
    client.assert_closed(1000).await;
}
