//! Values of Spark's properties, as Spark reads them.

/// An amount of memory, such as `512m` or `2g`, in MiB. Without a unit it is bytes.
pub(super) fn memory_mib(text: &str) -> Option<u64> {
    const MIB: u64 = 1 << 20;
    let text = text.trim().to_ascii_lowercase();
    let unit = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok()?;
    let shift = match unit {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        "p" | "pb" => 50,
        _ => return None,
    };
    Some(number.checked_mul(1 << shift)? / MIB)
}

/// The words of a command line, as a shell splits them.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_spark_reads_it() {
        let cases = [
            ("512m", Some(512)),
            ("2g", Some(2048)),
            ("1GB", Some(1024)),
            ("1048576", Some(1)),
            ("1t", Some(1 << 20)),
            ("", None),
            ("m", None),
            ("1x", None),
            ("-1m", None),
            ("99999999999p", None),
        ];
        for (text, mib) in cases {
            assert_eq!(memory_mib(text), mib, "{text}");
        }
    }

    #[test]
    fn options_are_split_as_a_shell_splits_them() {
        let cases: [(&str, &[&str]); 5] = [
            ("", &[]),
            ("-Da=1  -Db=2", &["-Da=1", "-Db=2"]),
            (r#"-Da="x y" 'p q'"#, &["-Da=x y", "p q"]),
            (r#""a\"b" ''"#, &["a\"b", ""]),
            ("\"open", &["open"]),
        ];
        for (text, wanted) in cases {
            assert_eq!(words(text), wanted, "{text}");
        }
    }
}
