-- Whatever is read in an order has a number that gives it, taken in the transaction that stores it. How far a stream
-- has come is what its last item says: with a number of its own, each item would have one more page written.

CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    -- `board`, `room:` and the room's id, or `direct:` and two users' ids, the smaller first.
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Stored in the order in which it is read.
CREATE TABLE items (
    stream INTEGER NOT NULL REFERENCES streams (id),
    seq INTEGER NOT NULL,
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- What makes sending again safe.
CREATE TABLE sent (
    sender TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (sender, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    -- Never given again.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- ASCII, all of whose letters NOCASE knows.
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    -- SHA-256 of what the cookie holds.
    token BLOB PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES users (id),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE calls (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- When there was somebody in it last, or when it was created.
    used INTEGER NOT NULL
) STRICT;
CREATE INDEX calls_by_use ON calls (used);

-- Random bytes that must be the same after a restart.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row that is written to see whether writing works.
CREATE TABLE trial (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
INSERT INTO trial (id, at) VALUES (1, 0);

-- For a program that knows less than this, to refuse.
PRAGMA user_version = 1;
