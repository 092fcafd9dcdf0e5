//! Says hello to an echo server: `cargo run --example client [URL]`.

use framescope_server::{CloseCode, CloseFrame, WebSocketClient};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".into());
    let mut client = WebSocketClient::connect(&url).await?;
    client.send("Hello")?;
    client.ping(b"are you there?")?;
    client.close(CloseFrame::new(CloseCode::NORMAL, "that was all"))?;
    while let Some(event) = client.next().await {
        println!("{event:?}");
    }
    Ok(())
}
