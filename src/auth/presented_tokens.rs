//! Every token that a request presents.

use tokio::time::timeout;

use crate::auth::Authenticator;
use crate::auth::settings::Settings;
use crate::error::{Error, ErrorKind};
use crate::request::RequestHead;
use crate::source::{Candidate, Candidates, Credential, TokenSession};
use crate::token::Token;

/// The most tokens of one request that are presented. Our choice: more than the cookies that browsers keep for one site
/// (180 in Chromium and Firefox), so that a visitor with planted cookies can still log out.
const MAX_PRESENTED: usize = 200;

impl Authenticator {
    /// Every token that this request presents, valid or not, each once, in the order of the sources. A logout ends all
    /// of them, so that no second token in another place stays valid.
    ///
    /// Text that cannot be a token is left out, and so are ambient credentials on a request that another site caused:
    /// another site cannot log a user out. At most 200 are returned.
    ///
    /// # Source
    /// Trongate's `destroy` ends the token in the session, the one in the cookie and the one in the header.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) or [`TimedOut`](ErrorKind::TimedOut) if a session does not answer.
    ///
    /// # Panics
    /// If it is polled outside of a Tokio runtime with its time driver.
    ///
    /// # Example
    /// ```
    /// use http::Request;
    /// use tower_tokens::auth::TokenAuthLayer;
    /// use tower_tokens::request::RequestHead;
    /// use tower_tokens::repository::MemoryRepository;
    /// use tower_tokens::lifecycle::Tokens;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let tokens = Tokens::new(MemoryRepository::new());
    /// let authenticator = TokenAuthLayer::new(tokens.clone()).authenticator();
    ///
    /// let request = Request::post("/logout").header("Cookie", "trongatetoken=abc").header("Authorization", "Bearer def");
    /// let presented = authenticator.presented_tokens(RequestHead::of(&request.body(())?)).await?;
    /// assert_eq!(presented.len(), 2);
    /// for token in &presented {
    ///     tokens.destroy(token).await?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn presented_tokens(
        &self,
        head: RequestHead<'_>,
    ) -> impl Future<Output = Result<Vec<Token>, Error>> + Send + use<> {
        let settings = self.settings();
        let (candidates, bound) = (candidates(settings, &head), settings.timeout);
        async move {
            let (tokens, error) =
                timeout(bound, read(candidates)).await.map_err(|_elapsed| Error::from(ErrorKind::TimedOut))?;
            error.map_or_else(|| Ok(tokens.into_iter().map(|presented| presented.token).collect()), Err)
        }
    }
}

/// A token, and the session that holds it.
pub(super) struct PresentedToken {
    pub(super) token: Token,
    pub(super) session: Option<Box<dyn TokenSession>>,
}

/// The candidates of the request, copied out of it.
pub(super) fn candidates(settings: &Settings, head: &RequestHead<'_>) -> Vec<Candidate<'static>> {
    let candidates = Candidates::new(&settings.sources, &settings.same_origin, head).with_limit(MAX_PRESENTED);
    candidates
        .filter(|candidate| !matches!(candidate.credential, Credential::Unusable(_)))
        .map(Candidate::into_owned)
        .collect()
}

/// The tokens of these candidates, each once; a session is read to get its token. The error is that of the first
/// session that does not answer.
pub(super) async fn read(candidates: Vec<Candidate<'static>>) -> (Vec<PresentedToken>, Option<Error>) {
    let mut tokens: Vec<PresentedToken> = Vec::with_capacity(candidates.len());
    let mut first_error = None;
    for candidate in candidates {
        let (token, session) = match candidate.credential {
            Credential::Text(text) => (Token::from_checked(text.expose_secret().to_owned()), None),
            Credential::Owned(token) => (token, None),
            Credential::Claimed(claimed) => (claimed.token, None),
            Credential::Unusable(_) | Credential::Session { is_cross_site: true, .. } => continue,
            Credential::Session { session, .. } => match session.token().await {
                Ok(Some(token)) => (token, Some(session)),
                Ok(None) => continue,
                Err(error) if error.kind() == ErrorKind::InvalidInput => continue,
                Err(error) => {
                    first_error.get_or_insert(error);
                    continue;
                }
            },
        };
        match tokens.iter_mut().find(|presented| presented.token == token) {
            Some(presented) => presented.session = session.or(presented.session.take()),
            None => tokens.push(PresentedToken { token, session }),
        }
    }
    (tokens, first_error)
}
