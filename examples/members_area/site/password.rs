//! Password hashes: Argon2id with the parameters that OWASP recommends, off the threads that serve requests.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::oneshot;

use super::failure::Failure;

/// How many may wait for each core: two seconds of work. Later requests get 503 and may come back.
const PLACES_PER_CORE: usize = 100;

/// Makes and checks password hashes, on as many threads as there are cores.
///
/// One hash takes 19 MiB and some 20 ms of a core. Threads of its own keep the memory of a flood of logins at that of one
/// hash a core, and the queue in front of them skips whoever has left.
#[derive(Clone)]
pub(super) struct Passwords {
    queue: SyncSender<Work>,
    /// What the password of a user who does not exist is compared with.
    hash_of_no_user: Arc<str>,
}

type Work = Box<dyn FnOnce() + Send>;

impl Passwords {
    pub(super) async fn new() -> Result<Self, Failure> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (queue, work) = sync_channel(cores * PLACES_PER_CORE);
        let work = Arc::new(Mutex::new(work));
        for _ in 0..cores {
            let work = Arc::clone(&work);
            thread::Builder::new().name("passwords".into()).spawn(move || run(&work)).map_err(Failure::internal)?;
        }
        let mut passwords = Self { queue, hash_of_no_user: Arc::from("") };
        passwords.hash_of_no_user = passwords.hash(random_password()?).await?.into();
        Ok(passwords)
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, Failure> {
        self.in_turn(move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()))
            .await?
            .map_err(Failure::internal)
    }

    /// Whether this is the password. Without a hash, because there is no such user, it takes as long and says no.
    pub(super) async fn verify(&self, password: String, hash: Option<&str>) -> Result<bool, Failure> {
        let user_exists = hash.is_some();
        let hash = hash.unwrap_or(&self.hash_of_no_user).to_owned();
        let matches = self
            .in_turn(move || {
                let hash = PasswordHash::new(&hash).map_err(Failure::internal)?;
                Ok::<_, Failure>(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await??;
        Ok(matches && user_exists)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let (done, result) = oneshot::channel();
        let work = move || {
            if !done.is_closed() {
                let _ = done.send(work());
            }
        };
        self.queue.try_send(Box::new(work)).map_err(|error| match error {
            TrySendError::Full(_) => Failure::Busy,
            TrySendError::Disconnected(_) => Failure::internal("the threads for passwords are gone"),
        })?;
        result.await.map_err(Failure::internal)
    }
}

/// Works until the site is gone.
fn run(work: &Mutex<Receiver<Work>>) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        work();
    }
}

/// 24 characters out of 144 random bits.
pub(super) fn random_password() -> Result<String, Failure> {
    use base64::Engine as _;
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(Failure::internal)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
