//! What becomes of the data folder when things go wrong around it, from outside.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use framescope_tests::{AppClient, ServerProcess, http};
use serde_json::{Value, json};

fn stroke(number: u32) -> Value {
    json!({"messageType": "drawing", "startX": number, "startY": 0, "endX": 1, "endY": 1, "color": "#fff"})
}

/// Sets how large this process's files may become, as `ulimit -f` does; `unlimited` lifts that.
fn limit_files(server: &ServerProcess, most: &str) {
    let limit = format!("--fsize={most}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status();
    assert!(status.expect("prlimit runs").success());
}

#[tokio::test]
async fn a_full_disk_stops_what_is_stored_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    // The log is on the same disk: that it cannot be written either must not matter.
    let log = folder.path().join("log");
    let server = ServerProcess::start_on_with_log(&folder.path().join("data"), &log).await;
    let (mut painter, _) = AppClient::greeted(server.addr(), "").await;
    assert_eq!(painter.ask(&stroke(1)).await["startX"], 1);
    let status = async |path| http(server.addr(), "GET", path, &[], "").await.status();
    assert_eq!(status("/readyz").await, 200);

    limit_files(&server, "1");
    for number in 2..10 {
        let answer = painter.ask(&stroke(number)).await;
        assert_eq!(answer["messageType"], "error", "{answer}");
        painter.assert_quiet().await;
    }
    let (mut late, strokes) = AppClient::greeted(server.addr(), "").await;
    assert_eq!(strokes.len(), 1, "reading goes on: {strokes:?}");
    let ready = async || while status("/readyz").await == 200 {};
    tokio::time::timeout(framescope_tests::PATIENCE, ready()).await.expect("it says that it is not ready");
    assert_eq!(status("/healthz").await, 200);

    limit_files(&server, "unlimited");
    assert_eq!(painter.ask(&stroke(10)).await["startX"], 10, "it recovers by itself");
    assert_eq!(late.hear_a("drawing").await["startX"], 10, "the first that was heard since");
    assert_eq!(status("/readyz").await, 200);
    let (_, strokes) = AppClient::greeted(server.addr(), "").await;
    assert_eq!(strokes.iter().map(|stroke| stroke["startX"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 10]);
}

#[tokio::test]
async fn a_stop_leaves_one_file_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("below/data");
    let mut server = ServerProcess::start_on(&data, &[]).await;
    let (mut painter, _) = AppClient::greeted(server.addr(), "").await;
    for number in 0..100 {
        painter.say(&stroke(number));
    }
    for number in 0..100 {
        assert_eq!(painter.hear().await["startX"], number);
    }
    server.signal("TERM");
    assert!(server.wait().await.success());
    assert!(data.join("framescope.db").exists() && !data.join("framescope.db-wal").exists());
    let server = ServerProcess::start_on(&data, &[]).await;
    assert_eq!(AppClient::greeted(server.addr(), "").await.1.len(), 100);
}

/// The program has to end at once, with 1 and with one line.
async fn refused(folder: &Path, why: &str) {
    let folder = folder.to_str().expect("a path in UTF-8");
    let Output { status, stdout, stderr } =
        ServerProcess::run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", folder]).await;
    let stderr = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stdout.is_empty(), "it does not say that it listens");
    assert!(stderr.starts_with("framescope: data-dir: ") && stderr.contains(why), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start_on(folder.path(), &[]).await;
    let (mut painter, _) = AppClient::greeted(server.addr(), "").await;
    for number in 0..500 {
        painter.say(&stroke(number));
    }
    for _ in 0..500 {
        painter.hear_a("drawing").await;
    }
    refused(folder.path(), "another server is using it").await;
    server.signal("KILL");
    server.wait().await;
    let server = ServerProcess::start_on(folder.path(), &[]).await;
    assert_eq!(AppClient::greeted(server.addr(), "").await.1.len(), 500, "nobody else is using it any more");
    server.signal("TERM");
    let mut server = server;
    server.wait().await;

    let file = folder.path().join("framescope.db");
    let whole = fs::read(&file).unwrap();
    for (content, why) in [
        (&whole[..whole.len() / 2], "is cut short"),
        (&b"My shopping list: milk, bread, a faster disk"[..], "is no SQLite database"),
        (&b""[..], "is empty"),
    ] {
        fs::write(&file, content).unwrap();
        refused(folder.path(), why).await;
        assert_eq!(fs::read(&file).unwrap(), content, "it is left as it was");
    }
    refused(&file, "File exists").await;
}
