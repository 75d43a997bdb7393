//! The ten clauses as SQL.

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use async_trait::async_trait;

use crate::call_timeout::within_call_timeout;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::sql::dialect::Dialect;
use crate::repository::sql::our_users::Users;
use crate::repository::sql::rows::{SqlRow, integer, record};
use crate::repository::sql::statement::Value;
use crate::repository::sql::store::SqlRepository;
use crate::repository::{
    ChangeBus, Ended, Found, NewToken, Page, PageRequest, Regenerated, Replacement, Rotation, Supersession,
    TokenRepository, prunable_end,
};
use crate::token::{Expiry, TokenId, TokenKey, TokenKind, TokenKinds, TokenRecord};
use crate::user::UserId;

/// How often a token is inserted whose user's row changes meanwhile. Our choice.
const ROUNDS: usize = 10;

#[async_trait]
impl<D: Dialect, U: Users<D>> TokenRepository for SqlRepository<D, U> {
    fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
        self.users.announced().and_then(|tables| self.database.change_bus(tables))
    }

    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        record.check_bounds()?;
        let statements = self.users.statements()?;
        let id = self.users.id(user).ok_or(ErrorKind::UserNotFound)?;
        let digest = key.digest();
        let mut values = vec![Value::from(&digest), id.clone(), seconds(record.expires_at())];
        values.extend(record.fields().map(Value::from));
        within_call_timeout(async {
            // A value that changed in between is read again.
            for _ in 0..ROUNDS {
                let (fingerprint, present) = match self.users.fingerprint(None) {
                    None => (None, None),
                    Some(_) => {
                        let row = self.one(&statements.fingerprint, slice::from_ref(&id), |row| {
                            Ok(row.text(0)?.map(str::to_owned))
                        });
                        let present = row.await?.ok_or(ErrorKind::UserNotFound)?;
                        (self.users.fingerprint(present.as_deref()), present)
                    }
                };
                let mut values = values.clone();
                values.push(Value::Bytes(fingerprint.as_ref().map(|fingerprint| &fingerprint[..])));
                values.push(Value::Text(present.map(Cow::Owned)));
                match (self.change(&statements.insert, &values).await?, fingerprint) {
                    (0, None) => return Err(ErrorKind::UserNotFound.into()),
                    (0, Some(_)) => {}
                    _ => return Ok(()),
                }
            }
            Err(Error::with_source(ErrorKind::TimedOut, "the row of a user changes all the time"))
        })
        .await?;
        Ok(record)
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        let digest = token.digest();
        let values = [Value::from(&digest), now.unix_seconds().into()];
        let rows = self.database.rows(&self.users.statements()?.find, &values).await?;
        let found = rows.first().map_or(Ok(None), |row| self.users.found(row))?;
        Ok(found.filter(|found| found.record().is_valid_at(now)))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        let digest = token.digest();
        let (statements, values) = (self.users.statements()?, [Value::from(&digest)]);
        within_call_timeout(async {
            let owner = self.one(&statements.owner, &values, |row| {
                let (user, id) = (self.users.read_id(row, 0)?, TokenId::new(integer(row, 1)?));
                let kind = kind(row.text(3)?)?;
                Ok(Ended { user, id, kind, family: row.integer(2)?.map(TokenId::new) })
            });
            let Some(ended) = owner.await? else { return Ok(None) };
            Ok((self.change(&statements.delete, &values).await? > 0).then_some(ended))
        })
        .await
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let statements = self.users.statements()?;
        let Some(user) = self.users.id(user) else { return Ok(false) };
        let values = [id.get().into(), user];
        within_call_timeout(async {
            let ended = self.change(&statements.delete_by_id, &values).await? > 0;
            if ended {
                // A token of the family that came in meanwhile was not there for the first statement to see. From now on none
                // is handed out: what it belongs to is gone.
                self.change(&statements.delete_family, &values).await?;
            }
            Ok(ended)
        })
        .await
    }

    /// Nothing of a token that survives a replacement can change under its digest, so it is read first. Whether it is
    /// still there is for the update to say, and only one of many updates can find it.
    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        let (old_digest, new_digest) = (old.digest(), new.digest());
        within_call_timeout(async {
            let Some(found) = self.find(old, now).await? else { return Ok(None) };
            if old_digest == new_digest {
                // To a database a row is not in its own way.
                return Err(ErrorKind::AlreadyExists.into());
            }
            let record = found.record().clone().regenerated(now, limits, authenticated_at);
            let values = [
                Value::from(&old_digest),
                Value::from(&new_digest),
                now.unix_seconds().into(),
                seconds(record.absolute_expiry()),
                record.idle_limit().map(|limit| limit.whole_seconds()).into(),
                seconds(record.expires_at()),
                record.authenticated_at().unix_seconds().into(),
            ];
            let replaced = self.change(&self.users.statements()?.replace, &values).await? > 0;
            Ok(replaced.then_some(Regenerated { user: found.user().clone(), record }))
        })
        .await
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let statements = self.users.statements()?;
        let Some(user) = self.users.id(user) else { return Ok(false) };
        let room = Timestamp::from_unix_seconds(i64::MAX) - now;
        let values = [id.get().into(), user, now.unix_seconds().into(), room.whole_seconds().into()];
        Ok(self.change(&statements.touch, &values).await? > 0)
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        let statements = self.users.statements()?;
        let Some(user) = self.users.id(user) else { return Ok(0) };
        let (statement, mut values) = match keep {
            None => (&statements.delete_by_user, vec![user]),
            Some(keep) => (&statements.delete_others, vec![user, keep.get().into()]),
        };
        values.extend(kind_values(kinds));
        within_call_timeout(async {
            let ended = self.change(statement, &values).await?;
            // As in `delete_by_id`.
            let more = if ended > 0 { self.change(statement, &values).await? } else { 0 };
            Ok(ended + more)
        })
        .await
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        let (limit, offset) = (i64::from(page.limit()) + 1, i64::from(page.offset()));
        let statements = self.users.statements()?;
        let nothing = Page { items: Vec::new(), next: None };
        let Some(user) = self.users.id(user) else { return Ok(nothing) };
        within_call_timeout(async {
            let mut present = None;
            if self.users.fingerprint(None).is_some() {
                let row = self.one(&statements.fingerprint, slice::from_ref(&user), |row| {
                    Ok(self.users.fingerprint(row.text(0)?))
                });
                let Some(fingerprint) = row.await? else { return Ok(nothing) };
                present = fingerprint;
            }
            let present = Value::Bytes(present.as_ref().map(|fingerprint| &fingerprint[..]));
            let mut values = vec![user, now.unix_seconds().into(), limit.into(), offset.into()];
            values.extend(kind_values(kinds));
            values.push(present);
            let records = self.all(&statements.list_by_user, &values, record).await?;
            Ok(Page::from_limit_plus_one(records, page))
        })
        .await
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let values = [prunable_end(now).unix_seconds().into(), i64::from(limit).into()];
        let deleted = self.change(&self.users.statements()?.delete_expired, &values).await?;
        // The tokens are gone, whatever becomes of this.
        _ = self.database.prune_changes().await;
        Ok(deleted)
    }

    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        let Supersession { user, id, successor, until, now } = supersession;
        let statements = self.users.statements()?;
        let Some(user) = self.users.id(user) else { return Ok(false) };
        let family = [id.get().into(), user.clone()];
        let values =
            [id.get().into(), user, successor.get().into(), until.unix_seconds().into(), now.unix_seconds().into()];
        within_call_timeout(async {
            let is_superseded = self.change(&statements.supersede, &values).await? > 0;
            if is_superseded {
                self.change(&statements.delete_family, &family).await?;
            }
            Ok(is_superseded)
        })
        .await
    }

    async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
        let digest = token.digest();
        let statement = &self.users.statements()?.rotation;
        let values = [Value::from(&digest)];
        let state = self.one(statement, &values, |row| Ok(row.text(0)?.map(str::to_owned)));
        Ok(state.await?.flatten())
    }

    async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
        let Rotation { token, expected, next, used, now } = rotation;
        let digest = token.digest();
        let values = [
            Value::from(&digest),
            expected.unwrap_or_default().into(),
            next.into(),
            now.unix_seconds().into(),
            seconds(used.expires_at()),
        ];
        Ok(self.change(&self.users.statements()?.rotate, &values).await? > 0)
    }
}

/// The kind that a column says.
fn kind(text: Option<&str>) -> Result<TokenKind, sqlx::Error> {
    let kind = text.map_or(Some(TokenKind::Login), TokenKind::from_stored);
    kind.ok_or_else(|| sqlx::Error::Decode("the kind of a token is not known".into()))
}

/// The texts of four kinds, as many as there are. One that stands twice is as good as once; no kind is the empty text.
fn kind_values<'v>(kinds: TokenKinds) -> Vec<Value<'v>> {
    let texts = kinds.iter().map(TokenKind::as_str).chain(std::iter::repeat(""));
    texts.take(TokenKind::ALL.len()).map(|text| Value::Text(Some(Cow::Borrowed(text)))).collect()
}

/// An end as a column holds it.
fn seconds(end: Expiry) -> Value<'static> {
    end.at().map(Timestamp::unix_seconds).into()
}
