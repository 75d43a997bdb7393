//! Columns of the application's own tables, and their values.

use std::any::Any;
use std::sync::Arc;

use serde::de::value::{Error, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// How the values of a column come to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As a number.
    Integer,
    /// As a floating-point number.
    Float,
    /// As yes or no.
    Boolean,
    /// As a text.
    Text,
    /// As a UUID, in its usual text.
    Uuid,
    /// As bytes.
    Bytes,
    /// As whatever text the database makes of it.
    Other,
}

/// A column that is there.
#[derive(Debug, Clone)]
pub struct Column {
    pub(in crate::repository) name: String,
    /// Its type in SQL, for a column of ours with the same values.
    pub(in crate::repository) definition: String,
    pub(in crate::repository) kind: Kind,
    /// Whether no two rows have one value.
    pub(in crate::repository) is_unique: bool,
    /// Whether the database may give a value of a deleted row to a new one.
    pub(in crate::repository) is_reused: bool,
}

/// A value of a row.
#[derive(Debug)]
pub(in crate::repository) enum ColumnValue {
    Null,
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// Makes a `T` out of named values.
pub(super) fn decode<T: DeserializeOwned + Send + Sync + 'static>(
    values: Vec<(&str, ColumnValue)>,
) -> Result<Arc<dyn Any + Send + Sync>, Error> {
    Ok(Arc::new(T::deserialize(MapDeserializer::new(values.into_iter()))?))
}

impl IntoDeserializer<'_> for ColumnValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for ColumnValue {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Integer(number) => visitor.visit_i64(number),
            Self::Float(number) => visitor.visit_f64(number),
            Self::Boolean(is_so) => visitor.visit_bool(is_so),
            Self::Text(text) => visitor.visit_string(text),
            Self::Bytes(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    /// A number is a yes or a no in a database without booleans.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Integer(number @ (0 | 1)) => visitor.visit_bool(number == 1),
            value => value.deserialize_any(visitor),
        }
    }

    /// A `Vec<u8>` asks for a sequence.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Bytes(bytes) => {
                visitor.visit_seq(serde::de::value::SeqDeserializer::<_, Error>::new(bytes.into_iter()))
            }
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => text.into_deserializer().deserialize_enum(name, variants, visitor),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Role {
        Admin,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(String);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        number: u16,
        share: f64,
        is_new: bool,
        is_old: bool,
        name: Option<String>,
        nothing: Option<i64>,
        role: Role,
        wrapped: Wrapped,
        bytes: Vec<u8>,
    }

    fn row(number: i64) -> Vec<(&'static str, ColumnValue)> {
        vec![
            ("number", ColumnValue::Integer(number)),
            ("share", ColumnValue::Float(0.5)),
            ("is_new", ColumnValue::Boolean(true)),
            ("is_old", ColumnValue::Integer(0)),
            ("name", ColumnValue::Text("Ann".to_owned())),
            ("nothing", ColumnValue::Null),
            ("role", ColumnValue::Text("admin".to_owned())),
            ("wrapped", ColumnValue::Text("w".to_owned())),
            ("bytes", ColumnValue::Bytes(vec![1, 2])),
        ]
    }

    #[test]
    fn columns_become_the_fields_of_a_type() {
        let decoded = decode::<Row>(row(7)).unwrap();
        let expected = Row {
            number: 7,
            share: 0.5,
            is_new: true,
            is_old: false,
            name: Some("Ann".to_owned()),
            nothing: None,
            role: Role::Admin,
            wrapped: Wrapped("w".to_owned()),
            bytes: vec![1, 2],
        };
        assert_eq!(decoded.downcast_ref::<Row>(), Some(&expected));
        for wrong in [row(-1), row(70_000), row(7).split_off(1)] {
            assert!(decode::<Row>(wrong).is_err());
        }
    }

    #[test]
    fn a_null_needs_an_option() {
        #[derive(Debug, Deserialize)]
        struct Name {
            #[expect(dead_code, reason = "it is never made")]
            name: String,
        }
        assert!(decode::<Name>(vec![("name", ColumnValue::Null)]).is_err());
    }
}
