use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Pseudonyms, UserId};

/// A browser that has signed in to this account before (OWASP, "Slow down online guessing attacks with device
/// cookies"). Its tries are counted apart from those of strangers, so a flood of guesses cannot lock its owner out.
///
/// `base64url(version 1 ‖ user id 16 ‖ session epoch u64 ‖ device id 16 ‖ HMAC-SHA-256 32)`, big-endian, without padding.
/// It proves nothing but that: no request is authorised by it. A new epoch makes every browser unknown again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    user_id: UserId,
    session_epoch: u64,
    id: Uuid,
}

impl Device {
    pub fn new(user_id: UserId, session_epoch: u64, id: Uuid) -> Self {
        Self { user_id, session_epoch, id }
    }

    /// The device that a cookie names, if its MAC is right.
    pub fn open(text: &str, pseudonyms: &Pseudonyms) -> Option<Self> {
        if text.len() != TEXT_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, mac) = bytes.split_at_checked(BODY_BYTES)?;
        hmac::verify(&pseudonyms.devices, body, mac).ok()?;
        let (&version, rest) = body.split_first()?;
        let (user_id, rest) = rest.split_first_chunk::<16>()?;
        let (epoch, id) = rest.split_first_chunk::<8>()?;
        let id = Uuid::from_bytes(id.try_into().ok()?);
        let device = Self::new(UserId(Uuid::from_bytes(*user_id)), u64::from_be_bytes(*epoch), id);
        (version == VERSION).then_some(device)
    }

    pub fn seal(&self, pseudonyms: &Pseudonyms) -> Zeroizing<String> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.user_id.0.as_bytes());
        bytes.extend_from_slice(&self.session_epoch.to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        let mac = hmac::sign(&pseudonyms.devices, &bytes);
        bytes.extend_from_slice(mac.as_ref());
        Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether it is known to this very account, and nothing ended all sessions since.
    pub fn is_known_to(&self, user_id: UserId, session_epoch: u64) -> bool {
        self.user_id == user_id && self.session_epoch == session_epoch
    }

    pub(crate) fn id(&self) -> String {
        self.id.to_string()
    }
}

const VERSION: u8 = 1;
const BODY_BYTES: usize = 1 + 16 + 8 + 16;
const TEXT_CHARS: usize = ((BODY_BYTES + 32) * 8).div_ceil(6);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn device() -> (Device, Pseudonyms) {
        let device = Device::new(UserId(Uuid::from_u128(7)), 3, Uuid::from_u128(9));
        (device, Pseudonyms::new(&"s".repeat(43)).unwrap())
    }

    #[test]
    fn it_comes_back_as_it_went_and_under_no_other_key() {
        let (device, pseudonyms) = device();
        let text = device.seal(&pseudonyms);
        assert_eq!(text.len(), TEXT_CHARS);
        assert_eq!(Device::open(&text, &pseudonyms), Some(device));
        assert_eq!(Device::open(&text, &Pseudonyms::new(&"t".repeat(43)).unwrap()), None);
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let (device, pseudonyms) = device();
        let text = device.seal(&pseudonyms).to_string();
        for at in 0..text.len() {
            for replacement in ["A", "B", "_", "="] {
                let mut forged = text.clone();
                forged.replace_range(at..=at, replacement);
                assert!(forged == text || Device::open(&forged, &pseudonyms).is_none(), "{at}");
            }
        }
    }

    proptest! {
        #[test]
        fn opening_never_panics(text in "\\PC*|[A-Za-z0-9_-]{98}") {
            prop_assert!(Device::open(&text, &device().1).is_none());
        }
    }
}
