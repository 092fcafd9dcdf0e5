//! permessage-deflate (RFC 7692): compressing and inflating messages.

pub mod params;
