//! The native client as Autobahn's client under test: `cargo run --example autobahn_client -- ws://127.0.0.1:9001`.
//!
//! The fuzzing server counts its cases at `/getCaseCount`, runs one on each connection to `/runCase`, and ends with
//! `/updateReports`. All there is to do for the client is to send back each message.

use framescope_server::{ClientOptions, Event, Offer, WebSocketClient};

/// What the cases want of a client: large messages, and compression of every reply, however small.
fn options() -> ClientOptions {
    let limits = framescope_codec::Config {
        message_max: 64 << 20,
        compress_min: 0,
        compress_always: true,
        compression_level: 1,
        ..framescope_codec::Config::default()
    };
    // Some cases take up only an offer that says we would begin each message with an empty window.
    let compression = vec![Offer::BROWSER, Offer { client_no_context_takeover: true, ..Offer::BROWSER }];
    ClientOptions { compression, limits, queue_max: 64 << 20, ..ClientOptions::default() }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = std::env::args().nth(1).ok_or("which address? ws://127.0.0.1:9001 for example")?;
    let mut counter = WebSocketClient::connect(&format!("{base}/getCaseCount")).await?;
    let mut count = 0;
    while let Some(event) = counter.next().await {
        if let Event::Text(text) = event {
            count = text.parse()?;
        }
    }
    for case in 1..=count {
        let url = format!("{base}/runCase?case={case}&agent=framescope");
        let mut client = WebSocketClient::connect_with(&url, options()).await?;
        client.on_message(|message, client| client.send(message));
        client.run().await;
    }
    WebSocketClient::connect(&format!("{base}/updateReports?agent=framescope")).await?.run().await;
    println!("{count} cases");
    Ok(())
}
