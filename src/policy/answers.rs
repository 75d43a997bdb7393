//! How a policy answers: one [`Answers`] for its guards, its handlers and the layers that are given the policy.

use crate::error::Error;
use crate::policy::SecurityPolicy;
use crate::policy::security_policy::or_panic;
use crate::respond::{Answers, RefusalLayer};

impl SecurityPolicy {
    /// Sets how this policy answers: realm, login page, `Retry-After`, pages. The setters below change one setting of it.
    /// Default: [`Answers::new`].
    ///
    /// # Example
    /// ```
    /// use time::Duration;
    /// use tower_tokens::policy::{SecurityPolicy, level};
    /// use tower_tokens::respond::Answers;
    ///
    /// let answers = Answers::new().with_login_page("/login").with_retry_after(Duration::seconds(30));
    /// let policy = SecurityPolicy::new().scenario("admin panel", level("admin")).with_answers(answers);
    /// assert_eq!(policy.answers().login_page(), Some("/login"));
    /// ```
    pub fn with_answers(self, answers: Answers) -> Self {
        self.set_answers(answers)
    }

    /// Sends people without a login to this path, or absolute URL. Default: none, and they get a 401 page.
    pub fn login_page(self, page: &str) -> Self {
        let answers = self.answers().with_login_page(page);
        self.with_answers(answers)
    }

    /// Sets the realm of the challenges. Default: `members`.
    pub fn realm(self, realm: &str) -> Self {
        let answers = self.answers().with_realm(realm);
        self.with_answers(answers)
    }

    /// Puts this path in front of the way back, for a site behind a proxy that takes it off; see
    /// [`Answers::with_public_prefix`].
    ///
    /// # Panics
    /// If it is no path. [`try_public_prefix`](Self::try_public_prefix) gives an error instead.
    pub fn public_prefix(self, prefix: &str) -> Self {
        or_panic(self.try_public_prefix(prefix))
    }

    /// Puts this path in front of the way back.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::error::ErrorKind::Configuration) if it is no path.
    pub fn try_public_prefix(self, prefix: &str) -> Result<Self, Error> {
        let answers = self.answers().with_public_prefix(prefix)?;
        Ok(self.with_answers(answers))
    }

    /// Says at which origin browsers find this site, for a login page on another host; see
    /// [`Answers::with_public_origin`].
    ///
    /// # Panics
    /// If it is no origin. [`try_public_origin`](Self::try_public_origin) gives an error instead.
    pub fn public_origin(self, origin: &str) -> Self {
        or_panic(self.try_public_origin(origin))
    }

    /// Says at which origin browsers find this site.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::error::ErrorKind::Configuration) if it is no origin.
    pub fn try_public_origin(self, origin: &str) -> Result<Self, Error> {
        let answers = self.answers().with_public_origin(origin)?;
        Ok(self.with_answers(answers))
    }

    /// How this policy answers. A layer that stands outside of its guards takes the same from the policy:
    /// `TokenAuthLayer::new(tokens).answers(&policy)`.
    pub fn answers(&self) -> Answers {
        self.own_answers().clone()
    }

    /// The layer that answers what handlers refuse, as this policy's guards do. Put one around the whole site.
    pub fn refusal_layer(&self) -> RefusalLayer {
        RefusalLayer::new(self.answers())
    }
}

/// So that a layer that is given the policy takes its answers from it.
impl From<&SecurityPolicy> for Answers {
    fn from(policy: &SecurityPolicy) -> Self {
        policy.answers()
    }
}
