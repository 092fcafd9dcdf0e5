//! An echo server: `cargo run --example echo`, then `cargo run --example client`.

use framescope_server::{WebSocketConnection, WebSocketServer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let server = WebSocketServer::new(9001, |connection: WebSocketConnection| {
        println!("{} is here", connection.peer());
        connection.on_message(|message, connection| connection.send(message));
        connection.on_close(|connection| println!("{} is gone: {:?}", connection.peer(), connection.closed()));
    });
    println!("ws://127.0.0.1:9001/");
    server.run().await
}
