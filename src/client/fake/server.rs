//! The server behind the fake endpoint: what it has issued, and what is still valid.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{ClientError, ClientErrorKind, IssuedTokens, StoredTokens};

#[derive(Debug)]
pub(super) struct Server {
    /// Each token's end, `None` for never. Revoked ones are not in here.
    access: HashMap<String, Option<Instant>>,
    refresh: HashMap<String, Option<Instant>>,
    issued: u64,
    pub(super) access_lifetime: Option<Duration>,
    pub(super) refresh_lifetime: Option<Duration>,
    pub(super) accepts_credentials: bool,
    pub(super) answer: RefreshAnswer,
}

/// What a refresh answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshAnswer {
    /// Both tokens are new, and those before are not valid any more.
    Rotated,
    /// A new access token. The refresh token stays valid, and is not in the answer.
    AccessOnly,
    /// The same access token again, with a new lifetime.
    SameAccess,
}

impl Server {
    pub(super) fn new() -> Self {
        Self {
            access: HashMap::new(),
            refresh: HashMap::new(),
            issued: 0,
            access_lifetime: Some(Duration::from_secs(600)),
            refresh_lifetime: None,
            accepts_credentials: true,
            answer: RefreshAnswer::Rotated,
        }
    }

    pub(super) fn log_in(&mut self) -> Result<IssuedTokens, ClientError> {
        if !self.accepts_credentials {
            return Err(ClientError::new(ClientErrorKind::Refused, "the fake refuses the credentials"));
        }
        Ok(self.new_pair())
    }

    pub(super) fn refresh(&mut self, stored: &StoredTokens) -> Result<IssuedTokens, ClientError> {
        let refresh = stored.refresh_token().map(|token| token.expose_secret()).unwrap_or_default();
        if !is_valid(&self.refresh, refresh) {
            return Err(ClientError::new(ClientErrorKind::Refused, "the fake refuses the refresh token"));
        }
        let access = stored.access_token().expose_secret();
        match self.answer {
            RefreshAnswer::Rotated => {
                self.refresh.remove(refresh);
                self.access.remove(access);
                Ok(self.new_pair())
            }
            RefreshAnswer::AccessOnly => {
                self.access.remove(access);
                Ok(self.new_access())
            }
            RefreshAnswer::SameAccess => Ok(self.issue(access.to_owned())),
        }
    }

    pub(super) fn log_out(&mut self, stored: &StoredTokens) {
        self.access.remove(stored.access_token().expose_secret());
        if let Some(refresh) = stored.refresh_token() {
            self.refresh.remove(refresh.expose_secret());
        }
    }

    pub(super) fn accepts(&self, access: &str) -> bool {
        is_valid(&self.access, access)
    }

    pub(super) fn revoke_access_tokens(&mut self) {
        self.access.clear();
    }

    pub(super) fn revoke_refresh_tokens(&mut self) {
        self.refresh.clear();
    }

    fn new_pair(&mut self) -> IssuedTokens {
        let access = self.new_access();
        let refresh = format!("refresh-{}", self.issued);
        self.refresh
            .insert(refresh.clone(), self.refresh_lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)));
        let issued = access.refresh_token(refresh);
        match self.refresh_lifetime {
            Some(lifetime) => issued.refresh_expires_in(lifetime),
            None => issued,
        }
    }

    fn new_access(&mut self) -> IssuedTokens {
        self.issued += 1;
        self.issue(format!("access-{}", self.issued))
    }

    fn issue(&mut self, access: String) -> IssuedTokens {
        self.access
            .insert(access.clone(), self.access_lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)));
        let issued = IssuedTokens::new(access);
        match self.access_lifetime {
            Some(lifetime) => issued.expires_in(lifetime),
            None => issued,
        }
    }
}

fn is_valid(tokens: &HashMap<String, Option<Instant>>, text: &str) -> bool {
    tokens.get(text).is_some_and(|end| end.is_none_or(|end| Instant::now() < end))
}
