//! The ten clauses as scripts.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::redis::RedisRepository;
use crate::repository::redis::{reply, scripts};
use crate::repository::{NewToken, Page, PageRequest, Regenerated, Replacement, TokenRepository, user_key};
use crate::token::{TokenId, TokenKey, TokenRecord};
use crate::user::{CurrentUser, UserId};

/// How many tokens one script removes at most: Redis answers nobody else meanwhile. Our choice: a few milliseconds.
const BATCH: u32 = 1_000;

#[async_trait]
impl TokenRepository for RedisRepository {
    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        let id = reply::id_bytes(record.id());
        let user = user_key::of(user);
        let created = reply::seconds(record.created_at());
        let ends = reply::end(record.expires_at());
        let authenticated = reply::seconds(record.authenticated_at());
        let used = record.last_used_at().map(reply::seconds);
        let absolute = reply::end(record.absolute_expiry());
        let idle = reply::idle_limit(&record);
        let digest = key.digest();
        let mut arguments: Vec<&[u8]> = vec![digest.as_bytes(), &id, &user, created.as_bytes(), ends.as_bytes()];
        let fields = [
            ("created", Some(&*created)),
            ("authenticated", Some(&*authenticated)),
            ("used", used.as_deref()),
            ("absolute", Some(&*absolute).filter(|end| !end.is_empty())),
            ("idle", Some(&*idle).filter(|limit| !limit.is_empty())),
            ("name", record.name()),
            ("code", record.code()),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                arguments.extend([field.as_bytes(), value.as_bytes()]);
            }
        }
        let done: String = self.run(&scripts::INSERT, &arguments).await?;
        match &*done {
            "done" => Ok(record),
            "taken" => Err(ErrorKind::AlreadyExists.into()),
            _ => Err(ErrorKind::UserNotFound.into()),
        }
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<CurrentUser>, Error> {
        let found: Option<reply::Row> =
            self.run(&scripts::FIND, &[token.digest().as_bytes(), reply::seconds(now).as_bytes()]).await?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some(CurrentUser::new(reply::user_id(&row, 8)?, reply::level(&row, 9)?, reply::record(&row)?, now)))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<bool, Error> {
        let deleted: u64 = self.run(&scripts::DELETE, &[token.digest().as_bytes()]).await?;
        Ok(deleted > 0)
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let deleted: u64 = self.run(&scripts::DELETE_BY_ID, &[&user_key::of(user), &reply::id_bytes(id)]).await?;
        Ok(deleted > 0)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, lifetime, now } = replacement;
        let fresh = TokenRecord::new(TokenId::new(0), now, lifetime);
        let replaced: Option<reply::Row> = self
            .run(
                &scripts::REPLACE,
                &[
                    old.digest().as_bytes(),
                    new.digest().as_bytes(),
                    reply::seconds(now).as_bytes(),
                    reply::end(fresh.absolute_expiry()).as_bytes(),
                    reply::idle_limit(&fresh).as_bytes(),
                    reply::end(fresh.expires_at()).as_bytes(),
                ],
            )
            .await?;
        let Some(row) = replaced else { return Ok(None) };
        if row.len() == 1 {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Ok(Some(Regenerated { user: reply::user_id(&row, 8)?, record: reply::record(&row)? }))
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let room = (Timestamp::from_unix_seconds(i64::MAX) - now).whole_seconds().to_string();
        let (user, now) = (user_key::of(user), reply::seconds(now));
        let touched: u64 =
            self.run(&scripts::TOUCH, &[&user, &reply::id_bytes(id), now.as_bytes(), room.as_bytes()]).await?;
        Ok(touched > 0)
    }

    async fn delete_by_user(&self, user: &UserId, keep: Option<TokenId>) -> Result<u64, Error> {
        let keep = keep.map(reply::id_bytes);
        let keep = keep.as_ref().map_or(&[][..], |id| &id[..]);
        self.run(&scripts::DELETE_BY_USER, &[&user_key::of(user), keep]).await
    }

    async fn list_by_user(&self, user: &UserId, page: PageRequest, now: Timestamp) -> Result<Page<TokenRecord>, Error> {
        let (user, now) = (user_key::of(user), reply::seconds(now));
        let (skip, limit) = (page.offset().to_string(), (page.limit() + 1).to_string());
        let arguments: [&[u8]; 4] = [&user, now.as_bytes(), skip.as_bytes(), limit.as_bytes()];
        let found: Vec<reply::Row> = self.run(&scripts::LIST_BY_USER, &arguments).await?;
        let records = found.iter().map(reply::record).collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(records, page))
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let now = reply::seconds(now);
        let mut total = 0;
        while total < u64::from(limit) {
            let batch = u64::from(limit).saturating_sub(total).min(u64::from(BATCH));
            let removed: u64 =
                self.run(&scripts::DELETE_EXPIRED, &[now.as_bytes(), batch.to_string().as_bytes()]).await?;
            total += removed;
            if removed < batch {
                break;
            }
        }
        Ok(total)
    }
}
