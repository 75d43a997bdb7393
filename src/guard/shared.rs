//! What all services of one guard share: its check, and how it answers.

use std::sync::Arc;

use http::{Request, Response};

use crate::guard::check::GuardCheck;
use crate::request::RequestHead;
use crate::respond::{Refusal, RespondToRefusal, log_refusal};
use crate::user::CurrentUser;

/// What all services of one layer share, so that cloning one touches a single counter. Aligned so that the counter, which all
/// threads write, is in another line of the processor's cache than what they read.
#[repr(align(128))]
pub(crate) struct Shared<R> {
    pub(crate) check: Arc<dyn GuardCheck>,
    pub(crate) respond: R,
}

impl<R> Shared<R> {
    /// The answer to a refused request, with the reason in its extensions.
    pub(crate) fn refuse<ReqBody, ResBody>(&self, mut refusal: Refusal, request: &Request<ReqBody>) -> Response<ResBody>
    where
        R: RespondToRefusal<ResBody>,
    {
        if let Some(user) = request.extensions().get::<CurrentUser>() {
            refusal = refusal.with_user(user.clone());
        }
        refusal.mark_answered();
        log_refusal(&mut refusal);
        let mut response = self.respond.respond(&refusal, RequestHead::of(request));
        response.extensions_mut().insert(refusal);
        response
    }
}
