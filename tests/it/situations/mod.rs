//! Each program of the chapters on situations does over HTTP what its page says.

mod behind_proxy;
mod browser;
mod browser_app_script;
mod grpc;
mod guests;
mod impersonation;
mod live_connections;
mod login_throttling;
mod magic_link;
mod openid_login;
mod organisations;
mod pages;
mod provider;
mod spa_cors;
mod visitor;
