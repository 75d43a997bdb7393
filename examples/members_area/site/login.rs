//! How a user gets a token: the password is checked here, the token is the crate's.

use tower_tokens::error::ErrorKind;
use tower_tokens::lifecycle::{IssuedPair, IssuedToken};
use tower_tokens::repository::UserRepository as _;
use tower_tokens::request::RequestHead;
use tower_tokens::token::{Lifetime, TokenRecord};

use super::accounts::Account;
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

/// Somebody who proved who they are, and by what.
struct Proved {
    account: Account,
    by: Proof,
}

enum Proof {
    /// The password with this hash.
    Password(String),
    /// An API token in its place.
    ApiToken(Box<TokenRecord>),
}

impl Site {
    /// Checks the password, or the API token in its place, and gives a token, which replaces every one that this request came
    /// with. A login with an API token ends with it, and may do no more.
    pub(super) async fn log_in(
        &self,
        credentials: Credentials,
        request: RequestHead<'_>,
        device: &str,
    ) -> Result<IssuedToken, Refusal> {
        let proved = self.prove(&credentials.username, credentials.password).await?;
        let lifetime = match credentials.stay {
            Stay::ThisSession => Lifetime::hours(24),
            Stay::Remembered => Lifetime::days(30),
        };
        let token = self.tokens.generate(&proved.account.user_id).lifetime(lifetime).name(device);
        let token = match &proved.by {
            Proof::Password(_) => token,
            Proof::ApiToken(record) => token.within(record),
        };
        let issued = token.await.map_err(|error| match error.kind() {
            ErrorKind::InvalidToken => Refusal::WrongPassword,
            _ => Failure::from(error).into(),
        })?;
        if !self.still_holds(&proved).await? {
            self.tokens.destroy(issued.token()).await.map_err(Failure::from)?;
            return Err(Refusal::WrongPassword);
        }
        // Whatever came with the request, cookies of two users too: the new one contradicts nothing.
        let _removed_by_the_new_cookie = self.authenticator.log_out(request).await.map_err(Failure::from)?;
        Ok(issued)
    }

    /// Checks the password of an app's user, and gives an access and a refresh token.
    pub(super) async fn log_in_app(
        &self,
        username: &str,
        password: String,
        device: &str,
    ) -> Result<IssuedPair, Refusal> {
        let proved = self.prove(username, password).await?;
        let Proof::Password(_) = proved.by else { return Err(Refusal::WrongPassword) };
        let pair = self.tokens.generate_pair(&proved.account.user_id).name(device).await.map_err(Failure::from)?;
        if !self.still_holds(&proved).await? {
            self.tokens.destroy(pair.refresh_token()).await.map_err(Failure::from)?;
            return Err(Refusal::WrongPassword);
        }
        Ok(pair)
    }

    async fn prove(&self, username: &str, password: String) -> Result<Proved, Refusal> {
        let found = self.accounts.by_username(username.trim()).await.map_err(Failure::from)?;
        if let Some((account, _)) = &found {
            let token =
                self.tokens.validate_password_token(&account.user_id, &password).await.map_err(Failure::from)?;
            if let Some(user) = token {
                let by = Proof::ApiToken(Box::new(user.token().clone()));
                return Ok(Proved { account: account.clone(), by });
            }
        }
        let hash = found.as_ref().map(|(_, hash)| hash.as_str());
        let is_right = self.passwords.verify(password, hash).await?;
        let Some((account, hash)) = found.filter(|_| is_right) else {
            return Err(Refusal::WrongPassword);
        };
        let user = self.users.user(&account.user_id).await.map_err(Failure::from)?;
        if user.is_none_or(|user| user.disabled) {
            return Err(Refusal::Failure(Failure::Banned));
        }
        Ok(Proved { account, by: Proof::Password(hash) })
    }

    /// While the password was checked, it may have been reset, which ended the tokens that there were by then.
    async fn still_holds(&self, proved: &Proved) -> Result<bool, Failure> {
        let Proof::Password(hash) = &proved.by else { return Ok(true) };
        let now = self.accounts.by_user_with_password(&proved.account.user_id).await?;
        Ok(now.is_some_and(|(_, hash_now)| hash_now == *hash))
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
