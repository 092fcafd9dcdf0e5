//! The store of a server without one: nobody is registered, and nothing can be written.

use crate::store::*;

#[derive(Debug)]
pub(super) struct Nowhere;

fn refuse<T: Send + 'static>() -> Answer<T> {
    Box::pin(std::future::ready(Err(StoreError::Failed)))
}

fn find<T: Send + 'static>(nothing: T) -> Answer<T> {
    Box::pin(std::future::ready(Ok(nothing)))
}

impl Store for Nowhere {
    fn append(&self, _append: Append, done: Done) {
        done(Err(StoreError::Failed));
    }
    fn read(&self, _stream: Stream, _part: Part) -> Answer<Page> {
        find(Page::default())
    }
    fn create_user(&self, _name: String, _password: String) -> Answer<Option<User>> {
        refuse()
    }
    fn user(&self, _name: String) -> Answer<Option<Account>> {
        find(None)
    }
    fn users(&self) -> Answer<Vec<User>> {
        find(Vec::new())
    }
    fn change_password(&self, _user: UserId, _password: String) -> Answer<()> {
        refuse()
    }
    fn create_session(&self, _session: Session) -> Answer<()> {
        refuse()
    }
    fn session(&self, _token: TokenHash) -> Answer<Option<(Session, User)>> {
        find(None)
    }
    fn sessions(&self, _user: UserId) -> Answer<Vec<Session>> {
        find(Vec::new())
    }
    fn end_session(&self, _token: TokenHash) -> Answer<bool> {
        find(false)
    }
    fn end_sessions(&self, _user: UserId, _kept: Option<TokenHash>) -> Answer<Vec<TokenHash>> {
        find(Vec::new())
    }
    fn create_call(&self, _name: String) -> Answer<Call> {
        refuse()
    }
    fn call(&self, _id: String) -> Answer<Option<Call>> {
        find(None)
    }
    fn calls(&self, _since: i64, _besides: Vec<String>) -> Answer<Vec<Call>> {
        find(Vec::new())
    }
    fn touch_call(&self, _id: String) -> Answer<()> {
        refuse()
    }
    fn check(&self) -> Answer<()> {
        refuse()
    }
}
