//! Lays JSON text out without reading its values, so that every digit and every escape stays.

/// The same JSON without white space between its parts. `json` is valid JSON.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for part in Parts(json) {
        out.push_str(part);
    }
    out
}

/// The same JSON, compact, with `{}` for every `[]`. `json` is valid JSON.
pub(super) fn with_empty_maps(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut parts = Parts(json).peekable();
    while let Some(part) = parts.next() {
        if part == "[" && parts.next_if_eq(&"]").is_some() {
            out.push_str("{}");
        } else {
            out.push_str(part);
        }
    }
    out
}

/// The same JSON in lines, as PHP's `JSON_PRETTY_PRINT` lays it out: four spaces a level, `[]` and `{}` where nothing is
/// inside. `json` is valid JSON.
pub(super) fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut parts = Parts(json).peekable();
    while let Some(part) = parts.next() {
        match part {
            "{" | "[" => {
                out.push_str(part);
                if let Some(end) = parts.next_if(|next| matches!(*next, "}" | "]")) {
                    out.push_str(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push_str(part);
            }
            "," => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ":" => out.push_str(": "),
            _ => out.push_str(part),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("    ", depth));
}

/// The parts of a JSON text: punctuation, strings with their quotes, and literals, without the white space between.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        let length = match rest.bytes().next()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(rest),
            _ => rest.find([',', ':', '{', '}', '[', ']', '"', ' ', '\t', '\n', '\r']).unwrap_or(rest.len()),
        };
        let (part, rest) = rest.split_at(length);
        self.0 = rest;
        Some(part)
    }
}

/// The length of the string at the start of `text`, with both quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (position, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return position + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn json_is_laid_out_as_php_does() {
        let json = r#"{"a":{},"b":[], "c":[1,2.50,{"d":"\u00e9\/ \" \\"}],"e":null}"#;
        let expected = "{\n    \"a\": {},\n    \"b\": [],\n    \"c\": [\n        1,\n        2.50,\n        {\n            \
                        \"d\": \"\\u00e9\\/ \\\" \\\\\"\n        }\n    ],\n    \"e\": null\n}";
        assert_eq!(pretty(json), expected);
        assert_eq!(compact(&pretty(json)), compact(json));
        assert_eq!((pretty(" 1 "), pretty("\"\""), pretty("[ ]")), ("1".into(), "\"\"".into(), "[]".into()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_laid_out_and_valid_json_stays_what_it_is(text: String, json in "[\\[\\]{},:\"\\\\a0-9. \n]{0,24}") {
            for text in [text, json] {
                let (pretty, compact) = (pretty(&text), compact(&text));
                if let Ok(value) = serde_json::from_str::<Value>(&text) {
                    proptest::prop_assert_eq!(&serde_json::from_str::<Value>(&pretty).unwrap(), &value);
                    proptest::prop_assert_eq!(&serde_json::from_str::<Value>(&compact).unwrap(), &value);
                }
            }
        }
    }
}
