//! A token in the query of a route that the application names.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Extensions, Request, Uri};
use percent_encoding::percent_decode_str;
use tower::Service;
use tower_layer::Layer;

use crate::token::Token;

/// Takes the token out of the query of one route, before anything logs the address.
///
/// There is no source for the query: addresses end up in logs, histories and `Referer` (RFC 6750 §5.3). For the one route that
/// has to accept a token there, such as a link in an e-mail or the `GET /session?token=…` of another system's clients, put
/// this layer outside of everything that logs requests. The parameter is gone from the address for all that is inside of it, and
/// the handler gets the token from the extensions. It is no credential of the request: guards do not see it.
///
/// Let such a token work once: the handler calls [`Tokens::redeem`](crate::lifecycle::Tokens::redeem), gives a login of its own,
/// and redirects to an address without it. A proxy in front of the application logs the address too.
///
/// # Example
/// ```
/// use http::{Extensions, Request};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_tokens::source::{QueryToken, QueryTokenLayer};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let service = QueryTokenLayer::new("/session", "token").layer(service_fn(async |request: Request<()>| {
///     let token = QueryToken::from_extensions(request.extensions()).map(|token| token.expose_secret().len());
///     Ok::<_, std::convert::Infallible>((request.uri().to_string(), token))
/// }));
/// let request = Request::get("/session?lang=en&token=pA2sWJm7QkYgTzL9vXc4NbRhUe3DfK8x").body(())?;
/// assert_eq!(service.oneshot(request).await?, ("/session?lang=en".to_owned(), Some(32)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct QueryTokenLayer {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    path: String,
    parameter: String,
}

impl QueryTokenLayer {
    /// For this path, compared byte for byte with the path of the request as this layer gets it, and the parameter with this
    /// name.
    pub fn new(path: &str, parameter: &str) -> Self {
        Self { place: Arc::new(Place { path: path.to_owned(), parameter: parameter.to_owned() }) }
    }
}

impl<S> Layer<S> for QueryTokenLayer {
    type Service = QueryTokenService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        QueryTokenService { inner, place: Arc::clone(&self.place) }
    }
}

/// The token that a [`QueryTokenLayer`] took out of the address, in the extensions of the request.
#[derive(Debug, Clone)]
pub struct QueryToken(Token);

impl QueryToken {
    /// The token of this request. `None`: the parameter is missing, occurs twice, or could not be a token.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<&Token> {
        extensions.get::<Self>().map(|token| &token.0)
    }
}

/// Takes the token out of the address. Created by [`QueryTokenLayer`].
#[derive(Clone)]
pub struct QueryTokenService<S> {
    inner: S,
    place: Arc<Place>,
}

impl<S, B> Service<Request<B>> for QueryTokenService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().remove::<QueryToken>();
        if request.uri().path() == self.place.path
            && let Some((uri, token)) = taken(request.uri(), &self.place.parameter)
        {
            *request.uri_mut() = uri;
            if let Some(token) = token {
                request.extensions_mut().insert(QueryToken(token));
            }
        }
        self.inner.call(request)
    }
}

impl<S: fmt::Debug> fmt::Debug for QueryTokenService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryTokenService").field("inner", &self.inner).field("place", &self.place).finish()
    }
}

/// The address without this parameter, and its value if it occurs once and could be a token. `None`: it does not occur.
fn taken(uri: &Uri, parameter: &str) -> Option<(Uri, Option<Token>)> {
    let query = uri.query()?;
    let is_it = |pair: &&str| decoded(pair.split('=').next().unwrap_or_default()).as_deref() == Some(parameter);
    let mut values = query.split('&').filter(is_it).map(|pair| pair.split_once('=').map_or("", |(_, value)| value));
    let first = values.next()?;
    let token = values.next().is_none().then(|| decoded(first)).flatten().and_then(|text| Token::parse(text).ok());
    let rest: Vec<_> = query.split('&').filter(|pair| !is_it(pair)).collect();
    let path = uri.path();
    let without = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(without).ok();
    // Parts of an address make one again; without it the token must not stay where it was.
    Some((Uri::from_parts(parts).unwrap_or_default(), token))
}

/// Percent-decoded, with `+` as a space, as forms are encoded. `None`: not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(uri: &str) -> Option<(String, Option<String>)> {
        let (uri, token) = taken(&uri.parse().unwrap(), "token")?;
        Some((uri.to_string(), token.map(|token| token.expose_secret().to_owned())))
    }

    #[test]
    fn the_parameter_is_taken_wherever_it_stands_and_the_rest_stays_as_it_is() {
        for (uri, rest, token) in [
            ("/s?token=abc", "/s", Some("abc")),
            ("/s?a=1&token=abc&b=%26+x", "/s?a=1&b=%26+x", Some("abc")),
            ("/s?token=a%2Db%3D", "/s", Some("a-b=")),
            ("/s?%74oken=abc&tokens=1", "/s?tokens=1", Some("abc")),
            ("http://host.example/s?token=abc", "http://host.example/s", Some("abc")),
            ("/s?token", "/s", None),
            ("/s?token=", "/s", None),
            ("/s?token=a b".replace(' ', "+").as_str(), "/s", None),
            ("/s?token=%FF", "/s", None),
            ("/s?token=abc&x=1&token=abd", "/s?x=1", None),
        ] {
            assert_eq!(take(uri), Some((rest.to_owned(), token.map(str::to_owned))), "{uri}");
        }
        for uri in ["/s", "/s?", "/s?tokens=1", "/s?a=token"] {
            assert_eq!(take(uri), None, "{uri}");
        }
    }
}
