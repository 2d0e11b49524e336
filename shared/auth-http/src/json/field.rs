use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// One member of a body, of whatever type it came: reading it never fails, so that all faults are found together.
#[derive(Default)]
pub enum Field {
    #[default]
    Missing,
    Null,
    WrongType,
    /// Wiped after use: passwords and tokens come this way.
    Text(Zeroizing<String>),
}

impl Field {
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Null => "Null",
            Self::WrongType => "WrongType",
            Self::Text(_) => "Text(..)",
        })
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Field, E> {
        Ok(Field::Text(Zeroizing::new(text)))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
        Ok(Field::WrongType)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
        Ok(Field::WrongType)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
        Ok(Field::WrongType)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::WrongType)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::WrongType)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Field, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::WrongType)
    }
}

/// Counts the members that a body's type does not name, and keeps none of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unknown {
    pub(super) count: usize,
}

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UnknownVisitor)
    }
}

struct UnknownVisitor;

impl<'de> Visitor<'de> for UnknownVisitor {
    type Value = Unknown;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the members left over")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unknown, A::Error> {
        let mut count = 0;
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Unknown { count })
    }
}
