//! The rules by name: where each is written, the field at fault, the code it closes with.

use std::fmt;

use crate::close::CloseCode;
use crate::header::Field;

/// A rule that the peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Violation {
    /// RSV1 set where no extension gives it a meaning.
    Rsv1WithoutExtension,
    /// RSV1 set on a control frame of a compressed connection.
    Rsv1OnControl,
    /// RSV1 set on a later fragment of a message on a compressed connection.
    Rsv1OnContinuation,
    /// RSV2 set.
    Rsv2WithoutExtension,
    /// RSV3 set.
    Rsv3WithoutExtension,
    /// An opcode from 0x3 to 0x7.
    ReservedDataOpcode,
    /// An opcode from 0xB to 0xF.
    ReservedControlOpcode,
    /// A control frame without FIN.
    FragmentedControl,
    /// A control frame with more than 125 bytes of payload.
    LongControl,
    /// A client's frame without a mask.
    UnmaskedFromClient,
    /// A server's frame with a mask.
    MaskedFromServer,
    /// A length in a longer form than it needs.
    LengthNotMinimal,
    /// A 64-bit length with its most significant bit set.
    LengthTopBit,
    /// A continuation frame with no message to continue.
    ContinuationWithoutMessage,
    /// A new message before the last fragment of the one before.
    MessageInterrupted,
    /// A text message that is not UTF-8.
    InvalidUtf8,
    /// Compressed data that does not inflate.
    InvalidDeflate,
    /// A Close frame with one byte of payload.
    ClosePayloadOfOneByte,
    /// A Close frame with a code that must not be sent.
    InvalidCloseCode,
    /// A close reason that is not UTF-8.
    InvalidCloseReason,
    /// A frame behind a Close frame of the same sender.
    FrameAfterClose,
    /// Over the configured size; the one rule of ours that the RFC only foresees.
    MessageTooBig,
    /// Over the configured number of fragments; likewise.
    TooManyFragments,
}

/// What there is to say about a rule.
struct Rule {
    name: &'static str,
    section: &'static str,
    field: Field,
    close_code: CloseCode,
    says: &'static str,
}

impl Violation {
    /// Every rule, in the order in which a frame is checked against them.
    pub const ALL: [Self; 23] = [
        Self::Rsv1WithoutExtension,
        Self::Rsv1OnControl,
        Self::Rsv1OnContinuation,
        Self::Rsv2WithoutExtension,
        Self::Rsv3WithoutExtension,
        Self::ReservedDataOpcode,
        Self::ReservedControlOpcode,
        Self::FragmentedControl,
        Self::LongControl,
        Self::UnmaskedFromClient,
        Self::MaskedFromServer,
        Self::LengthNotMinimal,
        Self::LengthTopBit,
        Self::ContinuationWithoutMessage,
        Self::MessageInterrupted,
        Self::InvalidUtf8,
        Self::InvalidDeflate,
        Self::ClosePayloadOfOneByte,
        Self::InvalidCloseCode,
        Self::InvalidCloseReason,
        Self::FrameAfterClose,
        Self::MessageTooBig,
        Self::TooManyFragments,
    ];

