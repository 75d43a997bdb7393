//! Reads JSON that PHP wrote: `[]` is an empty map where the type wants a map or a struct.
//!
//! PHP cannot distinguish an empty map from an empty list, so it writes both as `[]`, at any depth. What is read here goes through
//! [`Php`], a deserializer around serde_json's, which hands itself on to every value inside.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde_json::value::RawValue;

use crate::sealed::primordyx::json_text;

/// Reads a whole JSON text.
///
/// Serde reads some types through a buffer of its own (untagged and internally tagged enums, what is flattened), which takes
/// every `[]` for a list. What does not open is read a second time, with all of them written as maps; outside of the buffer
/// an empty map is a list where a list is wanted.
pub(super) fn from_str<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    read(json).or_else(|error| {
        let maps = json_text::with_empty_maps(json);
        if maps == json_text::compact(json) { Err(error) } else { read(&maps).map_err(|_| error) }
    })
}

fn read<'de, T: de::Deserialize<'de>>(json: &'de str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(Php(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

/// A deserializer, or an access to one, whose empty lists are empty maps where a map is wanted.
struct Php<D>(D);

macro_rules! pass_on {
    ($($method:ident)+) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
                self.0.$method(Visit(visitor))
            }
        )+
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Php<D> {
    type Error = D::Error;

    pass_on! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(VisitList(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(VisitMap(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(VisitMap(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Visit(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Visit(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Visit(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Visit(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, Visit(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Hands [`Php`] on to what is inside of a value.
struct Visit<V>(V);

/// The same where a map is wanted: an empty list is one.
struct VisitMap<V>(V);

/// The same where a list is wanted: an empty map is one.
struct VisitList<V>(V);

macro_rules! visit_plain {
    ($($method:ident: $value:ty)+) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.expecting(f)
        }

        $(
            fn $method<E: de::Error>(self, value: $value) -> Result<V::Value, E> {
                self.0.$method(value)
            }
        )+

        fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
            self.0.visit_none()
        }

        fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
            self.0.visit_unit()
        }

        fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
            self.0.visit_some(Php(inner))
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
            self.0.visit_newtype_struct(Php(inner))
        }

        fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
            self.0.visit_enum(Php(variant))
        }
    };
}

macro_rules! visit_all_plain {
    () => {
        visit_plain! {
            visit_bool: bool visit_i8: i8 visit_i16: i16 visit_i32: i32 visit_i64: i64 visit_i128: i128
            visit_u8: u8 visit_u16: u16 visit_u32: u32 visit_u64: u64 visit_u128: u128 visit_f32: f32 visit_f64: f64
            visit_char: char visit_str: &str visit_borrowed_str: &'de str visit_string: String
            visit_bytes: &[u8] visit_borrowed_bytes: &'de [u8] visit_byte_buf: Vec<u8>
        }
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Visit<V> {
    type Value = V::Value;

    visit_all_plain!();

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Php(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Php(map))
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for VisitList<V> {
    type Value = V::Value;

    visit_all_plain!();

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Php(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        match map.next_key::<IgnoredAny>()? {
            None => self.0.visit_seq(Empty(PhantomData)),
            Some(_) => Err(de::Error::invalid_type(Unexpected::Map, &self.0)),
        }
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for VisitMap<V> {
    type Value = V::Value;

    visit_all_plain!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<V::Value, A::Error> {
        match list.next_element::<&'de RawValue>()? {
            None => self.0.visit_map(Empty(PhantomData)),
            // A struct may be written as the list of its fields.
            first => self.0.visit_seq(Begun { first, rest: Php(list) }),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Php(map))
    }
}

/// The map without entries, and the list without elements.
struct Empty<E>(PhantomData<E>);

impl<'de, E: de::Error> SeqAccess<'de> for Empty<E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, _seed: T) -> Result<Option<T::Value>, E> {
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(0)
    }
}

impl<'de, E: de::Error> MapAccess<'de> for Empty<E> {
    type Error = E;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, _seed: K) -> Result<Option<K::Value>, E> {
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, _seed: V) -> Result<V::Value, E> {
        Err(de::Error::custom("an empty map has no value"))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(0)
    }
}

/// A list whose first element was read already.
struct Begun<'de, A> {
    first: Option<&'de RawValue>,
    rest: Php<A>,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Begun<'de, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let Some(first) = self.first.take() else { return self.rest.next_element_seed(seed) };
        let mut deserializer = serde_json::Deserializer::from_str(first.get());
        seed.deserialize(Php(&mut deserializer)).map(Some).map_err(de::Error::custom)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Php<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Php(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Php<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(Php(seed))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(Php(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Php<A> {
    type Error = A::Error;
    type Variant = Php<A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        self.0.variant_seed(Php(seed)).map(|(name, variant)| (name, Php(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Php<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.0.newtype_variant_seed(Php(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Visit(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, VisitMap(visitor))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Php<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Php(deserializer))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i32,
        y: i32,
    }

    #[test]
    fn a_struct_may_still_be_a_list_of_its_fields() {
        assert_eq!(from_str::<Point>("[1, 2]").unwrap(), Point { x: 1, y: 2 });
        assert_eq!(from_str::<Point>(r#"{"y":2,"x":1}"#).unwrap(), Point { x: 1, y: 2 });
        for wrong in ["[]", "[1]", "[1,2,3]", "1", "null", "\"\"", "[1,2] 3", "[1,[]]"] {
            assert!(from_str::<Point>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn big_integers_keep_their_digits_in_every_place() {
        let big = i128::MAX.to_string();
        let map =
            from_str::<BTreeMap<String, Vec<(i128, Option<i128>)>>>(&format!(r#"{{"a":[[{big},{big}]]}}"#)).unwrap();
        assert_eq!(map["a"], [(i128::MAX, Some(i128::MAX))]);
    }

    #[test]
    fn an_empty_list_is_a_map_in_types_that_serde_buffers() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            Map { map: BTreeMap<String, i32>, list: Vec<i32> },
        }
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            Map(BTreeMap<String, i32>),
            Text(String),
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Outer {
            list: Vec<Vec<i32>>,
            pair: (Vec<i32>, BTreeMap<String, i32>),
            untagged: Vec<Untagged>,
            #[serde(flatten)]
            rest: BTreeMap<String, BTreeMap<String, i32>>,
        }
        let empty = BTreeMap::new;
        let outer = r#"{"list": [[ ],[1]],"pair":[[],[]],"untagged":[[],"[]",{"a":1}],"x":[],"y":{"b":2}}"#;
        let expected = Outer {
            list: vec![vec![], vec![1]],
            pair: (vec![], empty()),
            untagged: vec![
                Untagged::Map(empty()),
                Untagged::Text("[]".to_owned()),
                Untagged::Map([("a".to_owned(), 1)].into()),
            ],
            rest: [("x".to_owned(), empty()), ("y".to_owned(), [("b".to_owned(), 2)].into())].into(),
        };
        assert_eq!(from_str::<Outer>(outer).unwrap(), expected);
        let map = |json| from_str::<Tagged>(json).unwrap();
        assert_eq!(map(r#"{"kind":"Map","map":[],"list":[1]}"#), Tagged::Map { map: empty(), list: vec![1] });
        assert_eq!(from_str::<Vec<i32>>("{}").unwrap(), Vec::<i32>::new());
        assert!(from_str::<Vec<i32>>(r#"{"a":1}"#).is_err() && from_str::<Untagged>("7").is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_serde_json_reads_is_read_alike(json in "[\\[\\]{},:\"a0-9. truefalsn-]{0,24}") {
            proptest::prop_assert_eq!(from_str::<Value>(&json).ok(), serde_json::from_str::<Value>(&json).ok());
            let plain = serde_json::from_str::<BTreeMap<String, Value>>(&json).ok();
            if plain.is_some() {
                proptest::prop_assert_eq!(from_str::<BTreeMap<String, Value>>(&json).ok(), plain);
            }
        }
    }
}
