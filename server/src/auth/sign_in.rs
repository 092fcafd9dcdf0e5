//! Registering, signing in and out, and what people can do with their account.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::password::{HashFailed, Place};
use super::throttle::Key;
use super::{Accounts, Caller, Login, Token};
use crate::bus::{Note, Topic};
use crate::store::{Session, StoreError, TokenHash, User, now};

/// A name and a password, as somebody typed them.
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Why somebody does not get what they asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is not acceptable; why, in words for them.
    Refused(&'static str),
    /// Too many wrong passwords: not for this long.
    Throttled(Duration),
    /// Too many others at the same time.
    Busy,
    /// The store does not answer.
    Store,
}

impl Accounts {
    /// Registers a user.
    pub(crate) async fn register(&self, Credentials { name, password }: Credentials) -> Result<User, Denied> {
        if !is_username(&name) {
            return Err(Denied::Refused("a name has 1 to 32 of the letters A-Z and a-z, digits, and _ . -"));
        }
        check_password(&password)?;
        // Saves the work for most; the store decides.
        if self.store.user(name.clone()).await?.is_some() {
            return Err(TAKEN);
        }
        let hash = self.hasher.hash(self.place()?, password).await?;
        let user = self.store.create_user(name, hash).await?.ok_or(TAKEN)?;
        self.bus.publish(Topic::Users, Arc::new(Note::bare()));
        Ok(user)
    }

    /// Begins a session for whoever knows the password. `agent` is what their browser calls itself.
    pub(crate) async fn sign_in(
        &self,
        Credentials { name, password }: Credentials,
        address: IpAddr,
        agent: &str,
    ) -> Result<Token, Denied> {
        // Nobody has such a name, and to find that out tells nobody anything.
        if !is_username(&name) {
            return Err(WRONG);
        }
        // Nor such a password; but it was a guess.
        if check_password(&password).is_err() {
            let attempt = self.throttle.attempt(&Key::new(&name, address)).await.map_err(Denied::Throttled)?;
            drop(attempt);
            return Err(WRONG);
        }
        let account = self.store.user(name.clone()).await?;
        let hash = account.as_ref().map(|account| account.password.clone());
        if !self.is_right(&name, address, password, hash.clone()).await? {
            return Err(WRONG);
        }
        let Some(account) = account else { return Err(WRONG) };
        let token = Token::generate();
        let created = now();
        let lifetime = i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX);
        let session = Session {
            token: token.hash(),
            user: account.user.id,
            created,
            expires: created.saturating_add(lifetime),
            agent: cut(agent, AGENT_MAX).to_owned(),
        };
        self.store.create_session(session).await?;
        // The password may have been changed meanwhile, which ended all sessions there were then.
        let account = self.store.user(name).await?;
        if account.map(|account| account.password) != hash {
            self.end(token.hash()).await?;
            return Err(WRONG);
        }
        Ok(token)
    }

    /// Ends the session that a request came with, and whoever is connected by it is told.
    pub(crate) async fn sign_out(&self, caller: &Caller) -> Result<(), Denied> {
        match &caller.login {
            Some(login) => self.end(login.token()).await,
            None => Ok(()),
        }
    }

    /// Replaces a password, and ends all sessions but this one.
    pub(crate) async fn change_password(
        &self,
        login: &Login,
        address: IpAddr,
        current: String,
        new: String,
    ) -> Result<(), Denied> {
        check_password(&new)?;
        let name = login.user().name.to_string();
        let account = self.store.user(name.clone()).await?.ok_or(Denied::Store)?;
        if check_password(&current).is_err() || !self.is_right(&name, address, current, Some(account.password)).await? {
            return Err(Denied::Refused("the current password is not right"));
        }
        let hash = self.hasher.hash(self.place()?, new).await?;
        self.store.change_password(login.user().id, hash).await?;
        self.end_others(login).await?;
        Ok(())
    }

    /// The sessions of this user.
    pub(crate) async fn sessions(&self, login: &Login) -> Result<Vec<Session>, Denied> {
        Ok(self.store.sessions(login.user().id).await?)
    }

    /// Ends all sessions of this user but this one, and says how many there were.
    pub(crate) async fn end_others(&self, login: &Login) -> Result<usize, Denied> {
        let ended = self.store.end_sessions(login.user().id, Some(login.token())).await?;
        for token in &ended {
            self.announce_end(*token);
        }
        Ok(ended.len())
    }

    async fn end(&self, token: TokenHash) -> Result<(), Denied> {
        if self.store.end_session(token).await? {
            self.announce_end(token);
        }
        Ok(())
    }

    /// Whether this is the password that was hashed, unless there were too many that were not.
    async fn is_right(
        &self,
        name: &str,
        address: IpAddr,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Denied> {
        let key = Key::new(name, address);
        // First, as those that will be refused must not fill the line.
        if let Some(wait) = self.throttle.refuses(&key) {
            return Err(Denied::Throttled(wait));
        }
        let place = self.place()?;
        let attempt = self.throttle.attempt(&key).await.map_err(Denied::Throttled)?;
        let is_right = self.hasher.is_right(place, password, hash).await;
        if !matches!(is_right, Ok(false)) {
            attempt.forgive();
        }
        Ok(is_right?)
    }

    fn place(&self) -> Result<Place, Denied> {
        self.hasher.place().ok_or(Denied::Busy)
    }
}

/// 1 to 32 of the characters that look the same to everybody: none that only a font or a normal form tells apart.
fn is_username(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// No rule but its length: enough not to be guessed, and not so much that hashing it is work.
fn check_password(password: &str) -> Result<(), Denied> {
    match password.len() {
        0..8 => Err(Denied::Refused("a password has at least 8 characters")),
        8..=256 => Ok(()),
        _ => Err(Denied::Refused("a password has at most 256 bytes")),
    }
}

/// As much of a text as fits into `max` bytes.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

const TAKEN: Denied = Denied::Refused("this name is taken");

/// One answer, whichever of the two it was.
const WRONG: Denied = Denied::Refused("name or password is wrong");

/// Of what a browser calls itself.
const AGENT_MAX: usize = 256;

impl From<StoreError> for Denied {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

impl From<HashFailed> for Denied {
    fn from(_: HashFailed) -> Self {
        Self::Busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_characters_that_look_like_themselves() {
        for name in ["a", "A.b-c_9", "___", &"x".repeat(32)] {
            assert!(is_username(name), "{name}");
        }
        for name in ["", " ", "a b", "a\n", "é", "ａ", "a\0", "a/b", "' OR 1=1 --", "<b>", &"x".repeat(33)] {
            assert!(!is_username(name), "{name}");
        }
    }

    #[test]
    fn passwords_have_8_to_256_bytes() {
        for (password, fits) in [("1234567", false), ("12345678", true), ("äöüß", true), ("", false)] {
            assert_eq!(check_password(password).is_ok(), fits, "{password}");
        }
        assert!(check_password(&"x".repeat(256)).is_ok() && check_password(&"x".repeat(257)).is_err());
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("aé", 3), cut("aé", 2), cut("", 2)), ("aé", "a", ""));
    }
}
