//! Nothing that anybody was shown is lost: people draw, write to each other and talk while the server is killed with
//! -9, again and again, at moments that nobody chose. `KILL_ROUNDS` says how often.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use framescope_tests::{AppClient, PATIENCE, ServerProcess, person};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const PEOPLE: [&str; 2] = ["ann", "bob"];
const ROOM: &str = "kitchen";

/// Sent and not yet known to be stored.
const WINDOW: usize = 6;

#[tokio::test]
async fn what_anybody_was_shown_survives_being_killed() {
    let rounds = std::env::var("KILL_ROUNDS").map_or(50, |rounds| rounds.parse().expect("a number of rounds"));
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start_on(folder.path(), &[]).await;
    let mut cookies = Vec::new();
    for name in PEOPLE {
        cookies.push(person(server.addr(), name).await);
    }
    let mut actors = Vec::new();
    for (name, cookie) in PEOPLE.into_iter().zip(&cookies) {
        for stream in [Stream::Board, Stream::Direct, Stream::Room] {
            // One of the two draws without ids, as any front end may.
            let has_ids = stream != Stream::Board || name == "ann";
            actors.push(Actor { name, cookie: cookie.clone(), stream, has_ids, next: 0, unstored: VecDeque::new() });
        }
    }
    let mut record = Record::default();
    let (mut shown, mut starts) = (0, Vec::new());
    for round in 0..rounds {
        let addr = server.addr();
        let (ready, mut is_ready) = mpsc::channel(1);
        let playing: Vec<_> = actors
            .into_iter()
            .map(|mut actor| {
                let ready = ready.clone();
                tokio::spawn(async move {
                    let seen = actor.play(addr, ready).await;
                    (actor, seen)
                })
            })
            .collect();
        drop(ready);
        assert_eq!(is_ready.recv().await, None, "all are there");
        let office = tokio::spawn(office(addr, round, cookies[0].clone()));
        tokio::time::sleep(some_of(Duration::from_millis(120))).await;
        server.signal("KILL");
        server.wait().await;
        let start = Instant::now();
        server = ServerProcess::start_on(folder.path(), &[]).await;
        starts.push(start.elapsed());
        let after = Record::read(server.addr(), &cookies[0]).await;
        after.follows(&record);
        actors = Vec::new();
        for one in playing {
            let (actor, seen) = one.await.unwrap();
            shown += seen.heard.values().count() + seen.stored.len();
            after.holds(&actor, &seen);
            actors.push(actor);
        }
        let (user, call) = office.await.unwrap();
        shown += usize::from(user.is_some()) + usize::from(call.is_some());
        assert!(user.is_none_or(|user| after.users.contains(&user)), "a registration is lost in round {round}");
        assert!(call.is_none_or(|call| after.calls.contains(&call)), "a call is lost in round {round}");
        record = after;
    }
    // In the end everything that was sent with an id gets through, once.
    let addr = server.addr();
    for actor in &mut actors {
        actor.settle(addr).await;
    }
    let settled = Record::read(addr, &cookies[0]).await;
    settled.follows(&record);
    for actor in actors.iter().filter(|actor| actor.has_ids) {
        let own: Vec<_> = settled.of(actor.stream).iter().filter(|item| item.by == actor.name).collect();
        assert_eq!(own.len(), actor.next, "{actor:?}: all, and each once");
    }
    starts.sort_unstable();
    let (middle, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    println!("{rounds} rounds, {shown} items shown, none lost; ready again in {middle:?}, {slowest:?} at the most");
    assert!(middle < Duration::from_secs(1), "{middle:?} until ready again");
}

/// What is written to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stream {
    Board,
    Direct,
    Room,
}

/// A stroke or a message: who made it, and which of theirs it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item {
    by: String,
    number: usize,
}

/// One connection that writes to one stream, and what it remembers from one round to the next.
#[derive(Debug)]
struct Actor {
    name: &'static str,
    cookie: String,
    stream: Stream,
    has_ids: bool,
    /// Of the next item.
    next: usize,
    /// Sent with an id, and to be sent again until it is known to be stored.
    unstored: VecDeque<usize>,
}

/// What a connection was shown in a round.
#[derive(Default)]
struct Seen {
    /// How much was in the stream when it came; unknown for direct messages.
    base: Option<usize>,
    heard: Heard,
    /// Of its own, what it was told is stored.
    stored: Vec<usize>,
}

#[derive(Default)]
struct Heard {
    board: Vec<Item>,
    direct: Vec<Item>,
    room: Vec<Item>,
}

