//! Whether a client's masking keys are what they have to be: fresh for each frame, and unpredictable (RFC 6455, 5.3).
//!
//! A key that can be foreseen lets whoever writes the payload choose the bytes on the wire, and that is what masking is
//! there to prevent (RFC 6455, 10.3). Good keys cannot be told from a good imitation; what is found here is found
//! surely, and each finding needs as many keys as make chance out of the question.

use super::finding::{Finding, Findings};
use super::report::{Masking, RepeatedKey, Verdict};
use super::sort;
use crate::mask::MaskingKey;

/// The keys of one connection's client.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The first of them with their rows.
    kept: Vec<(u64, u64)>,
    /// Each of those once, in order.
    known: Vec<u32>,
    /// How many there were when they were last looked at, all together.
    looked_at: usize,
    frames: u64,
    unmasked: u64,
    zero: u64,
    /// Masked frames of the server.
    from_server: u64,
}

impl Keys {
    /// The key of the client's next frame, and what is certain with it.
    pub(super) fn client(&mut self, key: Option<MaskingKey>, row: u64) -> Findings {
        let Some(key) = key else {
            self.unmasked += 1;
            return Findings::default();
        };
        let key = u32::from_be_bytes(key.0);
        self.frames += 1;
        self.zero += u64::from(key == 0);
        let found = Findings::default().with(Finding::ZeroMaskingKey, key == 0);
        if self.kept.len() >= KEPT_MAX {
            return found;
        }
        self.kept.push((u64::from(key), row));
        let is_repeated = match self.known.binary_search(&key) {
            // That zeros mask nothing says more than that they come again.
            Ok(_) => key != 0 && !may_be_chance(self.kept.len() as u64, self.known.len() as u64),
            Err(place) => {
                self.known.insert(place, key);
                false
            }
        };
        let found = found.with(Finding::RepeatedMaskingKey, is_repeated);
        // Looked at ever less often, so that it costs little.
        if self.kept.len().is_power_of_two() { found.and(self.foreseen()) } else { found }
    }

    /// Whether the keys so far follow from each other, or have too little in them. The same keys are looked at once.
    pub(super) fn foreseen(&mut self) -> Findings {
        if std::mem::replace(&mut self.looked_at, self.kept.len()) == self.kept.len() {
            return Findings::default();
        }
        let keys = self.keys();
        let mut found = Found { says: Vec::new(), verdict: Verdict::Plain };
        if self.known.len() > 1 && !judge_steps(&keys, &mut found) {
            judge_bits(&keys, &mut found);
        }
        Findings::default().with(Finding::PredictableMaskingKey, found.verdict == Verdict::Bad)
    }

    fn keys(&self) -> Vec<u32> {
        self.kept.iter().filter_map(|(key, _)| u32::try_from(*key).ok()).collect()
    }

    /// The bytes on the heap.
    pub(super) const fn held(&self) -> usize {
        self.kept.capacity() * size_of::<(u64, u64)>() + self.known.capacity() * size_of::<u32>()
    }

    pub(super) fn server(&mut self, key: Option<MaskingKey>) {
        self.from_server += u64::from(key.is_some());
    }

    /// Keys that only stand in for others say nothing.
    pub(super) fn not_recorded(&self) -> Masking {
        Masking {
            frames: self.frames,
            judged: 0,
            distinct: 0,
            repeated: Vec::new(),
            verdict: Verdict::Plain,
            says: "The keys are not recorded in this file; zeros stand in for them.".into(),
        }
    }

    pub(super) fn audit(&self) -> Masking {
        let keys = self.keys();
        let mut found = Found { says: Vec::new(), verdict: Verdict::Plain };
        if self.unmasked > 0 {
            found.bad(format!("Not masked at all: {} of the client", frames(self.unmasked)));
        }
        if self.from_server > 0 {
            found.bad(format!("Masked, as none of a server may be: {}", frames(self.from_server)));
        }
        let (distinct, repeated) = self.repeated();
        if self.zero > 0 {
            let which = if self.zero == self.frames { "every frame".into() } else { frames(self.zero) };
            found.bad(format!("The key 00000000, which leaves the payload as it is, in {which}"));
        }
        judge_repeats(keys.len() as u64, distinct, &repeated, &mut found);
        let is_one = distinct <= 1;
        if !is_one && !judge_steps(&keys, &mut found) {
            judge_bits(&keys, &mut found);
        }
        Masking {
            frames: self.frames,
            judged: keys.len() as u64,
            distinct,
            repeated,
            verdict: if found.says.is_empty() && keys.len() >= ENOUGH { Verdict::Good } else { found.verdict },
            says: found.in_words(keys.len(), self.frames),
        }
    }

