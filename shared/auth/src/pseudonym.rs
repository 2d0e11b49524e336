use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::{Random, Result};

/// Keyed hashes, for what must be recognised and not read: addresses of clients, identifiers that were submitted. The
/// table and the log hold these alone, so neither can be searched for an address by hashing all of them.
///
/// The same secret makes the key of device cookies. It is not part of the key set, since rotating it would forget every
/// throttle and every known browser, and since more functions hold it.
#[derive(Clone)]
pub struct Pseudonyms {
    names: hmac::Key,
    pub(crate) devices: hmac::Key,
}

impl Pseudonyms {
    /// A secret, as `CloudFormation` makes it for a deployment: 43 characters.
    pub fn generate(random: &Random) -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(random.bytes::<32>()?)))
    }

    /// `None` for a secret of fewer than 32 characters: CloudFormation makes 43 random ones.
    pub fn new(secret: &str) -> Option<Self> {
        if secret.len() < 32 {
            return None;
        }
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let derived = |purpose: &[u8]| {
            let bytes = Zeroizing::new(hmac::sign(&secret, purpose).as_ref().to_vec());
            hmac::Key::new(hmac::HMAC_SHA256, &bytes)
        };
        Some(Self { names: derived(b"vestibule pseudonyms"), devices: derived(b"vestibule device cookies") })
    }

    /// 128 bits of HMAC-SHA-256 in base64url, 22 characters. `kind` keeps an address from ever equalling a name.
    pub fn of(&self, kind: &str, text: &str) -> String {
        let mac = hmac::sign(&self.names, &[kind.as_bytes(), b"\0", text.as_bytes()].concat());
        URL_SAFE_NO_PAD.encode(&mac.as_ref()[..16])
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_depends_on_the_secret_and_on_the_kind() {
        let (one, two) = (Pseudonyms::new(&"a".repeat(43)).unwrap(), Pseudonyms::new(&"b".repeat(43)).unwrap());
        assert_eq!(one.of("email", "x"), one.of("email", "x"));
        assert_eq!(one.of("email", "x").len(), 22);
        assert_ne!(one.of("email", "x"), two.of("email", "x"));
        assert_ne!(one.of("email", "x"), one.of("username", "x"));
        assert!(Pseudonyms::new("short").is_none());
    }
}
