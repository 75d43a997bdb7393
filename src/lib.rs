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

#[cfg(feature = "axum")]
pub mod extract;
pub mod guard;
pub mod policy;
pub mod repository;
pub mod respond;

#[cfg(feature = "conformance")]
pub mod conformance;
