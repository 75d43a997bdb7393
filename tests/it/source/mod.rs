//! Where a request carries a token.

mod own_source;
mod php_session;
mod php_session_hostile;
mod presented_tokens;
mod tower_session;
