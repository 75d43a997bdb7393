//! A progress bar, for a person at a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::work::Work;

const WIDTH: u64 = 40;

/// Draws on stderr until all requests are over, if that is a terminal.
pub(crate) fn show(work: Arc<Work>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if !std::io::stderr().is_terminal() {
            return;
        }
        loop {
            let (done, all) = work.progress();
            let filled = usize::try_from((done * WIDTH).checked_div(all).unwrap_or(WIDTH)).unwrap_or_default();
            let bar = format!("{:<width$}", "#".repeat(filled), width = WIDTH as usize);
            let mut stderr = std::io::stderr();
            // The bar is no reason to fail.
            let _ = write!(stderr, "\r[{bar}] {done}/{all}").and_then(|()| stderr.flush());
            if done >= all {
                let _ = writeln!(stderr);
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
}
