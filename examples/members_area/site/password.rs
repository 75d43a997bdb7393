//! Password hashes: Argon2id with the parameters that OWASP recommends, off the threads that serve requests.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use super::failure::Failure;

/// Makes and checks password hashes.
#[derive(Clone)]
pub(super) struct Passwords {
    /// One hash takes 19 MiB and some 20 ms of a core: a flood of logins shall queue, not eat the machine.
    turns: Arc<Semaphore>,
    /// What the password of a user who does not exist is compared with.
    nobodys_hash: Arc<str>,
}

impl Passwords {
    pub(super) async fn new() -> Result<Self, Failure> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut passwords = Self { turns: Arc::new(Semaphore::new(cores)), nobodys_hash: Arc::from("") };
        passwords.nobodys_hash = passwords.hash(random_password()?).await?.into();
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
        let hash = hash.unwrap_or(&self.nobodys_hash).to_owned();
        let matches = self
            .in_turn(move || {
                let hash = PasswordHash::new(&hash).map_err(Failure::internal)?;
                Ok::<_, Failure>(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await??;
        Ok(matches && user_exists)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let _turn = self.turns.acquire().await.map_err(Failure::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Failure::internal)
    }
}

/// 24 characters out of 144 random bits.
pub(super) fn random_password() -> Result<String, Failure> {
    use base64::Engine as _;
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(Failure::internal)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
