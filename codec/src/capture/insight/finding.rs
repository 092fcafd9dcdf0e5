//! What is wrong with a connection that no single frame shows, each thing with its name: the list, the filter language
//! and the command line tell of the same.

use serde::{Serialize, Serializer};

/// Something that takes more than one frame to notice, or that no rule forbids a frame. It is told once for a connection,
/// at the row where it is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Finding {
    /// A Sec-WebSocket-Key that is not random.
    PredictableHandshakeKey,
    /// A masking key of zeros.
    ZeroMaskingKey,
    /// A masking key that was used before, where that is no chance.
    RepeatedMaskingKey,
    /// Masking keys that follow from each other, or have too little in them.
    PredictableMaskingKey,
    /// Pings that get no pong.
    UnansweredPing,
}

/// How much something found weighs; Wireshark's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Odd, and without consequences here.
    Note,
    /// A danger, or an end that does not do its part.
    Warning,
}

impl Severity {
    /// `note` or `warning`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
        }
    }
}

impl Finding {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::PredictableHandshakeKey,
        Self::ZeroMaskingKey,
        Self::RepeatedMaskingKey,
        Self::PredictableMaskingKey,
        Self::UnansweredPing,
    ];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PredictableHandshakeKey => "predictable-handshake-key",
            Self::ZeroMaskingKey => "zero-masking-key",
            Self::RepeatedMaskingKey => "repeated-masking-key",
            Self::PredictableMaskingKey => "predictable-masking-key",
            Self::UnansweredPing => "unanswered-ping",
        }
    }

    /// Where it is written how it should be.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::PredictableHandshakeKey => "RFC 6455, 4.1",
            Self::ZeroMaskingKey | Self::RepeatedMaskingKey | Self::PredictableMaskingKey => "RFC 6455, 5.3",
            Self::UnansweredPing => "RFC 6455, 5.5.2",
        }
    }

    /// How much it weighs. A handshake's key keeps no secret; it only shows that the answer is not an old one.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::PredictableHandshakeKey => Severity::Note,
            _ => Severity::Warning,
        }
    }

    /// In a few words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::PredictableHandshakeKey => "the Sec-WebSocket-Key is not random",
            Self::ZeroMaskingKey => "the masking key 00000000 masks nothing",
            Self::RepeatedMaskingKey => "masking keys are used more than once",
            Self::PredictableMaskingKey => "masking keys can be foreseen",
            Self::UnansweredPing => "pings get no pong",
        }
    }
}

/// As its name.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings(u8);

impl Findings {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// This one too, if it is so.
    #[must_use]
    pub const fn with(self, finding: Finding, is_so: bool) -> Self {
        Self(self.0 | (is_so as u8) << finding as u8)
    }

    /// Those that are not among the others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// These and the others.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Finding> {
        Finding::ALL.into_iter().filter(move |finding| self.0 >> *finding as u8 & 1 == 1)
    }
}

/// Something found, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What.
    pub name: Finding,
    /// Where it is written how it should be.
    pub section: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// The row where it was certain.
    pub row: u64,
}

impl Found {
    pub(super) const fn new(finding: Finding, row: u64) -> Self {
        Self { name: finding, section: finding.section(), severity: finding.severity(), row }
    }
}
