//! A `CurrentUser` in JSON, for a front end or a log.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::user::{Credential, CurrentUser, SourceKind, UserLevel};

/// `{"id": 1, "title": "admin"}`.
impl Serialize for UserLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut level = serializer.serialize_struct("UserLevel", 2)?;
        level.serialize_field("id", &self.id())?;
        level.serialize_field("title", self.title())?;
        level.end()
    }
}

/// Its [lower-case name](SourceKind::as_str).
impl Serialize for SourceKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The user, their level, and the data of the token, without secrets:
///
/// ```json
/// {
///   "id": 42,
///   "level": {"id": 1, "title": "admin"},
///   "source": "cookie",
///   "token": {
///     "id": "7",
///     "stored": true,
///     "name": "phone",
///     "created_at": "2026-11-21T19:01:41Z",
///     "authenticated_at": "2026-11-21T19:01:41Z",
///     "last_used_at": null,
///     "expires_at": "2026-11-22T19:01:41Z"
///   }
/// }
/// ```
///
/// `id` is a number or a text, as the [`UserId`](crate::user::UserId) is. `token.id` is the id of the record in the store, as decimal text,
/// if `stored` is true; otherwise it is the UUID of a self-contained token. Times are RFC 3339 in UTC, in whole seconds;
/// `last_used_at` is null if the token was never used, `expires_at` if it never expires. The token's code is left out,
/// because it is the application's own.
///
/// # Example
/// ```
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
/// use tower_tokens::user::{CurrentUser, UserLevel};
///
/// let now = Timestamp::from_unix_seconds(1_795_287_701);
/// let record = TokenRecord::new(TokenId::new(7), now, Lifetime::hours(24)).with_name("phone");
/// let user = CurrentUser::new(42, UserLevel::new(1, "admin"), record, now);
/// let json = serde_json::to_value(&user)?;
/// assert_eq!((&json["id"], &json["level"]["title"], &json["token"]["id"]), (&42.into(), &"admin".into(), &"7".into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for CurrentUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut user = serializer.serialize_struct("CurrentUser", 4)?;
        user.serialize_field("id", self.id())?;
        user.serialize_field("level", self.level())?;
        user.serialize_field("source", &self.source())?;
        user.serialize_field("token", &Token(self))?;
        user.end()
    }
}

struct Token<'a>(&'a CurrentUser);

impl Serialize for Token<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0.token();
        let mut token = serializer.serialize_struct("Token", 7)?;
        match self.0.credential() {
            Credential::Stored(record) => token.serialize_field("id", &record.id())?,
            Credential::SelfContained { id, .. } => token.serialize_field("id", &id)?,
        }
        token.serialize_field("stored", &matches!(self.0.credential(), Credential::Stored(_)))?;
        token.serialize_field("name", &record.name())?;
        token.serialize_field("created_at", &record.created_at())?;
        token.serialize_field("authenticated_at", &record.authenticated_at())?;
        token.serialize_field("last_used_at", &record.last_used_at())?;
        token.serialize_field("expires_at", &record.expires_at().at())?;
        token.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::token::{Lifetime, TokenId, TokenRecord, TokenUuid};
    use crate::user::Issuer;

    #[test]
    fn a_user_is_written_with_the_data_of_the_token_and_no_code() {
        let born = Timestamp::from_unix_seconds(1_795_287_701);
        let record = TokenRecord::new(TokenId::new(i64::MAX), born, Lifetime::hours(24))
            .with_name("phone")
            .with_code("own")
            .with_authenticated_at(Timestamp::from_unix_seconds(1_795_287_700))
            .with_last_used_at(Some(Timestamp::from_unix_seconds(1_795_287_702)));
        let user = CurrentUser::new(42, UserLevel::new(1, "admin"), record, born).with_source(SourceKind::Cookie);
        assert_eq!(
            serde_json::to_string(&user).unwrap(),
            r#"{"id":42,"level":{"id":1,"title":"admin"},"source":"cookie","token":{"id":"9223372036854775807","#
                .to_owned()
                + r#""stored":true,"name":"phone","created_at":"2026-11-21T19:01:41Z","#
                + r#""authenticated_at":"2026-11-21T19:01:40Z","last_used_at":"2026-11-21T19:01:42Z","#
                + r#""expires_at":"2026-11-22T19:01:41Z"}}"#
        );
    }

    #[test]
    fn what_a_token_does_not_have_is_null() {
        let born = Timestamp::from_unix_seconds(0);
        let record = TokenRecord::new(TokenId::new(1), born, Lifetime::never_expires());
        let user = CurrentUser::new("anna", UserLevel::new(-1, ""), record, born);
        let uuid = TokenUuid::from_bytes([0xab; 16]);
        assert_eq!(
            serde_json::to_string(&user.with_self_contained(uuid, Issuer::new("login"))).unwrap(),
            r#"{"id":"anna","level":{"id":-1,"title":""},"source":"direct","#.to_owned()
                + r#""token":{"id":"abababab-abab-abab-abab-abababababab","stored":false,"name":null,"#
                + r#""created_at":"1970-01-01T00:00:00Z","authenticated_at":"1970-01-01T00:00:00Z","#
                + r#""last_used_at":null,"expires_at":null}}"#
        );
    }
}
