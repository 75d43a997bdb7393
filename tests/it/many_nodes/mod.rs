//! `examples/many_nodes`: several processes of one site, and what each of them says after an end or a change on another.
#![cfg(unix)]

mod drills;
mod history;
mod http;
mod load;
mod nodes;
mod routes;
