//! Which keys a record has, which of them nobody knows, and the rest of it, which holds.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::Error as Stopped;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::settings::PartialVitalLimits;
use wardwatch_actors::vitals::Vital;

/// The place of an object within a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Nesting {
    Record,
    /// `limits`, by vital.
    Limits,
    /// `limits.heart_rate`.
    VitalLimits,
}

impl Nesting {
    /// Every key that may stand here, as the types say.
    pub fn keys(self) -> Vec<&'static str> {
        match self {
            Self::Record => fields_of::<AdmissionRecord>().to_vec(),
            Self::Limits => Vital::ALL.map(Vital::name).to_vec(),
            Self::VitalLimits => fields_of::<PartialVitalLimits>().to_vec(),
        }
    }

    /// What an object under this key is.
    fn below(self, key: &str) -> Option<Self> {
        match self {
            Self::Record => (key == "limits").then_some(Self::Limits),
            Self::Limits => Some(Self::VitalLimits),
            Self::VitalLimits => None,
        }
    }
}

/// A key that nobody knows, with where it stands.
#[derive(Debug)]
pub(super) struct UnknownKey {
    /// `limits.heart_rate.lo`
    pub path: String,
    pub level: Nesting,
}

/// Copies an object without its nulls and its unknown keys, which are added to `unknown`.
pub(super) fn known_part(
    object: &str,
    level: Nesting,
    path: &str,
    unknown: &mut Vec<UnknownKey>,
) -> Result<String, serde_json::Error> {
    let Pairs(pairs) = serde_json::from_str(object)?;
    let keys = level.keys();
    let mut written: Vec<String> = Vec::new();
    for (key, value) in pairs {
        let value = value.get();
        if !keys.contains(&&*key) {
            unknown.push(UnknownKey { path: format!("{path}{key}"), level });
        } else if value != "null" {
            let value = match level.below(&key).filter(|_| value.starts_with('{')) {
                Some(below) => known_part(value, below, &format!("{path}{key}."), unknown)?.into(),
                None => Cow::Borrowed(value),
            };
            written.push(format!("\"{key}\":{value}"));
        }
    }
    Ok(format!("{{{}}}", written.join(",")))
}

/// An object as it stands on the wire.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Object<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'a>, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// The names of a type's fields in JSON, as it asks for them itself: no list to be kept beside it.
fn fields_of<T: Deserialize<'static>>() -> &'static [&'static str] {
    let mut fields: &[&str] = &[];
    let asked = T::deserialize(Asked(&mut fields));
    debug_assert!(asked.is_err());
    fields
}

struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Stopped;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stopped> {
        Err(Stopped::custom("there is no value"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
