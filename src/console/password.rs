//! Passwords as argon2id hashes. A hash takes 19 MiB of memory and noticeable time, so only two are computed at once.

use super::problem::Problem;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// The number of hashes that are computed at the same time; more have to wait.
const AT_ONCE: usize = 2;
/// The fewest characters of a password. NIST SP 800-63B requires at least 8, or 15 if the password is the only factor.
pub(crate) const SHORTEST: usize = 12;
/// The most bytes of a password: a longer one would only cost time.
pub(crate) const LONGEST: usize = 1024;

/// Computes and verifies hashes.
#[derive(Debug)]
pub(crate) struct Passwords(Semaphore);

/// The hash of a password that nobody has. If a user does not exist, the password is verified against this one, so that
/// the time of the answer does not reveal which users exist.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash("correct horse battery staple").unwrap_or_default());

impl Default for Passwords {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Passwords {
    /// Whether a password matches a hash. Takes the same time without a hash.
    pub(crate) async fn is_right(&self, password: &str, hash: Option<&str>) -> Result<bool, Problem> {
        let (password, known) = (password.to_owned(), hash.map(str::to_owned));
        self.compute(move || {
            let is_known = known.is_some();
            let matches = verify(&password, known.as_deref().unwrap_or(&NOBODYS));
            is_known && matches
        })
        .await
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Problem> {
        check(password).map_err(Problem::bad_request)?;
        let password = password.to_owned();
        let hashed = self.compute(move || hash(&password)).await?;
        hashed.ok_or_else(|| Problem::unavailable("the password could not be hashed"))
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let turn = self.0.acquire().await.map_err(|_| Problem::unavailable("the console is stopping"))?;
        let done = tokio::task::spawn_blocking(work).await;
        drop(turn);
        done.map_err(|_| Problem::unavailable("the password could not be hashed"))
    }
}

/// Refuses a password that is too short or too long.
pub(crate) fn check(password: &str) -> Result<(), String> {
    if password.chars().count() < SHORTEST {
        return Err(format!("a password must have at least {SHORTEST} characters"));
    }
    if password.len() > LONGEST {
        return Err(format!("a password must have at most {LONGEST} bytes"));
    }
    Ok(())
}

/// The hash as text, with its salt and parameters.
pub(crate) fn hash(password: &str) -> Option<String> {
    Some(Argon2::default().hash_password(password.as_bytes()).ok()?.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= LONGEST && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_only() {
        let hashed = hash("a long password").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(verify("a long password", &hashed));
        assert!(!verify("another password", &hashed));
        assert!(!verify("a long password", "not a hash"));
        assert_ne!(hash("a long password"), Some(hashed), "each has a salt of its own");
    }

    #[test]
    fn a_password_that_can_be_guessed_is_refused() {
        assert_eq!(check("a long password"), Ok(()));
        assert_eq!(check("12345678901"), Err("a password must have at least 12 characters".to_owned()));
        assert_eq!(check(&"a".repeat(1025)), Err("a password must have at most 1024 bytes".to_owned()));
    }
}
