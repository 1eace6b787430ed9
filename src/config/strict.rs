//! Reads a single key without converting its value, saying exactly what it stumbled over.
//!
//! The `config` crate reads `"1"` and `true` as the number 1 and stops at the first error, in its own words; a slip
//! of the pen must not become a limit. So each key passes here first, and only then `config` makes the whole.

use std::collections::hash_map;

use config::{Value, ValueKind};
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::Config;
use super::given::Given;
use super::wrong::Wrong;

/// Reads one key as if it were the only one.
pub fn read(given: &Given) -> Result<Config, Wrong> {
    Config::deserialize(Strict { value: &given.alone(), typed: given.is_typed() })
}

/// A value as it was written.
#[derive(Clone, Copy)]
struct Strict<'de> {
    value: &'de Value,
    /// Whether a text is a text; else it takes the type of its key.
    typed: bool,
}

impl<'de> Strict<'de> {
    fn of(self, value: &'de Value) -> Self {
        Self { value, ..self }
    }

    fn unexpected(self) -> Unexpected<'de> {
        match &self.value.kind {
            ValueKind::Table(_) => Unexpected::Map,
            ValueKind::Array(_) => Unexpected::Seq,
            ValueKind::String(text) => Unexpected::Str(text),
            ValueKind::I64(number) => Unexpected::Signed(*number),
            ValueKind::Float(number) => Unexpected::Float(*number),
            ValueKind::Boolean(value) => Unexpected::Bool(*value),
            ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
                Unexpected::Other("a number this large")
            }
            ValueKind::Nil => Unexpected::Other("a date"),
        }
    }
}

/// Reads a number or a boolean, out of a text if it has no type of its own.
macro_rules! untyped {
    ($($method:ident => $parsed:ty, $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match &self.value.kind {
                ValueKind::String(text) if !self.typed => match text.parse::<$parsed>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => visitor.visit_borrowed_str(text),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value.kind {
            ValueKind::Table(keys) => {
                visitor.visit_map(Keys { section: self, keys: keys.iter(), next: None })
            }
            ValueKind::Array(values) => {
                visitor.visit_seq(SeqDeserializer::new(values.iter().map(|value| self.of(value))))
            }
            ValueKind::String(text) => visitor.visit_borrowed_str(text),
            ValueKind::I64(number) => visitor.visit_i64(*number),
            ValueKind::Float(number) => visitor.visit_f64(*number),
            ValueKind::Boolean(value) => visitor.visit_bool(*value),
            _ => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        allowed: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.value.kind {
            ValueKind::String(text) => visitor.visit_enum(StrDeserializer::<Wrong>::new(text)),
            _ => Err(Wrong::not_one_of(self.unexpected(), allowed)),
        }
    }

    untyped! {
        deserialize_bool => bool, visit_bool;
        deserialize_i32 => i64, visit_i64;
        deserialize_i64 => i64, visit_i64;
        deserialize_u16 => i64, visit_i64;
        deserialize_u32 => i64, visit_i64;
        deserialize_u64 => i64, visit_i64;
        deserialize_f64 => f64, visit_f64;
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Wrong> for Strict<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The keys of a section; an error leaves with the names of the sections it came through.
struct Keys<'de> {
    section: Strict<'de>,
    keys: hash_map::Iter<'de, String, Value>,
    next: Option<(&'de String, &'de Value)>,
}

impl<'de> MapAccess<'de> for Keys<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.next = self.keys.next();
        let Some((key, _)) = self.next else { return Ok(None) };
        let name = StrDeserializer::<Wrong>::new(key);
        seed.deserialize(name).map(Some).map_err(|wrong| wrong.in_the_name(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        match self.next {
            Some((key, value)) => seed.deserialize(self.section.of(value)).map_err(|wrong| wrong.below(key)),
            None => Err(de::Error::custom("a value without a key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingPlace;

    fn reads(place: SettingPlace, key: &str, value: impl Into<Value>) -> bool {
        let path = key.split('.').map(str::to_owned).collect();
        read(&Given { place, path, value: value.into() }).is_ok()
    }

    #[test]
    fn a_value_of_the_file_is_never_converted() {
        let in_file = |key, value: ValueKind| {
            reads(SettingPlace::File { path: "site.toml".into(), line: Some(1) }, key, value)
        };
        for (key, value, reads) in [
            ("mqtt.max_unacknowledged", 100.into(), true),
            ("mqtt.max_unacknowledged", "100".into(), false),
            ("mqtt.max_unacknowledged", 100.4.into(), false),
            ("mqtt.max_unacknowledged", true.into(), false),
            ("mqtt.client_id", 17.into(), false),
            ("mqtt.client_id", true.into(), false),
            ("mqtt.client_id", ValueKind::Nil, false),
            ("scores.news2.enabled", "yes".into(), false),
            ("scores.news2.enabled", 1.into(), false),
            ("limits.adult.heart_rate.high", true.into(), false),
        ] {
            assert_eq!(in_file(key, value.clone()), reads, "{key} = {value}");
        }
    }

    #[test]
    fn a_variable_or_a_flag_is_a_text_of_the_type_of_its_key_and_no_other() {
        for (key, text, is_read) in [
            ("mqtt.max_unacknowledged", "100", true),
            ("mqtt.max_unacknowledged", "on", false),
            ("scores.news2.enabled", "false", true),
            ("scores.news2.enabled", "yes", false),
            ("mqtt.client_id", "17", true),
            ("limits.adult.heart_rate.high", "on", false),
        ] {
            assert_eq!(reads(SettingPlace::Flag("--flag".to_owned()), key, text), is_read, "{key} = {text}");
        }
    }
}
