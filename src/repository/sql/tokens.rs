//! The ten clauses as SQL.

use async_trait::async_trait;

use crate::call_timeout::within_call_timeout;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::sql::dialect::Dialect;
use crate::repository::sql::rows::{integer, level, record};
use crate::repository::sql::statement::Value;
use crate::repository::sql::store::SqlRepository;
use crate::repository::{
    Ended, Found, NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, prunable_end,
};
use crate::token::{Expiry, TokenId, TokenKey, TokenRecord};
use crate::user::UserId;

/// The column after those of a record.
const USER: usize = TokenRecord::FIELDS.len();

#[async_trait]
impl<D: Dialect> TokenRepository for SqlRepository<D> {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        record.check_bounds()?;
        let digest = key.digest();
        let mut values = vec![Value::from(&digest), D::id(user), seconds(record.expires_at())];
        values.extend(record.fields().map(Value::from));
        match self.change(&self.statements.insert, &values).await? {
            0 => Err(ErrorKind::UserNotFound.into()),
            _ => Ok(record),
        }
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        let digest = token.digest();
        let values = [Value::from(&digest), now.unix_seconds().into()];
        let found = self.one(&self.statements.find, &values, |row| {
            Ok(Found { user: D::read_id(row, USER)?, level: level(row, USER + 1)?, record: record(row)? })
        });
        Ok(found.await?.filter(|found| found.record.is_valid_at(now)))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        let digest = token.digest();
        let values = [Value::from(&digest)];
        within_call_timeout(async {
            let owner = self.one(&self.statements.owner, &values, |row| Ok((D::read_id(row, 0)?, integer(row, 1)?)));
            let Some((user, id)) = owner.await? else { return Ok(None) };
            let deleted = self.change(&self.statements.delete, &values).await? > 0;
            Ok(deleted.then(|| Ended { user, id: TokenId::new(id) }))
        })
        .await
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        Ok(self.change(&self.statements.delete_by_id, &[id.get().into(), D::id(user)]).await? > 0)
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
            let record = found.record.regenerated(now, limits, authenticated_at);
            let values = [
                Value::from(&old_digest),
                Value::from(&new_digest),
                now.unix_seconds().into(),
                seconds(record.absolute_expiry()),
                record.idle_limit().map(|limit| limit.whole_seconds()).into(),
                seconds(record.expires_at()),
                record.authenticated_at().unix_seconds().into(),
            ];
            let replaced = self.change(&self.statements.replace, &values).await? > 0;
            Ok(replaced.then_some(Regenerated { user: found.user, record }))
        })
        .await
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let room = Timestamp::from_unix_seconds(i64::MAX) - now;
        let values = [id.get().into(), D::id(user), now.unix_seconds().into(), room.whole_seconds().into()];
        Ok(self.change(&self.statements.touch, &values).await? > 0)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        match keep {
            None => self.change(&self.statements.delete_by_user, &[D::id(user)]).await,
            Some(keep) => self.change(&self.statements.delete_others, &[D::id(user), keep.get().into()]).await,
        }
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
        let (limit, offset) = (i64::from(page.limit()) + 1, i64::from(page.offset()));
        let values = [D::id(user), now.unix_seconds().into(), limit.into(), offset.into()];
        let records = self.all(&self.statements.list_by_user, &values, record).await?;
        Ok(Page::from_limit_plus_one(records, page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let values = [prunable_end(now).unix_seconds().into(), i64::from(limit).into()];
        self.change(&self.statements.delete_expired, &values).await
    }
}

/// An end as a column holds it.
fn seconds(end: Expiry) -> Value<'static> {
    end.at().map(Timestamp::unix_seconds).into()
}
