//! Tokens, users and levels in Redis.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`RedisRepository`]: how it is opened, and how scripts are run |
//! | `scripts` | the scripts, each one atomic step |
//! | `tokens` | the ten clauses as scripts |
//! | `ended` | what ended tokens leave behind, in bounded steps |
//! | `users` | users and levels as scripts |
//! | `changes` | the channel on which changes are announced, and its subscriptions |
//! | `bus` | [`RedisBus`]: such a channel beside another store |
//! | `check` | whether the server throws away what it should keep |
//! | `user_key` | a user id in a key |
//! | `reply` | values to arguments, replies to values |
//!
//! # The keys
//! All of them begin with one hash tag and the version of this layout: `{tower_tokens}:v1`, unless another prefix is
//! chosen. A token's own two keys carry an expiry, so that Redis forgets them by itself; no other key does.
//!
//! | key | type | what it holds |
//! |---|---|---|
//! | `…:digest:<digest>` | string | the record id of the token with this digest; ends by itself |
//! | `…:token:<id>` | hash | a token's record, its user and its digest; ends by itself |
//! | `…:tokens:<user>` | sorted set | the record ids of a user's tokens, by birth; what is not in it is no token |
//! | `…:ends` | sorted set | id and user of every token that ends, by its end |
//! | `…:user:<user>` | hash | a user's level, and whether they are disabled |
//! | `…:users` | sorted set | all users, in the order of their ids |
//! | `…:last-user`, `…:last-level` | string | the highest integer id ever given |
//! | `…:level-ids` | hash | the levels' ids by title |
//! | `…:ended` | list | the names of lists of tokens that have ended and are still to be removed |
//! | `…:ended:<name>` | sorted set | such a list: what was a user's `tokens` |

mod bus;
mod changes;
mod check;
mod ended;
mod reply;
mod scripts;
mod store;
mod tokens;
mod user_key;
mod users;

pub use bus::RedisBus;
pub use check::EvictingPolicy;
pub use store::RedisRepository;
