//! Files, smaller, in a content coding that the client takes (RFC 9110, 8.4.1 and 12.5.3).

use http::{HeaderMap, header};

pub(crate) use cache::{Cache, Plain};

mod brotli;
mod cache;
mod gzip;
#[cfg(test)]
mod tests;

/// What a file can be sent as, other than as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// The smaller one first.
    const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// By which it is registered.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// What the client would rather have than the file as it is, or as gladly; its favourite first, and ours of those that
/// are the same to it.
pub(crate) fn welcome(request: &HeaderMap) -> Vec<Coding> {
    let lists = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let asked: Vec<_> = lists.flat_map(|list| list.split(',')).map(name_and_weight).collect();
    let named =
        |name: &str| asked.iter().find(|(asked, _)| asked.eq_ignore_ascii_case(name)).map(|(_, weight)| *weight);
    let any_other = named("*");
    let plain = named("identity").or(any_other).unwrap_or(0);
    let weight = |coding: &Coding| named(coding.name()).or(any_other).unwrap_or(0);
    let mut welcome = Coding::ALL.to_vec();
    welcome.retain(|coding| weight(coding) > 0 && weight(coding) >= plain);
    welcome.sort_by_key(|coding| std::cmp::Reverse(weight(coding)));
    welcome
}

/// Whether files of this type shrink.
pub(crate) fn is_compressible(mime: &[u8]) -> bool {
    const OTHERS: [&[u8]; 4] =
        [b"application/json", b"application/wasm", b"application/manifest+json", b"image/svg+xml"];
    mime.starts_with(b"text/") || OTHERS.contains(&mime)
}

/// One of the codings in the list, and its weight in thousandths. None is 1; what is no weight refuses, since the file
/// as it is can be read by everyone.
fn name_and_weight(coding: &str) -> (&str, u16) {
    let mut parts = coding.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
    (name, weight.map_or(1000, |(_, weight)| thousandths(weight).unwrap_or(0)))
}

/// A `qvalue` (RFC 9110, 12.4.2): 0 to 1 with up to three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1000),
        _ => None,
    }
}
