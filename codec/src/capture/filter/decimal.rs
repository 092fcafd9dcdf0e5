//! Numbers of JSON, without the standard library's parser: its tables weigh more in a page than this whole language.

/// A decimal number as JSON has it (RFC 8259, 6), and as people write it. It may be off in the last place of 17 digits;
/// the same text always gives the same number.
pub(super) fn decimal(text: &[u8]) -> Option<f64> {
    let (is_negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (mut mantissa, mut exponent, mut digits) = (0_u64, 0_i32, 0_u32);
    let mut is_fraction = false;
    let mut rest = text.iter();
    for byte in rest.by_ref() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                // What no longer fits counts by its place only.
                match mantissa.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(byte - b'0'))) {
                    Some(more) if exponent >= 0 || is_fraction => {
                        mantissa = more;
                        exponent -= i32::from(is_fraction);
                    }
                    _ => exponent = exponent.saturating_add(i32::from(!is_fraction)),
                }
            }
            b'.' if !is_fraction => is_fraction = true,
            b'e' | b'E' if digits > 0 => {
                exponent = exponent.saturating_add(signed(rest.as_slice())?);
                return scaled(mantissa, exponent, is_negative);
            }
            _ => return None,
        }
    }
    if digits == 0 { None } else { scaled(mantissa, exponent, is_negative) }
}

/// The digits behind an `e`.
fn signed(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i32;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value = value.saturating_mul(10).saturating_add(digit.into());
    }
    Some(sign * value.min(FARTHEST))
}

#[expect(clippy::cast_precision_loss, reason = "a double has 53 bits")]
fn scaled(mantissa: u64, exponent: i32, is_negative: bool) -> Option<f64> {
    let mut value = mantissa as f64;
    for _ in 0..exponent.unsigned_abs().min(FARTHEST.unsigned_abs()) {
        if exponent < 0 {
            value /= 10.0;
        } else {
            value *= 10.0;
        }
    }
    value.is_finite().then_some(if is_negative { -value } else { value })
}

/// Beyond this all is 0, or more than a double holds.
const FARTHEST: i32 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them() {
        let exact = [
            "0",
            "-0",
            "1",
            "42",
            "-17",
            "007",
            "1.5",
            "-0.25",
            "1e3",
            "2E+2",
            "5e-1",
            "9007199254740991",
            "0.1",
            "100.01",
            ".5",
            "5.",
        ];
        for text in exact {
            assert_eq!(decimal(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for text in [
            "3.141592653589793",
            "1e-7",
            "6.02214076e23",
            "123456789012345678901234567890",
            "0.000123456789",
            "1e300",
            "4e-320",
        ] {
            let (read, expected) = (decimal(text.as_bytes()).unwrap(), text.parse::<f64>().unwrap());
            assert!((read - expected).abs() <= expected.abs() * 1e-14 + f64::MIN_POSITIVE, "{text}: {read}");
        }
        for text in ["", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "1x", "0x10", "NaN", "inf", "1e999", " 1"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }
}
