//! Where a request carries a token.

mod own_source;
mod php_session;
mod php_session_hostile;
mod presented;
mod tower_session;
