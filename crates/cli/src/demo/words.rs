//! Counting words: the plain function that every part goes through, and so does the whole text at the
//! end, in one go, to know what is right.

use std::collections::BTreeMap;

/// How often each word occurs.
pub type Counts = BTreeMap<String, u64>;

/// Counts the words of `text`: runs of letters and digits, in lower case.
pub fn count(text: &str) -> Counts {
    let mut counts = Counts::new();
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    counts
}

/// Adds what was counted in a part.
pub fn add(total: &mut Counts, part: Counts) {
    for (word, times) in part {
        *total.entry(word).or_default() += times;
    }
}

/// How many words these are, each as often as it occurs.
pub fn total(counts: &Counts) -> u64 {
    counts.values().sum()
}

/// Cuts `text` at line ends into parts of about `bytes` each: at most that, unless one line alone is
/// longer. A word never crosses a line end, so counting the parts counts the text.
pub fn split(text: &str, bytes: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(end_of_part(rest, bytes.max(1)));
        parts.push(part);
        rest = after;
    }
    parts
}

/// Where the first part of `text` ends, just behind a line end or at the end of the text.
fn end_of_part(text: &str, bytes: usize) -> usize {
    if text.len() <= bytes {
        return text.len();
    }
    // A line end is one byte that occurs in no longer character, so both cuts are between characters.
    let line_end = |byte: &u8| *byte == b'\n';
    let all = text.as_bytes();
    let before = all[..bytes].iter().rposition(line_end);
    let behind = || all[bytes..].iter().position(line_end).map(|at| bytes + at);
    before.or_else(behind).map_or(text.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        let counts = count("Spark's master, the MASTER of 2 workers;\nStraße_STRASSE, été\n");
        let expected = [
            ("2", 1),
            ("master", 2),
            ("of", 1),
            ("s", 1),
            ("spark", 1),
            ("straße", 1),
            ("strasse", 1),
            ("the", 1),
            ("workers", 1),
            ("été", 1),
        ];
        let expected: Counts = expected
            .map(|(word, times)| (word.to_owned(), times))
            .into();
        assert_eq!(counts, expected);
        assert_eq!(total(&counts), 11);
    }

    #[test]
    fn counting_the_parts_counts_the_text_whatever_their_size() {
        let text = "one two\nthree über\n\n\nfour five six seven eight nine ten\nü\nno line end";
        for bytes in 0..text.len() + 2 {
            let parts = split(text, bytes);
            assert_eq!(parts.concat(), text, "parts of {bytes} bytes");
            let mut sum = Counts::new();
            parts.iter().for_each(|part| add(&mut sum, count(part)));
            assert_eq!(sum, count(text), "parts of {bytes} bytes");
        }
    }

    #[test]
    fn parts_are_of_the_size_asked_for_unless_a_line_is_longer() {
        let long = format!("{}\n", "x".repeat(50));
        let text = format!("a b\nc d\n{long}e f\n");
        assert_eq!(split(&text, 8), ["a b\nc d\n", long.as_str(), "e f\n"]);
        assert_eq!(split("", 8), [""; 0]);
    }
}
