//! Connections that are seen twice: the page's own, which it records itself, and which a tap of the server that they
//! lead to shows as well. They are listed once, as the page recorded them: that has every byte, credentials too.

use framescope_codec::capture::mask::HeadMask;
use framescope_codec::capture::{Direction, Event, What};

/// The requests of the page's own connections, and which connections of taps began with the same.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// By source.
    own: Vec<(u32, u64)>,
    /// By source, and by the number that the connection has there.
    hidden: Vec<(u32, u32)>,
}

impl Twins {
    /// Whether this event tells what another has told already. Those of the page's own connections, which come before
    /// anything that a tap can know of them, are kept in mind.
    pub(super) fn hides(&mut self, source: u32, event: &Event, is_own: bool) -> bool {
        let place = (source, event.stream);
        if let What::Request(request) = &event.what {
            let print = fingerprint(request.head().bytes());
            if is_own {
                remember(&mut self.own, (source, print));
            } else if self.own.iter().any(|(_, own)| *own == print) {
                remember(&mut self.hidden, place);
            } else {
                // An HTTP connection may carry several requests, and be somebody else's from the next on.
                self.hidden.retain(|hidden| *hidden != place);
            }
        }
        !is_own && self.hidden.contains(&place)
    }

    /// A source of the page's own connections goes away. Answers with the sources that have to be read again, as what they
    /// know of these connections is all there is now.
    pub(super) fn forget(&mut self, source: u32) -> Vec<u32> {
        let before = self.own.len();
        self.own.retain(|(own, _)| *own != source);
        let mut again = Vec::new();
        if self.own.len() < before {
            again.extend(std::mem::take(&mut self.hidden).into_iter().map(|(source, _)| source));
        }
        again.sort_unstable();
        again.dedup();
        again
    }
}

/// FNV-1a over the head as a tap shows it, with credentials starred out. The key in it is random, so no two are alike
/// by chance.
fn fingerprint(head: &[u8]) -> u64 {
    let mut masked = head.to_vec();
    HeadMask::new().apply(Direction::ClientToServer, &mut masked);
    masked.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= REMEMBERED {
        list.remove(0);
    }
    list.push(item);
}

/// The oldest are forgotten: their connections have long ended.
const REMEMBERED: usize = 1024;
