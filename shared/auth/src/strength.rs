//! How easily a password is guessed. Behind the feature `strength`: the estimator's dictionaries and regular expressions
//! belong into the functions that set a password, and into no other.

use zeroize::Zeroizing;
use zxcvbn::feedback::Warning;
use zxcvbn::{Score, zxcvbn};

use crate::{FullName, Invalid, Password, User};

impl Password {
    /// Refuses what is guessed within 10⁸ tries, by zxcvbn's estimate with the user's own words as a dictionary
    /// (NIST SP 800-63B-4 §3.1.1.2, blocklists; OWASP, Authentication Cheat Sheet, "password strength meter").
    ///
    /// Its time grows faster than its input, so it sees 32 code points at a time: the first, and if they are weak those
    /// that come next, which then have to be strong by themselves.
    ///
    /// # Errors
    /// `too_weak`, with the reason as detail.
    pub fn judge(&self, own_words: &[String]) -> Result<(), Invalid> {
        let text = self.text();
        let own_words: Vec<&str> = own_words.iter().map(String::as_str).collect();
        let part = |skipped| Zeroizing::new(text.chars().skip(skipped).take(SEEN).collect::<String>());
        let estimate = zxcvbn(&part(0), &own_words);
        if estimate.score() >= Score::Three || zxcvbn(&part(SEEN), &own_words).score() >= Score::Three {
            return Ok(());
        }
        let detail = estimate.feedback().and_then(zxcvbn::feedback::Feedback::warning).map_or(GUESSED, reason);
        Err(Invalid { code: "too_weak", detail })
    }
}

impl User {
    /// What a guesser would try first.
    pub fn own_words(&self) -> Vec<String> {
        let full_name = self.full_name.as_ref().map(FullName::as_str);
        let texts = [Some(self.email.as_str()), Some(self.username.as_str()), full_name];
        let born = self.birth_date.map(|date| date.to_string());
        let mut words: Vec<String> = texts.into_iter().flatten().chain(born.as_deref()).flat_map(words).collect();
        words.push("vestibule".to_owned());
        words.truncate(MAX_WORDS);
        words
    }
}

const SEEN: usize = 32;
const MAX_WORDS: usize = 24;
const GUESSED: &str = "This password is easily guessed. Add a word or two.";

/// The whole, and its parts.
fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() > 2);
    std::iter::once(text).chain(parts).map(|word| word.chars().take(SEEN).collect())
}

fn reason(warning: Warning) -> &'static str {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess => "Rows of keys are easily guessed.",
        Warning::ShortKeyboardPatternsAreEasyToGuess => "Short patterns on the keyboard are easily guessed.",
        Warning::RepeatsLikeAaaAreEasyToGuess => "Repetitions like \"aaa\" are easily guessed.",
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => "Repetitions like \"abcabc\" are easily guessed.",
        Warning::ThisIsATop10Password | Warning::ThisIsATop100Password | Warning::ThisIsACommonPassword => {
            "This is a common password."
        }
        Warning::ThisIsSimilarToACommonlyUsedPassword => "This is close to a common password.",
        Warning::SequencesLikeAbcAreEasyToGuess => "Sequences like \"abc\" or \"6543\" are easily guessed.",
        Warning::RecentYearsAreEasyToGuess => "Recent years are easily guessed.",
        Warning::AWordByItselfIsEasyToGuess => "A single word is easily guessed.",
        Warning::DatesAreOftenEasyToGuess => "Dates are easily guessed.",
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess | Warning::CommonNamesAndSurnamesAreEasyToGuess => {
            "Names are easily guessed."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Result<(), Invalid> {
        let own = ["ada@example.com", "ada", "lovelace"].map(str::to_owned);
        Password::parse(text).unwrap().judge(&own)
    }

    #[test]
    fn what_is_easily_guessed_is_refused_with_the_reason() {
        for weak in [
            "aaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "password12345678",
            "qwertyuiopasdfgh",
            "ada@example.com1",
            "lovelacelovelace",
            "1234567890123456",
            &"x".repeat(200),
            &"abcd".repeat(50),
            &format!("{}password1", "a".repeat(32)),
            &format!("{}12345678", "a".repeat(32)),
            &format!("{}abcdefgh", "1".repeat(32)),
        ] {
            assert_eq!(judge(weak).unwrap_err().code, "too_weak", "{weak}");
        }
        assert_eq!(judge("aaaaaaaaaaaaaaaa").unwrap_err().detail, "Repetitions like \"aaa\" are easily guessed.");
    }

    // A deployment may lower the minimum to eight; these keep that rule.
    #[test]
    fn the_commonest_are_refused_whatever_the_minimum() {
        for common in [
            "password",
            "12345678",
            "123456789",
            "1234567890",
            "qwertyuiop",
            "baseball",
            "football",
            "iloveyou",
            "sunshine",
            "princess",
            "superman",
            "trustno1",
            "starwars",
            "computer",
            "michelle",
            "jennifer",
            "corvette",
            "mercedes",
            "1q2w3e4r",
            "1qaz2wsx",
            "q1w2e3r4",
            "passw0rd",
            "Password1",
            "password123",
            "letmein123",
            "welcome1",
            "abcd1234",
            "11111111",
            "88888888",
            "asdfghjkl",
            "zaq12wsx",
            "qazwsxedc",
            "whatever",
            "maverick",
            "midnight",
        ] {
            assert_eq!(judge(common).unwrap_err().code, "too_weak", "{common}");
        }
    }

    #[test]
    fn what_is_not_is_taken() {
        for good in [
            "correct horse battery staple 42",
            "Tr0ub4dor&3-and-more",
            "vKx9#mQ2pL!w7Zt",
            "пароль из нескольких слов",
            "四百个字的密码不容易猜到的吧真的",
            &format!("{}{}", "a".repeat(32), "Zb7!kq0XvT4?"),
        ] {
            assert!(judge(good).is_ok(), "{good}");
        }
    }

    // What it costs is bounded by what it sees. A debug build of the estimator is some ten times slower than a release
    // build, and other tests run beside this one: the bound is for what grows out of hand, a second for 100 characters.
    #[test]
    fn hostile_passwords_cost_no_more_than_others() {
        let hostile =
            ["4@8({[<3#6!19&1!|0$5+7%2/4@8({[<3#6!19&", "1a2b3c4d5e", "qazwsxedc", "aAaAaA", "12/12/12", "\u{1F600}!"];
        for pattern in hostile {
            let text: String = pattern.chars().cycle().take(256).collect();
            let before = cpu_millis();
            let _ = judge(&text);
            let spent = cpu_millis() - before;
            assert!(spent < 1500, "{spent} ms of CPU for {pattern}");
        }
    }

    /// Of this thread alone, so that the tests beside it do not count.
    fn cpu_millis() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        stat.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0) / 1_000_000
    }
}
