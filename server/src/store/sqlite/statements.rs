//! What is asked of the database, in its language.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::store::{
    Account, Append, Appended, Call, Item, Page, Part, Session, StoreError, Stream, TokenHash, User, UserId,
};

/// Adds an item, within a transaction.
pub(super) fn append(db: &Connection, append: &Append, now: i64) -> Result<Appended> {
    if let Some(sent) = &append.id {
        let mut known = db.prepare_cached("SELECT seq FROM sent WHERE sender = ?1 AND id = ?2")?;
        if let Some(seq) = known.query_row((&sent.sender, &sent.id), |row| row.get(0)).optional()? {
            return Ok(Appended::Known(seq));
        }
    }
    let name = stream_name(&append.stream);
    let (stream, seq) = match stream_and_head(db, &name)? {
        Some((stream, head)) => (stream, head + 1),
        None => {
            db.prepare_cached("INSERT INTO streams (name) VALUES (?1)")?.execute([&name])?;
            (db.last_insert_rowid(), 1)
        }
    };
    db.prepare_cached("INSERT INTO items (stream, seq, author, body, created) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![stream, seq, append.author, append.body, now])?;
    if let Some(sent) = &append.id {
        db.prepare_cached("INSERT INTO sent (sender, id, seq) VALUES (?1, ?2, ?3)")?.execute((
            &sent.sender,
            &sent.id,
            seq,
        ))?;
    }
    Ok(Appended::New(seq))
}

pub(super) fn read(db: &Connection, stream: &Stream, part: Part) -> Result<Page> {
    // Both questions see the same moment.
    let moment = db.unchecked_transaction()?;
    let Some((stream, head)) = stream_and_head(&moment, &stream_name(stream))? else { return Ok(Page::default()) };
    let mut items = Vec::new();
    match part {
        Part::After { after, limit } => {
            let mut rows = moment.prepare_cached(
                "SELECT seq, author, body FROM items WHERE stream = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            )?;
            items.reserve(head.saturating_sub(after).try_into().unwrap_or(usize::MAX).min(limit));
            for item in rows.query_map((stream, clamped(after), count(limit)), item)? {
                items.push(item?);
            }
        }
        Part::Before { before, limit } => {
            let mut rows = moment.prepare_cached(
                "SELECT seq, author, body FROM items WHERE stream = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            )?;
            let before = before.map_or(i64::MAX, clamped);
            for item in rows.query_map((stream, before, count(limit)), item)? {
                items.push(item?);
            }
            items.reverse();
        }
    }
    Ok(Page { items, head })
}

/// What stands for a stream, and the number of its last item.
fn stream_and_head(db: &Connection, name: &str) -> Result<Option<(i64, u64)>> {
    db.prepare_cached("SELECT id, (SELECT max(seq) FROM items WHERE stream = id) FROM streams WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// `None` if the name is taken.
pub(super) fn create_user(db: &Connection, name: &str, password: &str, now: i64) -> Result<Option<User>> {
    db.prepare_cached(
        "INSERT INTO users (name, password, created) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING
         RETURNING id, name",
    )?
    .query_row((name, password, now), user)
    .optional()
}

pub(super) fn account(db: &Connection, name: &str) -> Result<Option<Account>> {
    db.prepare_cached("SELECT id, name, password FROM users WHERE name = ?1")?
        .query_row([name], |row| Ok(Account { user: user(row)?, password: row.get(2)? }))
        .optional()
}

pub(super) fn users(db: &Connection) -> Result<Vec<User>> {
    db.prepare_cached("SELECT id, name FROM users ORDER BY name")?.query_map([], user)?.collect()
}

pub(super) fn change_password(db: &Connection, user: UserId, password: &str) -> Result<()> {
    db.prepare_cached("UPDATE users SET password = ?2 WHERE id = ?1")?.execute((user.0, password)).map(drop)
}

/// Those that expired go first.
pub(super) fn create_session(db: &Connection, session: &Session, now: i64) -> Result<()> {
    db.prepare_cached("DELETE FROM sessions WHERE expires <= ?1")?.execute([now])?;
    db.prepare_cached("INSERT INTO sessions (token, user, created, expires, agent) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((session.token.0, session.user.0, session.created, session.expires, &session.agent))
        .map(drop)
}

/// Whether it has expired or not.
pub(super) fn session(db: &Connection, token: TokenHash) -> Result<Option<(Session, User)>> {
    db.prepare_cached(
        "SELECT users.id, users.name, sessions.created, expires, agent
         FROM sessions JOIN users ON users.id = user WHERE token = ?1",
    )?
    .query_row([token.0], |row| {
        let user = user(row)?;
        let session = Session { token, user: user.id, created: row.get(2)?, expires: row.get(3)?, agent: row.get(4)? };
        Ok((session, user))
    })
    .optional()
}

pub(super) fn sessions(db: &Connection, user: UserId, now: i64) -> Result<Vec<Session>> {
    db.prepare_cached(
        "SELECT token, created, expires, agent FROM sessions WHERE user = ?1 AND expires > ?2
         ORDER BY created DESC, token",
    )?
    .query_map((user.0, now), |row| {
        let token = TokenHash(row.get(0)?);
        Ok(Session { token, user, created: row.get(1)?, expires: row.get(2)?, agent: row.get(3)? })
    })?
    .collect()
}

/// False if there was none, or it had expired.
pub(super) fn end_session(db: &Connection, token: TokenHash, now: i64) -> Result<bool> {
    let expires: Option<i64> = db
        .prepare_cached("DELETE FROM sessions WHERE token = ?1 RETURNING expires")?
        .query_row([token.0], |row| row.get(0))
        .optional()?;
    Ok(expires.is_some_and(|expires| expires > now))
}

pub(super) fn end_sessions(db: &Connection, user: UserId, kept: Option<TokenHash>) -> Result<Vec<TokenHash>> {
    db.prepare_cached("DELETE FROM sessions WHERE user = ?1 AND token IS NOT ?2 RETURNING token")?
        .query_map((user.0, kept.map(|token| token.0)), |row| row.get(0).map(TokenHash))?
        .collect()
}

pub(super) fn create_call(db: &Connection, call: &Call, now: i64) -> Result<()> {
    db.prepare_cached("INSERT INTO calls (id, name, used) VALUES (?1, ?2, ?3)")?
        .execute((&call.id, &call.name, now))
        .map(drop)
}

pub(super) fn call(db: &Connection, id: &str) -> Result<Option<Call>> {
    db.prepare_cached("SELECT id, name FROM calls WHERE id = ?1")?.query_row([id], call_row).optional()
}

/// `besides` is a JSON array of ids.
pub(super) fn calls(db: &Connection, since: i64, besides: &str) -> Result<Vec<Call>> {
    db.prepare_cached(
        "SELECT id, name FROM calls WHERE number IN (
             SELECT number FROM calls WHERE used >= ?1
             UNION SELECT number FROM calls WHERE id IN (SELECT value FROM json_each(?2))
         ) ORDER BY number",
    )?
    .query_map((since, besides), call_row)?
    .collect()
}

pub(super) fn touch_call(db: &Connection, id: &str, now: i64) -> Result<()> {
    db.prepare_cached("UPDATE calls SET used = max(used, ?2) WHERE id = ?1")?.execute((id, now)).map(drop)
}

/// What is kept under the name; `fresh`, if that is nothing.
pub(super) fn secret(db: &Connection, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32]> {
    db.prepare_cached("INSERT INTO secrets (name, bytes) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
        .execute((name, fresh))?;
    db.prepare_cached("SELECT bytes FROM secrets WHERE name = ?1")?.query_one([name], |row| row.get(0))
}

/// Writes something, for nothing.
pub(super) fn try_writing(db: &Connection, now: i64) -> Result<()> {
    db.prepare_cached("UPDATE trial SET at = ?1")?.execute([now]).map(drop)
}

fn stream_name(stream: &Stream) -> String {
    match stream {
        Stream::Board => "board".to_owned(),
        Stream::Room(id) => format!("room:{id}"),
        Stream::Direct(pair) => {
            let (low, high) = pair.ids();
            format!("direct:{}:{}", low.0, high.0)
        }
    }
}

fn item(row: &Row<'_>) -> Result<Item> {
    Ok(Item { seq: row.get(0)?, author: row.get(1)?, body: row.get(2)? })
}

fn user(row: &Row<'_>) -> Result<User> {
    Ok(User { id: UserId(row.get(0)?), name: row.get::<_, String>(1)?.into() })
}

fn call_row(row: &Row<'_>) -> Result<Call> {
    Ok(Call { id: row.get(0)?, name: row.get(1)? })
}

/// No stream is that long.
fn clamped(seq: u64) -> i64 {
    seq.try_into().unwrap_or(i64::MAX)
}

fn count(limit: usize) -> i64 {
    limit.try_into().unwrap_or(i64::MAX)
}

/// What the outside hears of a failure.
pub(super) fn outcome(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Failed,
    }
}
