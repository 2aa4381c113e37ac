//! Amounts as people write them: memory, time, `NAME=VALUE`.

use std::time::Duration;

use vesta_proto::error::shown;
use vesta_types::limits::MEMORY_MIB_MAX;

/// An amount of memory in Spark's units, such as `512m` or `4g`, in MiB; parts of a MiB count whole.
///
/// # Errors
/// When it is not one, with what would be right.
pub fn memory(text: &str) -> Result<u64, String> {
    let wrong = |why: &str| {
        Err(format!(
            "{} is not an amount of memory: {why}. Write a whole number and a unit (k, m, g, t), \
             from 1m to 16t, as in 512m",
            shown(text)
        ))
    };
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text[digits.len()..].to_ascii_lowercase();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return wrong("it has no whole number before its unit");
    }
    let Ok(number) = digits.parse::<u128>() else {
        return wrong("it is too large");
    };
    let kib_each: u128 = match unit.as_str() {
        "" => return wrong("it has no unit"),
        "k" | "kb" => 1,
        "m" | "mb" => 1 << 10,
        "g" | "gb" => 1 << 20,
        "t" | "tb" => 1 << 30,
        _ => return wrong("its unit is not known"),
    };
    let mib = number.saturating_mul(kib_each).div_ceil(1 << 10);
    match u64::try_from(mib) {
        Ok(0) => wrong("it is nothing"),
        Ok(mib) if mib <= MEMORY_MIB_MAX => Ok(mib),
        _ => wrong("it is too large"),
    }
}

/// An amount of memory for people.
pub fn show_memory(mib: u64) -> String {
    if mib >= 1024 && mib.is_multiple_of(1024) {
        format!("{} GiB", mib / 1024)
    } else {
        format!("{mib} MiB")
    }
}

/// A length of time, such as `500ms`, `60s` or `5m`.
///
/// # Errors
/// When it is not one, with what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = |why: &str| {
        Err(format!(
            "{} is not a length of time: {why}. Write a whole number and a unit (ms, s, m, h), as in \
             500ms or 60s",
            shown(text)
        ))
    };
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return wrong("it has no whole number before its unit");
    }
    let Ok(number) = digits.parse::<u64>() else {
        return wrong("it is too large");
    };
    let millis = match &text[digits.len()..] {
        "" => return wrong("it has no unit"),
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return wrong("its unit is not known"),
    };
    match millis {
        Some(0) => wrong("it is nothing"),
        // A year is longer than anything waited for, and far from any overflow.
        Some(millis) if millis <= 365 * 24 * 3_600_000 => Ok(Duration::from_millis(millis)),
        _ => wrong("it is longer than a year"),
    }
}

/// `NAME=VALUE`; the first `=` divides them, so a value may hold more.
///
/// # Errors
/// When there is no `=`, or nothing before it.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{} is not NAME=VALUE", shown(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_spark_s_units() {
        let table = [
            ("512m", 512),
            ("4g", 4096),
            ("1T", 1 << 20),
            ("2048k", 2),
            ("1k", 1),
            ("1gb", 1024),
        ];
        for (text, mib) in table {
            assert_eq!(memory(text), Ok(mib), "{text}");
        }
        assert_eq!(memory("16t"), Ok(MEMORY_MIB_MAX));
    }

    #[test]
    fn memory_without_a_unit_is_refused_with_what_would_be_right() {
        let error = memory("10").unwrap_err();
        assert!(error.contains("\"10\"") && error.contains("no unit") && error.contains("512m"));
    }

    #[test]
    fn what_is_no_amount_of_memory_is_refused() {
        let huge = "9".repeat(60) + "g";
        for text in [
            "",
            "g",
            "10x",
            "-1g",
            "1.5g",
            "0m",
            "17t",
            "１g",
            "1 g",
            huge.as_str(),
        ] {
            assert!(memory(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_needs_a_unit_too() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        let huge = format!("{}h", u64::MAX);
        for text in [
            "60",
            "",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "1d",
            "9000h",
            huge.as_str(),
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pair_is_divided_at_the_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a="), Ok(("a".into(), String::new())));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }
}
