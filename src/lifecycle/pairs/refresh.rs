//! Refresh: exchange a refresh token for the next pair.

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::pairs::issued::IssuedPair;
use crate::lifecycle::pairs::rotation::{Decision, RotationState};
use crate::lifecycle::pairs::{successor, text};
use crate::lifecycle::{TokenAction, TokenEvent, Tokens};
use crate::repository::{Found, NewToken, Rotation};
use crate::token::{Token, TokenKey, TokenKind, generate_text};

/// How often a refresh that another one overtook looks again. Our choice: one round is enough, unless the successor is
/// refreshed in the same moment.
const ROUNDS: usize = 5;

impl Tokens {
    /// Exchanges a refresh token for the next pair. `None`: it is unknown, expired or ended, or its user is gone or disabled.
    ///
    /// The presented token is superseded. For [a short time](crate::lifecycle::PairSettings::grace) it gives the **same** pair
    /// again, on every node, so that two tabs, or an answer that was lost, log no honest user out; that ends as soon as the successor
    /// is used. A token that was superseded longer ago was copied. Who holds the copy cannot be known, so the pair ends, and
    /// its user logs in again.
    ///
    /// Nothing extends the [end of the family](crate::lifecycle::PairSettings::family).
    ///
    /// # Security
    /// The store holds digests, and of the last pair an AES-256-GCM text whose key is derived from the superseded token.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) if the store does not answer: then the token may have been superseded, and
    /// gives its successor when it is presented again. It is never `None`, and a client must keep its tokens.
    ///
    /// # Source
    /// RFC 6749 §6, RFC 9700 §4.14.2.
    pub async fn refresh(&self, token: &Token) -> Result<Option<IssuedPair>, Error> {
        let Some(family) = text::family(token) else { return Ok(None) };
        for _ in 0..ROUNDS {
            let now = self.now();
            let repository = &self.inner().repository;
            let Some(found) = repository.find(family, now).await? else { return Ok(None) };
            if found.record().kind() != TokenKind::Refresh {
                return Ok(None);
            }
            let Some(stored) = repository.rotation(family).await? else { return Ok(None) };
            let state = RotationState::parse(&stored)
                .ok_or_else(|| Error::with_source(ErrorKind::Corrupt, "the state of a refresh token cannot be read"))?;
            match state.decide(&token.key().digest(), now, self.inner().pairs.grace_in_force()) {
                Decision::Rotate => {
                    if let Some(pair) = self.rotate(token, family, &found, (&stored, &state), now).await? {
                        return Ok(Some(pair));
                    }
                }
                Decision::GiveSuccessor(sealed) => {
                    return self.give_successor(token, family, &found, sealed, now).await;
                }
                Decision::Reuse => {
                    repository.delete_by_id(found.user(), found.record().id()).await?;
                    self.report(&TokenEvent::of_record(TokenAction::ReuseDetected, now, found.user(), found.record()));
                    return Ok(None);
                }
            }
        }
        Err(Error::with_source(ErrorKind::TimedOut, "a pair is refreshed all the time"))
    }

    /// Supersedes the current token. `None`: another call did, or the pair has ended.
    async fn rotate(
        &self,
        token: &Token,
        family: TokenKey<'_>,
        found: &Found,
        (stored, state): (&str, &RotationState),
        now: Timestamp,
    ) -> Result<Option<IssuedPair>, Error> {
        let repository = &self.inner().repository;
        let (refresh, access) = (text::next(token)?, generate_text()?);
        let next = state.rotated(refresh.key().digest(), successor::seal(token, &refresh, &access)?, now).to_text();
        // It is stored first and given out last: whoever ends the pair meanwhile finds it, or keeps it from being given out.
        let record = self.access_record(found.record(), now)?;
        let access_record = repository.insert(NewToken { key: access.key(), user: found.user(), record }).await?;
        let used = found.record().clone().with_last_used_at(Some(now));
        let rotation = Rotation { token: family, expected: Some(stored), next: &next, used: &used, now };
        if !repository.rotate(rotation).await? {
            repository.delete(access.key()).await?;
            return Ok(None);
        }
        let user = found.user().clone();
        // A client that refreshes without end leaves an access token each time.
        self.end_surplus(&user, &access_record, now).await?;
        self.report(&TokenEvent::of_record(TokenAction::Refreshed, now, &user, &used));
        Ok(Some(IssuedPair { user, access, refresh, record: used, access_record, issued_at: now }))
    }

    /// The pair that the token was superseded by.
    async fn give_successor(
        &self,
        token: &Token,
        family: TokenKey<'_>,
        found: &Found,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<Option<IssuedPair>, Error> {
        let (refresh, access) = successor::open(token, sealed)
            .ok_or_else(|| Error::with_source(ErrorKind::Corrupt, "the successor of a refresh token cannot be read"))?;
        let repository = &self.inner().repository;
        let (user, record) = (found.user().clone(), found.record().clone());
        if let Some(given) = repository.find(access.key(), now).await? {
            let access_record = given.record().clone();
            return Ok(Some(IssuedPair { user, access, refresh, record, access_record, issued_at: now }));
        }
        // It lived for a shorter time than the grace lasts: the refresh token is the same, with another access token. As in
        // `rotate` it is stored first, and given out only if its pair is still there afterwards.
        let access = generate_text()?;
        let new = NewToken { key: access.key(), user: &user, record: self.access_record(&record, now)? };
        let access_record = repository.insert(new).await?;
        if repository.find(family, now).await?.is_none() {
            repository.delete(access.key()).await?;
            return Ok(None);
        }
        self.end_surplus(&user, &access_record, now).await?;
        Ok(Some(IssuedPair { user, access, refresh, record, access_record, issued_at: now }))
    }

    /// Ends the pair of a refresh token, whichever of its family it is. `false`: it is not one, or has ended.
    pub(in crate::lifecycle) async fn destroy_family_of(&self, token: &Token) -> Result<bool, Error> {
        let Some(family) = text::family(token) else { return Ok(false) };
        let repository = &self.inner().repository;
        let Some(found) = repository.find(family, self.now()).await? else { return Ok(false) };
        if found.record().kind() != TokenKind::Refresh {
            return Ok(false);
        }
        self.destroy_by_id(found.user(), found.record().id()).await
    }
}
