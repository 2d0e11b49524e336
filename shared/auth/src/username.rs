use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;

use crate::Invalid;
use crate::email::{INVISIBLE, is_combining};

/// A username as its owner typed it, and the key under which it is unique.
///
/// The rule: 3 to 32 characters after NFKC; letters and digits of any script, and `.`, `_`, `-` between them (never
/// first, last or doubled). So it holds no `@` and can't be taken for an e-mail address, no space, no invisible
/// character, and no accent or point that goes above or below a letter without a place of its own (Unicode's combining
/// classes other than 0): `ad\u{651}a` would look like `ada` in many a font.
///
/// The key is NFKC with full case folding (Unicode §3.13, `NFKC_Casefold` without its removals): `ＡＤＡ`, `Ada` and
/// `ada` are one name, and so are `straße` and `STRASSE`. Letters of different scripts that look alike (Latin `a`,
/// Cyrillic `а`) remain different: see the threat model.
#[derive(Clone, PartialEq, Eq)]
pub struct Username {
    shown: String,
    key: String,
}

impl Username {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const TOO_LONG: Invalid = Invalid { code: "too_long", detail: "A username has at most 32 characters." };
        if text.len() > MAX_CHARS * 4 {
            return Err(TOO_LONG);
        }
        let nfkc = ComposingNormalizerBorrowed::new_nfkc();
        let plain = nfkc.normalize(text);
        let length = plain.chars().count();
        if length > MAX_CHARS {
            return Err(TOO_LONG);
        }
        if length < MIN_CHARS {
            return Err(Invalid { code: "too_short", detail: "A username has at least 3 characters." });
        }
        let words_are_letters_and_digits =
            plain.split(['.', '_', '-']).all(|word| !word.is_empty() && word.chars().all(is_letter_or_digit));
        if !words_are_letters_and_digits {
            return Err(Invalid {
                code: "malformed",
                detail: "A username is made of letters and digits, with single dots, dashes or underscores between them.",
            });
        }
        Ok(Self { key: folded(&plain), shown: text.to_owned() })
    }

    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The form that is unique among accounts.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Username(..)")
    }
}

const MIN_CHARS: usize = 3;
const MAX_CHARS: usize = 32;
fn is_letter_or_digit(c: char) -> bool {
    // Alphabetic by Unicode are some marks, too.
    c.is_alphanumeric() && !is_combining(c) && !INVISIBLE.contains(&c)
}

// Folding can undo normalisation and the reverse; two rounds reach the fixed point (a property test holds it to that).
fn folded(plain: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let fold = CaseMapper::new();
    let once = nfkc.normalize(&fold.fold_string(plain)).into_owned();
    nfkc.normalize(&fold.fold_string(&once)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_people_choose_are_accepted() {
        for good in ["ada", "Ada.Lovelace", "x_y-z", "3po", "Ἀλέξανδρος", "李小龙", "ａｄａ", "straße", "Дмитрий"]
        {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn traps_are_refused() {
        let long = "a".repeat(33);
        for bad in [
            "",
            "ab",
            "a b",
            " ada",
            "ada ",
            ".ada",
            "ada.",
            "a..b",
            "a._b",
            "ada@example.com",
            "ada\u{0}",
            "ad\u{200b}a",
            "ad\u{202e}a",
            "ad\u{ad}a",
            "\u{feff}ada",
            "a\u{3164}b",
            "adа\u{301}\u{301}",
            "ad\u{5bc}a",
            "ad\u{64b}\u{64b}\u{64b}a",
            "ad\u{363}a",
            "ada\n",
            "😀😀😀",
            "a/b",
            "../x",
            "<b>",
            "%00ada",
            &long,
        ] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_name_looks_like_another_by_case_or_width() {
        let same = |a: &str, b: &str| Username::parse(a).unwrap().key() == Username::parse(b).unwrap().key();
        assert!(same("Ada", "aDA"));
        assert!(same("ＡＤＡ", "ada"));
        assert!(same("straße", "STRASSE"));
        assert!(same("ΣΊΣΥΦΟΣ", "σίσυφος"));
        assert!(same("ﬁona", "FIONA"));
        assert!(!same("ada1", "ada2"));
    }

    #[test]
    fn it_is_shown_as_typed() {
        assert_eq!(Username::parse("Ada").unwrap().as_str(), "Ada");
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_the_key_is_a_fixed_point(text in "\\PC{0,40}|[\\pL\\pN]{3,12}") {
            if let Ok(name) = Username::parse(&text) {
                prop_assert_eq!(folded(name.key()), name.key());
            }
        }
    }
}
