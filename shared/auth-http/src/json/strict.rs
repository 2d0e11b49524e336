use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What a first, strict reading of a JSON text finds out.
///
/// It refuses what serde lets pass in values that are skipped: a member that occurs twice in any object (RFC 8259 §4;
/// two readers may take different ones), lone surrogates, and nesting beyond `serde_json`'s 128 levels.
pub(super) struct Root {
    pub is_object: bool,
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict)
    }
}

struct Strict;

const OTHER: Root = Root { is_object: false };

impl<'de> Visitor<'de> for Strict {
    type Value = Root;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Root, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member occurs twice"));
            }
            members.next_value::<Root>()?;
        }
        Ok(Root { is_object: true })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Root, A::Error> {
        while items.next_element::<Root>()?.is_some() {}
        Ok(OTHER)
    }

    fn visit_str<E>(self, _: &str) -> Result<Root, E> {
        Ok(OTHER)
    }

    fn visit_unit<E>(self) -> Result<Root, E> {
        Ok(OTHER)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Root, E> {
        Ok(OTHER)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Root, E> {
        Ok(OTHER)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Root, E> {
        Ok(OTHER)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Root, E> {
        Ok(OTHER)
    }
}
