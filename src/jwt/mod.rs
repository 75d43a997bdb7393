//! Floor 6, JSON Web Tokens: those of other issuers as logins, and those of your own (feature `jwt`).
//!
//! A JWT carries its own data and a signature: no store is asked when it is presented, and nothing can end it before it
//! expires. For tokens of a partner or of an identity provider, and for your own services that cannot reach the store of
//! [`Tokens`](crate::lifecycle::Tokens).
//!
//! | file | role |
//! |---|---|
//! | `algorithm`, `key` | [`JwtAlgorithm`]; [`JwtKey`], which has one algorithm |
//! | `keys`, `jwks` | [`JwtKeys`], the keys of an issuer; as a JSON document |
//! | `compact` | the three parts of a token |
//! | `claims`, `mapping` | [`JwtClaims`]; how they become a user and a level |
//! | `settings`, `validator` | [`JwtValidator`], its settings and what it checks |
//! | `issuer`, `issue` | [`JwtIssuer`], its settings and what it writes |
//!
//! The chapter [`guide::jwt`](crate::guide::jwt) shows cookies and a partner's tokens on the same routes.
//!
//! # Example
//! ```
//! use time::Duration;
//! use tower_tokens::jwt::{JwtIssuer, JwtKey, JwtKeys};
//! use tower_tokens::token::TokenKey;
//! use tower_tokens::user::{UserId, UserLevel};
//! use tower_tokens::validator::{TokenValidator, Validation};
//!
//! // Once, at the start. The secret comes from your secret store.
//! let key = JwtKey::hs256(b"a secret of at least 32 random bytes")?.with_id("2026-11");
//! let issuer = JwtIssuer::builder(JwtKeys::new([key])?)
//!     .issuer("https://accounts.example")
//!     .audience("https://api.example")
//!     .build()?;
//!
//! let issued = issuer.issue(42, &UserLevel::new(2, "member")).lifetime(Duration::minutes(5)).sign()?;
//!
//! let validator = issuer.validator().build()?;
//! let Some(Validation::Valid(user)) = validator.validate_now(issued.token().key()) else { panic!("it is valid") };
//! assert_eq!((user.id(), user.level().title()), (&UserId::from(42), "member"));
//!
//! let text = issued.token().expose_secret();
//! let changed = format!("{}x", &text[..text.len() - 1]);
//! assert!(matches!(validator.validate_now(TokenKey::new(&changed)), Some(Validation::Invalid)));
//! # Ok::<(), tower_tokens::error::Error>(())
//! ```

mod algorithm;
mod claims;
mod compact;
mod issue;
mod issuer;
mod jwks;
mod key;
mod keys;
mod mapping;
mod settings;
mod validator;

pub use algorithm::JwtAlgorithm;
pub use claims::JwtClaims;
pub use issue::{Issue, IssuedJwt};
pub use issuer::{JwtIssuer, JwtIssuerBuilder};
pub use key::JwtKey;
pub use keys::JwtKeys;
pub use settings::JwtValidatorBuilder;
pub use validator::JwtValidator;
