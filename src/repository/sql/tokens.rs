//! The ten clauses as SQL.

use std::borrow::Cow;
use std::slice;

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
    Ended, Found, NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, prunable_end,
};
use crate::token::{Expiry, TokenId, TokenKey, TokenRecord};
use crate::user::UserId;

/// How often a token is inserted whose user's row changes meanwhile. Our choice.
const ROUNDS: usize = 10;

#[async_trait]
impl<D: Dialect, U: Users<D>> TokenRepository for SqlRepository<D, U> {
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
            let owner = self.one(&statements.owner, &values, |row| Ok((self.users.read_id(row, 0)?, integer(row, 1)?)));
            let Some((user, id)) = owner.await? else { return Ok(None) };
            let deleted = self.change(&statements.delete, &values).await? > 0;
            Ok(deleted.then(|| Ended { user, id: TokenId::new(id) }))
        })
        .await
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let statements = self.users.statements()?;
        let Some(user) = self.users.id(user) else { return Ok(false) };
        Ok(self.change(&statements.delete_by_id, &[id.get().into(), user]).await? > 0)
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

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        let statements = self.users.statements()?;
        let Some(user) = self.users.id(user) else { return Ok(0) };
        match keep {
            None => self.change(&statements.delete_by_user, &[user]).await,
            Some(keep) => self.change(&statements.delete_others, &[user, keep.get().into()]).await,
        }
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
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
            let values = [user, now.unix_seconds().into(), limit.into(), offset.into(), present];
            let records = self.all(&statements.list_by_user, &values, record).await?;
            Ok(Page::from_limit_plus_one(records, page))
        })
        .await
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let values = [prunable_end(now).unix_seconds().into(), i64::from(limit).into()];
        self.change(&self.users.statements()?.delete_expired, &values).await
    }
}

/// An end as a column holds it.
fn seconds(end: Expiry) -> Value<'static> {
    end.at().map(Timestamp::unix_seconds).into()
}
