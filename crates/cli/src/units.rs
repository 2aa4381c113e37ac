//! Amounts as people write them: memory, time, counts, `NAME=VALUE`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use vesta_core::plan::WorkerSelection;
use vesta_proto::error::shown;
use vesta_types::limits::ADDRESSES_MAX;

use vesta_types::limits::{CORES_MAX, EXECUTOR_TARGET_MAX, MEMORY_MIB_MAX, NAME_BYTES_MAX};
pub use vesta_types::resources::show_memory;

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
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 1 << 10,
        "g" | "gb" | "gib" => 1 << 20,
        "t" | "tb" | "tib" => 1 << 30,
        _ => return wrong("its unit is not known"),
    };
    let kib = number.saturating_mul(kib_each);
    match u64::try_from(kib.div_ceil(1 << 10)) {
        Ok(0) => wrong("it is nothing"),
        Ok(_) if kib < 1 << 10 => wrong("it is less than 1m"),
        Ok(mib) if mib <= MEMORY_MIB_MAX => Ok(mib),
        _ => wrong("it is too large"),
    }
}

/// A whole number within `range`.
///
/// # Errors
/// When it is not one, with what would be right.
fn whole(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let found = shown(text);
        match range.into_inner() {
            (from, u32::MAX) => format!("{found} is not a whole number from {from}"),
            (from, to) => format!("{found} is not a whole number from {from} to {to}"),
        }
    })
}

/// A number of cores of one process or of one application.
///
/// # Errors
/// As for each number here: when it is not one, with what would be right.
pub fn cores(text: &str) -> Result<u32, String> {
    whole(text, 1..=CORES_MAX)
}

/// A number of executors.
///
/// # Errors
/// As for [`cores`].
pub fn executors(text: &str) -> Result<u32, String> {
    whole(text, 1..=EXECUTOR_TARGET_MAX)
}

/// A number of things to show.
///
/// # Errors
/// As for [`cores`].
pub fn some(text: &str) -> Result<u32, String> {
    whole(text, 1..=u32::MAX)
}

/// A number of a master, of entries, of milliseconds: whatever counts from 1 without a bound that could
/// be named here.
///
/// # Errors
/// As for [`cores`].
pub fn count(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{} is not a whole number from 1", shown(text)))
}

/// A policy by which workers are chosen, as Spark writes it.
///
/// # Errors
/// When it is none, with all there are.
pub fn worker_selection(text: &str) -> Result<WorkerSelection, String> {
    let named = |it: &&WorkerSelection| it.as_str() == text;
    WorkerSelection::ALL
        .iter()
        .find(named)
        .copied()
        .ok_or_else(|| {
            let all = WorkerSelection::ALL.map(WorkerSelection::as_str);
            format!("{} is none of {}", shown(text), all.join(", "))
        })
}

/// A factor; its range is the configuration's to check.
///
/// # Errors
/// As for [`cores`].
pub fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite());
    factor.ok_or_else(|| format!("{} is not a factor such as 0.5 or 1", shown(text)))
}

/// A number of bytes.
///
/// # Errors
/// As for [`cores`].
pub fn bytes(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{} is not a whole number of bytes from 0", shown(text)))
}

/// How often something may fail in a row: -1 is without limit.
///
/// # Errors
/// As for [`cores`].
pub fn retries(text: &str) -> Result<i32, String> {
    let number = text.parse().ok().filter(|retries| *retries >= -1);
    number.ok_or_else(|| {
        format!(
            "{} is not a whole number from 0, or -1 for no limit",
            shown(text)
        )
    })
}

/// The name of a driver or application: shown to people, so it is one line of text.
///
/// # Errors
/// When it is empty, too long, or has control characters.
pub fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "{} is not a name of 1 to {NAME_BYTES_MAX} bytes without control characters",
            shown(text)
        ));
    }
    Ok(text.to_owned())
}

/// A length of time, such as `500ms`, `60s` or `5m`.
///
/// # Errors
/// When it is not one, with what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = |why: &str| {
        Err(format!(
            "{} is not a length of time: {why}. Write a whole number and a unit (ms, s, m, h, d), as in \
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
        "d" => number.checked_mul(24 * 3_600_000),
        _ => return wrong("its unit is not known"),
    };
    match millis {
        Some(0) => wrong("it is nothing"),
        // A year is longer than anything waited for, and far from any overflow.
        Some(millis) if millis <= 365 * 24 * 3_600_000 => Ok(Duration::from_millis(millis)),
        _ => wrong("it is longer than a year"),
    }
}

