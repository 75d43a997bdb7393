//! What a server says about a failure, for the log and the error.

/// The most characters of a server's message that are kept.
const MAX_CHARACTERS: usize = 200;

/// A shorter part of a secret may stand in a message by chance.
const SECRET_PART: usize = 6;

/// The message in one line, shortened; `None` if it is empty, or repeats a part of a secret that the server was sent.
pub(super) fn without_secrets(message: &str, secrets: &[&str]) -> Option<String> {
    let lower = message.to_lowercase();
    let repeats = |secret: &str| {
        let characters: Vec<char> = secret.to_lowercase().chars().collect();
        let length = characters.len().min(SECRET_PART);
        length > 0 && characters.windows(length).any(|part| lower.contains(&part.iter().collect::<String>()))
    };
    if secrets.iter().any(|secret| repeats(secret)) {
        return None;
    }
    let words: Vec<_> = message.split(|character: char| character.is_whitespace() || character.is_control()).collect();
    let line: String = words.join(" ").trim().chars().take(MAX_CHARACTERS).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_short_line() {
        assert_eq!(without_secrets("Λάθος όνομα χρήστη", &["pass", ""]).as_deref(), Some("Λάθος όνομα χρήστη"));
        assert_eq!(without_secrets(" a\r\nb\u{1b}[0m\tc ", &[]).as_deref(), Some("a  b [0m c"));
        assert_eq!(without_secrets(&"x".repeat(900), &[]).map(|text| text.len()), Some(200));
        assert_eq!(without_secrets(" \n", &[]), None);
    }

    #[test]
    fn a_message_with_a_part_of_a_secret_is_dropped() {
        let secret = "c0rrect-horse/battery+Staple==";
        for message in [
            format!("the token {secret} is unknown"),
            format!("unknown: {}…", &secret[..7]),
            format!("…{}", &secret[secret.len() - 8..]),
            format!("TOKEN {}", secret.to_uppercase()),
            "password=c0rrect-horse%2Fbattery%2BStaple%3D%3D".to_owned(),
            r#"{"password":"c0rrect-horse\/battery+Staple=="}"#.to_owned(),
        ] {
            assert_eq!(without_secrets(&message, &["other", secret]), None, "{message}");
        }
        assert_eq!(without_secrets("wrong abc", &["abc"]), None);
        assert!(without_secrets("wrong ab", &["abc"]).is_some());
    }
}
