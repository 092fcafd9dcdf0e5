//! MessagePack, written out as one would write JSON.

/// The value in front of `bytes` in words, and what follows it; `None` where they end before it, or are none.
pub(super) fn read(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let mut reader = Reader { rest: bytes, left: VALUES_MAX };
    let value = reader.value(DEPTH_MAX)?;
    Some((value, reader.rest))
}

/// A value: its kind as far as anybody asks, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Nil,
    Integer(u64),
    Text(String),
    Array(Vec<Self>),
    /// Everything else, in words.
    Other(String),
}

impl Value {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Nil => "null".into(),
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => format!("\"{text}\""),
            Self::Array(items) => format!("[{}]", items.iter().map(Self::words).collect::<Vec<_>>().join(",")),
            Self::Other(words) => words.clone(),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Values that may still be read: an array can claim millions.
    left: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.left = self.left.checked_sub(1)?;
        let format = self.number(1)?;
        Some(match format {
            0x00..=0x7F => Value::Integer(format),
            0x80..=0x8F => self.map(format & 0xF, depth)?,
            0x90..=0x9F => self.array(format & 0xF, depth)?,
            0xA0..=0xBF => self.text(format & 0x1F)?,
            0xC0 => Value::Nil,
            0xC2 | 0xC3 => Value::Other(if format == 0xC2 { "false" } else { "true" }.into()),
            0xC4..=0xC6 => {
                let len = self.number(1 << (format - 0xC4))?;
                Value::Other(super::decoded::hex(self.take(len)?))
            }
            0xC7..=0xC9 => {
                let len = self.number(1 << (format - 0xC7))?;
                self.extension(len)?
            }
            0xCA => Value::Other(float(f32::from_bits(u32::try_from(self.number(4)?).ok()?).into())),
            0xCB => Value::Other(float(f64::from_bits(self.number(8)?))),
            0xCC..=0xCF => Value::Integer(self.number(1 << (format - 0xCC))?),
            0xD0..=0xD3 => {
                let len = 1_u32 << (format - 0xD0);
                let shift = 64 - 8 * len;
                let signed = (self.number(u64::from(len))? << shift).cast_signed() >> shift;
                u64::try_from(signed).map_or_else(|_| Value::Other(signed.to_string()), Value::Integer)
            }
            0xD4..=0xD8 => self.extension(1 << (format - 0xD4))?,
            0xD9..=0xDB => {
                let len = self.number(1 << (format - 0xD9))?;
                self.text(len)?
            }
            0xDC | 0xDD => {
                let len = self.number(if format == 0xDC { 2 } else { 4 })?;
                self.array(len, depth)?
            }
            0xDE | 0xDF => {
                let len = self.number(if format == 0xDE { 2 } else { 4 })?;
                self.map(len, depth)?
            }
            0xE0..=0xFF => Value::Other((format.cast_signed() - 256).to_string()),
            _ => return None,
        })
    }

    fn take(&mut self, len: u64) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self, len: u64) -> Option<u64> {
        Some(self.take(len)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&mut self, len: u64) -> Option<Value> {
        Some(Value::Text(String::from_utf8_lossy(self.take(len)?).into_owned()))
    }

    fn array(&mut self, len: u64, depth: u8) -> Option<Value> {
        (0..len).map(|_| self.value(depth)).collect::<Option<_>>().map(Value::Array)
    }

    fn map(&mut self, len: u64, depth: u8) -> Option<Value> {
        let pair = |_| Some(format!("{}:{}", self.value(depth)?.words(), self.value(depth)?.words()));
        let pairs: Vec<String> = (0..len).map(pair).collect::<Option<_>>()?;
        Some(Value::Other(format!("{{{}}}", pairs.join(","))))
    }

    fn extension(&mut self, len: u64) -> Option<Value> {
        let kind = self.number(1)?;
        let data = super::decoded::hex(self.take(len)?);
        Some(Value::Other(if kind == 0xFF {
            format!("timestamp({data})")
        } else {
            format!("extension {kind}({data})")
        }))
    }
}

/// As JSON writes it: what prints numbers of any form is 20 KB of the wasm module.
fn float(number: f64) -> String {
    serde_json::to_string(&number).unwrap_or_default()
}

const DEPTH_MAX: u8 = 64;
const VALUES_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn each_format_of_the_specification() {
        let check = |bytes: &[u8], words: &str| {
            let (value, rest) = read(bytes).unwrap_or_else(|| panic!("{bytes:x?}"));
            assert_eq!((value.words().as_str(), rest.len()), (words, 0), "{bytes:x?}");
            for cut in 0..bytes.len() {
                assert!(read(&bytes[..cut]).is_none());
            }
        };
        check(b"\x7f", "127");
        check(b"\xe0", "-32");
        check(b"\xc0", "null");
        check(b"\xc3", "true");
        check(b"\xcc\xff", "255");
        check(b"\xcd\x01\x00", "256");
        check(b"\xcf\0\0\0\x01\0\0\0\0", "4294967296");
        check(b"\xd0\x80", "-128");
        check(b"\xd1\xff\xfe", "-2");
        check(b"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", "-1");
        check(b"\xca\x3f\x80\0\0", "1.0");
        check(b"\xcb\x3f\xf8\0\0\0\0\0\0", "1.5");
        check(b"\xa3abc", "\"abc\"");
        check(b"\xd9\x03abc", "\"abc\"");
        check(b"\xda\x00\x03abc", "\"abc\"");
        check(b"\xc4\x02\x01\x02", "01 02");
        check(b"\x93\x01\xa1a\xc0", "[1,\"a\",null]");
        check(b"\xdc\x00\x01\x01", "[1]");
        check(b"\x81\xa1a\x90", "{\"a\":[]}");
        check(b"\xde\x00\x01\x01\x02", "{1:2}");
        check(b"\xd6\xff\x00\x00\x00\x01", "timestamp(00 00 00 01)");
        check(b"\xc7\x01\x05\x09", "extension 5(09)");
        assert!(read(b"\xc1").is_none() && read(b"\xdd\xff\xff\xff\xff").is_none() && read(&[0x91; 200]).is_none());
    }
}
