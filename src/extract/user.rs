//! Extracts the user together with the application's own data.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::extract::AuthRejection;
use crate::user::CurrentUser;

/// The user of this request with the application's data of type `T`, which came along with the look-up of the token
/// ([`UserTable::data`](crate::repository::UserTable::data)): no second query.
///
/// Refuses requests without a user as [`CurrentUser`] does. Answers 500 and writes a log line if the user has no data, or
/// data of another type: then the store does not bring it along.
///
/// # Example
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use tower::ServiceExt;
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::extract::User;
/// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
/// use tower_tokens::user::{CurrentUser, UserData, UserLevel};
///
/// struct Profile {
///     email: String,
/// }
///
/// async fn me(User(user, profile): User<Profile>) -> String {
///     format!("{} {}", user.id(), profile.email)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let now = Timestamp::from_unix_seconds(1_000);
/// let record = TokenRecord::new(TokenId::new(7), now, Lifetime::default());
/// let ann = CurrentUser::new(42, UserLevel::new(1, "member"), record, now);
/// let ann_with_data = ann.clone().with_data(UserData::new(Profile { email: "ann@example.org".to_owned() }));
/// let app = Router::new().route("/me", get(me));
/// for (user, status) in [(ann_with_data, 200), (ann, 500)] {
///     let mut request = Request::get("/me").body(Body::empty()).unwrap();
///     user.insert_into(request.extensions_mut()); // TokenAuthLayer does this
///     assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status);
/// }
/// # });
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "destructured in a handler's parameters")]
pub struct User<T>(pub CurrentUser, pub Arc<T>);

impl<T> Deref for User<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.1
    }
}

impl<S: Send + Sync, T: Any + Send + Sync> FromRequestParts<S> for User<T> {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        let user = CurrentUser::from_request_parts(parts, state).await?;
        match user.user_data().and_then(|data| data.get_shared()) {
            Some(data) => Ok(Self(user, data)),
            None => Err(AuthRejection::without_data(parts)),
        }
    }
}
