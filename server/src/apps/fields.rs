//! A JSON object whose fields are passed on as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of an object in their order, each value as it was written: `1.50` stays `1.50`. No name comes twice.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object; `None` if it is not one.
    pub(crate) fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    /// The value of a field, as what it should be; `None` if it is not there or is something else.
    pub(crate) fn read_as<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Takes a field out.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(place).1)
    }

    /// Whether all who read JSON can read this: no value is nested too deeply for them, no escape stands for half a
    /// character, no number is out of range. Being passed on unread, none of that has been looked at before.
    pub(crate) fn is_sound(&self) -> bool {
        self.0.iter().all(|(_, value)| serde_json::from_str::<Sound>(value.get()).is_ok())
    }

    /// Whether a NUL is in it anywhere, which not every database can keep.
    pub(crate) fn has_nul(&self) -> bool {
        // In JSON it is always escaped, and only one way: the letter can be neither upper case nor another.
        self.0.iter().any(|(name, value)| name.contains('\0') || has_escaped_nul(value.get()))
    }

    /// Appends the fields without the braces: `"a":1,"b":"x"`.
    pub(crate) fn write_to(&self, json: &mut String) {
        for (place, (name, value)) in self.0.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            // A string can always be written as JSON.
            json.push_str(&serde_json::to_string(name).unwrap_or_default());
            json.push(':');
            json.push_str(value.get());
        }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value()?;
            fields.push((name, value));
            if fields.len() > FIELDS_MAX {
                return Err(A::Error::custom("too many fields"));
            }
        }
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return Err(A::Error::custom("a field comes twice"));
        }
        Ok(Fields(fields))
    }
}

/// Some JSON that was read through to its end, and of which nothing is kept.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Through)
    }
}

struct Through;

impl<'de> Visitor<'de> for Through {
    type Value = Sound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Sound, A::Error> {
        while items.next_element::<Sound>()?.is_some() {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Sound, A::Error> {
        while entries.next_entry::<Sound, Sound>()?.is_some() {}
        Ok(Sound)
    }
}

fn has_escaped_nul(json: &str) -> bool {
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        if escape.starts_with("u0000") {
            return true;
        }
        // What follows the backslash is one ASCII character: JSON knows no other escapes.
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

/// Borrowed where nothing is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What has more is not meant well.
const FIELDS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_is_as_it_was_written() {
        let json = r#" { "b" : 1.50 , "a\u0041":[ 1, {"x" : null}], "c":"\u00fc\n" } "#;
        let mut fields = Fields::read(json).unwrap();
        let mut written = String::new();
        fields.write_to(&mut written);
        assert_eq!(written, r#""b":1.50,"aA":[ 1, {"x" : null}],"c":"\u00fc\n""#);
        assert_eq!(fields.read_as::<f64>("b"), Some(1.5));
        assert_eq!(fields.read_as::<String>("b"), None);
        assert!(fields.take("aA").is_some() && fields.take("aA").is_none());
        for odd in ["[]", "null", "{", r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, "{}x"] {
            assert!(Fields::read(odd).is_none(), "{odd}");
        }
        assert!(Fields::read("{}").unwrap().get("x").is_none());
    }

    #[test]
    fn what_would_trouble_others_is_noticed() {
        let sound = |json: &str| Fields::read(json).is_some_and(|fields| fields.is_sound());
        assert!(sound(r#"{"a":[[1]],"b":"\ud83d\ude00","c":1e300}"#));
        for odd in
            [r#"{"a":"\ud800"}"#, r#"{"a":1e400}"#, &format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200))]
        {
            assert!(!sound(odd), "{odd}");
        }
        let nul = |json: &str| Fields::read(json).unwrap().has_nul();
        assert!(nul(r#"{"a":"\u0000"}"#) && nul(r#"{"a":{"\\\u0000":1}}"#) && nul(r#"{"\u0000":1}"#));
        assert!(!nul(r#"{"a":"\\u0000","b":"\u0001","c":0}"#));
    }
}
