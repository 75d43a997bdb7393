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

pub mod repository;

#[cfg(feature = "sealed")]
pub mod sealed;