impl Heard {
    fn values(&self) -> impl Iterator<Item = &Item> {
        self.board.iter().chain(&self.direct).chain(&self.room)
    }
}

impl Actor {
    /// Writes and listens until the connection is lost.
    async fn play(&mut self, addr: SocketAddr, ready: mpsc::Sender<()>) -> Seen {
        let (mut client, mut seen) = self.enter(addr).await;
        drop(ready);
        for number in self.unstored.clone() {
            self.send(&client, number);
        }
        // Without ids, what comes back to it shows how much is on its way.
        let mut returned = self.next;
        loop {
            let on_their_way = if self.has_ids { self.unstored.len() } else { self.next - returned };
            for _ in on_their_way..WINDOW {
                self.send(&client, self.next);
                if self.has_ids {
                    self.unstored.push_back(self.next);
                }
                self.next += 1;
            }
            match client.hear_or_end().await {
                Ok(message) => {
                    self.note(&message, &mut seen);
                    if !self.has_ids {
                        returned = seen
                            .heard
                            .board
                            .iter()
                            .rfind(|item| item.by == self.name)
                            .map_or(returned, |item| item.number + 1);
                    }
                }
                Err(_) => return seen,
            }
        }
    }

    /// Sends again what is not known to be stored, until it is.
    async fn settle(&mut self, addr: SocketAddr) {
        let (mut client, mut seen) = self.enter(addr).await;
        for number in self.unstored.clone() {
            self.send(&client, number);
        }
        while !self.unstored.is_empty() {
            let message = client.hear().await;
            self.note(&message, &mut seen);
        }
    }

    async fn enter(&self, addr: SocketAddr) -> (AppClient, Seen) {
        let mut seen = Seen::default();
        if self.stream != Stream::Room {
            let (client, strokes) = AppClient::greeted(addr, &self.cookie).await;
            seen.base = Some(strokes.len());
            return (client, seen);
        }
        let mut client = AppClient::open(addr, "/chat", &self.cookie).await;
        client.say(&json!({"type": "room-connect", "roomId": ROOM, "name": self.name}));
        let connected = client.hear_a("room-connected").await;
        seen.base = Some(connected["messages"].as_array().expect("messages").len());
        (client, seen)
    }

    fn send(&self, client: &AppClient, number: usize) {
        let mut message = match self.stream {
            Stream::Board => {
                json!({"messageType": "drawing", "startX": number, "startY": 0.5, "endX": 1, "endY": -2e3,
                       "color": "#12ab9f", "by": self.name})
            }
            Stream::Direct => {
                let other = PEOPLE[usize::from(self.name == PEOPLE[0])];
                json!({"messageType": "direct_message", "targetUser": other, "text": number.to_string()})
            }
            Stream::Room => json!({"type": "send-message", "message": number.to_string()}),
        };
        if self.has_ids {
            message["id"] = format!("{:?} {number}", self.stream).into();
        }
        // The connection may be lost, which shows in what comes next.
        let _ = client.client.send(message.to_string().as_str());
    }

    fn note(&mut self, message: &Value, seen: &mut Seen) {
        match message["messageType"].as_str().or_else(|| message["type"].as_str()) {
            Some("drawing") => seen.heard.board.push(stroke(message)),
            Some("direct_message") => seen.heard.direct.push(text_item(&message["fromUser"], &message["text"])),
            Some("receive-message") => seen.heard.room.push(text_item(&message["name"], &message["message"])),
            Some("stored") => {
                let id = message["id"].as_str().expect("an id");
                let number = id.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("one of ours");
                seen.stored.push(number);
                self.unstored.retain(|unstored| *unstored != number);
            }
            Some("active_users_list" | "members-changed") => {}
            _ => panic!("{}: {message}", self.name),
        }
    }
}

fn stroke(message: &Value) -> Item {
    let number = message["startX"].as_u64().and_then(|number| number.try_into().ok()).expect("as it was sent");
    Item { by: message["by"].as_str().expect("as it was sent").to_owned(), number }
}

fn text_item(by: &Value, text: &Value) -> Item {
    let number = text.as_str().and_then(|text| text.parse().ok()).expect("as it was sent");
    Item { by: by.as_str().expect("a name").to_owned(), number }
}

