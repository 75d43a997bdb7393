//! What stores keep of a record: its fields, listed once for all stores.

use arrayvec::ArrayString;
use time::Duration;

use crate::clock::Timestamp;
use crate::text::Text;
use crate::token::rare::{Rare, RareFields};
use crate::token::{Abilities, Expiry, TokenId, TokenKind, TokenRecord};

impl TokenRecord {
    /// The names of the fields that a store keeps, in the order of [`fields`](Self::fields): columns of a table, keys of a
    /// document. Times are Unix seconds, `idle_limit` is seconds.
    pub const FIELDS: [&'static str; 12] = [
        "id",
        "created_at",
        "authenticated_at",
        "last_used_at",
        "absolute_end",
        "idle_limit",
        "name",
        "code",
        "kind",
        "family",
        "abilities",
        "last_four",
    ];

    /// What a store keeps of this record, in the order of [`FIELDS`](Self::FIELDS).
    ///
    /// # Example
    /// ```
    /// use tower_tokens::clock::Timestamp;
    /// use tower_tokens::token::{FieldReader, FieldValue, Lifetime, TokenId, TokenRecord};
    ///
    /// /// A row of a store.
    /// struct Row(Vec<Option<String>>);
    ///
    /// impl FieldReader for Row {
    ///     type Error = Box<dyn std::error::Error>;
    ///
    ///     fn integer(&self, field: usize) -> Result<Option<i64>, Self::Error> {
    ///         Ok(self.0[field].as_deref().map(str::parse).transpose()?)
    ///     }
    ///
    ///     fn text(&self, field: usize) -> Result<Option<&str>, Self::Error> {
    ///         Ok(self.0[field].as_deref())
    ///     }
    ///
    ///     fn missing(&self, field: usize) -> Self::Error {
    ///         format!("{} is missing", TokenRecord::FIELDS[field]).into()
    ///     }
    /// }
    ///
    /// let record = TokenRecord::new(TokenId::new(7), Timestamp::from_unix_seconds(1_000), Lifetime::hours(1));
    /// let record = record.with_name("phone");
    /// let row = Row(record.fields().map(|value| value.to_text()).to_vec());
    /// assert_eq!(TokenRecord::from_fields(&row)?, record);
    /// assert!(TokenRecord::from_fields(&Row(vec![None; 12])).is_err(), "a record has an id");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fields(&self) -> [FieldValue<'_>; 12] {
        use FieldValue::{Integer, Text};
        let time = |at: Timestamp| at.unix_seconds();
        [
            Integer(Some(self.id.get())),
            Integer(Some(time(self.created_at))),
            Integer(Some(time(self.authenticated_at))),
            Integer(self.last_used_at.map(time)),
            Integer(self.absolute_expiry.at().map(time)),
            Integer(self.idle_limit.map(Duration::whole_seconds)),
            Text(self.name()),
            Text(self.code()),
            Text(Some(self.kind.as_str())),
            Integer(self.family.map(TokenId::get)),
            Text(self.abilities().as_stored()),
            Text(self.last_four()),
        ]
    }

    /// The record that a store keeps as these fields.
    ///
    /// # Errors
    /// Those of the reader, and [`missing`](FieldReader::missing) for a field that every record has and for a kind that is not
    /// known. A field `kind` that is empty is [`Login`](TokenKind::Login).
    pub fn from_fields<R: FieldReader>(fields: &R) -> Result<Self, R::Error> {
        let required = |field| fields.integer(field)?.ok_or_else(|| fields.missing(field));
        let time = |field| Ok(fields.integer(field)?.map(Timestamp::from_unix_seconds));
        let text = |field| Ok(fields.text(field)?.map(Text::new));
        Ok(Self {
            id: TokenId::new(required(0)?),
            created_at: Timestamp::from_unix_seconds(required(1)?),
            authenticated_at: Timestamp::from_unix_seconds(required(2)?),
            last_used_at: time(3)?,
            absolute_expiry: Expiry::from(time(4)?),
            idle_limit: fields.integer(5)?.map(Duration::seconds),
            kind: match fields.text(8)? {
                None => TokenKind::Login,
                Some(text) => TokenKind::from_stored(text).ok_or_else(|| fields.missing(8))?,
            },
            family: fields.integer(9)?.map(TokenId::new),
            rare: Rare::from(RareFields {
                name: text(6)?,
                code: text(7)?,
                abilities: Abilities::from_stored(fields.text(10)?),
                last_four: fields.text(11)?.and_then(|text| ArrayString::from(text).ok()),
            }),
        })
    }
}

/// What a store keeps of one field of a [`TokenRecord`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store has a column type for each")]
pub enum FieldValue<'a> {
    /// A number.
    Integer(Option<i64>),
    /// A text of bounded length.
    Text(Option<&'a str>),
}

impl FieldValue<'_> {
    /// The value as text, or `None` if there is none.
    #[must_use]
    pub fn to_text(self) -> Option<String> {
        match self {
            Self::Integer(number) => number.map(|number| number.to_string()),
            Self::Text(text) => text.map(str::to_owned),
        }
    }
}

/// A stored row that [`TokenRecord::from_fields`] reads. `field` is a place in [`TokenRecord::FIELDS`].
pub trait FieldReader {
    /// What the store says about a value that it cannot read.
    type Error;

    /// The number in this field.
    ///
    /// # Errors
    /// The store's own.
    fn integer(&self, field: usize) -> Result<Option<i64>, Self::Error>;

    /// The text in this field.
    ///
    /// # Errors
    /// The store's own.
    fn text(&self, field: usize) -> Result<Option<&str>, Self::Error>;

    /// The error for a field that is empty and must not be, or that holds nothing that can be read.
    fn missing(&self, field: usize) -> Self::Error;
}
