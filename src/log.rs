//! One line to each log macro, which is nothing without the feature `tracing`.

/// Logs an error that somebody must act on.
macro_rules! log_error {
    ($($argument:tt)+) => {
        #[cfg(feature = "tracing")]
        tracing::error!(target: "tower_tokens", $($argument)+);
    };
}

/// Logs something that went wrong and heals by itself.
macro_rules! log_warn {
    ($($argument:tt)+) => {
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "tower_tokens", $($argument)+);
    };
}

/// Logs why a request has no user, or was refused.
macro_rules! log_debug {
    ($($argument:tt)+) => {
        #[cfg(feature = "tracing")]
        tracing::debug!(target: "tower_tokens", $($argument)+);
    };
}

/// Logs the way that a request took.
macro_rules! log_trace {
    ($($argument:tt)+) => {
        #[cfg(feature = "tracing")]
        tracing::trace!(target: "tower_tokens", $($argument)+);
    };
}

pub(crate) use {log_debug, log_error, log_trace, log_warn};