    /// The rule's name in kebab case, for objects, files and style sheets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.rule().name
    }

    /// Where it is written, as `RFC 6455, 5.2`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        self.rule().section
    }

    /// The field at fault.
    #[must_use]
    pub const fn field(self) -> Field {
        self.rule().field
    }

    /// The code a strict endpoint closes with.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        self.rule().close_code
    }

    /// The rule in one sentence.
    #[must_use]
    pub const fn says(self) -> &'static str {
        self.rule().says
    }

    /// Whether an endpoint fails the connection for it. A frame behind a Close is the one it only
    /// ignores: the connection is ending already (RFC 6455, 5.5.1).
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        !matches!(self, Self::FrameAfterClose)
    }

    const fn rule(self) -> &'static Rule {
        use CloseCode as Code;
        const fn rule(
            name: &'static str,
            section: &'static str,
            field: Field,
            close_code: Code,
            says: &'static str,
        ) -> Rule {
            Rule { name, section, field, close_code, says }
        }
        const PROTOCOL: Code = Code::PROTOCOL_ERROR;
        match self {
            Self::Rsv1WithoutExtension => {
                &const {
                    rule(
                        "rsv1-without-extension",
                        "RFC 6455, 5.2",
                        Field::Rsv1,
                        PROTOCOL,
                        "RSV1 must be 0 unless an extension that gives it a meaning was agreed.",
                    )
                }
            }
            Self::Rsv1OnControl => {
                &const {
                    rule(
                        "rsv1-on-control",
                        "RFC 7692, 6.1",
                        Field::Rsv1,
                        PROTOCOL,
                        "Control frames are never compressed: RSV1 must be 0.",
                    )
                }
            }
            Self::Rsv1OnContinuation => {
                &const {
                    rule(
                        "rsv1-on-continuation",
                        "RFC 7692, 6.1",
                        Field::Rsv1,
                        PROTOCOL,
                        "Only the first fragment says whether a message is compressed: RSV1 must be 0 on those that follow.",
                    )
                }
            }
            Self::Rsv2WithoutExtension => {
                &const {
                    rule(
                        "rsv2-without-extension",
                        "RFC 6455, 5.2",
                        Field::Rsv2,
                        PROTOCOL,
                        "RSV2 must be 0 unless an extension that gives it a meaning was agreed.",
                    )
                }
            }
            Self::Rsv3WithoutExtension => {
                &const {
                    rule(
                        "rsv3-without-extension",
                        "RFC 6455, 5.2",
                        Field::Rsv3,
                        PROTOCOL,
                        "RSV3 must be 0 unless an extension that gives it a meaning was agreed.",
                    )
                }
            }
            Self::ReservedDataOpcode => {
                &const {
                    rule(
                        "reserved-data-opcode",
                        "RFC 6455, 5.2",
                        Field::Opcode,
                        PROTOCOL,
                        "Opcodes 0x3 to 0x7 are reserved for further data frames.",
                    )
                }
            }
            Self::ReservedControlOpcode => {
                &const {
                    rule(
                        "reserved-control-opcode",
                        "RFC 6455, 5.2",
                        Field::Opcode,
                        PROTOCOL,
                        "Opcodes 0xB to 0xF are reserved for further control frames.",
                    )
                }
            }
            Self::FragmentedControl => {
                &const {
                    rule(
                        "fragmented-control",
                        "RFC 6455, 5.5",
                        Field::Fin,
                        PROTOCOL,
                        "Control frames must not be fragmented: FIN must be 1.",
                    )
                }
            }
            Self::LongControl => {
                &const {
                    rule(
                        "long-control",
                        "RFC 6455, 5.5",
                        Field::PayloadLength,
                        PROTOCOL,
                        "Control frames have at most 125 bytes of payload.",
                    )
                }
            }
            Self::UnmaskedFromClient => {
                &const {
                    rule(
                        "unmasked-from-client",
                        "RFC 6455, 5.1",
                        Field::Mask,
                        PROTOCOL,
                        "A client must mask every frame it sends.",
                    )
                }
            }
            Self::MaskedFromServer => {
                &const {
                    rule(
                        "masked-from-server",
                        "RFC 6455, 5.1",
                        Field::Mask,
                        PROTOCOL,
                        "A server must not mask any frame it sends.",
                    )
                }
            }
            Self::LengthNotMinimal => {
                &const {
                    rule(
                        "length-not-minimal",
                        "RFC 6455, 5.2",
                        Field::PayloadLength,
                        PROTOCOL,
                        "The shortest form that can hold the length must be used.",
                    )
                }
            }
            Self::LengthTopBit => {
                &const {
                    rule(
                        "length-top-bit",
                        "RFC 6455, 5.2",
                        Field::ExtendedPayloadLength,
                        PROTOCOL,
                        "The most significant bit of a 64-bit length must be 0.",
                    )
                }
            }
            Self::ContinuationWithoutMessage => {
                &const {
                    rule(
                        "continuation-without-message",
                        "RFC 6455, 5.4",
                        Field::Opcode,
                        PROTOCOL,
                        "A continuation frame needs a fragmented message to continue.",
                    )
                }
            }
            Self::MessageInterrupted => {
                &const {
                    rule(
                        "message-interrupted",
                        "RFC 6455, 5.4",
                        Field::Opcode,
                        PROTOCOL,
                        "The fragments of one message must not be mixed with those of another.",
                    )
                }
            }
            Self::InvalidUtf8 => {
                &const {
                    rule(
                        "invalid-utf8",
                        "RFC 6455, 8.1",
                        Field::PayloadData,
                        Code::INVALID_PAYLOAD_DATA,
                        "A text message must be valid UTF-8 as a whole.",
                    )
                }
            }
            Self::InvalidDeflate => {
                &const {
                    rule(
                        "invalid-deflate",
                        "RFC 7692, 7.2.2",
                        Field::PayloadData,
                        Code::INVALID_PAYLOAD_DATA,
                        "The payload of a compressed message must be valid DEFLATE data.",
                    )
                }
            }
            Self::ClosePayloadOfOneByte => {
                &const {
                    rule(
                        "close-payload-of-one-byte",
                        "RFC 6455, 5.5.1",
                        Field::PayloadData,
                        PROTOCOL,
                        "A close payload is empty, or begins with a status code of two bytes.",
                    )
                }
            }
            Self::InvalidCloseCode => {
                &const {
                    rule(
                        "invalid-close-code",
                        "RFC 6455, 7.4",
                        Field::PayloadData,
                        PROTOCOL,
                        "This status code must not be sent in a Close frame.",
                    )
                }
            }
            Self::InvalidCloseReason => {
                &const {
                    rule(
                        "invalid-close-reason",
                        "RFC 6455, 5.5.1",
                        Field::PayloadData,
                        Code::INVALID_PAYLOAD_DATA,
                        "The reason in a Close frame must be valid UTF-8.",
                    )
                }
            }
            Self::FrameAfterClose => {
                &const {
                    rule(
                        "frame-after-close",
                        "RFC 6455, 5.5.1",
                        Field::Opcode,
                        PROTOCOL,
                        "Nothing may follow a Close frame; a receiver ignores what does.",
                    )
                }
            }
            Self::MessageTooBig => {
                &const {
                    rule(
                        "message-too-big",
                        "RFC 6455, 7.4.1",
                        Field::PayloadLength,
                        Code::MESSAGE_TOO_BIG,
                        "The message is larger than this endpoint takes.",
                    )
                }
            }
            Self::TooManyFragments => {
                &const {
                    rule(
                        "too-many-fragments",
                        "RFC 6455, 10.4",
                        Field::Fin,
                        Code::MESSAGE_TOO_BIG,
                        "The message comes in more fragments than this endpoint takes.",
                    )
                }
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.says(), self.section())
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_place() {
        let names: BTreeSet<_> = Violation::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Violation::ALL.len());
        for rule in Violation::ALL {
            assert!(rule.section().starts_with("RFC "), "{rule:?}");
            assert!(rule.says().ends_with('.'), "{rule:?}");
        }
    }
}
