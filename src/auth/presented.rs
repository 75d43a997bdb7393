//! Every token that a request presents.

use tokio::time::timeout;

use crate::auth::Authenticator;
use crate::error::{Error, ErrorKind};
use crate::head::RequestHead;
use crate::source::{Candidate, Candidates, Credential};
use crate::token::Token;

impl Authenticator {
    /// Every token that this request presents, valid or not, each once, in the order of the sources: what a log-out
    /// should end, so that no second one, left in another place, goes on.
    ///
    /// What cannot be a token is left out, and so are ambient credentials on a request that another site caused: nobody
    /// can be logged out from elsewhere. At most 8 are given.
    ///
    /// # Source
    /// Trongate's `destroy` ends the token in the session, the one in the cookie and the one in the header.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) or [`TimedOut`](ErrorKind::TimedOut) when a session does not answer.
    ///
    /// # Panics
    /// If it is polled outside of a Tokio runtime with its time driver.
    ///
    /// # Example
    /// ```
    /// use http::Request;
    /// use tower_tokens::auth::TokenAuthLayer;
    /// use tower_tokens::head::RequestHead;
    /// use tower_tokens::repository::MemoryRepository;
    /// use tower_tokens::tokens::Tokens;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let tokens = Tokens::new(MemoryRepository::new());
    /// let authenticator = TokenAuthLayer::new(tokens.clone()).authenticator();
    ///
    /// let request = Request::post("/logout").header("Cookie", "trongatetoken=abc").header("Authorization", "Bearer def");
    /// let presented = authenticator.presented(RequestHead::of(&request.body(())?)).await?;
    /// assert_eq!(presented.len(), 2);
    /// for token in &presented {
    ///     tokens.destroy(token).await?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn presented(&self, head: RequestHead<'_>) -> impl Future<Output = Result<Vec<Token>, Error>> + Send + use<> {
        let settings = self.settings();
        let bound = settings.timeout;
        let candidates: Vec<_> = Candidates::new(&settings.sources, &settings.same_origin, &head)
            .filter(|candidate| !matches!(candidate.credential, Credential::Unusable(_)))
            .map(Candidate::into_owned)
            .collect();
        async move {
            let read = timeout(bound, read(candidates)).await;
            read.unwrap_or_else(|_elapsed| Err(ErrorKind::TimedOut.into()))
        }
    }
}

async fn read(candidates: Vec<Candidate<'static>>) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let token = match candidate.credential {
            Credential::Text(text) => Token::from_checked(text.expose_secret().to_owned()),
            Credential::Owned(token) => token,
            Credential::Unusable(_) | Credential::Session { is_cross_site: true, .. } => continue,
            Credential::Session { session, .. } => match session.token().await {
                Ok(Some(token)) => token,
                Ok(None) => continue,
                Err(error) if error.kind() == ErrorKind::InvalidInput => continue,
                Err(error) => return Err(error),
            },
        };
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    Ok(tokens)
}
