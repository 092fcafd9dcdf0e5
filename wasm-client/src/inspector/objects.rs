//! The plain objects that JavaScript gets, as `inspector.d.ts` describes them.

use serde::{Serialize, Serializer};

/// A whole number that JavaScript may not be able to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

/// `Number.MAX_SAFE_INTEGER`.
const MAX_SAFE: u64 = (1 << 53) - 1;

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= MAX_SAFE { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

/// The capture as a whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status<'a> {
    /// The index of the oldest row still held.
    pub first: u64,
    /// One past the index of the newest.
    pub end: u64,
    /// Rows dropped for the budget's sake.
    pub dropped: u64,
    /// Bytes held.
    pub held: usize,
    /// Bytes that may be held.
    pub budget: usize,
    /// Connections with rows.
    pub connections: usize,
    /// Frames among the rows.
    pub frames: u64,
    /// Broken rules among the rows.
    pub violations: u64,
    /// What was found beside them.
    pub findings: usize,
    /// What could not be read.
    pub trouble: Option<&'a str>,
    /// How far going through rows for the view has come.
    pub view: ViewState,
    /// The same for what is looked for, if anything is.
    pub search: Option<SearchState>,
    /// How many sources there are.
    pub sources: usize,
    /// The time of the earliest row, in nanoseconds since 1970.
    pub start_ns: String,
    /// From the earliest row to the latest.
    pub duration_ns: u64,
    /// Grows when rows that were shown before may look different now.
    pub generation: u64,
}

/// How far a view has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ViewState {
    /// How many rows of the view are gone, the oldest, since it was chosen.
    pub first: u64,
    /// Rows in the view so far.
    pub count: u64,
    /// Rows gone through, of those held.
    pub scanned: u64,
    /// Rows held.
    pub total: u64,
    /// All were gone through.
    pub done: bool,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SearchState {
    /// Rows found so far.
    pub count: u64,
    /// All were gone through.
    pub done: bool,
}

/// Where captures come from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceInfo<'a> {
    pub(super) source: u32,
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) format: &'a str,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) done: bool,
    pub(super) trouble: Option<&'a str>,
    pub(super) unread: Vec<Unread>,
}

/// A TCP stream with payload that is no WebSocket as far as can be told.
#[derive(Debug, Serialize)]
pub(super) struct Unread {
    pub(super) stream: u32,
    pub(super) client: String,
    pub(super) server: String,
    pub(super) bytes: u64,
    pub(super) says: String,
}

/// What is wrong with a filter, and where: places in its text as JavaScript counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FilterProblem {
    pub(super) message: String,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) hint: Option<String>,
    /// Which of several rules it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<usize>,
}

/// The view over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) bucket: u64,
    pub(super) rows: [Vec<u32>; 2],
    pub(super) bytes: [Vec<u64>; 2],
    pub(super) violations: Vec<u32>,
    pub(super) largest: [Vec<u64>; 2],
}

/// A time without rows, and the row that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Silence {
    pub(super) ns: u64,
    pub(super) row: u64,
}

/// One line of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub(super) index: u64,
    pub(super) source: u32,
    pub(super) kind: &'static str,
    pub(super) time: (u64, u32),
    pub(super) since_start: i64,
    pub(super) since_previous: i64,
    pub(super) connection: Option<u64>,
    pub(super) direction: Option<&'static str>,
    pub(super) name: &'static str,
    pub(super) fin: bool,
    pub(super) rsv: u8,
    pub(super) masked: bool,
    pub(super) wire: Count,
    pub(super) payload_length: Count,
    pub(super) inflated: Option<Count>,
    pub(super) fragment: Option<Fragment>,
    pub(super) preview: String,
    pub(super) preview_kind: &'static str,
    pub(super) violations: Vec<&'static str>,
    pub(super) findings: Vec<&'static str>,
    pub(super) colour: Option<u32>,
    pub(super) found: bool,
    pub(super) round_trip: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fragment {
    pub(super) message: u64,
    pub(super) number: u32,
    pub(super) of: Option<u32>,
    pub(super) first_row: u64,
    pub(super) last_row: Option<u64>,
}

/// Everything about one row.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    pub(super) row: Row,
    pub(super) source: String,
    pub(super) destination: String,
    pub(super) fields: Vec<FieldInfo>,
    pub(super) violations: Vec<ViolationInfo>,
    pub(super) header_length: usize,
    pub(super) payload_missing: Count,
    pub(super) message: Option<MessageInfo>,
    pub(super) handshake: Option<HandshakeInfo>,
}

/// One frame in words, without a capture around it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    pub(super) fields: Vec<FieldInfo>,
    pub(super) violations: Vec<ViolationInfo>,
    pub(super) header_length: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct FieldInfo {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) bytes: (usize, usize),
    pub(super) bits: Option<(u8, u8)>,
    pub(super) value: String,
    pub(super) meaning: String,
    pub(super) section: &'static str,
    pub(super) verdict: Verdict,
    pub(super) children: Vec<Self>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Good,
    Plain,
    Bad,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ViolationInfo {
    pub(super) name: &'static str,
    pub(super) section: &'static str,
    pub(super) says: &'static str,
    pub(super) field: &'static str,
    pub(super) bytes: Option<(usize, usize)>,
    pub(super) code: Option<u16>,
    pub(super) code_name: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageInfo {
    pub(super) number: Option<u64>,
    pub(super) kind: &'static str,
    pub(super) length: usize,
    pub(super) compressed: bool,
    pub(super) inflation: &'static str,
    pub(super) whole: bool,
    pub(super) fragments: u32,
    pub(super) first_row: Option<u64>,
    pub(super) last_row: u64,
    pub(super) is_json: bool,
    pub(super) bad_byte: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HandshakeInfo {
    pub(super) kind: &'static str,
    pub(super) start_line: String,
    pub(super) subprotocol: Option<String>,
    pub(super) extensions: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Spoken {
    pub(super) subprotocol: Option<String>,
    pub(super) target: String,
}
