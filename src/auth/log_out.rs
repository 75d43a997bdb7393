//! Log out: ends every token that a request presents.

use http::HeaderMap;
use tokio::time::{Instant, timeout_at};

use crate::auth::Authenticator;
use crate::auth::presented_tokens::{self, PresentedToken};
use crate::error::{Error, ErrorKind};
use crate::log::log_warn;
use crate::request::RequestHead;
use crate::respond::SetTokenCookie;
use crate::source::TokenSession;
use crate::validator::TokenValidator;

impl Authenticator {
    /// Ends every token that this request presents, valid or not, and removes those in sessions from their sessions:
    /// log out. Call it in the login too, before a new token is generated, so that the new token replaces the tokens of
    /// the request.
    ///
    /// It also resolves an ambiguous request. With cookies of two users, every guarded page answers 400. A removal
    /// cookie reaches only the cookie with the site's own path and domain; but an ended token is a stale credential,
    /// and stale credentials do not conflict with others.
    ///
    /// On a request that another site caused, ambient credentials are not ended, and there is no removal cookie. At
    /// most 200 tokens of a request are ended.
    ///
    /// # Errors
    /// The error of the store, or [`ErrorKind::TimedOut`] if it takes longer than the layer's time-out: then some
    /// tokens may still be valid, and every token that could be ended was ended. A token that cannot be ended stays in its
    /// session, so that the logout can be repeated. An ended token that stays in its session is not an error:
    /// [`LoggedOut::left_in_sessions`] counts them.
    ///
    /// # Panics
    /// If it is polled outside of a Tokio runtime with its time driver.
    ///
    /// # Source
    /// Trongate's `destroy` ends the token in the session, the one in the cookie and the one in the header.
    ///
    /// # Example
    /// ```
    /// use http::{HeaderMap, Request};
    /// use tower_tokens::auth::TokenAuthLayer;
    /// use tower_tokens::request::RequestHead;
    /// use tower_tokens::repository::{MemoryRepository, UserRepository};
    /// use tower_tokens::lifecycle::Tokens;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let repository = MemoryRepository::new();
    /// repository.create_level("member").await?;
    /// let (anna, bob) = (repository.create_user(None, "member").await?, repository.create_user(None, "member").await?);
    /// let tokens = Tokens::new(repository);
    /// let authenticator = TokenAuthLayer::new(tokens.clone()).authenticator();
    ///
    /// let (first, second) = (tokens.generate(&anna).await?, tokens.generate(&bob).await?);
    /// let cookies = [&first, &second].map(|issued| format!("trongatetoken={}", issued.token().expose_secret()));
    /// let request = Request::post("/logout").header("Cookie", cookies.join("; ")).body(())?;
    ///
    /// let logged_out = authenticator.log_out(RequestHead::of(&request)).await?;
    /// assert_eq!(logged_out.ended(), 2);
    /// let mut headers = HeaderMap::new();
    /// logged_out.apply(&mut headers); // with axum: `(logged_out, Redirect::to("/"))`
    /// assert!(headers["set-cookie"].to_str()?.starts_with("trongatetoken=; "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn log_out(&self, head: RequestHead<'_>) -> impl Future<Output = Result<LoggedOut, Error>> + Send + use<> {
        let settings = self.settings();
        let candidates = presented_tokens::candidates(settings, &head);
        let (validator, bound) = (settings.validator.clone(), settings.timeout);
        let may_remove = settings.same_origin.allows(head);
        async move {
            let deadline = Instant::now() + bound;
            // First all tokens, then the sessions: a session that is locked delays the end of no token.
            let ended = timeout_at(deadline, async {
                let (tokens, error) = presented_tokens::read(candidates).await;
                end(&*validator, tokens, error).await
            });
            let Ended { count, sessions, first_error } =
                ended.await.map_err(|_elapsed| Error::from(ErrorKind::TimedOut))?;
            let left_in_sessions = remove(sessions, deadline).await;
            if let Some(error) = first_error {
                return Err(error);
            }
            let left_in_sessions = left_in_sessions?;
            let removal = if may_remove { validator.removal_cookie() } else { None };
            Ok(LoggedOut { ended: count, left_in_sessions, removal })
        }
    }
}

/// What is known after all tokens were ended that could be.
struct Ended {
    /// How many were valid.
    count: usize,
    /// The sessions that hold a token which has ended.
    sessions: Vec<Box<dyn TokenSession>>,
    first_error: Option<Error>,
}

/// Ends all these tokens, even if one of them cannot be ended.
async fn end(validator: &dyn TokenValidator, tokens: Vec<PresentedToken>, first_error: Option<Error>) -> Ended {
    let mut ended = Ended { count: 0, sessions: Vec::new(), first_error };
    for PresentedToken { token, session } in tokens {
        match validator.destroy(&token).await {
            Ok(was_alive) => {
                ended.count += usize::from(was_alive);
                ended.sessions.extend(session);
            }
            Err(error) => {
                ended.first_error.get_or_insert(error);
            }
        }
    }
    ended
}

/// Removes the tokens, which have ended, from their sessions. Returns how many sessions still hold theirs.
async fn remove(sessions: Vec<Box<dyn TokenSession>>, deadline: Instant) -> Result<usize, Error> {
    let (mut left, mut first_error) = (0, None);
    for session in sessions {
        match timeout_at(deadline, session.remove_token()).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
            Ok(()) => {}
            // The application does not allow to change PHP's sessions.
            Err(error) if error.kind() == ErrorKind::Configuration => left += 1,
            // PHP holds the session for the length of its own request.
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                log_warn!(error = ?error, "a token that has ended stays in its session, which is locked");
                left += 1;
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(left), Err)
}

/// The result of a logout, with the cookie that removes the token from the browser. With axum it is a part of a
/// response: `(logged_out, Redirect::to("/"))`.
#[derive(Debug)]
#[must_use = "the browser keeps its cookie until this is a part of the response"]
pub struct LoggedOut {
    ended: usize,
    left_in_sessions: usize,
    removal: Option<SetTokenCookie>,
}

impl LoggedOut {
    /// How many tokens were valid until now.
    #[must_use]
    pub const fn ended(&self) -> usize {
        self.ended
    }

    /// How many sessions still hold a token that this logout has ended. The token logs no one in any more.
    ///
    /// A session keeps its token if it may not be changed (`PhpSessions` without `with_removal`), or if it did not become
    /// free in time: a page of PHP holds the lock of its session for as long as the page runs.
    #[must_use]
    pub const fn left_in_sessions(&self) -> usize {
        self.left_in_sessions
    }

    /// Appends the removal cookie to the headers of a response, if there is one.
    pub fn apply(self, headers: &mut HeaderMap) {
        if let Some(removal) = self.removal {
            removal.apply(headers);
        }
    }
}
