//! Where in a request a token was found.

use std::fmt;

/// The kind of place where a token was found.
///
/// A browser sends an *ambient* credential by itself, whoever caused the request. The program that makes a request puts
/// an *explicit* credential into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceKind {
    /// A cookie: ambient.
    Cookie,
    /// A server-side session that a cookie names: ambient.
    Session,
    /// `Authorization: Bearer`, or a bare token in `Authorization`: explicit.
    Bearer,
    /// A separate header, such as `trongatetoken`: explicit.
    Header,
    /// The password of `Authorization: Basic`. Ambient: after its user typed it once, a browser repeats it by itself.
    Basic,
    /// Not found in a request: the application passed the token itself.
    Direct,
}

impl SourceKind {
    /// Whether browsers send it by themselves.
    #[must_use]
    pub const fn is_ambient(self) -> bool {
        matches!(self, Self::Cookie | Self::Session | Self::Basic)
    }

    /// Whether the request's sender put it there on purpose, and should get an error if it is invalid. Basic
    /// credentials are both: typed by a person once, and repeated by the browser afterwards.
    #[must_use]
    pub const fn is_explicit(self) -> bool {
        !matches!(self, Self::Cookie | Self::Session)
    }

    /// The lower-case name: `cookie`, `session`, `bearer`, `header`, `basic`, `direct`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Session => "session",
            Self::Bearer => "bearer",
            Self::Header => "header",
            Self::Basic => "basic",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
