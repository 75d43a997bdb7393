//! Sealed tokens that are logins: user and level in the payload, no store.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::sealed::format::layout::Binding;
use crate::sealed::format::text::SealedToken;
use crate::sealed::sealer::{IfExpired, Sealer, parse};
use crate::token::{Expiry, Lifetime, TokenId, TokenRecord};
use crate::user::{Credential, CurrentUser, UserId, UserLevel};

impl Sealer {
    /// Seals a login: who the user is, at which level, until when.
    ///
    /// # Security
    /// No store is asked when it is presented: a level that changes, or a user who is disabled, changes nothing until the
    /// token expires or stands on the [revocation list](Sealer::with_revocation_list). Keep such tokens short-lived.
    ///
    /// # Errors
    /// As [`seal`](Sealer::seal).
    pub fn seal_login(
        &self,
        user: impl Into<UserId>,
        level: &UserLevel,
        lifetime: impl Into<Lifetime>,
    ) -> Result<SealedToken, Error> {
        self.seal(&Login { user: user.into(), level_id: level.id(), level: level.title().into() }, lifetime)
    }

    /// The user whom a login names.
    ///
    /// # Errors
    /// As [`open`](Sealer::open).
    pub fn open_login(&self, text: &str) -> Result<CurrentUser, Error> {
        self.read(text, Binding::Plain, IfExpired::Refuse, |read| {
            let login: Login<'_> = parse(read.rest)?;
            let lifetime = match read.metadata.expires_at {
                Expiry::At(end) => Lifetime::from(end - read.metadata.issued_at),
                Expiry::Never => Lifetime::never_expires(),
            };
            let record = TokenRecord::new(record_id(*read.metadata.uuid.as_bytes()), read.metadata.issued_at, lifetime);
            let level = UserLevel::new(login.level_id, &login.level);
            let user = CurrentUser::new(login.user, level, record, read.now);
            Ok(user.with_self_contained(read.metadata.uuid, self.issuer()))
        })
    }

    /// Ends the login that this user presented: puts it on the [revocation list](Sealer::with_revocation_list) until it
    /// would have ended by itself. `false`: it stands there already.
    ///
    /// # Security
    /// It ends in every sealer of this process that has the list. Other nodes, and this one after a restart, need to
    /// learn of it: see [`RevocationList`](super::RevocationList).
    ///
    /// # Errors
    /// [`ErrorKind::NotIssuedHere`] for a user whose credential is not a login of this sealer's purpose.
    /// [`ErrorKind::Configuration`] for a sealer without a revocation list, which can end nothing.
    ///
    /// # Example
    /// ```
    /// use time::Duration;
    /// use tower_tokens::sealed::{Key, KeyRing, RevocationList, Sealer};
    /// use tower_tokens::user::UserLevel;
    ///
    /// let logins = Sealer::new(KeyRing::new(Key::generate("2026-11")?), "login")?;
    /// let logins = logins.with_revocation_list(RevocationList::new());
    /// let token = logins.seal_login(42, &UserLevel::new(1, "member"), Duration::hours(1))?;
    ///
    /// let user = logins.open_login(token.expose_secret())?;
    /// assert!(logins.revoke_login(&user)?);
    /// assert!(logins.open_login(token.expose_secret()).is_err());
    /// # Ok::<(), tower_tokens::error::Error>(())
    /// ```
    pub fn revoke_login(&self, user: &CurrentUser) -> Result<bool, Error> {
        let (id, expires_at) = match user.credential() {
            Credential::SelfContained { id, issuer, expires_at } if issuer == self.issuer() => (id, expires_at),
            Credential::SelfContained { .. } => {
                let why = "the login was sealed for another purpose, whose sealer ends it";
                return Err(Error::with_source(ErrorKind::NotIssuedHere, why));
            }
            Credential::Stored(_) => {
                let why = "the token is in a store: Tokens::destroy_current ends it";
                return Err(Error::with_source(ErrorKind::NotIssuedHere, why));
            }
        };
        let why = "the sealer has no revocation list, and can end no login: give it one (with_revocation_list)";
        let list = self.revocation_list().ok_or_else(|| Error::with_source(ErrorKind::Configuration, why))?;
        Ok(list.revoke(id, expires_at))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login<'a> {
    user: UserId,
    level_id: i64,
    #[serde(borrow)]
    level: Cow<'a, str>,
}

/// A positive number out of the UUID's last, random 62 bits.
fn record_id(uuid: [u8; 16]) -> TokenId {
    let [.., a, b, c, d, e, f, g, h] = uuid;
    TokenId::new(i64::from_be_bytes([a, b, c, d, e, f, g, h]) & i64::MAX)
}
