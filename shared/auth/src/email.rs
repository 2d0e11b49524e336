use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::Invalid;

/// An e-mail address as its owner typed it, and the key under which it is compared.
///
/// Accepted: a dot-atom local part (RFC 5322 §3.2.3) of up to 64 octets, letters and digits of any script included
/// (RFC 6531), and a domain name of two labels or more (UTS 46, STD 3 rules); 254 octets in all (RFC 5321 §4.5.3.1).
/// Refused although the RFCs allow them: quoted local parts, comments, address literals and single-label domains, which
/// nobody signs up with.
///
/// Compared by NFC, lower case and IDNA domain. Dots and `+tags` are kept: what they mean is the mail host's affair.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    shown: String,
    key: String,
}

impl Email {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const MALFORMED: Invalid = Invalid { code: "malformed", detail: "This is not an e-mail address." };
        if text.len() > MAX_OCTETS {
            return Err(Invalid { code: "too_long", detail: "An e-mail address has at most 254 bytes." });
        }
        let (local, domain) = text.rsplit_once('@').ok_or(MALFORMED)?;
        let nfc = ComposingNormalizerBorrowed::new_nfc();
        // Lower-casing can undo normalisation (and the reverse), so the local part is normalised on both sides of it.
        let local = nfc.normalize(&nfc.normalize(local).to_lowercase()).into_owned();
        let is_dot_atom = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext));
        if !is_dot_atom || local.len() > MAX_LOCAL_OCTETS {
            return Err(MALFORMED);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| MALFORMED)?;
        let mut labels = domain.rsplit('.');
        let top_is_a_name = labels.next().is_some_and(|top| top.len() > 1 && !top.bytes().all(|b| b.is_ascii_digit()));
        if !top_is_a_name || labels.next().is_none() {
            return Err(MALFORMED);
        }
        let key = format!("{local}@{domain}");
        if key.len() > MAX_OCTETS {
            return Err(Invalid { code: "too_long", detail: "An e-mail address has at most 254 bytes." });
        }
        Ok(Self { shown: text.to_owned(), key })
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

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

const MAX_OCTETS: usize = 254;
const MAX_LOCAL_OCTETS: usize = 64;

fn is_atext(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
    } else {
        (c.is_alphanumeric() && !INVISIBLE.contains(&c)) || is_combining(c)
    }
}

/// Letters by category that no font draws.
pub(crate) const INVISIBLE: [char; 4] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];

// Marks that NFC leaves standing (Indic vowels and the like): a letter to its reader, not to `is_alphanumeric`.
pub(crate) fn is_combining(c: char) -> bool {
    icu_normalizer::properties::CanonicalCombiningClassMapBorrowed::new().get_u8(c) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_that_people_have_are_accepted() {
        for good in [
            "ada@example.com",
            "Ada.Lovelace+test@Example.CO.UK",
            "o'brien@example.ie",
            "user_name%x@sub.example.org",
            "用户@例子.广告",
            "jörg@müller.de",
            "a@b.io",
            "x@xn--mller-kva.de",
        ] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "b.".repeat(130));
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@@example.com",
            "a b@example.com",
            " ada@example.com",
            "ada@example.com ",
            "ada@exa mple.com",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "\"ada\"@example.com",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada@-example.com",
            "ada@example-.com",
            "ada@example..com",
            "ada@exam_ple.com",
            "ada\u{0}@example.com",
            "ada@example.com\n",
            "a\u{200b}da@example.com",
            "a\u{3164}da@example.com",
            "ada\u{115f}@example.com",
            "ada\u{202e}@example.com",
            "ada@exam\u{ad}ple.c",
            "(c)ada@example.com",
            "ada@example.com.",
            &long_local,
            &long,
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn case_normalisation_and_idna_do_not_make_a_second_address() {
        let same = |a: &str, b: &str| Email::parse(a).unwrap().key() == Email::parse(b).unwrap().key();
        assert!(same("Ada@Example.COM", "ada@example.com"));
        assert!(same("jo\u{308}rg@example.com", "j\u{f6}rg@example.com"));
        assert!(same("a@müller.de", "a@xn--mller-kva.de"));
        assert!(same("a@ｅｘａｍｐｌｅ.com", "a@example.com"));
        assert!(!same("a.b@example.com", "ab@example.com"));
        assert!(!same("a+x@example.com", "a@example.com"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_the_key_is_its_own_key(text in "\\PC{0,40}@\\PC{0,40}|\\PC*|[a-zA-ZäßİıΣ.+]{1,12}@[a-zA-ZäßİıΣ-]{1,12}\\.[a-z]{2,5}") {
            if let Ok(email) = Email::parse(&text) {
                let again = Email::parse(email.key()).unwrap();
                prop_assert_eq!(again.key(), email.key());
            }
        }
    }
}
