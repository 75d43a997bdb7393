//! `WWW-Authenticate`: the challenges of RFC 6750 §3 and RFC 9470 §3.

use http::HeaderValue;
use time::Duration;

use crate::respond::RefusalKind;
use crate::token::Abilities;

/// The challenges of one realm, as header values.
#[derive(Debug, Clone)]
pub(crate) struct Challenges {
    realm: String,
    plain: HeaderValue,
    invalid_token: HeaderValue,
    invalid_request: HeaderValue,
    insufficient_scope: HeaderValue,
}

impl Challenges {
    pub(crate) fn new(realm: &str) -> Self {
        let realm = quoted(realm);
        Self {
            plain: value(format!("Bearer realm={realm}")),
            invalid_token: value(format!("Bearer realm={realm}, error=\"invalid_token\"")),
            invalid_request: value(format!("Bearer realm={realm}, error=\"invalid_request\"")),
            insufficient_scope: value(format!("Bearer realm={realm}, error=\"insufficient_scope\"")),
            realm,
        }
    }

    /// The challenge for a refusal, if it has one.
    ///
    /// A request without credentials gets no error code (RFC 6750 §3.1), and neither does a refusal that a token cannot
    /// resolve. Missing abilities are the `scope` of a denial.
    pub(crate) fn of(&self, kind: RefusalKind, missing: Option<&Abilities>) -> Option<HeaderValue> {
        match kind {
            RefusalKind::NoCredential | RefusalKind::WrongCredentials => Some(self.plain.clone()),
            RefusalKind::InvalidToken | RefusalKind::Expired => Some(self.invalid_token.clone()),
            RefusalKind::InvalidRequest => Some(self.invalid_request.clone()),
            RefusalKind::Denied => Some(match missing.filter(|missing| missing.names().next().is_some()) {
                Some(missing) => self.missing(missing),
                None => self.insufficient_scope.clone(),
            }),
            RefusalKind::TooOld { max_age } => Some(self.too_old(max_age)),
            RefusalKind::CrossSite
            | RefusalKind::AlreadyUsed
            | RefusalKind::InvalidInput
            | RefusalKind::AlreadyExists
            | RefusalKind::TooManyTokens
            | RefusalKind::NotFound
            | RefusalKind::Unavailable
            | RefusalKind::Misconfigured => None,
        }
    }

    /// A name of an ability is a scope token of RFC 6749 §3.3, without quotes and backslashes. What a foreign store holds is
    /// quoted all the same.
    fn missing(&self, missing: &Abilities) -> HeaderValue {
        let (realm, scope) = (&self.realm, quoted(&missing.to_string()));
        value(format!("Bearer realm={realm}, error=\"insufficient_scope\", scope={scope}"))
    }

    fn too_old(&self, max_age: Duration) -> HeaderValue {
        let seconds = max_age.whole_seconds().max(0);
        let realm = &self.realm;
        value(format!("Bearer realm={realm}, error=\"insufficient_user_authentication\", max_age=\"{seconds}\""))
    }
}

/// An RFC 9110 §5.6.4 quoted-string. Control characters are left out, and every non-ASCII character becomes `?`:
/// clients do not agree on its encoding.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| !character.is_control()) {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

/// The text is visible ASCII by construction; otherwise the scheme alone is still a valid challenge.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        let of = |realm| Challenges::new(realm).of(RefusalKind::NoCredential, None).unwrap();
        assert_eq!(of("members"), r#"Bearer realm="members""#);
        assert_eq!(of(r#"a "b" \c"#), r#"Bearer realm="a \"b\" \\c""#);
        assert_eq!(of("caf\u{e9}\r\nSet-Cookie: x"), r#"Bearer realm="caf?Set-Cookie: x""#);
        assert_eq!(of(""), r#"Bearer realm="""#);
    }

    #[test]
    fn only_a_denial_names_missing_abilities() {
        let abilities = [Abilities::new(["read", "devices:*"]).unwrap(), Abilities::none(), Abilities::all()];
        let scopes = [r#", scope="read devices:*""#, "", ""];
        for (missing, scope) in abilities.iter().zip(scopes) {
            let challenge = Challenges::new("club").of(RefusalKind::Denied, Some(missing)).unwrap();
            assert_eq!(challenge, format!(r#"Bearer realm="club", error="insufficient_scope"{scope}"#));
            let challenge = Challenges::new("club").of(RefusalKind::InvalidToken, Some(missing)).unwrap();
            assert_eq!(challenge, r#"Bearer realm="club", error="invalid_token""#);
        }
    }
}
