//! Texts as PHP's `json_encode` writes them.

use std::fmt::Write;

use zeroize::Zeroizing;

/// Appends `text` as a JSON string: `/` as `\/`, and every character beyond ASCII as `\uXXXX`, in UTF-16.
///
/// # Source
/// `php_json_escape_string` of PHP 8.2, without options. The recorded files of the Ergani SDK show it.
pub(super) fn append_string(json: &mut Zeroizing<String>, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '/' => json.push_str("\\/"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            ' '..='\u{7f}' => json.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing into a text does not fail.
                    _ = write!(**json, "\\u{unit:04x}");
                }
            }
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut json = Zeroizing::new(String::new());
        append_string(&mut json, text);
        json.to_string()
    }

    /// What PHP 8.2 prints for `json_encode` of the same texts.
    #[test]
    fn texts_are_written_as_php_writes_them() {
        assert_eq!(written("cmVmcmVzaC0x/+=="), r#""cmVmcmVzaC0x\/+==""#);
        assert_eq!(
            written("a\"b\\c\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}"),
            "\"a\\\"b\\\\c\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\""
        );
        assert_eq!(written("Λάθος 🎫"), r#""\u039b\u03ac\u03b8\u03bf\u03c2 \ud83c\udfab""#);
    }

    proptest::proptest! {
        #[test]
        fn every_text_comes_back(text: String) {
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&written(&text)).unwrap(), text);
        }
    }
}
