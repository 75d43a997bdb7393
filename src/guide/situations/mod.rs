//! A page and a small program for each situation that people come with.
//!
//! Each program is in `examples/`, has 60 to 120 lines, and is driven over HTTP by the tests. Its page says which settings
//! belong together and why, and ends with the whole program. Run one by its name:
//! `cargo run --features full --example guests`.
//!
//! | situation | the question |
//! |---|---|
//! | [`grpc`] | My service speaks gRPC, with tonic: how does a client send its token, and what does it get when it is refused? |
//! | [`browser_app_script`] | Browsers, a mobile app and scripts use the same routes: who logs in how, and what does each get? |
//! | [`login_throttling`] | How do I limit login attempts? |
//! | [`live_connections`] | How do I end a WebSocket or an event stream when its token ends? |
//! | [`behind_proxy`] | My site is behind nginx, below a prefix, without TLS of its own: what do I set? |
//! | [`spa_cors`] | My pages are on another origin than my API: which layer goes outside of which, and which cookie? |
//! | [`magic_link`] | How do people log in by a link in an e-mail, and prove their address? (feature `sealed`) |
//! | [`impersonation`] | How does an administrator see the site as a user does, and come back? |
//! | [`organisations`] | How do I keep the organisations of one site apart, with a role in each? |
//! | [`guests`] | How do guests keep their cart when they register or log in? |
//! | [`openid_login`] | How do people log in at Google, Keycloak or another OpenID Connect provider? (feature `sealed`) |
//!
//! A whole site with registration, login and logout is `examples/quickstart.rs`; a larger one is `examples/members_area`;
//! Hyper without axum is `examples/plain_hyper.rs`; a server that clients of Traccar generate, use and revoke tokens at is
//! `examples/traccar_session.rs`; a client of another API is `examples/api_client`, and a server for it
//! `examples/api_server.rs`; a site on several nodes is `examples/many_nodes`.

#[doc = include_str!("grpc.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/grpc.rs")]
#[doc = "```"]
pub mod grpc {}

#[doc = include_str!("browser_app_script.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/browser_app_script.rs")]
#[doc = "```"]
pub mod browser_app_script {}

#[doc = include_str!("login_throttling.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/login_throttling.rs")]
#[doc = "```"]
pub mod login_throttling {}

#[doc = include_str!("live_connections.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/live_connections.rs")]
#[doc = "```"]
pub mod live_connections {}

#[doc = include_str!("behind_proxy.md")]
#[doc = "\n```text"]
#[doc = include_str!("../../../examples/behind_proxy.conf")]
#[doc = "```"]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/behind_proxy.rs")]
#[doc = "```"]
pub mod behind_proxy {}

#[doc = include_str!("spa_cors.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/spa_cors.rs")]
#[doc = "```"]
pub mod spa_cors {}

#[cfg_attr(feature = "sealed", doc = include_str!("magic_link.md"))]
#[cfg_attr(not(feature = "sealed"), doc = "This page is in the documentation of a build with the feature `sealed`.")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/magic_link.rs")]
#[doc = "```"]
pub mod magic_link {}

#[doc = include_str!("impersonation.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/impersonation.rs")]
#[doc = "```"]
pub mod impersonation {}

#[doc = include_str!("organisations.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/organisations.rs")]
#[doc = "```"]
pub mod organisations {}

#[doc = include_str!("guests.md")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/guests.rs")]
#[doc = "```"]
pub mod guests {}

#[cfg_attr(feature = "sealed", doc = include_str!("openid_login.md"))]
#[cfg_attr(not(feature = "sealed"), doc = "This page is in the documentation of a build with the feature `sealed`.")]
#[doc = "\n# The program\n\n```text"]
#[doc = include_str!("../../../examples/openid_login.rs")]
#[doc = "```"]
pub mod openid_login {}
