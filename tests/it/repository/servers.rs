//! Where the servers are that the test command has started, and private ones.

use std::sync::atomic::{AtomicU32, Ordering};

/// The URL of a server that all tests share.
pub(crate) fn shared(variable: &str, script: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: start a server with tests/servers/{script} start DIR, and do what it prints")
    })
}

/// A name that no other test uses, in this run or an earlier one.
pub(crate) fn unique_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let born = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("t{}_{}_{born}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst))
}
