use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::session::LineageDigest;
use crate::{SessionId, UserId};

/// A refresh token: opaque to clients, self-describing to us.
///
/// `base64url(version 1 ‖ user id 16 ‖ session id 16 ‖ generation u32 ‖ MAC key id u32 ‖ lineage secret 16 ‖
/// HMAC-SHA-256 32)`, big-endian, without padding: 119 characters.
///
/// The MAC refuses a forgery before anything is read. The lineage secret, drawn at sign-in and known to the table only
/// by its SHA-256, makes a MAC key alone useless; the MAC makes the table alone useless.
#[derive(Clone)]
pub struct RefreshToken {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub(crate) generation: u32,
    pub(crate) mac_key_id: u32,
    pub(crate) lineage_secret: [u8; 16],
}

/// A key for the MAC of refresh tokens: 256 random bits.
#[derive(Clone)]
pub struct MacKey {
    pub id: u32,
    /// Seconds since the epoch. Known to every function earlier than that, so that each can open what another minted.
    pub(crate) mint_from: i64,
    pub(crate) bytes: Zeroizing<[u8; 32]>,
}

impl MacKey {
    pub fn new(id: u32, mint_from: i64, bytes: [u8; 32]) -> Self {
        Self { id, mint_from, bytes: Zeroizing::new(bytes) }
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.bytes.as_slice())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({}, ..)", self.id)
    }
}

impl RefreshToken {
    /// The token of a new session.
    pub fn first(user_id: UserId, session_id: SessionId, key: &MacKey, lineage_secret: [u8; 16]) -> Self {
        Self { user_id, session_id, generation: 0, mac_key_id: key.id, lineage_secret }
    }

    /// The token that follows this one. The same for the same key, so a retry can be answered byte for byte.
    #[must_use]
    pub fn successor(&self, mac_key_id: u32) -> Self {
        Self { generation: self.generation.saturating_add(1), mac_key_id, ..self.clone() }
    }

    /// Reads a token whose MAC is right under the key it names.
    ///
    /// Returns `None` for everything else: other lengths, a non-canonical encoding, unknown keys, forgeries.
    pub fn open(text: &str, keys: &[MacKey]) -> Option<Self> {
        let (token, bytes) = Self::read(text)?;
        let (body, mac) = bytes.split_at_checked(BODY_BYTES)?;
        let key = keys.iter().find(|key| key.id == token.mac_key_id)?;
        hmac::verify(&key.hmac(), &message(body), mac).ok()?;
        Some(token)
    }

    /// Whether the text is a token's and names a key that is not among these: a reason to look for a newer set.
    pub(crate) fn is_missing_key(text: &str, keys: &[MacKey]) -> bool {
        Self::read(text).is_some_and(|(token, _)| !keys.iter().any(|key| key.id == token.mac_key_id))
    }

    /// What the text says, which anybody may have written.
    fn read(text: &str) -> Option<(Self, Zeroizing<Vec<u8>>)> {
        if text.len() != TEXT_CHARS {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let (body, _) = bytes.split_at_checked(BODY_BYTES)?;
        let (&version, rest) = body.split_first()?;
        let (user_id, rest) = rest.split_first_chunk::<16>()?;
        let (session_id, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (mac_key_id, rest) = rest.split_first_chunk::<4>()?;
        let token = Self {
            user_id: UserId(Uuid::from_bytes(*user_id)),
            session_id: SessionId(Uuid::from_bytes(*session_id)),
            generation: u32::from_be_bytes(*generation),
            mac_key_id: u32::from_be_bytes(*mac_key_id),
            lineage_secret: rest.try_into().ok()?,
        };
        (version == VERSION).then_some((token, bytes))
    }

    /// The token's text, under the key it names.
    pub fn seal(&self, key: &MacKey) -> String {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_BYTES + 32));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.user_id.0.as_bytes());
        bytes.extend_from_slice(self.session_id.0.as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.mac_key_id.to_be_bytes());
        bytes.extend_from_slice(&self.lineage_secret);
        let mac = hmac::sign(&key.hmac(), &message(&bytes));
        bytes.extend_from_slice(mac.as_ref());
        URL_SAFE_NO_PAD.encode(bytes.as_slice())
    }

    /// The id of the key it is minted under.
    pub fn mac_key_id(&self) -> u32 {
        self.mac_key_id
    }

    pub(crate) fn lineage_digest(&self) -> LineageDigest {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, &self.lineage_secret).as_ref());
        out
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

const VERSION: u8 = 1;
const BODY_BYTES: usize = 1 + 16 + 16 + 4 + 4 + 16;
const TEXT_CHARS: usize = (BODY_BYTES + 32) * 8 / 6 + 1;

// The prefix keeps a MAC made here from meaning anything elsewhere, should a key ever serve two purposes.
fn message(body: &[u8]) -> Vec<u8> {
    [b"vestibule refresh token\0", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Random, Timestamp};
    use proptest::prelude::*;

    fn token() -> (RefreshToken, MacKey) {
        let random = Random::seeded(3);
        let key = MacKey::new(5, 0, random.bytes().unwrap());
        let uuid = || random.uuid(Timestamp::from_millis(1)).unwrap();
        (RefreshToken::first(UserId(uuid()), SessionId(uuid()), &key, random.bytes().unwrap()), key)
    }

    #[test]
    fn it_comes_back_as_it_went() {
        let (token, key) = token();
        let text = token.seal(&key);
        assert_eq!(text.len(), TEXT_CHARS);
        let back = RefreshToken::open(&text, std::slice::from_ref(&key)).unwrap();
        assert_eq!(back.seal(&key), text);
    }

    #[test]
    fn no_other_key_opens_it() {
        let (token, key) = token();
        let text = token.seal(&key);
        assert!(RefreshToken::open(&text, &[]).is_none());
        assert!(RefreshToken::open(&text, &[MacKey::new(5, 0, [1; 32])]).is_none());
        assert!(RefreshToken::open(&text, &[MacKey::new(6, 0, *key.bytes)]).is_none());
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let (token, key) = token();
        let text = token.seal(&key);
        for at in 0..text.len() {
            for replacement in ["A", "B", "_", "=", "+", "\u{e9}"] {
                let mut forged = text.clone();
                forged.replace_range(at..=at, replacement);
                assert!(forged == text || RefreshToken::open(&forged, std::slice::from_ref(&key)).is_none(), "{at}");
            }
        }
    }

    proptest! {
        #[test]
        fn opening_never_panics(text in "\\PC*|[A-Za-z0-9_-]{119}") {
            let (_, key) = token();
            prop_assert!(RefreshToken::open(&text, &[key]).is_none());
        }
    }
}
