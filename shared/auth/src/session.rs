use std::time::Duration;

use uuid::Uuid;

use crate::{Lifetimes, Network, RefreshToken, Timestamp, UserId};

/// A session's id: a version 7 UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub(crate) Uuid);

impl SessionId {
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of a session's lineage secret: what the table knows of it.
pub(crate) type LineageDigest = [u8; 32];

/// One sign-in and the refresh tokens that descend from it (RFC 9700 §4.14.2, refresh token rotation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// How often it was refreshed; the current token carries the same number.
    pub generation: u32,
    /// When the last four generations were superseded, latest first; 0 where there was none.
    pub(crate) rotated_at: [Timestamp; REMEMBERED],
    pub(crate) lineage: LineageDigest,
    /// The key under which the current token was minted, so that it can be minted again, byte for byte.
    pub(crate) mac_key_id: u32,
    /// The user's epoch when it was opened. Another epoch on the user makes the session void.
    pub session_epoch: u64,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub idle_expires_at: Timestamp,
    pub absolute_expires_at: Timestamp,
    /// The client's own description of itself (`User-Agent`), cut to 128 characters.
    pub client: Option<String>,
    /// The network it was opened from, as its owner is shown it: `203.0.113.0/24`.
    pub network: Option<String>,
}

/// What a presented refresh token is to the session it names, after the conditional rotation has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// The current one: the rotation's condition holds.
    Current,
    /// One behind, superseded at most 30 s ago: a retry, or a second tab. The same successor is answered again.
    Retry,
    /// Further behind, its own generation superseded at most 30 s ago: a slow tab. Refused, nothing revoked.
    Late,
    /// Anything else that descends from this sign-in, a future generation included: a copy is in other hands.
    Reuse,
    /// Idle for too long, or too old.
    Expired,
    /// A right MAC on a lineage that is not this session's: somebody has a MAC key.
    ForeignLineage,
}

/// How long a superseded token is still taken for a retry.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// How many superseded generations a session remembers the time of.
pub(crate) const REMEMBERED: usize = 4;

impl Session {
    /// A session of the first generation. Idle expiry never lies beyond the absolute one.
    pub fn open(
        id: SessionId,
        user_id: UserId,
        session_epoch: u64,
        token: &RefreshToken,
        now: Timestamp,
        lifetimes: Lifetimes,
    ) -> Self {
        let absolute_expires_at = now.plus(lifetimes.refresh_absolute);
        Self {
            id,
            user_id,
            generation: 0,
            rotated_at: [Timestamp::from_millis(0); REMEMBERED],
            lineage: token.lineage_digest(),
            mac_key_id: token.mac_key_id,
            session_epoch,
            created_at: now,
            last_used_at: now,
            idle_expires_at: now.plus(lifetimes.refresh_idle).min(absolute_expires_at),
            absolute_expires_at,
            client: None,
            network: None,
        }
    }

    #[must_use]
    pub fn with_client(mut self, user_agent: Option<&str>, network: Network) -> Self {
        let printable = |text: &str| text.chars().filter(|c| !c.is_control()).take(128).collect::<String>();
        self.client = user_agent.map(printable).filter(|text| !text.is_empty());
        self.network = Some(network.shown());
        self
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at()
    }

    /// When its current refresh token expires if nobody refreshes.
    pub fn expires_at(&self) -> Timestamp {
        self.idle_expires_at.min(self.absolute_expires_at)
    }

    /// The id of the key that the current token was minted under.
    pub fn mac_key_id(&self) -> u32 {
        self.mac_key_id
    }