    fn repeated(&self) -> (u64, Vec<RepeatedKey>) {
        let mut sorted = self.kept.clone();
        sort(&mut sorted);
        let groups: Vec<_> = sorted.chunk_by(|one, other| one.0 == other.0).collect();
        let repeated: Vec<_> = groups
            .iter()
            .filter(|group| group.len() > 1)
            .filter_map(|group| {
                let (key, _) = group.first()?;
                let rows = group.iter().take(ROWS_MAX).map(|(_, row)| *row).collect();
                Some(RepeatedKey { key: format!("{key:08x}"), count: group.len() as u64, rows })
            })
            .collect();
        // The most frequent in front.
        let mut order: Vec<_> = (0..).zip(&repeated).map(|(place, key)| (u64::MAX - key.count, place)).collect();
        sort(&mut order);
        let places = order.into_iter().take(REPEATED_MAX).filter_map(|(_, place)| usize::try_from(place).ok());
        let repeated = places.filter_map(|place| repeated.get(place).cloned()).collect();
        (groups.len() as u64, repeated)
    }
}

struct Found {
    says: Vec<String>,
    verdict: Verdict,
}

impl Found {
    fn bad(&mut self, says: String) {
        self.verdict = Verdict::Bad;
        self.says.push(says);
    }

    fn in_words(self, judged: usize, frames: u64) -> String {
        let mut words = match (self.says.is_empty(), judged) {
            (false, _) => self.says.join(". ") + ".",
            (true, 0) => return "No masked frame of the client was captured.".into(),
            (true, 1) => return "One key says nothing about the next.".into(),
            (true, _) if judged < ENOUGH => {
                format!("Nothing stands out in {judged} keys, which are too few to tell.")
            }
            (true, _) => {
                format!(
                    "{judged} keys, and none repeated, counted up or built alike, as far as one can tell from outside."
                )
            }
        };
        if frames > judged as u64 {
            words.push_str(&format!(" The first {judged} of {frames} keys were compared."));
        }
        words
    }
}

fn judge_repeats(judged: u64, distinct: u64, repeated: &[RepeatedKey], found: &mut Found) {
    if judged < 2 || distinct == judged {
        return;
    }
    if distinct == 1 {
        return found.bad(format!("One key for all {judged} frames; each frame needs its own"));
    }
    let extra = judged - distinct;
    if may_be_chance(judged, distinct) {
        let [one, ..] = repeated else { return };
        found.says.push(format!("The key {} came twice; among {judged}, that may be chance", one.key));
    } else if distinct * 2 <= judged {
        found.bad(format!("Only {distinct} different keys in {judged} frames"));
    } else {
        found.bad(format!("{extra} of {judged} frames have the key of an earlier one"));
    }
}

/// Two of so many alike by chance: one in a million, or not.
const fn may_be_chance(judged: u64, distinct: u64) -> bool {
    let pairs = judged * judged.saturating_sub(1) / 2;
    judged - distinct == 1 && pairs > (u32::MAX / 1_000_000) as u64
}

