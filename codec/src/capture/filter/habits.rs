//! The signs and words of comparisons, and what people write for them who come from elsewhere.

use super::tree::Operator;

/// Longer ones first.
pub(super) const SIGNS: &[(&str, Operator)] = &[
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("≠", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("≥", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("≤", Operator::LessOrEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Matches),
];

pub(super) const WORDS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("ge", Operator::GreaterOrEqual),
    ("le", Operator::LessOrEqual),
    ("gt", Operator::Greater),
    ("lt", Operator::Less),
    ("contains", Operator::Contains),
    ("matches", Operator::Matches),
    ("startswith", Operator::StartsWith),
    ("endswith", Operator::EndsWith),
    ("in", Operator::In),
];

/// What people write elsewhere, and what it is here.
pub(super) const NO_SIGNS: &[(&str, &str)] = &[
    ("===", "Write `==`."),
    ("!==", "Write `!=`."),
    ("=~", "Write `matches` or `~`."),
    ("!~", "Write `not {} matches ..`."),
    ("=>", "Write `>=`."),
    ("=<", "Write `<=`."),
    ("<>", "Write `!=`."),
    (":", "Write `{} == ..`."),
];

pub(super) const NO_WORDS: &[(&str, &str)] = &[
    ("is", "Write `==`; a flag stands alone."),
    ("equals", "Write `==`."),
    ("includes", "Write `contains`."),
    ("has", "Write `contains`."),
    ("like", "Write `contains`, or `matches` for an expression."),
    ("starts", "Write `startswith`."),
    ("ends", "Write `endswith`."),
    ("between", "Write `in from..to`."),
    ("xor", "Write `!=` between flags, or `and`, `or`, `not`."),
];

pub(super) const NO_FIELDS: &[(&str, &str)] = &[
    ("larger-than", "Write `length > 10KiB`."),
    ("status_code", "Did you mean `status`, or `close.code`?"),
    ("code", "Did you mean `close.code`?"),
    ("reason", "Did you mean `close.reason`?"),
    ("http.user_agent", "Write `header.user-agent`."),
    ("user-agent", "Write `header.user-agent`."),
    ("cookie", "Write `header.cookie`."),
    ("is", "A flag stands alone: `masked`."),
    ("tcp", "Everything listed came over TCP. `frame` finds frames, `handshake` handshakes."),
    ("ping", "Write `opcode == ping`."),
    ("pong", "Write `opcode == pong`."),
    ("close", "Write `opcode == close`."),
    ("binary", "Write `opcode == binary`, or `message.kind == binary`."),
    ("c2s", "Write `dir == c2s`."),
    ("s2c", "Write `dir == s2c`."),
    ("sent", "Write `dir == c2s`."),
    ("received", "Write `dir == s2c`."),
    ("websocket.payload.ping", "Write `opcode == ping`, and `payload` for its bytes."),
    ("websocket.payload.pong", "Write `opcode == pong`, and `payload` for its bytes."),
];
