//! The pages, one file a topic.

mod account;
mod admin;
mod api_tokens;
mod home;
mod login;
mod members;
mod register;
mod reset;

pub(crate) use account::{account, end_device, end_other_devices};
pub(crate) use admin::{admin, ban, change_level, unban};
pub(crate) use api_tokens::{api_tokens, copy_script, create_api_token, revoke_api_token};
pub(crate) use home::{favicon, home, not_found, style};
pub(crate) use login::{log_in, log_out, login};
pub(crate) use members::members;
pub(crate) use register::{register, registration};
pub(crate) use reset::{forgot, reset, send_link, set_password};
