use time::{Date, Month};

use crate::{Invalid, Timestamp};

/// A person's name as they write it: 1 to 100 characters, no line breaks or other control characters.
#[derive(Clone, PartialEq, Eq)]
pub struct FullName(String);

/// A few words about oneself: 1 to 1,000 characters; line breaks are allowed.
#[derive(Clone, PartialEq, Eq)]
pub struct Bio(String);

/// A calendar date between 1900-01-01 and today.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BirthDate(Date);

impl FullName {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        bounded(text, 100, |_| false).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Bio {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        bounded(text, 1000, |c| matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}')).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BirthDate {
    /// Reads `YYYY-MM-DD` (RFC 3339 §5.6, `full-date`).
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        date(text)
            .filter(|date| date.year() >= 1900)
            .map(Self)
            .ok_or(Invalid { code: "malformed", detail: "A date is written YYYY-MM-DD, in 1900 or later." })
    }

    /// Refuses a birth in the future. A day is granted, since it is tomorrow already somewhere.
    pub fn checked(self, now: Timestamp) -> Result<Self, Invalid> {
        let tomorrow = time::OffsetDateTime::from_unix_timestamp(now.seconds().saturating_add(86_400));
        if tomorrow.is_ok_and(|tomorrow| self.0 > tomorrow.date()) {
            return Err(Invalid { code: "in_the_future", detail: "A birth date is not in the future." });
        }
        Ok(self)
    }
}

impl std::fmt::Display for BirthDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
redacted!(FullName, Bio, BirthDate);

fn date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten()
    };
    let month = Month::try_from(u8::try_from(number(5..7)?).ok()?).ok()?;
    Date::from_calendar_date(i32::from(number(0..4)?), month, u8::try_from(number(8..10)?).ok()?).ok()
}

fn bounded(text: &str, max: usize, allowed_control: fn(char) -> bool) -> Result<String, Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid { code: "blank", detail: "Write something, or leave it out (null)." });
    }
    if text.chars().count() > max {
        return Err(Invalid { code: "too_long", detail: "This text is too long." });
    }
    // Directional overrides would let a name rewrite the text that a page shows around it.
    let is_trap = |c: char| {
        let is_control = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        (is_control && !allowed_control(c)) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(is_trap) {
        return Err(Invalid { code: "control_character", detail: "Control characters are not allowed here." });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_calendar_dates() {
        for good in ["1990-12-31", "2000-02-29", "1900-01-01"] {
            assert_eq!(BirthDate::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "1990-13-01",
            "1999-02-29",
            "1899-12-31",
            "90-12-31",
            "1990-1-1",
            "+199-01-01",
            "1990/01/01",
            "१९९०-०१-०१",
            "1990-01-01T00:00:00Z",
        ] {
            assert!(BirthDate::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_is_born_in_the_future() {
        let now = Timestamp::from_millis(1_795_512_600_000); // 2026-11-24
        assert!(BirthDate::parse("2026-11-25").unwrap().checked(now).is_ok());
        assert!(BirthDate::parse("2026-11-26").unwrap().checked(now).is_err());
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        assert!(FullName::parse("Ada King, Countess of Lovelace").is_ok());
        assert!(FullName::parse(&"x".repeat(101)).is_err());
        for text in ["a\nb", "a\u{2028}b", "a\u{2029}b"] {
            assert!(FullName::parse(text).is_err(), "a name is one line");
        }
        assert!(FullName::parse("  ").is_err());
        assert!(FullName::parse("a\u{202e}b").is_err());
        assert!(Bio::parse("one\ntwo\u{2029}three").is_ok());
        assert!(Bio::parse("nul\0").is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC*|[0-9-]{10}") {
            let _ = BirthDate::parse(&text);
            let _ = FullName::parse(&text);
            let _ = Bio::parse(&text);
        }
    }
}
