//! How a user gets a token: the password is checked here, the token is the crate's.

use tower_tokens::lifecycle::IssuedToken;
use tower_tokens::repository::UserRepository as _;
use tower_tokens::request::RequestHead;
use tower_tokens::token::Lifetime;

use super::app::Site;
use super::failure::Failure;

/// What the visitor typed.
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
    pub(super) stay: Stay,
}

/// How long the visitor wants to stay logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stay {
    /// Until the browser closes, 24 hours at most.
    ThisSession,
    /// For 30 days.
    Remembered,
}

/// Why somebody did not get a token.
pub(super) enum Refusal {
    /// One answer for an unknown user and for a wrong password.
    WrongPassword,
    Failure(Failure),
}

impl Site {
    /// Checks the password and gives a token, which replaces every one that this request came with.
    pub(super) async fn log_in(
        &self,
        credentials: Credentials,
        request: RequestHead<'_>,
        device: &str,
    ) -> Result<IssuedToken, Refusal> {
        let found = self.accounts.by_username(credentials.username.trim()).await.map_err(Failure::from)?;
        let hash = found.as_ref().map(|(_, hash)| hash.as_str());
        let is_right = self.passwords.verify(credentials.password, hash).await?;
        let Some((account, hash)) = found.filter(|_| is_right) else {
            return Err(Refusal::WrongPassword);
        };
        let user = self.users.user(&account.user_id).await.map_err(Failure::from)?;
        if user.is_none_or(|user| user.disabled) {
            return Err(Refusal::Failure(Failure::Banned));
        }
        let lifetime = match credentials.stay {
            Stay::ThisSession => Lifetime::hours(24),
            Stay::Remembered => Lifetime::days(30),
        };
        let user = account.user_id;
        let issued = self.tokens.generate(user.clone()).lifetime(lifetime).name(device).await.map_err(Failure::from)?;
        // While the password was checked, it may have been reset, which ended the tokens that there were by then.
        let now = self.accounts.by_user_with_password(&user).await.map_err(Failure::from)?;
        if now.is_none_or(|(_, hash_now)| hash_now != hash) {
            self.tokens.destroy(issued.token()).await.map_err(Failure::from)?;
            return Err(Refusal::WrongPassword);
        }
        // Whatever came with the request, cookies of two users too: the new one contradicts nothing.
        let _removed_by_the_new_cookie = self.authenticator.log_out(request).await.map_err(Failure::from)?;
        Ok(issued)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