/// Keys that follow from those before. True if they do.
fn judge_steps(keys: &[u32], found: &mut Found) -> bool {
    let swapped: Vec<u32> = keys.iter().map(|key| key.swap_bytes()).collect();
    let orders = [(keys, ""), (&swapped[..], " (read from its last byte)")];
    let size = |step: u32| step.min(step.wrapping_neg());
    // A small step up one order of bytes may be a large one up the other.
    let steps = orders.map(|(keys, words)| (commonest_step(keys), words));
    let best = steps.into_iter().filter_map(|(step, words)| Some((step?, words))).min_by_key(|(step, _)| size(*step));
    if let Some((step, words)) = best {
        let way = if size(step) == step { "plus" } else { "less" };
        found.bad(format!("Each key is the one before {way} {}{words}: a counter, so the next is known", size(step)));
        return true;
    }
    for (keys, words) in orders {
        if keys.len() > RISING && keys.is_sorted_by(|one, next| one < next) {
            found.bad(format!("Each key is greater than the one before{words}: a counter or a clock"));
            return true;
        }
    }
    false
}

/// What nine of ten keys have over the one before.
fn commonest_step(keys: &[u32]) -> Option<u32> {
    let step = |(one, next): (&u32, &u32)| (u64::from(next.wrapping_sub(*one)), 0);
    let mut steps: Vec<_> = keys.iter().zip(keys.iter().skip(1)).map(step).collect();
    sort(&mut steps);
    let commonest = steps.chunk_by(PartialEq::eq).max_by_key(|same| same.len())?;
    let step = u32::try_from(commonest.first()?.0).ok()?;
    (step != 0 && commonest.len() >= 3 && commonest.len() * 10 >= steps.len() * 9).then_some(step)
}

/// Keys with too little in them.
fn judge_bits(keys: &[u32], found: &mut Found) {
    let alike = keys.iter().filter(|key| key.to_be_bytes().windows(2).all(|pair| pair.first() == pair.last())).count();
    if alike >= 3 && alike * 2 >= keys.len() {
        return found.bad(format!("{alike} of {} keys are one byte four times over: 256 keys to try", keys.len()));
    }
    let printable = |key: &&u32| key.to_be_bytes().iter().all(u8::is_ascii_alphanumeric);
    let letters = keys.iter().filter(printable).count();
    if letters >= 8 && letters == keys.len() {
        return found.bad("Every key is four letters or digits: made from text, not from a random source".into());
    }
    let Some(first) = keys.first() else { return };
    let changed = keys.iter().fold(0, |changed, key| changed | (key ^ first));
    let fixed = (!changed).count_ones();
    // A bit that never changes in n good keys: one in 2^(n-1).
    if keys.len() < BITS || fixed == 0 {
        return;
    }
    let bits: Vec<_> = (0..32).filter(|bit| changed << bit >> 31 == 0).map(|bit: u32| bit.to_string()).collect();
    let (noun, verb) = if fixed == 1 { ("Bit", "is") } else { ("Bits", "are") };
    let words = format!("{noun} {} of the key {verb} the same in all {} frames", bits.join(", "), keys.len());
    if fixed >= 8 {
        found.bad(words + &format!(": {} bits are left", 32 - fixed));
    } else {
        found.says.push(words + ": its source gives fewer than 32 random bits");
    }
}

fn frames(count: u64) -> String {
    if count == 1 { "1 frame".into() } else { format!("{count} frames") }
}

