//! Accounts, and sessions of theirs.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::client::http;
use super::server::{Folder, Server, kept};

/// How many passwords are hashed at once: the server's own queue is bounded, too.
const AT_ONCE: usize = 8;

const PASSWORD: &str = "correct+horse+battery";

pub(crate) fn name(at: usize) -> String {
    format!("person-{at:05}")
}

/// A folder in which `count` people are registered and signed in, and their cookies. Hashing passwords takes its time,
/// by intent, so this is done once and kept under `target/load`.
pub(crate) async fn signed_in(count: usize) -> (Folder, Vec<String>) {
    let data = kept(&format!("people-{count}"));
    let cookies: PathBuf = kept(&format!("people-{count}.cookies"));
    if let Ok(lines) = std::fs::read_to_string(&cookies) {
        let lines: Vec<_> = lines.lines().map(str::to_owned).collect();
        let folder = Folder::copy_of(&data);
        let server = Server::start(folder.path());
        server.ready().await;
        let last = lines.last().map_or("", String::as_str);
        if lines.len() == count && http(server.addr, "GET", "/api/users/@me", last, "").await.status == 200 {
            return (folder, lines);
        }
    }
    println!("  registering {count} people and signing them in, once ..");
    let folder = Folder::new();
    let server = Server::start(folder.path());
    server.ready().await;
    let mut lines = Vec::with_capacity(count);
    for first in (0..count).step_by(AT_ONCE) {
        let some: Vec<_> = (first..count.min(first + AT_ONCE))
            .map(|at| tokio::task::spawn_local(register_and_sign_in(server.addr, name(at))))
            .collect();
        for one in some {
            lines.push(one.await.unwrap());
        }
    }
    drop(server);
    folder.keep_as(&data);
    std::fs::write(&cookies, lines.join("\n")).unwrap();
    (Folder::copy_of(&data), lines)
}

async fn register_and_sign_in(addr: SocketAddr, name: String) -> String {
    let form = format!("username={name}&password={PASSWORD}");
    let answer = http(addr, "POST", "/register", "", &form).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let answer = http(addr, "POST", "/login", "", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.cookies()
}
