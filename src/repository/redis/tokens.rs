//! The ten clauses as scripts.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::repository::redis::RedisRepository;
use crate::repository::redis::ended::BATCH;
use crate::repository::redis::{ended, reply, scripts, user_key};
use crate::repository::{
    ChangeBus, Ended, Found, NewToken, Page, PageRequest, Regenerated, Replacement, Rotation, Supersession,
    TokenRepository, prunable_end,
};
use crate::token::{TokenId, TokenKey, TokenKinds, TokenRecord};
use crate::user::UserId;

/// How many tokens one script looks at for a list. Our choice: about a millisecond.
const LOOKED_AT: &[u8] = b"250";

#[async_trait]
impl TokenRepository for RedisRepository {
    fn change_bus(&self) -> Option<Arc<dyn ChangeBus>> {
        Some(Arc::new(self.changes()))
    }

    async fn insert(&self, token: NewToken<'_>) -> Result<TokenRecord, Error> {
        let NewToken { key, user, record } = token;
        record.check_bounds()?;
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
            ("kind", Some(record.kind().as_str())),
            ("abilities", record.abilities().as_stored()),
            ("four", record.last_four()),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                arguments.extend([field.as_bytes(), value.as_bytes()]);
            }
        }
        let family = record.family().map(reply::id_bytes);
        if let Some(family) = &family {
            arguments.extend([&b"family"[..], family]);
        }
        let done: String = self.change(&scripts::INSERT, &arguments).await?;
        match &*done {
            "done" => Ok(record),
            "taken" => Err(ErrorKind::AlreadyExists.into()),
            _ => Err(ErrorKind::UserNotFound.into()),
        }
    }

    async fn find(&self, token: TokenKey<'_>, now: Timestamp) -> Result<Option<Found>, Error> {
        let found: Option<reply::Row> =
            self.look_up(&scripts::FIND, &[token.digest().as_bytes(), reply::seconds(now).as_bytes()]).await?;
        let Some(row) = found else { return Ok(None) };
        let found =
            Found::new(reply::user_id(&row, reply::USER)?, reply::level(&row, reply::USER + 1)?, reply::record(&row)?);
        Ok(found.record().is_valid_at(now).then_some(found))
    }

    async fn delete(&self, token: TokenKey<'_>) -> Result<Option<Ended>, Error> {
        let ended: Option<reply::Row> = self.change(&scripts::DELETE, &[token.digest().as_bytes()]).await?;
        let read = |row| {
            Ok(Ended {
                user: reply::user_id(&row, 1)?,
                id: reply::token_id(&row, 0)?,
                kind: reply::kind(&row, 3)?,
                family: reply::optional_id(&row, 2)?,
            })
        };
        ended.map(read).transpose()
    }

    async fn delete_by_id(&self, user: &UserId, id: TokenId) -> Result<bool, Error> {
        let deleted: u64 = self.change(&scripts::DELETE_BY_ID, &[&user_key::of(user), &reply::id_bytes(id)]).await?;
        Ok(deleted > 0)
    }

    async fn replace(&self, replacement: Replacement<'_>) -> Result<Option<Regenerated>, Error> {
        let Replacement { old, new, limits, authenticated_at, now } = replacement;
        // The limits of a token never change under its digest, so they are read first; whether it is still there is the
        // script's to say.
        let Some(found) = self.find(old, now).await? else { return Ok(None) };
        let fresh = found.record().clone().regenerated(now, limits, authenticated_at);
        let replaced: Option<reply::Row> = self
            .change(
                &scripts::REPLACE,
                &[
                    old.digest().as_bytes(),
                    new.digest().as_bytes(),
                    reply::seconds(now).as_bytes(),
                    reply::end(fresh.absolute_expiry()).as_bytes(),
                    reply::idle_limit(&fresh).as_bytes(),
                    reply::end(fresh.expires_at()).as_bytes(),
                    reply::seconds(fresh.authenticated_at()).as_bytes(),
                ],
            )
            .await?;
        let Some(row) = replaced else { return Ok(None) };
        if row.len() == 1 {
            return Err(ErrorKind::AlreadyExists.into());
        }
        Ok(Some(Regenerated { user: reply::user_id(&row, reply::USER)?, record: reply::record(&row)? }))
    }

    async fn touch(&self, user: &UserId, id: TokenId, now: Timestamp) -> Result<bool, Error> {
        let room = (Timestamp::from_unix_seconds(i64::MAX) - now).whole_seconds().to_string();
        let (user, now) = (user_key::of(user), reply::seconds(now));
        let touched: u64 =
            self.change(&scripts::TOUCH, &[&user, &reply::id_bytes(id), now.as_bytes(), room.as_bytes()]).await?;
        Ok(touched > 0)
    }

    async fn delete_by_user(&self, user: &UserId, kinds: TokenKinds, keep: Option<TokenId>) -> Result<u64, Error> {
        let (name, batch, kinds) = (ended::list_name()?, BATCH.to_string(), reply::kinds(kinds));
        let keep = keep.map(reply::id_bytes);
        let keep = keep.as_ref().map_or(&[][..], |id| &id[..]);
        let arguments: [&[u8]; 5] = [&user_key::of(user), &name, keep, kinds.as_bytes(), batch.as_bytes()];
        let (removed, left): (u64, u64) = self.change(&scripts::DELETE_BY_USER, &arguments).await?;
        Ok(removed + self.remove_ended(&name, left).await)
    }

    async fn list_by_user(
        &self,
        user: &UserId,
        kinds: TokenKinds,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<TokenRecord>, Error> {
        let (user, now, kinds) = (user_key::of(user), reply::seconds(now), reply::kinds(kinds));
        let wanted = page.limit() as usize + 1;
        let (mut last, mut place, mut skip) = (Vec::new(), 0_u64, u64::from(page.offset()));
        let mut records: Vec<TokenRecord> = Vec::new();
        loop {
            let texts = [place, skip, (wanted - records.len()) as u64].map(|number| number.to_string());
            let [first, skipped, missing] = texts.each_ref().map(|text| text.as_bytes());
            let arguments: [&[u8]; 8] =
                [&user, now.as_bytes(), &last, first, skipped, missing, LOOKED_AT, kinds.as_bytes()];
            let is_over: bool;
            let found: Vec<reply::Row>;
            (is_over, last, place, skip, found) = self.look_up(&scripts::LIST_BY_USER, &arguments).await?;
            for row in &found {
                records.push(reply::record(row)?);
            }
            if is_over {
                return Ok(Page::from_limit_plus_one(records, page));
            }
        }
    }

    async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        self.sweep_ended(limit).await?;
        let now = reply::seconds(prunable_end(now));
        let mut total = 0;
        while total < u64::from(limit) {
            let batch = u64::from(limit).saturating_sub(total).min(BATCH);
            let removed: u64 =
                self.change(&scripts::DELETE_EXPIRED, &[now.as_bytes(), batch.to_string().as_bytes()]).await?;
            total += removed;
            if removed < batch {
                break;
            }
        }
        Ok(total)
    }
    async fn supersede(&self, supersession: Supersession<'_>) -> Result<bool, Error> {
        let Supersession { user, id, successor, until, now } = supersession;
        let (until, now) = (reply::seconds(until), reply::seconds(now));
        let arguments: [&[u8]; 5] =
            [&user_key::of(user), &reply::id_bytes(id), &reply::id_bytes(successor), until.as_bytes(), now.as_bytes()];
        let superseded: u64 = self.change(&scripts::SUPERSEDE, &arguments).await?;
        Ok(superseded > 0)
    }

    async fn rotation(&self, token: TokenKey<'_>) -> Result<Option<String>, Error> {
        self.look_up(&scripts::ROTATION, &[token.digest().as_bytes()]).await
    }

    async fn rotate(&self, rotation: Rotation<'_>) -> Result<bool, Error> {
        let Rotation { token, expected, next, used, now } = rotation;
        let (digest, now, end) = (token.digest(), reply::seconds(now), reply::end(used.expires_at()));
        let arguments: [&[u8]; 5] = [
            digest.as_bytes(),
            expected.unwrap_or_default().as_bytes(),
            next.as_bytes(),
            now.as_bytes(),
            end.as_bytes(),
        ];
        let rotated: u64 = self.change(&scripts::ROTATE, &arguments).await?;
        Ok(rotated > 0)
    }
}
