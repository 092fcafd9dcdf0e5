//! What holds for every capture, however it was cut, shuffled or damaged.

use framescope_codec::capture::Direction::{ClientToServer, ServerToClient};
use proptest::prelude::*;

use crate::foreign::{foreign, segment};
use crate::records::{CLOSE, COMPRESSED_AGAIN, COMPRESSED_HELLO, MASKED_CLOSE, MASKED_HELLO, REQUEST, RESPONSE};
use crate::{Tap, decode, line, whole_connection};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a tap saw in chunks comes out as the same frames, however the chunks and the capture are cut.
    #[test]
    fn cutting_changes_nothing(chunk in 1usize..200, piece in 1usize..500) {
        let client: Vec<u8> = [REQUEST, MASKED_HELLO, MASKED_HELLO, MASKED_CLOSE].concat();
        let server: Vec<u8> = [RESPONSE, COMPRESSED_HELLO, COMPRESSED_AGAIN, CLOSE].concat();
        let mut tap = Tap::new();
        tap.flow.open(0, &mut tap.out);
        for bytes in client.chunks(chunk) {
            tap.bytes(ClientToServer, bytes);
        }
        for bytes in server.chunks(chunk) {
            tap.bytes(ServerToClient, bytes);
        }
        let records = decode(&tap.out, piece);
        prop_assert_eq!(&records, &decode(&tap.out, usize::MAX));
        // Without stream numbers and times, which depend on the chunks.
        let mut what: Vec<_> = records.iter().map(|record| line(record).rsplit_once(": ").unwrap().1.to_owned()).collect();
        what.sort();
        prop_assert_eq!(what, [
            "close 2", "close 2", "request, 0 findings", "response 101, 0 findings",
            "text 5 Hello", "text 5 Hello", "text 5 Hello", "text 7 Hello",
        ]);
    }

    /// Frames come out whole and in order from a direction whose packets were captured in any order and repeated.
    #[test]
    fn order_changes_nothing(order in prop::collection::vec(any::<prop::sample::Index>(), 0..30), chunk in 3usize..20) {
        let server: Vec<u8> = [COMPRESSED_HELLO, COMPRESSED_AGAIN, CLOSE].concat();
        let request = segment(ClientToServer, 0, REQUEST);
        let response = segment(ServerToClient, 0, RESPONSE);
        let base = u32::try_from(RESPONSE.len()).unwrap();
        let in_order: Vec<_> = server.chunks(chunk).zip(0u32..).map(|(bytes, n)| {
            segment(ServerToClient, base + n * u32::try_from(chunk).unwrap(), bytes)
        }).collect();
        let mut segments = vec![request, response];
        segments.extend(order.iter().map(|index| *index.get(&in_order)));
        segments.extend(&in_order);
        let lines: Vec<_> = decode(&foreign(&segments), 1000).iter().map(|record| line(record).rsplit_once(": ").unwrap().1.to_owned()).collect();
        prop_assert_eq!(&lines[2..], ["text 7 Hello", "text 5 Hello", "close 2"]);
    }

    /// Whatever happens to a capture, it is read to its end.
    #[test]
    fn damage_does_no_harm(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        piece in 1usize..2000,
    ) {
        let mut capture = whole_connection();
        for (at, byte) in flips {
            let at = at.index(capture.len());
            capture[at] = byte;
        }
        capture.truncate(cut.index(capture.len()) + 1);
        let records = decode(&capture, piece);
        prop_assert_eq!(records, decode(&capture, capture.len()));
    }
}
