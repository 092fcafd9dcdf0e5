//! Whole numbers that come as JavaScript's only kind of number.

/// The running number of a row.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, which is right for what is no row"
)]
pub(crate) const fn row_index(number: f64) -> u64 {
    number as u64
}

/// A moment, from milliseconds since 1970.
#[cfg(any(feature = "inspector", feature = "interception"))]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and no clock says such a time")]
pub(crate) fn nanoseconds(milliseconds: f64) -> u64 {
    (milliseconds * 1e6) as u64
}
