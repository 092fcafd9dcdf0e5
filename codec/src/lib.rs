//! WebSocket (RFC 6455 and RFC 7692) without I/O, clock or randomness.

#[cfg(feature = "capture")]
pub mod capture;
pub mod close;
pub mod connection;
pub mod course;
pub mod deflate;
pub mod dissect;
pub mod frame;
pub mod header;
pub mod mask;
pub mod message;
pub mod opcode;
pub mod rules;
pub mod utf8;

pub use close::{CloseCode, CloseFrame, close_code_name};
pub use connection::{
    Closed, Config, Connection, ControlPayload, ControlTooLong, Event, Input, Receiver, SendError, Sender,
};
pub use course::{ParsedFrame, generate_ws_frame, parse_ws_frame};
pub use deflate::params::{DeflateParams, WindowBits};
pub use deflate::{Compressor, Decompressor, InvalidDeflate};
pub use dissect::{DissectedClose, DissectedMessage, Dissection, Dissector, Found, Fragment, Inflation};
pub use frame::Frame;
pub use header::{Field, FrameHeader, LengthForm, PayloadLength, Rsv};
pub use mask::MaskingKey;
pub use message::{Message, MessageKind};
pub use opcode::Opcode;
pub use rules::{Role, Violation};
pub use utf8::{Utf8Error, Utf8Validator};
