//! Any bytes are a header or too few; what was read is written again as it was, its fields tile it,
//! and the quick judgement of a header is the same as the thorough one.
#![no_main]

use framescope_codec::rules::{self, Expected};
use framescope_codec::{FrameHeader, Role};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((header, len)) = FrameHeader::decode(bytes) else {
        assert!(bytes.len() < FrameHeader::MAX_LEN);
        return;
    };
    assert_eq!(header.encode_array().as_ref(), &bytes[..len]);
    assert_eq!(len, header.encoded_len());
    assert_eq!(len, FrameHeader::len_from_second_byte(bytes[1]));
    assert_eq!(FrameHeader::decode(&bytes[..len - 1]), None);
    let mut next = 0;
    for (_, bits) in header.fields() {
        assert!(bits.start == next && bits.end > next);
        next = bits.end;
    }
    assert_eq!(usize::from(next), 8 * len);
    for sender in [Role::Client, Role::Server] {
        for (compression, in_message) in [(false, false), (false, true), (true, false), (true, true)] {
            let expected = Expected { sender, compression, in_message };
            let sound = rules::is_sound(&header, &expected);
            assert_eq!(sound, rules::check_header(&header, &expected).next().is_none());
        }
    }
});
