//! Where a request carries a token.

mod tower_session;