    /// How long the current refresh token can still be used if nobody refreshes.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        self.expires_at().since(now)
    }

    /// Judges a token that names this session. Total: every token and every moment get exactly one verdict.
    pub fn judge(&self, token: &RefreshToken, now: Timestamp) -> Presentation {
        if token.lineage_digest() != self.lineage {
            return Presentation::ForeignLineage;
        }
        if !self.is_live(now) {
            return Presentation::Expired;
        }
        let Some(behind) = self.generation.checked_sub(token.generation) else { return Presentation::Reuse };
        if behind == 0 {
            return Presentation::Current;
        }
        let superseded_at = usize::try_from(behind - 1).ok().and_then(|index| self.rotated_at.get(index));
        let is_fresh = superseded_at.is_some_and(|&at| at.millis() > 0 && now.since(at) <= GRACE);
        match (behind, is_fresh) {
            (1, true) => Presentation::Retry,
            (_, true) => Presentation::Late,
            (_, false) => Presentation::Reuse,
        }
    }

    /// The session after its current token was used: what the rotation's `UpdateItem` writes.
    #[must_use]
    pub fn rotated(&self, mac_key_id: u32, now: Timestamp, lifetimes: Lifetimes) -> Self {
        let mut next = self.clone();
        next.generation = self.generation.saturating_add(1);
        next.rotated_at.rotate_right(1);
        next.rotated_at[0] = now;
        next.mac_key_id = mac_key_id;
        next.last_used_at = now;
        next.idle_expires_at = now.plus(lifetimes.refresh_idle).min(self.absolute_expires_at);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MacKey, Random};
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_millis(1_795_512_600_000);

    fn opened() -> (Session, RefreshToken, MacKey) {
        let random = Random::seeded(7);
        let key = MacKey::new(1, 0, random.bytes().unwrap());
        let id = SessionId(random.uuid(START).unwrap());
        let user_id = UserId(random.uuid(START).unwrap());
        let token = RefreshToken::first(user_id, id, &key, random.bytes().unwrap());
        (Session::open(id, user_id, 0, &token, START, Lifetimes::DEFAULT), token, key)
    }

    fn after(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn at_generation(token: &RefreshToken, generation: u32) -> RefreshToken {
        RefreshToken { generation, ..token.clone() }
    }

    #[test]
    fn the_current_generation_is_current() {
        let (session, token, _) = opened();
        assert_eq!(session.judge(&token, after(1)), Presentation::Current);
    }

    #[test]
    fn one_behind_is_a_retry_for_thirty_seconds_and_then_reuse() {
        let (session, token, _) = opened();
        let session = session.rotated(1, after(100), Lifetimes::DEFAULT);
        assert_eq!(session.judge(&token, after(99)), Presentation::Retry, "clocks differ: ages saturate at 0");
        assert_eq!(session.judge(&token, after(130)), Presentation::Retry);
        assert_eq!(session.judge(&token, after(130).plus(Duration::from_millis(1))), Presentation::Reuse);
    }

    #[test]
    fn further_behind_is_late_while_its_own_generation_is_fresh() {
        let (mut session, token, _) = opened();
        for at in [100, 105, 110, 115] {
            session = session.rotated(1, after(at), Lifetimes::DEFAULT);
        }
        // Generation 0 was superseded at 100, 1 at 105, 2 at 110, 3 at 115.
        assert_eq!(session.judge(&token, after(130)), Presentation::Late);
        assert_eq!(session.judge(&token, after(131)), Presentation::Reuse);
        assert_eq!(session.judge(&at_generation(&token, 1), after(131)), Presentation::Late);
        assert_eq!(session.judge(&at_generation(&token, 3), after(131)), Presentation::Retry);
        let session = session.rotated(1, after(116), Lifetimes::DEFAULT);
        assert_eq!(session.judge(&token, after(117)), Presentation::Reuse, "a fifth generation back is forgotten");
    }

    #[test]
    fn a_future_generation_is_reuse() {
        let (session, token, _) = opened();
        assert_eq!(session.judge(&at_generation(&token, 1), after(1)), Presentation::Reuse);
    }

    #[test]
    fn another_lineage_is_an_alarm_whatever_its_generation() {
        let (session, token, _) = opened();
        let foreign = RefreshToken { lineage_secret: [9; 16], ..token };
        assert_eq!(session.judge(&foreign, after(1)), Presentation::ForeignLineage);
    }

    #[test]
    fn idle_and_absolute_expiry_end_it() {
        let (session, token, _) = opened();
        let day = 86_400;
        assert_eq!(session.judge(&token, after(14 * day - 1)), Presentation::Current);
        assert_eq!(session.judge(&token, after(14 * day)), Presentation::Expired);
        let mut session = session;
        for days in [10, 20, 29] {
            session = session.rotated(1, after(days * day), Lifetimes::DEFAULT);
        }
        assert_eq!(session.idle_expires_at, after(30 * day), "never beyond the absolute expiry");
        assert_eq!(session.judge(&at_generation(&token, 3), after(30 * day)), Presentation::Expired);
    }

    proptest! {
        /// However tokens and moments are chosen, at most the current generation rotates, and at most the one before it
        /// is answered again.
        #[test]
        fn verdicts_are_total_and_single(gaps in prop::collection::vec(0u64..120, 0..12), generation in 0u32..16, wait in 0u64..200) {
            let (mut session, token, _) = opened();
            let mut at = 1;
            for gap in gaps {
                at += gap;
                session = session.rotated(1, after(at), Lifetimes::DEFAULT);
            }
            let now = after(at + wait);
            let verdict = session.judge(&at_generation(&token, generation), now);
            prop_assert_eq!(verdict == Presentation::Current, generation == session.generation);
            if verdict == Presentation::Retry {
                prop_assert_eq!(generation + 1, session.generation);
                prop_assert!(wait <= 30);
            }
            if verdict == Presentation::Late {
                prop_assert!(generation + 1 < session.generation && session.generation - generation <= 4);
            }
            if wait > 30 && generation != session.generation {
                prop_assert_eq!(verdict, Presentation::Reuse);
            }
        }

        /// The thief's tokens and the owner's come from one lineage: whoever is behind by more than the grace ends it.
        #[test]
        fn a_rotation_remembers_the_last_four_in_order(times in prop::collection::vec(1u64..1000, 1..8)) {
            let (mut session, _, _) = opened();
            let mut sorted = times;
            sorted.sort_unstable();
            for &at in &sorted {
                session = session.rotated(1, after(at), Lifetimes::DEFAULT);
            }
            let expected: Vec<_> = sorted.iter().rev().take(4).map(|&at| after(at)).collect();
            prop_assert_eq!(&session.rotated_at[..expected.len()], &expected[..]);
        }
    }
}
