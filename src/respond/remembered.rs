//! The part of a request that is kept, for the response to a refusal that its handler returns.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use crate::request::RequestHead;
use crate::respond::redirect::HX_CURRENT_URL;
use crate::respond::requester::{HX_REQUEST, Requester};
use crate::respond::responses::HasDefaultPage;
use crate::respond::{OriginalUri, Refusal, RespondToRefusal, grpc, page, problem};
use crate::user::CurrentUser;

/// The part of a request that decides the response to a refusal. It is carried by every request that is allowed, so that it is
/// small, and a script's allocates nothing unless the responses need its request line.
#[derive(Debug)]
pub(crate) struct RememberedRequest {
    requester: Requester,
    head: Option<Box<RememberedHead>>,
}

#[derive(Debug)]
struct RememberedHead {
    method: Method,
    uri: Uri,
    /// Of a request that is not a script's.
    headers: [Option<HeaderValue>; 5],
    user: Option<CurrentUser>,
}

const REMEMBERED: [HeaderName; 5] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::HOST, header::REFERER, HX_CURRENT_URL];

impl RememberedRequest {
    /// With `needs_request_line`, that of a script is kept too.
    pub(crate) fn of<B>(request: &Request<B>, needs_request_line: bool) -> Self {
        let head = RequestHead::of(request);
        let requester = Requester::of(head);
        let is_script = matches!(requester, Requester::Script | Requester::Grpc { .. });
        let head = (!is_script || needs_request_line).then(|| RememberedHead::of(head, is_script));
        Self { requester, head }
    }

    /// The address of a navigation.
    pub(crate) fn navigation(&self) -> Option<&Uri> {
        self.head.as_ref().filter(|_| self.requester == Requester::Navigation).map(|head| &head.uri)
    }

    /// Replaces the response of a refusal with the one that fits the request, unless that was done already.
    ///
    /// The response keeps headers that its handler added, a `Set-Cookie` for example. It stays unchanged if the
    /// application has changed its status or the type of its body.
    #[inline]
    pub(crate) fn answer<B, R: RespondToRefusal<B>>(&self, response: Response<B>, respond: &R) -> Response<B> {
        match response.extensions().get::<Refusal>() {
            None => response,
            Some(_) => self.answer_refusal(response, respond),
        }
    }

    #[cold]
    fn answer_refusal<B, R: RespondToRefusal<B>>(&self, response: Response<B>, respond: &R) -> Response<B> {
        let Some(refusal) = response.extensions().get::<Refusal>() else { return response };
        let has_default_page = response.extensions().get::<HasDefaultPage>().is_some();
        let media_type = response.headers().get(header::CONTENT_TYPE);
        let has_problem = media_type.is_some_and(|value| value == problem::MEDIA_TYPE);
        let has_page = has_default_page && media_type.is_some_and(|value| value == page::MEDIA_TYPE);
        let is_unchanged = if media_type.is_some_and(grpc::is_answer_type) {
            response.status() == StatusCode::OK
        } else {
            (has_problem || has_page) && response.status() == refusal.status()
        };
        let is_open = !refusal.is_answered() && is_unchanged;
        if !is_open && !has_page {
            return response;
        }
        let mut refusal = refusal.clone();
        let answer = self.ask(&mut refusal, respond);
        if is_open {
            replace(response, answer, refusal)
        } else if answer.extensions().get::<HasDefaultPage>().is_none()
            && answer.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == page::MEDIA_TYPE)
        {
            replace_page(response, answer)
        } else {
            response
        }
    }

    fn ask<B, R: RespondToRefusal<B>>(&self, refusal: &mut Refusal, respond: &R) -> Response<B> {
        let mut headers = HeaderMap::new();
        let mut extensions = Extensions::new();
        let (mut method, mut uri) = (&Method::GET, &Uri::default());
        if let Some(head) = &self.head {
            if let (None, Some(user)) = (refusal.user(), &head.user) {
                *refusal = refusal.clone().with_user(user.clone());
            }
            for (name, value) in REMEMBERED.into_iter().zip(&head.headers) {
                if let Some(value) = value {
                    headers.insert(name, value.clone());
                }
            }
            (method, uri) = (&head.method, &head.uri);
            extensions.insert(OriginalUri(uri.clone()));
        }
        if self.requester == Requester::Htmx {
            headers.insert(HX_REQUEST, HeaderValue::from_static("true"));
        }
        extensions.insert(self.requester);
        respond.respond(refusal, RequestHead { method, uri, headers: &headers, extensions: &extensions })
    }
}

impl RememberedHead {
    /// Apart from the path of a script, which stays short without it.
    #[inline(never)]
    fn of(head: RequestHead<'_>, is_script: bool) -> Box<Self> {
        let method = head.method.clone();
        if is_script {
            return Box::new(Self { method, uri: head.uri.clone(), headers: [const { None }; 5], user: None });
        }
        let uri = head.extensions.get::<OriginalUri>().map_or(head.uri, |original| &original.0).clone();
        let headers = REMEMBERED.map(|name| head.headers.get(name).cloned());
        let user = head.extensions.get::<CurrentUser>().cloned();
        Box::new(Self { method, uri, headers, user })
    }
}

/// The response that replaces the refusal's own.
fn replace<B>(response: Response<B>, answer: Response<B>, mut refusal: Refusal) -> Response<B> {
    let by_itself: Response<bytes::Bytes> = refusal.api_answer();
    let (mut parts, _) = response.into_parts();
    let (answered, body) = answer.into_parts();
    drop_body_headers(&mut parts.headers);
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
        // Unless the application has replaced ours with its own.
        if parts.headers.get(&name) == by_itself.headers().get(&name) {
            parts.headers.remove(&name);
            if let Some(value) = answered.headers.get(&name) {
                parts.headers.insert(name, value.clone());
            }
        }
    }
    for (name, value) in
        answered.headers.iter().filter(|(name, _)| **name != header::WWW_AUTHENTICATE && **name != header::RETRY_AFTER)
    {
        parts.headers.insert(name.clone(), value.clone());
    }
    parts.status = answered.status;
    parts.extensions.remove::<HasDefaultPage>();
    parts.extensions.extend(answered.extensions);
    refusal.mark_answered();
    parts.extensions.insert(refusal);
    Response::from_parts(parts, body)
}

/// Replaces the crate's page with the application's, and nothing else.
fn replace_page<B>(response: Response<B>, answer: Response<B>) -> Response<B> {
    let (mut parts, _) = response.into_parts();
    drop_body_headers(&mut parts.headers);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page::MEDIA_TYPE));
    parts.extensions.remove::<HasDefaultPage>();
    Response::from_parts(parts, answer.into_body())
}

/// The headers that described the replaced body.
fn drop_body_headers(headers: &mut HeaderMap) {
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::ETAG] {
        headers.remove(name);
    }
}
