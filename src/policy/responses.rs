//! How a policy answers: one [`RefusalResponses`] for its guards, its handlers and the layers that are given the policy.

use crate::error::Error;
use crate::policy::SecurityPolicy;
use crate::policy::security_policy::or_panic;
use crate::respond::{RefusalLayer, RefusalResponses};

impl SecurityPolicy {
    /// Sets how this policy answers: realm, login page, `Retry-After`, pages. The setters below change one setting of it.
    /// Default: [`RefusalResponses::new`].
    ///
    /// # Example
    /// ```
    /// use std::time::Duration;
    /// use tower_tokens::policy::{SecurityPolicy, level};
    /// use tower_tokens::respond::RefusalResponses;
    ///
    /// let responses = RefusalResponses::new().with_login_page("/login").with_retry_after(Duration::from_secs(30));
    /// let policy = SecurityPolicy::new().scenario("admin panel", level("admin")).with_responses(responses);
    /// assert_eq!(policy.responses().login_page(), Some("/login"));
    /// ```
    pub fn with_responses(self, responses: RefusalResponses) -> Self {
        self.set_responses(responses)
    }

    /// Sends people without a login to this path, or absolute URL. Default: none, and they get a 401 page.
    pub fn login_page(self, page: &str) -> Self {
        let responses = self.responses().with_login_page(page);
        self.with_responses(responses)
    }

    /// Sets the realm of the challenges. Default: `members`.
    pub fn realm(self, realm: &str) -> Self {
        let responses = self.responses().with_realm(realm);
        self.with_responses(responses)
    }

    /// Puts this path in front of the way back, for a site behind a proxy that takes it off; see
    /// [`RefusalResponses::with_public_prefix`].
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
        let responses = self.responses().with_public_prefix(prefix)?;
        Ok(self.with_responses(responses))
    }

    /// Says at which origin browsers find this site, for a login page on another host; see
    /// [`RefusalResponses::with_public_origin`].
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
        let responses = self.responses().with_public_origin(origin)?;
        Ok(self.with_responses(responses))
    }

    /// How this policy answers. A layer that stands outside of its guards takes the same from the policy:
    /// `TokenAuthLayer::new(tokens).responses(&policy)`.
    pub fn responses(&self) -> RefusalResponses {
        self.own_responses().clone()
    }

    /// The layer that answers what handlers refuse, as this policy's guards do. Put one around the whole site.
    pub fn refusal_layer(&self) -> RefusalLayer {
        RefusalLayer::new(self.responses())
    }
}

/// So that a layer that is given the policy takes its answers from it.
impl From<&SecurityPolicy> for RefusalResponses {
    fn from(policy: &SecurityPolicy) -> Self {
        policy.responses()
    }
}