/// Registers somebody and creates a call, and says what it was told was done.
async fn office(addr: SocketAddr, round: usize, cookie: String) -> (Option<String>, Option<String>) {
    let name = format!("user{round}");
    let form = format!("username={name}&password=long+enough");
    let registered = post(addr, "/register", "application/x-www-form-urlencoded", &cookie, &form).await;
    let user = registered.filter(|answer| answer.starts_with("HTTP/1.1 201")).map(|_| name);
    let call = post(addr, "/api/video-calls", "application/json", &cookie, r#"{"name":"weekly"}"#).await;
    let body = call.and_then(|answer| answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()));
    let call = body.and_then(|body| serde_json::from_str::<Value>(&body).ok()?["id"].as_str().map(str::to_owned));
    (user, call)
}

/// The whole answer; `None` if the server went before it was there.
async fn post(addr: SocketAddr, path: &str, kind: &str, cookie: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).await.ok()?;
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nCookie: {cookie}\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer in time").ok()?;
    Some(answer)
}

/// All that the server has, as it says after a start.
#[derive(Default)]
struct Record {
    board: Vec<Item>,
    direct: Vec<Item>,
    room: Vec<Item>,
    users: BTreeSet<String>,
    calls: BTreeSet<String>,
}

impl Record {
    async fn read(addr: SocketAddr, cookie: &str) -> Self {
        let (mut client, strokes) = AppClient::greeted(addr, cookie).await;
        client.say(&json!({"messageType": "select_user", "targetUser": PEOPLE[1]}));
        let history = client.hear_a("message_history").await;
        client.say(&json!({"messageType": "get_all_users"}));
        let users = client.hear_a("all_users_list").await;
        client.say(&json!({"messageType": "get_calls"}));
        let calls = client.hear_a("call_list").await;
        let mut guest = AppClient::open(addr, "/chat", "").await;
        guest.say(&json!({"type": "room-connect", "roomId": ROOM, "name": "auditor"}));
        let room = guest.hear_a("room-connected").await;
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let names = |values: &Value, field: &str| {
            list(values).iter().map(|value| value[field].as_str().expect("a text").to_owned()).collect()
        };
        let record = Self {
            board: strokes.iter().map(stroke).collect(),
            direct: list(&history["messages"]).iter().map(|one| text_item(&one["fromUser"], &one["text"])).collect(),
            room: list(&room["messages"]).iter().map(|one| text_item(&one["sender"], &one["message"])).collect(),
            users: names(&users["users"], "username"),
            calls: names(&calls["calls"], "id"),
        };
        for items in [&record.board, &record.direct, &record.room] {
            let once: HashSet<_> = items.iter().collect();
            assert_eq!(once.len(), items.len(), "something is there twice");
        }
        record
    }

    fn of(&self, stream: Stream) -> &[Item] {
        match stream {
            Stream::Board => &self.board,
            Stream::Direct => &self.direct,
            Stream::Room => &self.room,
        }
    }

    /// What was there before is there still, in its order, before everything else.
    fn follows(&self, before: &Self) {
        for stream in [Stream::Board, Stream::Direct, Stream::Room] {
            assert!(self.of(stream).starts_with(before.of(stream)), "{stream:?} has changed under people's eyes");
        }
        assert!(self.users.is_superset(&before.users) && self.calls.is_superset(&before.calls));
    }

    /// What a connection was shown is there: in the same order, once, and with nothing in between that it was not
    /// shown.
    fn holds(&self, actor: &Actor, seen: &Seen) {
        let who = format!("{} at {:?}", actor.name, actor.stream);
        let base = seen.base.unwrap_or_default();
        if actor.stream == Stream::Room {
            let others = self.room.iter().skip(base).filter(|item| item.by != actor.name);
            in_order(&who, &seen.heard.room, others);
        } else {
            in_order(&who, &seen.heard.board, self.board.iter().skip(base));
            let first = seen.heard.direct.first();
            let rest = self.direct.iter().skip_while(|item| first.is_some_and(|first| first != *item));
            in_order(&who, &seen.heard.direct, rest);
        }
        let items: HashSet<_> = self.of(actor.stream).iter().collect();
        for number in &seen.stored {
            let item = Item { by: actor.name.to_owned(), number: *number };
            assert!(items.contains(&item), "{who}: {item:?} was said to be stored, and is lost");
        }
    }
}

fn in_order<'a>(who: &dyn fmt::Display, heard: &[Item], stored: impl Iterator<Item = &'a Item>) {
    let mut stored = stored.fuse();
    for (place, item) in heard.iter().enumerate() {
        assert_eq!(Some(item), stored.next(), "{who}: number {place} of {} that were shown", heard.len());
    }
}

/// Some time, less than `most`. No seed would bring a moment back: what else runs decides as well.
fn some_of(most: Duration) -> Duration {
    most.mul_f64((RandomState::new().hash_one(()) % 1000) as f64 / 1000.0)
}
