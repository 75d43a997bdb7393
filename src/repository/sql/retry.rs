//! Statements that lost a deadlock, once more.

/// How often a statement that lost a deadlock is tried again. Our choice.
const RETRIES: u32 = 10;

/// Runs one statement, and again if it did nothing because another one was in its way.
///
/// The databases resolve a deadlock by undoing one of the two, and ask for it to be tried again. Each of our changes is
/// one statement, so trying again is all there is to do.
pub(in crate::repository) async fn retrying<T, F>(
    lost_a_deadlock: fn(&sqlx::Error) -> bool,
    statement: impl Fn() -> F,
) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    for _ in 0..RETRIES {
        match statement().await {
            Err(error) if lost_a_deadlock(&error) => tokio::task::yield_now().await,
            done => return done,
        }
    }
    statement().await
}
