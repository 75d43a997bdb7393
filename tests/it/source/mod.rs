//! Where a request carries a token.

mod header_with_user;
mod own_source;
pub(crate) mod php_session;
mod php_session_hostile;
mod php_session_redis;
mod presented_tokens;
mod tower_session;
