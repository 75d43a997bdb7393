//! tower-tokens

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod error;
pub mod head;
mod log;
mod random;
mod secret;
mod text;

pub mod token;
pub mod user;

pub mod policy;
pub mod repository;
pub mod respond;
#[cfg(feature = "sealed")]
pub mod sealed;
pub mod source;

pub mod tokens;
pub mod validator;

pub mod auth;
pub mod guard;

#[cfg(feature = "axum")]
pub mod extract;

#[cfg(feature = "conformance")]
pub mod conformance;
