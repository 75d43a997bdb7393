//! Visitors who log in, come back and log out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::task::JoinSet;
use tower_tokens::token::Token;

use crate::repository::faults::site::Site;

const VISITORS: usize = 6;

/// Many visitors at once, until the load is stopped.
pub(super) struct Load {
    notes: Arc<Notes>,
    visitors: JoinSet<Book>,
}

/// What all of them saw.
#[derive(Default)]
pub(super) struct Notes {
    is_over: AtomicBool,
    pub(super) welcomes: AtomicU64,
    pub(super) refusals: AtomicU64,
    pub(super) outages: AtomicU64,
    last_welcome: Mutex<Option<Instant>>,
}

/// What one visitor knows for certain.
#[derive(Default)]
pub(super) struct Book {
    pub(super) issued: Vec<Token>,
    pub(super) ended: Vec<Token>,
}

impl Load {
    pub(super) fn start(site: &Site) -> Self {
        let notes = Arc::new(Notes::default());
        let mut visitors = JoinSet::new();
        for _ in 0..VISITORS {
            visitors.spawn(visitor(site.clone(), Arc::clone(&notes)));
        }
        Self { notes, visitors }
    }

    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Waits until this counter has grown by `count`.
    pub(super) async fn more(&self, counter: impl Fn(&Notes) -> &AtomicU64, count: u64) {
        let before = counter(&self.notes).load(Ordering::SeqCst);
        while counter(&self.notes).load(Ordering::SeqCst) < before + count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until somebody is welcome, and says when that was.
    pub(super) async fn next_welcome(&self) -> Instant {
        self.more(|notes| &notes.welcomes, 1).await;
        self.notes.last_welcome.lock().unwrap().expect("somebody was welcome")
    }

    pub(super) async fn end(self) -> Book {
        self.notes.is_over.store(true, Ordering::SeqCst);
        let mut whole = Book::default();
        for book in self.visitors.join_all().await {
            whole.issued.extend(book.issued);
            whole.ended.extend(book.ended);
        }
        whole
    }
}

async fn visitor(site: Site, notes: Arc<Notes>) -> Book {
    let mut book = Book::default();
    for round in 0_u64.. {
        if notes.is_over.load(Ordering::SeqCst) {
            break;
        }
        match site.tokens.generate(&site.user).await {
            Ok(issued) => book.issued.push(issued.token().clone()),
            Err(error) => assert!(error.is_outage(), "{error:?}"),
        }
        if let Some(token) = book.issued.last() {
            visit(&site, &notes, token, StatusCode::OK).await;
        }
        if round % 3 == 0
            && let Some(token) = book.issued.pop()
        {
            match site.tokens.destroy(&token).await {
                Ok(was_there) => {
                    assert!(was_there, "an issued token was lost");
                    book.ended.push(token);
                }
                // It may have ended or not; the visitor does not know.
                Err(error) => assert!(error.is_outage(), "{error:?}"),
            }
        }
        if let Some(token) = book.ended.last() {
            visit(&site, &notes, token, StatusCode::UNAUTHORIZED).await;
        }
    }
    book
}

/// The answer is the right one, or 503.
async fn visit(site: &Site, notes: &Notes, token: &Token, right: StatusCode) {
    let status = site.visit(token).await;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        notes.outages.fetch_add(1, Ordering::SeqCst);
        // A refused connection is an answer within microseconds. No real visitor asks again as fast.
        tokio::time::sleep(Duration::from_millis(5)).await;
        return;
    }
    assert_eq!(status, right);
    if status == StatusCode::OK {
        *notes.last_welcome.lock().unwrap() = Some(Instant::now());
        notes.welcomes.fetch_add(1, Ordering::SeqCst);
    } else {
        notes.refusals.fetch_add(1, Ordering::SeqCst);
    }
}
