//! How the body of a request is copied, so that the request can be repeated.

/// Copies the body of a request before it is sent, for the case that the API rejects its token.
///
/// Implemented by [`CloneBody`], the default, and by every `Fn(&B) -> Option<B>`.
#[diagnostic::on_unimplemented(
    message = "the layer cannot copy the body `{B}` of a request",
    note = "for a body that is not `Clone`, give a function to `BearerTokenLayer::repeat_with`: `|_: &{B}| None` repeats no request"
)]
pub trait RepeatBody<B> {
    /// A body with the same content, or `None` if there can be no second one: then a rejected request is not repeated.
    fn repeat(&self, body: &B) -> Option<B>;
}

/// Clones the body. Bodies that are `Clone` have all their bytes, and a clone shares them.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings, and is used as a value")]
pub struct CloneBody;

impl<B: Clone> RepeatBody<B> for CloneBody {
    fn repeat(&self, body: &B) -> Option<B> {
        Some(body.clone())
    }
}

impl<F, B> RepeatBody<B> for F
where
    F: Fn(&B) -> Option<B>,
{
    fn repeat(&self, body: &B) -> Option<B> {
        self(body)
    }
}
