//! What is in a token: the entries of the PHP class's `Cargo`.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::sealed::primordyx::empty_array;
use crate::sealed::sealer::UNWRITABLE;

pub(super) const TIMESTAMP: &str = "timestamp";
pub(super) const SECONDS_TO_EXPIRE: &str = "seconds_to_expire";
pub(super) const CUSTOM: &str = "custom";

/// The entries in their order, as JSON. Of two entries of one name the last counts, as in PHP.
///
/// `RawValue` and not `serde_json::Value`, which would turn integers beyond 64 bits into floating-point numbers.
#[derive(Clone, Default)]
pub(super) struct Cargo(Vec<(Box<str>, Box<RawValue>)>);

impl Cargo {
    /// The entries of the map that `entries` is as JSON; `null` has no entries.
    pub(super) fn of<E: Serialize + ?Sized>(entries: &E) -> Result<Self, Error> {
        let json =
            serde_json::to_string(entries).map_err(|_| Error::with_source(ErrorKind::InvalidInput, UNWRITABLE))?;
        let cargo = serde_json::from_str::<Option<Self>>(&json);
        let cargo = cargo.map_err(|_| Error::with_source(ErrorKind::InvalidInput, "cargo entries are a map"))?;
        Ok(cargo.unwrap_or_default())
    }

    /// Adds an entry that is not there yet.
    pub(super) fn push(&mut self, name: &str, value: Box<RawValue>) {
        self.0.push((name.into(), value));
    }

    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The entry, or `None` where PHP's `get` gives its default: there is no such entry, it is `null`, or it had a time to
    /// live that has passed.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str, now: Timestamp) -> Result<Option<T>, Error> {
        let found = self.0.iter().find(|(other, _)| **other == *name).map(|(_, value)| value.get());
        let Some(mut json) = found.filter(|json| *json != "null") else { return Ok(None) };
        // A list would be read as the list of its fields.
        let map = Some(json).filter(|json| json.starts_with('{'));
        let perishable = map.and_then(|json| serde_json::from_str::<Perishable<'_>>(json).ok());
        if let Some(Perishable { value, expires }) = &perishable {
            if expires.is_some_and(|end| now.unix_seconds() > end) || value.get() == "null" {
                return Ok(None);
            }
            json = value.get();
        }
        value(json).map(Some)
    }
}

/// An entry that was set with a time to live. It is there until after its last second.
#[derive(serde::Deserialize)]
struct Perishable<'a> {
    #[serde(borrow, rename = "__cargo_value")]
    value: &'a RawValue,
    #[serde(rename = "__cargo_expires", deserialize_with = "Option::deserialize")]
    expires: Option<i64>,
}

/// A value of PHP's JSON.
///
/// PHP's `[]` stands for a list, a map or, as a whole payload, for nothing at all.
pub(super) fn value<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    let read = empty_array::from_str(json);
    let read = read.or_else(|error| if json == "[]" { empty_array::from_str("null") } else { Err(error) });
    let why = "the token is genuine, and the value is not of the expected type";
    read.map_err(|_| Error::with_source(ErrorKind::InvalidToken, why))
}

impl fmt::Debug for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Serialize for Cargo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries())
    }
}

impl<'de> Deserialize<'de> for Cargo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CargoVisitor)
    }
}

struct CargoVisitor;

impl<'de> Visitor<'de> for CargoVisitor {
    type Value = Cargo;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cargo, A::Error> {
        let mut places = HashMap::<Box<str>, usize>::new();
        let mut cargo = Cargo::default();
        while let Some((name, value)) = map.next_entry::<Box<str>, Box<RawValue>>()? {
            match places.get(&name) {
                Some(place) => cargo.0[*place].1 = value,
                None => {
                    places.insert(name.clone(), cargo.0.len());
                    cargo.0.push((name, value));
                }
            }
        }
        Ok(cargo)
    }
}
