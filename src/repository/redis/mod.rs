//! Tokens, users and levels in Redis.
//!
//! | file | role |
//! |---|---|
//! | `store` | [`RedisRepository`]: its connection, and how scripts are run |
//! | `scripts` | the scripts, each one atomic step |
//! | `tokens` | the ten clauses as scripts |
//! | `users` | users and levels as scripts |
//! | `reply` | values to arguments, replies to values |
//! | `failure` | the `redis` crate's errors as this crate's |
//!
//! # The keys
//! All of them begin with one hash tag, `{tower_tokens}` unless another prefix is chosen.
//!
//! | key | type | what it holds |
//! |---|---|---|
//! | `{…}:token:<digest>` | hash | a token's record and its user; ends by itself |
//! | `{…}:id:<id>` | string | the digest of the token with this record id; ends by itself |
//! | `{…}:user-tokens:<user>` | sorted set | the record ids of a user's tokens, by birth; ends with the last of them |
//! | `{…}:ends` | sorted set | digest, id and user of every token that ends, by its end |
//! | `{…}:user:<user>` | hash | a user's level, and whether they are disabled |
//! | `{…}:users` | sorted set | all users, in the order of their ids |
//! | `{…}:last-user` | string | the highest integer id ever given |
//! | `{…}:levels`, `{…}:level-ids`, `{…}:last-level` | hash, hash, string | titles by id, ids by title, the last id |

mod failure;
mod reply;
mod scripts;
mod store;
mod tokens;
mod users;

pub use store::RedisRepository;