/// Keys kept per connection. With more, two alike would be chance.
const KEPT_MAX: usize = 4096;
/// With fewer keys nothing is called good.
const ENOUGH: usize = 8;
/// So many keys that rise by chance are one in forty million.
const RISING: usize = 11;
/// So many keys that agree in a bit by chance are one in two thousand million, for each of the 32.
const BITS: usize = 32;
/// Keys told of, and rows of each.
const REPEATED_MAX: usize = 16;
const ROWS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn audit(keys: impl IntoIterator<Item = u32>) -> Masking {
        let mut kept = Keys::default();
        for (row, key) in (0..).zip(keys) {
            kept.client(Some(MaskingKey(key.to_be_bytes())), row);
        }
        kept.audit()
    }

    /// Keys against the verdict, and words that must be said.
    fn check(keys: impl IntoIterator<Item = u32>, verdict: Verdict, words: &str) {
        let masking = audit(keys);
        assert_eq!(masking.verdict, verdict, "{}", masking.says);
        assert!(masking.says.contains(words), "{}", masking.says);
    }

    /// Numbers without a pattern: a generator that passes the usual tests (splitmix64).
    fn random(seed: u64) -> impl Iterator<Item = u32> {
        (1..).map(move |round: u64| {
            let mut state = seed.wrapping_add(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u32::try_from((state ^ (state >> 31)) >> 32).unwrap()
        })
    }

    #[test]
    fn good_keys_are_called_good_whatever_their_number() {
        for seed in 0..200 {
            for count in [8, 40, 1000, 4096] {
                let masking = audit(random(seed).take(count));
                // Two alike are to be expected in one of five hundred samples of 4096.
                assert_ne!(masking.verdict, Verdict::Bad, "{seed}: {}", masking.says);
            }
        }
        check(random(7).take(500), Verdict::Good, "500 keys");
        check(random(7).take(5), Verdict::Plain, "too few");
        check([1], Verdict::Plain, "One key");
        check([], Verdict::Plain, "No masked frame");
        check(random(7).take(9000), Verdict::Good, "The first 4096 of 9000");
    }

    #[test]
    fn each_kind_of_bad_key_is_found() {
        use Verdict::{Bad, Plain};
        check([0, 0, 0, 0], Bad, "in every frame");
        check(random(1).take(20).chain([0]), Bad, "The key 00000000, which leaves the payload as it is, in 1 frame.");
        check([0x3737_3737; 9], Bad, "One key for all 9");
        check((0..9).map(|n| n + 77), Bad, "plus 1");
        check((0..9).map(|n: u32| (n + 77).swap_bytes()), Bad, "plus 1 (read from its last byte)");
        check((0..9).map(|n: u32| 0_u32.wrapping_sub(n * 5)), Bad, "less 5");
        check((0..9).map(|n: u32| 0xFFFF_FFF0_u32.wrapping_add(n * 4)), Bad, "plus 4"); // around the end
        check(
            random(2).take(20).scan(0, |sum, step| {
                *sum += step >> 8;
                Some(*sum)
            }),
            Bad,
            "a counter or a clock",
        );
        check(random(3).take(4).collect::<Vec<_>>().repeat(10), Bad, "Only 4 different keys in 40");
        check(random(4).take(20).chain(random(4).take(3)), Bad, "3 of 23 frames");
        check(random(5).take(20).map(|key| (key & 0xFF) * 0x0101_0101), Bad, "four times over");
        check(random(6).take(40).map(|key| key & 0x0000_FFFF), Bad, "16 bits are left");
        check(random(6).take(40).map(|key| key & 0x7FFF_FFFF), Plain, "Bit 0 of the key is the same");
        check(
            (0..20_u32).map(|n| u32::from_be_bytes(*b"ab00") + n * 7 % 10 * 256 + n * 3 % 7),
            Bad,
            "letters or digits",
        );
    }

    #[test]
    fn the_same_keys_are_looked_at_once() {
        let mut keys = Keys::default();
        let add = |keys: &mut Keys, key: u32| keys.client(Some(MaskingKey(key.to_be_bytes())), 0).is_empty();
        assert!([7, 8, 9].into_iter().all(|key| add(&mut keys, key)));
        assert!(!add(&mut keys, 10), "four are a counter");
        assert!(keys.foreseen().is_empty(), "and that is known");
        assert!(add(&mut keys, 11) && !keys.foreseen().is_empty());
        assert!(keys.foreseen().is_empty());
    }

    #[test]
    fn a_repeated_key_is_named_with_its_rows() {
        let masking = audit([1 << 20, 7, 9, 7, 3, 7]);
        assert_eq!(masking.repeated, [RepeatedKey { key: "00000007".into(), count: 3, rows: vec![1, 3, 5] }]);
        assert_eq!((masking.frames, masking.distinct), (6, 4));
    }

    #[test]
    fn frames_on_the_wrong_side_of_masking_are_told() {
        let mut keys = Keys::default();
        keys.client(None, 0);
        keys.server(Some(MaskingKey([1; 4])));
        let masking = keys.audit();
        assert_eq!(masking.verdict, Verdict::Bad);
        assert!(masking.says.contains("all: 1 frame of the client") && masking.says.contains("may be: 1 frame"));
    }
}
