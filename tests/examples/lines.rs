//! The native client as a filter, for scripts in any language: `cargo run --example lines -- ws://127.0.0.1:8080/chat`.
//!
//! A line in is a message out, and a message in is a line out, each as a JSON string, so that a text may hold line
//! breaks. The first line out is `null`, once the connection is open; the last is `{"closed":1000,"reason":""}`, or
//! whatever the code. Further arguments are headers of the opening handshake, such as `Cookie: framescope_session=..`. The end of
//! standard input closes the connection.

use std::future::poll_fn;
use std::io::{BufRead, Write};
use std::pin::pin;
use std::task::Poll;

use framescope_codec::{CloseCode, CloseFrame};
use framescope_server::{ClientOptions, Event, WebSocketClient};
use tokio::sync::mpsc;

/// Bytes that may wait to be written before another line is read.
const WAITING_MAX: usize = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("which address? ws://127.0.0.1:8080/chat for example")?;
    let headers = arguments
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect::<Option<_>>()
        .ok_or("a header is a name, a colon and a value")?;
    // A board's history is one message, and may be large.
    let limits = framescope_codec::Config { message_max: 1 << 30, ..framescope_codec::Config::default() };
    let mut client =
        WebSocketClient::connect_with(&url, ClientOptions { headers, limits, ..ClientOptions::default() }).await?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "null")?;
    stdout.flush()?;

    // Bounded: a server that reads slowly makes the script wait.
    let (line, mut lines) = mpsc::channel::<String>(64);
    std::thread::spawn(move || {
        for text in std::io::stdin().lock().lines().map_while(Result::ok) {
            if line.blocking_send(text).is_err() {
                return;
            }
        }
    });
    let mut ended = false;
    loop {
        // Looks at both whenever either moves: room for another line comes from what the client has written.
        let step = poll_fn(|cx| {
            if let Poll::Ready(event) = pin!(client.next()).poll(cx) {
                return Poll::Ready(Step::Event(event));
            }
            if ended || client.waiting() >= WAITING_MAX {
                return Poll::Pending;
            }
            lines.poll_recv(cx).map(Step::Line)
        });
        match step.await {
            Step::Line(Some(text)) => client.send(serde_json::from_str::<String>(&text)?.as_str())?,
            Step::Line(None) => {
                ended = true;
                // It may be closing already.
                let _ = client.close(CloseFrame::from(CloseCode::NORMAL));
            }
            Step::Event(Some(Event::Text(text))) => {
                writeln!(stdout, "{}", serde_json::to_string(&text)?)?;
                stdout.flush()?;
            }
            Step::Event(Some(Event::Closed(closed))) => {
                writeln!(stdout, "{}", serde_json::json!({ "closed": closed.code, "reason": closed.reason }))?;
                return Ok(stdout.flush()?);
            }
            Step::Event(Some(_)) => {}
            Step::Event(None) => return Ok(()),
        }
    }
}

enum Step {
    Line(Option<String>),
    Event(Option<Event>),
}
