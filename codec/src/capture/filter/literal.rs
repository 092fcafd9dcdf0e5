//! Numbers with units, bytes in hex, addresses: what stands behind a comparison, as values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Type;
use super::tree::ip_number;

/// What a number is a number of, as far as that has units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Bytes,
    Time,
}

impl Unit {
    pub(super) const fn of(kind: Type) -> Self {
        match kind {
            Type::Size => Self::Bytes,
            Type::Time => Self::Time,
            _ => Self::None,
        }
    }

    /// Its words, each with what it stands for. Without one a number counts bytes, or seconds.
    const fn words(self) -> &'static [(&'static str, i128)] {
        match self {
            Self::None => &[("", 1)],
            Self::Bytes => &[
                ("", 1),
                ("b", 1),
                ("k", 1 << 10),
                ("kb", 1000),
                ("kib", 1 << 10),
                ("m", 1 << 20),
                ("mb", 1_000_000),
                ("mib", 1 << 20),
                ("g", 1 << 30),
                ("gb", 1_000_000_000),
                ("gib", 1 << 30),
            ],
            Self::Time => &[
                ("", 1_000_000_000),
                ("ns", 1),
                ("us", 1000),
                ("µs", 1000),
                ("μs", 1000),
                ("ms", 1_000_000),
                ("s", 1_000_000_000),
                ("m", 60_000_000_000),
                ("min", 60_000_000_000),
                ("h", 3_600_000_000_000),
            ],
        }
    }

    /// What to write, for a hint.
    pub(super) const fn examples(self) -> &'static str {
        match self {
            Self::None => "Write a number, as 12 or 0x0C.",
            Self::Bytes => "Write a number of bytes, as 100, 10KiB or 1.5MB.",
            Self::Time => "Write a time, as 1.5s, 50ms or 20us.",
        }
    }
}

/// Where a value is, or where it would be: between two whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) low: i128,
    pub(super) high: i128,
    /// All from low to high are meant; if not, what is meant lies between them.
    pub(super) is_exact: bool,
}

impl Spot {
    pub(super) const fn range(low: i128, high: i128) -> Self {
        Self { low, high, is_exact: true }
    }
}

/// A number with its unit.
pub(super) fn number(word: &str, unit: Unit) -> Option<Spot> {
    let (is_negative, word) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        let value = i128::from(u64::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 16)?);
        let value = if is_negative { -value } else { value };
        return Some(Spot::range(value, value));
    }
    let end = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_'))).unwrap_or(word.len());
    let (digits, name) = word.split_at(end);
    let (_, factor) = unit.words().iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.contains('.') || digits.ends_with('.') || digits.len() > DIGITS_MAX {
        return None;
    }
    let (mut value, mut divisor) = (0_i128, 1_i128);
    for digit in whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit) {
        value = value * 10 + i128::from(digit - b'0');
    }
    for _ in fraction.bytes().filter(u8::is_ascii_digit) {
        divisor *= 10;
    }
    let value = value * factor * if is_negative { -1 } else { 1 };
    let low = value.div_euclid(divisor);
    Some(match value.rem_euclid(divisor) {
        0 => Spot::range(low, low),
        _ => Spot { low, high: low + 1, is_exact: false },
    })
}

/// Bytes in hex, with or without `0x` in front and separators between.
pub(super) fn bytes(word: &str) -> Option<Vec<u8>> {
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
    let mut out = Vec::with_capacity(digits.len() / 2);
    let mut half = None;
    for character in digits.chars() {
        match (character, character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()), half) {
            (_, Some(high), None) => half = Some(high),
            (_, Some(low), Some(high)) => {
                out.push(high << 4 | low);
                half = None;
            }
            (':' | '-' | '.' | '_' | ',', None, None) => {}
            (space, None, None) if space.is_whitespace() => {}
            _ => return None,
        }
    }
    (half.is_none() && !out.is_empty()).then_some(out)
}

/// An address, or all that begin alike: `10.0.0.0/8`.
pub(super) fn addresses(word: &str) -> Option<Vec<(u128, u128)>> {
    let one = |ip: IpAddr| (ip_number(ip), ip_number(ip));
    if word.eq_ignore_ascii_case("localhost") {
        let v4 = [Ipv4Addr::new(127, 0, 0, 0), Ipv4Addr::new(127, 255, 255, 255)].map(|ip| ip_number(ip.into()));
        return Some(vec![v4.into(), one(Ipv6Addr::LOCALHOST.into())]);
    }
    let (ip, prefix) = word.split_once('/').map_or((word, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    let Some(prefix) = prefix else { return Some(vec![one(ip)]) };
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    let free = bits - prefix.parse().ok().filter(|prefix: &u32| *prefix <= bits)?;
    let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |past| past - 1);
    Some(vec![(ip_number(ip) & !mask, ip_number(ip) | mask)])
}

/// So that no product of digits and unit is too large.
const DIGITS_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        let check = |word, unit, expected: i128| {
            assert_eq!(number(word, unit), Some(Spot::range(expected, expected)), "{word}");
        };
        check("12", Unit::None, 12);
        check("0xFF", Unit::None, 255);
        check("1_000", Unit::Bytes, 1000);
        check("10KiB", Unit::Bytes, 10_240);
        check("1.5kb", Unit::Bytes, 1500);
        check("1.5", Unit::Time, 1_500_000_000);
        check("-20us", Unit::Time, -20_000);
        check("20µs", Unit::Time, 20_000);
        assert_eq!(number("1.5", Unit::None), Some(Spot { low: 1, high: 2, is_exact: false }));
        for word in ["", "x", "1x", "1.", ".5", "1..2", "0x", "0x1G", "10KiB", "--1", &"9".repeat(30)] {
            assert_eq!(number(word, Unit::None), None, "{word}");
        }
    }

    #[test]
    fn bytes_are_written_in_hex() {
        for word in ["8101", "0x8101", "81:01", "81 01", "81-01"] {
            assert_eq!(bytes(word), Some(vec![0x81, 1]), "{word}");
        }
        for word in ["", "0x", "8", "810", "8:1", "xy"] {
            assert_eq!(bytes(word), None, "{word}");
        }
    }

    #[test]
    fn addresses_may_be_networks() {
        let ip = |text: &str| ip_number(text.parse().unwrap());
        assert_eq!(addresses("10.1.2.3/8"), Some(vec![(ip("10.0.0.0"), ip("10.255.255.255"))]));
        assert_eq!(addresses("0.0.0.0/0"), Some(vec![(ip("0.0.0.0"), ip("255.255.255.255"))]));
        assert_eq!(addresses("::/0"), Some(vec![(0, u128::MAX)]));
        assert_eq!(addresses("fe80::1"), Some(vec![(ip("fe80::1"), ip("fe80::1"))]));
        assert_eq!(addresses("::ffff:1.2.3.4"), addresses("1.2.3.4"));
        for word in ["", "10", "10.0.0.1:80", "10.0.0.0/33", "::/129", "1.2.3.4/"] {
            assert_eq!(addresses(word), None, "{word}");
        }
    }
}
