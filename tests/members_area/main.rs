//! The members area, driven over real HTTP on a real database file: by a visitor with a cookie jar, by scripts, and by a
//! real browser.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../../examples/members_area/site/mod.rs"]
mod site;

mod access;
mod administration;
mod browser;
mod chromium;
mod cross_site;
mod devices;
mod load;
mod outage;
mod process;
mod reset;
mod restart;
mod scripts;
mod server;
mod tokens;
mod visitor;
mod way_out;
