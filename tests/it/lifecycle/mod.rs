//! The life of a token, with the clock moved by hand.

mod api_tokens;
mod bounds;
mod clocks;
mod events;
mod life;
mod model;
mod pairs;
mod pairs_model;
mod prune;
mod races;
mod redeem;
mod store;
mod touch;
mod within;
