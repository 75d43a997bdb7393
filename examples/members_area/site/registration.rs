//! How somebody becomes a user: what the form may hold, and the two rows that make an account.

use tower_tokens::user::UserId;

use super::accounts::{Account, Accounts, InsertError};
use super::app::{ADMIN, Site};
use super::failure::Failure;
use super::password;

pub(super) const USERNAME_RULE: &str = "2 to 40 letters (a–z), digits, dots, dashes or underscores.";
pub(super) const PASSWORD_RULE: &str = "At least 8 characters. A sentence is easier to remember than a riddle.";
const USERNAME_TAKEN: &str = "This user name is taken.";

/// Who wants to become a user, checked.
pub(super) struct Applicant {
    username: String,
    email: String,
    password: String,
}

/// Why somebody did not become a user.
pub(super) enum Refusal {
    /// What to change in the form.
    Form(Vec<&'static str>),
    Failure(Failure),
}

impl Applicant {
    /// Checks what was typed and says everything that is wrong with it at once.
    pub(super) fn check(
        username: &str,
        email: &str,
        password: &str,
        confirmation: &str,
    ) -> Result<Self, Vec<&'static str>> {
        let (username, email) = (username.trim(), email.trim());
        let mut problems = broken(&[
            (!is_username(username), USERNAME_RULE_BROKEN),
            (!is_email(email), "The e-mail address needs a name, an @ and a domain."),
        ]);
        problems.extend(password_problems(password, confirmation));
        if problems.is_empty() {
            Ok(Self { username: username.into(), email: email.into(), password: password.into() })
        } else {
            Err(problems)
        }
    }
}

/// Everything that is wrong with a password that somebody chose.
pub(super) fn password_problems(password: &str, confirmation: &str) -> Vec<&'static str> {
    broken(&[
        (password.chars().count() < 8, "The password needs at least 8 characters."),
        (password.len() > 1024, "The password is longer than 1,024 bytes."),
        (password != confirmation, "The two passwords are not the same."),
    ])
}

fn broken(rules: &[(bool, &'static str)]) -> Vec<&'static str> {
    rules.iter().filter_map(|(is_broken, problem)| is_broken.then_some(*problem)).collect()
}

const USERNAME_RULE_BROKEN: &str = "The user name has 2 to 40 letters (a–z), digits, dots, dashes or underscores.";

/// ASCII alone, so that two names that look the same are the same, and the database can ignore the case.
fn is_username(text: &str) -> bool {
    (2..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether it could be an address. Only an e-mail that arrives can tell more.
fn is_email(text: &str) -> bool {
    let has_shape = |(name, domain): (&str, &str)| !name.is_empty() && !domain.is_empty() && !domain.contains('@');
    text.len() <= 254
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
        && text.split_once('@').is_some_and(has_shape)
}

impl Site {
    /// Makes a user at this level, and their account.
    pub(super) async fn register(&self, applicant: Applicant, level: &str) -> Result<UserId, Refusal> {
        let Applicant { username, email, password } = applicant;
        if self.accounts.by_username(&username).await.map_err(Failure::from)?.is_some() {
            return Err(Refusal::Form(vec![USERNAME_TAKEN]));
        }
        let password_hash = self.passwords.hash(password).await?;
        // One transaction: a browser that goes away in the middle leaves no user without an account.
        let mut transaction = self.users.begin().await.map_err(Failure::from)?;
        let user_id = self.users.create_user_in(&mut transaction, None, level).await.map_err(Failure::from)?;
        let account = Account { user_id: user_id.clone(), username, email };
        // Somebody else may have been faster with this name.
        Accounts::insert(&mut transaction, &account, &password_hash).await.map_err(|error| match error {
            InsertError::UsernameTaken => Refusal::Form(vec![USERNAME_TAKEN]),
            InsertError::Database(failure) => Refusal::Failure(failure),
        })?;
        transaction.commit().await.map_err(Failure::from)?;
        Ok(user_id)
    }

    /// On a site without accounts, makes the user `admin` and gives their password.
    pub(crate) async fn seed_admin(&self) -> Result<Option<String>, Failure> {
        if !self.accounts.is_empty().await? {
            return Ok(None);
        }
        let password = password::random_password()?;
        let admin = Applicant { username: ADMIN.into(), email: "admin@localhost".into(), password: password.clone() };
        match self.register(admin, ADMIN).await {
            Ok(_) => Ok(Some(password)),
            // Another process that starts at the same moment was faster: it prints the password.
            Err(Refusal::Form(_)) => Ok(None),
            Err(Refusal::Failure(failure)) => Err(failure),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_all_at_once() {
        let problems = Applicant::check("x y", "no-address", "short", "different").err().unwrap();
        assert_eq!(problems.len(), 4);
        assert!(Applicant::check(" ann ", "ann@example.org", "eight ch", "eight ch").is_ok());
    }

    #[test]
    fn a_user_name_is_plain() {
        assert!(["ann", "A.b-c_9", "xy"].into_iter().all(is_username));
        assert!(["", "a", "ann!", "añn", "a n", "<b>"].into_iter().all(|name| !is_username(name)));
        assert!(!is_username(&"a".repeat(41)));
    }

    #[test]
    fn an_address_has_two_sides() {
        assert!(["a@b", "ann@example.org"].into_iter().all(is_email));
        assert!(["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n"].into_iter().all(|address| !is_email(address)));
    }
}
