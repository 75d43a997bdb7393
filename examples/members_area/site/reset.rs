//! A forgotten password: the link in an e-mail, and the new password that it leads to.
//!
//! The link holds a sealed token for the user's id, bound to the hash of the password that was forgotten: it works once,
//! for 15 minutes, and is dead when the password changes.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use sqlx::SqlitePool;
use time::Duration;
use tower_tokens::clock::Clock;
use tower_tokens::error::ErrorKind;
use tower_tokens::repository::UserRepository as _;
use tower_tokens::sealed::{
    BoundSealer, Key, KeyRing, Opened, RedemptionRepository as _, Sealer, SqliteRedemptions, Unverified,
};
use tower_tokens::user::UserId;

use super::accounts::Account;
use super::app::Site;
use super::failure::Failure;

/// How long a link works.
const LIFETIME: Duration = Duration::minutes(15);

/// Used links that are forgotten at once, when they have expired.
const PRUNED_AT_ONCE: u32 = 100;

/// Sends e-mails. It must not wait until they are delivered: how long an answer takes would tell who has an account.
pub(crate) trait Mailer: Send + Sync + 'static {
    /// Sends a user the link under which they set a new password, a path and query of this site.
    fn send_reset_link(&self, username: &str, email: &str, link: &str);
}

/// What resets stand on. Cheap to clone.
#[derive(Clone)]
pub(super) struct Resets {
    sealer: BoundSealer,
    used: SqliteRedemptions,
    mailer: Arc<dyn Mailer>,
}

/// A link that is genuine and alive, and who came with it.
pub(super) struct Reset {
    pub(super) account: Account,
    password_hash: String,
    token: Opened<i64>,
}

/// Why a password was not set.
pub(super) enum Refusal {
    /// Used, expired, forged, made for something else, or the password has changed: the response does not say which.
    DeadLink,
    Failure(Failure),
}

impl Resets {
    /// With the keys beside this database, which are made if they are not there.
    pub(super) async fn open(
        database: &Path,
        pool: SqlitePool,
        clock: impl Clock,
        mailer: impl Mailer,
    ) -> Result<Self, Failure> {
        let sealer = Sealer::new(keys(database)?, "password reset")?.with_clock(clock);
        let used = SqliteRedemptions::with_pool(pool).await?;
        Ok(Self { sealer: sealer.bound_to_state(), used, mailer: Arc::new(mailer) })
    }

    fn send_link(&self, account: &Account, password_hash: &str) -> Result<(), tower_tokens::error::Error> {
        let token = self.sealer.seal(&account.user_id, LIFETIME, password_hash)?;
        let link = format!("/reset?token={}", token.expose_secret());
        self.mailer.send_reset_link(&account.username, &account.email, &link);
        Ok(())
    }
}

/// A key ring never makes a key by itself. This example does at its first start, as it makes the database.
fn keys(database: &Path) -> Result<KeyRing, Failure> {
    let mut path = OsString::from(database);
    path.push(".keys");
    match KeyRing::create_file(&path, Key::generate("1")?) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(KeyRing::open_file(&path)?),
        created => Ok(created?),
    }
}

impl Site {
    /// Sends a link to whoever has this user name or e-mail address. Neither the answer nor its time says whether somebody
    /// has: one query and one task, whatever is found, and the e-mails are written in the task.
    pub(super) async fn send_reset_links(&self, username_or_email: &str) -> Result<(), Failure> {
        let found = self.accounts.by_username_or_email(username_or_email.trim()).await?;
        let resets = self.resets.clone();
        tokio::spawn(async move {
            for (account, password_hash) in found {
                if let Err(error) = resets.send_link(&account, &password_hash) {
                    tracing::error!(error = &error as &dyn std::error::Error, "a reset link was not sent");
                }
            }
        });
        Ok(())
    }

    /// Opens a link, and does not use it up.
    pub(super) async fn open_reset(&self, token: &str) -> Result<Reset, Refusal> {
        let claim: Unverified<i64> = self.resets.sealer.open(token)?;
        let user_id = UserId::from(*claim.claimed());
        let found = self.accounts.by_user_with_password(&user_id).await.map_err(Failure::from)?;
        let (account, password_hash) = found.ok_or(Refusal::DeadLink)?;
        let token = claim.confirm(&password_hash)?;
        let user = self.users.user(&user_id).await?;
        if user.is_none_or(|user| user.disabled) {
            return Err(Refusal::Failure(Failure::Banned));
        }
        Ok(Reset { account, password_hash, token })
    }

    /// Sets the password and logs the user out everywhere. If that fails, the link still works.
    pub(super) async fn set_password(&self, reset: Reset, password: String) -> Result<(), Refusal> {
        let Reset { account, password_hash, token } = reset;
        let user = &account.user_id;
        let new_hash = self.passwords.hash(password).await?;
        self.resets.used.delete_expired(token.checked_at(), PRUNED_AT_ONCE).await?;
        let change = |_| async {
            self.tokens.destroy_all(user).await?;
            // Two links of one user are two tokens: the second finds another hash than it was made for.
            if !self.accounts.change_password(user, &password_hash, &new_hash).await? {
                return Err(Refusal::DeadLink);
            }
            // Once more, for who came in with the old password between these two.
            self.tokens.destroy_all(user).await?;
            Ok(())
        };
        token.redeem(&self.resets.used, change).await
    }
}

impl From<tower_tokens::error::Error> for Refusal {
    fn from(error: tower_tokens::error::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidToken | ErrorKind::Expired | ErrorKind::AlreadyUsed => Self::DeadLink,
            _ => Self::Failure(error.into()),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