/// A flag's help with its default, where clap can't know it because it is filled in later.
pub fn with_default(help: &str, default: &str) -> String {
    format!("{help}. [default: {default}]")
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

/// A named resource and how many addresses of it, as in `gpu=1`.
///
/// # Errors
/// When it is not one, with what would be right.
pub fn resource(text: &str) -> Result<(String, u32), String> {
    let (name, amount) = pair(text).map_err(|_| {
        let found = shown(text);
        format!("{found} is not a resource and an amount of it, as in gpu=1")
    })?;
    Ok((name, whole(&amount, 1..=ADDRESSES_MAX as u32)?))
}

/// The resources that flags named, each at most once.
///
/// # Errors
/// The name of one that is there twice.
pub fn resources(flag: &str, named: &[(String, u32)]) -> Result<BTreeMap<String, u32>, String> {
    let mut all = BTreeMap::new();
    for (name, amount) in named {
        if let Some(before) = all.insert(name.clone(), *amount) {
            return Err(format!(
                "{flag} {name}={before} and {flag} {name}={amount}: name each resource once"
            ));
        }
    }
    Ok(all)
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
            ("1025k", 2),
            ("1gb", 1024),
            ("512MiB", 512),
            ("1Tib", 1 << 20),
        ];
        for (text, mib) in table {
            assert_eq!(memory(text), Ok(mib), "{text}");
        }
        assert_eq!(memory("16t"), Ok(MEMORY_MIB_MAX));
    }

    #[test]
    fn a_resource_has_a_name_and_an_amount_and_is_named_once() {
        assert_eq!(resource("gpu=2"), Ok(("gpu".to_owned(), 2)));
        assert!(resource("gpu").unwrap_err().contains("as in gpu=1"));
        assert!(resource("gpu=0").unwrap_err().contains("from 1 to"));
        assert!(resource("gpu=0,1").unwrap_err().contains("\"0,1\""));
        let twice = [("gpu".to_owned(), 1), ("gpu".to_owned(), 2)];
        let said = resources("--x", &twice).unwrap_err();
        assert!(said.contains("--x gpu=1 and --x gpu=2"), "{said}");
        assert_eq!(resources("--x", &twice[..1]).unwrap()["gpu"], 1);
    }

    #[test]
    fn memory_without_a_unit_is_refused_with_what_would_be_right() {
        let error = memory("10").unwrap_err();
        assert!(error.contains("\"10\"") && error.contains("no unit") && error.contains("512m"));
    }

    #[test]
    fn less_memory_than_can_be_booked_is_refused_and_not_rounded_up() {
        for text in ["1k", "1023k"] {
            let error = memory(text).unwrap_err();
            assert!(error.contains("less than 1m"), "{error}");
        }
    }

    #[test]
    fn memory_is_shown_as_it_can_be_written() {
        for (mib, text) in [(0, "0m"), (512, "512m"), (1536, "1536m"), (4096, "4g")] {
            assert_eq!(show_memory(mib), text);
            assert_eq!(memory(text).unwrap_or(0), mib);
        }
    }

    #[test]
    fn a_count_outside_its_range_is_refused_with_the_range() {
        assert_eq!((cores("1"), cores("65536")), (Ok(1), Ok(65_536)));
        for text in ["0", "65537", "-1", "1.5", "", "x"] {
            let error = cores(text).unwrap_err();
            assert!(error.contains("from 1 to 65536"), "{error}");
        }
        assert!(executors("100001").unwrap_err().contains("to 100000"));
        assert!(some("0").unwrap_err().ends_with("whole number from 1"));
        assert_eq!((retries("-1"), bytes("0")), (Ok(-1), Ok(0)));
        assert!(retries("-2").is_err() && bytes("-1").is_err() && count("0").is_err());
        assert!(factor("x").is_err() && factor("nan").is_err() && factor("0.5") == Ok(0.5));
    }

    #[test]
    fn a_name_is_one_line_of_text() {
        assert_eq!(name("my words"), Ok("my words".into()));
        for text in ["", " ", "a\nb", &"n".repeat(257)] {
            assert!(name(text).is_err(), "{text}");
        }
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
            "1w",
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
