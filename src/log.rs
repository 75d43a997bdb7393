//! The log macros, one line each. Without the feature `tracing` they do nothing.

/// Logs an error that an operator must act on.
macro_rules! log_error {
    ($($argument:tt)+) => {
        #[cfg(feature = "tracing")]
        tracing::error!(target: "tower_tokens", $($argument)+);
    };
}

/// Logs an error that recovers without action.
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

/// Logs how a request was handled.
macro_rules! log_trace {
    ($($argument:tt)+) => {
        #[cfg(feature = "tracing")]
        tracing::trace!(target: "tower_tokens", $($argument)+);
    };
}

pub(crate) use {log_debug, log_error, log_trace, log_warn};
