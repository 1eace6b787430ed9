//! A tree of keys and values that serde reads into [`Config`](super::Config), telling exactly which key it stumbled over.

use std::collections::BTreeMap;
use std::collections::btree_map;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::wrong::Wrong;

/// A value, or a section with keys of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Section(BTreeMap<String, Node>),
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    List(Vec<Node>),
    /// A value of the environment or a flag, which has no type of its own.
    Untyped(String),
    /// A value of a kind that no key has, such as a date.
    Foreign(&'static str),
}

impl Default for Node {
    fn default() -> Self {
        Self::Section(BTreeMap::new())
    }
}

impl Node {
    /// A tree with a single value in it.
    pub fn with(path: &[String], value: Self) -> Self {
        let mut tree = Self::default();
        tree.set(path, value);
        tree
    }

    /// Sets the value at `path`, making sections on the way. A section never replaces one that is there.
    pub fn set(&mut self, path: &[String], value: Self) {
        let Some((key, below)) = path.split_first() else {
            if !matches!((&self, &value), (Self::Section(_), Self::Section(_))) {
                *self = value;
            }
            return;
        };
        if !matches!(self, Self::Section(_)) {
            *self = Self::default();
        }
        if let Self::Section(keys) = self {
            keys.entry(key.clone()).or_default().set(below, value);
        }
    }

    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Section(_) => Unexpected::Map,
            Self::Text(text) | Self::Untyped(text) => Unexpected::Str(text),
            Self::Integer(number) => Unexpected::Signed(*number),
            Self::Float(number) => Unexpected::Float(*number),
            Self::Boolean(value) => Unexpected::Bool(*value),
            Self::List(_) => Unexpected::Seq,
            Self::Foreign(kind) => Unexpected::Other(kind),
        }
    }
}

/// Reads a number or a boolean, out of a text if it has no type of its own.
macro_rules! untyped {
    ($($method:ident => $parsed:ty, $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match self {
                Node::Untyped(text) => match text.parse::<$parsed>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => visitor.visit_borrowed_str(text),
                },
                typed => typed.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Node::Section(keys) => visitor.visit_map(Keys { keys: keys.iter(), next: None }),
            Node::Text(text) | Node::Untyped(text) => visitor.visit_borrowed_str(text),
            Node::Integer(number) => visitor.visit_i64(*number),
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Boolean(value) => visitor.visit_bool(*value),
            Node::List(values) => visitor.visit_seq(SeqDeserializer::new(values.iter())),
            Node::Foreign(_) => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
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
        match self {
            Node::Text(text) | Node::Untyped(text) => {
                visitor.visit_enum(StrDeserializer::<Wrong>::new(text.as_str()))
            }
            other => Err(Wrong::not_one_of(other.unexpected(), allowed)),
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

impl<'de> IntoDeserializer<'de, Wrong> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The keys of a section; an error leaves with the names of the sections it came through.
struct Keys<'de> {
    keys: btree_map::Iter<'de, String, Node>,
    next: Option<(&'de String, &'de Node)>,
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
            Some((key, value)) => seed.deserialize(value).map_err(|wrong| wrong.below(key)),
            None => Err(de::Error::custom("a value without a key")),
        }
    }
}
