//! The site: [`Site`] is what it stands on, [`app`] is its router.

mod accounts;
mod api;
mod api_tokens;
mod api_tokens_json;
mod app;
mod device;
mod failure;
mod login;
mod membership;
mod pages;
mod pairs;
mod password;
mod records;
mod refusals;
mod registration;
mod reset;
mod view;

pub(crate) use app::{Site, app};
pub(crate) use reset::Mailer;
