//! A reading as it stands on the wire: the text of each field, not yet understood.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use wardwatch_actors::vitals::Vital;

/// The fields of a reading that are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Field {
    Time = Vital::COUNT,
    Device,
    Seq,
    BloodPressure,
    SupplementalOxygen,
    Consciousness,
    Simulated,
}

const FIELDS: usize = Vital::COUNT + 7;

impl Field {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Time, "time"),
        (Self::Device, "device"),
        (Self::Seq, "seq"),
        (Self::BloodPressure, "blood_pressure"),
        (Self::SupplementalOxygen, "supplemental_oxygen"),
        (Self::Consciousness, "consciousness"),
        (Self::Simulated, "simulated"),
    ];

    pub fn name(self) -> &'static str {
        name_of(self as usize)
    }
}

fn name_of(place: usize) -> &'static str {
    match Vital::ALL.get(place) {
        Some(vital) => vital.name(),
        None => Field::ALL[place - Vital::COUNT].1,
    }
}

/// Every name that a field may have.
pub fn known_names() -> [&'static str; FIELDS] {
    std::array::from_fn(name_of)
}

/// The text of each known field, and the names of the others.
#[derive(Default)]
pub(super) struct WireReading<'a> {
    texts: [Option<&'a str>; FIELDS],
    pub unknown: Vec<Cow<'a, str>>,
}

impl<'a> WireReading<'a> {
    pub fn vital(&self, vital: Vital) -> Option<&'a str> {
        self.texts[vital.index()]
    }

    pub fn field(&self, field: Field) -> Option<&'a str> {
        self.texts[field as usize]
    }

    pub fn has_vitals(&self) -> bool {
        let others = [Field::BloodPressure, Field::SupplementalOxygen, Field::Consciousness];
        let mut vitals = (0..Vital::COUNT).chain(others.map(|field| field as usize));
        vitals.any(|place| self.texts[place].is_some())
    }
}

/// A field by its name.
enum FieldName<'a> {
    Known(usize),
    Unknown(Cow<'a, str>),
}

impl<'de: 'a, 'a> Deserialize<'de> for FieldName<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Name<'a> {
            type Value = FieldName<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<FieldName<'a>, E> {
                Ok(place(name).map_or(FieldName::Unknown(Cow::Borrowed(name)), FieldName::Known))
            }

            fn visit_str<E>(self, name: &str) -> Result<FieldName<'a>, E> {
                Ok(place(name)
                    .map_or_else(|| FieldName::Unknown(Cow::Owned(name.to_owned())), FieldName::Known))
            }
        }
        deserializer.deserialize_identifier(Name(PhantomData))
    }
}

fn place(name: &str) -> Option<usize> {
    let vital = Vital::ALL.iter().position(|vital| vital.name() == name);
    let other = || Field::ALL.iter().find(|(_, known)| *known == name).map(|(field, _)| *field as usize);
    vital.or_else(other)
}

impl<'de: 'a, 'a> Deserialize<'de> for WireReading<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = WireReading<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reading: an object, or an array of them")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<WireReading<'a>, M::Error> {
                let mut wire = WireReading::default();
                while let Some(place) = map.next_key::<FieldName<'a>>()? {
                    let text = map.next_value::<&'a RawValue>()?.get();
                    match place {
                        FieldName::Known(place) if wire.texts[place].is_some() => {
                            let field = name_of(place);
                            return Err(serde::de::Error::custom(format_args!("`{field}` is in it twice")));
                        }
                        FieldName::Known(place) => wire.texts[place] = Some(text),
                        FieldName::Unknown(name) => wire.unknown.push(name),
                    }
                }
                Ok(wire)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Reads the elements of an array; where there are more than `most`, reading ends, and `too_many` says so.
pub(super) struct Elements<'f, T, F> {
    most: usize,
    too_many: &'f mut bool,
    each: F,
    of: PhantomData<T>,
}

impl<'f, T, F: FnMut(T)> Elements<'f, T, F> {
    pub fn at_most(most: usize, too_many: &'f mut bool, each: F) -> Self {
        Self { most, too_many, each, of: PhantomData }
    }

    /// Reads them from JSON.
    pub fn read<'de, R: serde_json::de::Read<'de>>(
        self,
        mut json: serde_json::Deserializer<R>,
    ) -> Result<(), serde_json::Error>
    where
        T: Deserialize<'de>,
    {
        json.deserialize_seq(self)?;
        json.end()
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Elements<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of readings")
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut array: S) -> Result<(), S::Error> {
        for _ in 0..self.most {
            match array.next_element()? {
                Some(element) => (self.each)(element),
                None => return Ok(()),
            }
        }
        match array.next_element::<IgnoredAny>()? {
            Some(_) => {
                *self.too_many = true;
                Err(serde::de::Error::custom("too many elements"))
            }
            None => Ok(()),
        }
    }
}
