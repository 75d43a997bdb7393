//! The token by which a request was authenticated.

use tokio::time::timeout;

use crate::auth::Authenticator;
use crate::auth::check::is_same;
use crate::error::{Error, ErrorKind};
use crate::request::RequestHead;
use crate::source::{Candidate, Candidates, Credential};
use crate::token::Token;
use crate::user::CurrentUser;
use crate::validator::{TokenValidator, Validation};

impl Authenticator {
    /// The token of this request that belongs to `user`: for a handler that replaces it
    /// ([`Tokens::regenerate`](crate::lifecycle::Tokens::regenerate)), which needs its text. With axum, the extractor
    /// `CurrentToken` does the same.
    ///
    /// No request keeps the text of its token: the token is read from the request again, from the same sources, and
    /// validated again. So it costs one look-up here, and requests that do not call it pay nothing. A token counts only
    /// if it is valid now and its record (or UUID) is the one in `user`.
    ///
    /// A self-contained token is given back too; only its issuer can replace it.
    ///
    /// After the token is replaced, the client must get the new one: as a cookie, in the body for a script, or through
    /// [`TokenSession::put_token`](crate::source::TokenSession::put_token) if the old one was in a session.
    ///
    /// # Errors
    /// [`InvalidToken`](ErrorKind::InvalidToken) if no token of the request belongs to `user`: it has ended in the
    /// meantime, another request was faster in replacing it, another site caused the request, or a middleware put
    /// another user in (an administrator who views the site as a member).
    /// [`Unavailable`](ErrorKind::Unavailable) or [`TimedOut`](ErrorKind::TimedOut) if the store or a session does not
    /// answer.
    ///
    /// # Panics
    /// If it is polled outside of a Tokio runtime with its time driver.
    ///
    /// # Example
    /// ```
    /// use http::Request;
    /// use tower_tokens::auth::TokenAuthLayer;
    /// use tower_tokens::lifecycle::Tokens;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::request::RequestHead;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let user_id = repository.create_user(None, "member").await?;
    /// let tokens = Tokens::new(repository);
    /// let authenticator = TokenAuthLayer::new(tokens.clone()).authenticator();
    ///
    /// let issued = tokens.generate(&user_id).await?;
    /// let cookie = format!("trongatetoken={}", issued.token().expose_secret());
    /// let request = Request::post("/password").header("Cookie", cookie).body(())?;
    /// let user = authenticator.authenticate(RequestHead::of(&request)).await.unwrap();
    ///
    /// // The user typed their password again, and it was right:
    /// let token = authenticator.current_token(RequestHead::of(&request), &user).await?;
    /// let renewed = tokens.regenerate(&token).authenticated_now().await?;
    /// assert_eq!(renewed.record().id(), user.token().id());
    /// assert!(authenticator.authenticate(RequestHead::of(&request)).await.is_err(), "the old token has ended");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn current_token(
        &self,
        head: RequestHead<'_>,
        user: &CurrentUser,
    ) -> impl Future<Output = Result<Token, Error>> + Send + use<> {
        let settings = self.settings();
        let candidates = Candidates::new(&settings.sources, &settings.same_origin, &head)
            .filter(|candidate| candidate.kind == user.source())
            .filter(|candidate| !matches!(candidate.credential, Credential::Unusable(_)));
        let candidates: Vec<_> = candidates.map(Candidate::into_owned).collect();
        let (validator, bound, user) = (settings.validator.clone(), settings.timeout, user.clone());
        async move {
            let found = timeout(bound, find(&*validator, candidates, &user)).await;
            found.unwrap_or_else(|_elapsed| Err(ErrorKind::TimedOut.into()))
        }
    }
}

/// The first candidate that belongs to `user`; otherwise the first outage, because the token may be the one that was not
/// looked up.
async fn find(
    validator: &dyn TokenValidator,
    candidates: Vec<Candidate<'static>>,
    user: &CurrentUser,
) -> Result<Token, Error> {
    let mut outage = None;
    for candidate in candidates {
        let token = match candidate.credential {
            Credential::Text(text) => Token::from_checked(text.expose_secret().to_owned()),
            Credential::Owned(token) => token,
            Credential::Claimed(claimed) => claimed.token,
            Credential::Unusable(_) | Credential::Session { is_cross_site: true, .. } => continue,
            Credential::Session { session, .. } => match session.token().await {
                Ok(Some(token)) => token,
                Ok(None) => continue,
                Err(error) => {
                    outage = outage.or(Some(error).filter(Error::is_outage));
                    continue;
                }
            },
        };
        match validator.validate(token.key()).await {
            Validation::Valid(found) if is_same(&found, user) => return Ok(token),
            Validation::Valid(_) | Validation::Invalid => {}
            Validation::Unavailable(error) => outage = outage.or(Some(error)),
        }
    }
    Err(outage.unwrap_or_else(|| ErrorKind::InvalidToken.into()))
}
