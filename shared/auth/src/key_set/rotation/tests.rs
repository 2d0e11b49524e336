use super::*;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_millis(1_795_512_600_125);
const ISSUER: &str = "https://auth.example.com";

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn schedule() -> Schedule {
    Schedule::new(Lifetimes::DEFAULT)
}

/// Keys that are quick to make.
fn first() -> KeySet {
    KeySet::generate(Algorithm::EdDsa, START, &Random::System).unwrap()
}

fn rotated(set: &KeySet, now: Timestamp) -> KeySet {
    set.rotated(now, &schedule(), &Random::System).unwrap()
}

fn kids(set: &KeySet) -> Vec<String> {
    set.signing.iter().map(|key| key.kid.clone()).collect()
}

#[test]
fn a_set_without_keys_gets_its_first_ones_in_use_at_once() {
    let secret = KeySet::from_json(r#"{"keys":[],"origin_proof":"p"}"#).unwrap();
    let set = rotated(&secret, START);
    assert_eq!(set.version, 1);
    assert_eq!(set.signing_key(START).unwrap().algorithm, Algorithm::RS256);
    assert_eq!(set.mac_key(START).unwrap().id, 1);
    assert!(set.first_use(&secret).is_none(), "nobody has to be waited for");
}

#[test]
fn what_else_the_secret_holds_is_kept() {
    let secret = KeySet::from_json(r#"{"keys":[],"origin_proof":"p","note":{"a":1}}"#).unwrap();
    let set = KeySet::from_json(&rotated(&secret, START).to_json()).unwrap();
    let revoked = set.revoked(&Revocation::All, after(5), &Random::System).unwrap();
    for set in [set, revoked] {
        let document: serde_json::Value = serde_json::from_str(&set.to_json()).unwrap();
        assert_eq!((document["origin_proof"].as_str(), &document["note"]["a"]), (Some("p"), &1.into()));
        assert!(set.published(ISSUER, &[]).origin_proof_sha256.is_some());
    }
}

#[test]
fn a_rotation_before_the_last_one_took_effect_changes_nothing() {
    let set = rotated(&first(), after(10));
    for seconds in [10, 11, 3600, 3 * 3600] {
        assert_eq!(rotated(&set, after(seconds)).to_json().as_str(), set.to_json().as_str());
    }
    assert_eq!(rotated(&set, after(4 * 3600)).version, set.version + 1);
}

#[test]
fn a_key_is_dropped_when_no_token_of_its_can_be_alive() {
    const DAY: u64 = 86_400;
    const USED: u64 = 3 * 3600 + 15 * 60;
    let set = rotated(&rotated(&first(), after(0)), after(30 * DAY));
    assert_eq!((set.signing.len(), set.mac.len()), (2, 2), "the first signing key is spent, the first MAC key too");
    assert_eq!(set.mac.iter().map(|key| key.id).collect::<Vec<_>>(), [2, 3]);
    // Used until 3 h 15 min after the rotation; its tokens live for an hour, its sessions for 14 days.
    let second = rotated(&first(), after(0));
    for (seconds, keys) in [
        (USED + 65 * 60, (3, 3)),
        (USED + 67 * 60, (2, 3)),
        (USED + 14 * DAY + 4 * 60, (2, 3)),
        (USED + 14 * DAY + 6 * 60, (2, 2)),
    ] {
        let third = rotated(&second, after(seconds));
        assert_eq!((third.signing.len(), third.mac.len()), keys, "{seconds}");
    }
}

#[test]
fn an_emergency_replaces_what_it_revokes_at_once() {
    let set = rotated(&first(), after(0));
    let now = after(4 * 3600);
    let revoke = |what: Revocation| set.revoked(&what, now, &Random::System).unwrap();

    let signing = revoke(Revocation::Signing);
    assert!(kids(&signing).iter().all(|kid| !kids(&set).contains(kid)));
    assert!(signing.signing_key(now).is_some());
    assert_eq!(signing.mac.len(), set.mac.len(), "nobody is signed out");

    let mac = revoke(Revocation::Mac);
    assert_eq!(kids(&mac), kids(&set));
    assert_eq!(mac.mac.iter().map(|key| key.id).collect::<Vec<_>>(), [3], "no id comes twice");

    let all = revoke(Revocation::All);
    assert_eq!((all.signing.len(), all.mac.len(), all.version), (1, 1, set.version + 1));

    let current = set.signing_key_id(now).unwrap().to_owned();
    let named = revoke(Revocation::SigningKey(current.clone()));
    assert!(!kids(&named).contains(&current));
    assert!(!kids(&set).contains(&named.signing_key(now).unwrap().kid), "no superseded key signs again");
    let old = revoke(Revocation::SigningKey(kids(&set)[0].clone()));
    assert_eq!(old.signing_key_id(now), Some(current.as_str()));
    assert!(set.revoked(&Revocation::SigningKey("?".into()), now, &Random::System).is_err());
}

#[test]
fn a_set_is_proven_by_what_is_published_of_it_and_by_nothing_else() {
    let set = rotated(&first(), START);
    set.prove(&set.published(ISSUER, &[]), START).unwrap();
    assert!(set.prove(&first().published(ISSUER, &[]), START).is_err());
    assert!(KeySet::default().prove(&set.published(ISSUER, &[]), START).is_err());
}

#[test]
fn what_is_published_may_be_a_rotation_ahead() {
    let current = rotated(&first(), START);
    let now = after(30 * 86_400);
    let ahead = rotated(&current, now).published(ISSUER, &[]);
    assert!(!ahead.jwks.contains(&kids(&current)[0]), "the spent key is gone");
    current.prove(&ahead, now).unwrap();
}

#[test]
fn versions_grow_beyond_a_rotation_that_was_given_up() {
    let set = first();
    let given_up = rotated(&set, after(1)).published(ISSUER, &[]);
    assert_eq!(rotated(&set, after(2)).after(&given_up).version, 3);
    let published = set.published(ISSUER, &[]);
    assert_eq!(set.clone().after(&published).version, 1, "what is published needs no other version");
}

/// What is published, and what functions read, from a moment on.
struct Change {
    published_at: Timestamp,
    current_at: Timestamp,
    set: KeySet,
}

/// Rotations at these moments, each of which takes its time to publish and to finish, or is given up for being late.
fn history(rotations: &[(u32, u16, u16)]) -> Vec<Change> {
    let mut changes = vec![Change { published_at: START, current_at: START, set: first() }];
    let mut now = START;
    for &(pause, publishing, finishing) in rotations {
        now = now.plus(Duration::from_secs(pause.into()));
        let last = &changes.last().unwrap().set;
        let set = rotated(last, now);
        let published_at = now.plus(Duration::from_secs(publishing.into()));
        let current_at = published_at.plus(Duration::from_secs(finishing.into()));
        let first_use = set.first_use(last).unwrap_or(current_at.plus(Duration::from_hours(9)));
        now = current_at;
        if first_use < published_at.plus(Schedule::KNOWN_FOR) || first_use < current_at.plus(Schedule::RELOAD) {
            assert!(publishing > 3599 || finishing > 7799, "a rotation in time was given up");
            continue;
        }
        changes.push(Change { published_at, current_at, set });
    }
    changes
}

fn published(changes: &[Change], at: Timestamp) -> &KeySet {
    &changes.iter().rfind(|change| change.published_at <= at).unwrap_or(&changes[0]).set
}

fn current(changes: &[Change], at: Timestamp) -> &KeySet {
    &changes.iter().rfind(|change| change.current_at <= at).unwrap_or(&changes[0]).set
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.millis() - i64::try_from(by.as_millis()).unwrap())
}

const FIVE_MINUTES: Duration = Duration::from_mins(5);

/// Between two rotations, in seconds: weeks, or about as long as it takes a key to come into use.
fn pause() -> impl Strategy<Value = u32> {
    prop_oneof![0..4_000_000_u32, 1_200_000..1_250_000_u32, 9_000..17_000_u32]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nobody_notices_a_rotation(
        rotations in proptest::collection::vec((pause(), 0..5000_u16, 0..10_000_u16), 1..6),
        offsets in proptest::collection::vec(-20_000..20_000_i64, 8),
    ) {
        let changes = history(&rotations);
        let idle = Lifetimes::DEFAULT.refresh_idle;
        let boundaries = changes.iter().flat_map(|change| {
            let used = change.set.signing.iter().map(|key| Timestamp::from_millis(key.sign_from * 1000));
            used.chain([change.published_at, change.current_at])
        });
        let moments = boundaries.flat_map(|at| {
            let near = offsets.iter().map(move |offset| Timestamp::from_millis(at.millis() + offset * 1000));
            near.chain([at, earlier(at, Duration::from_millis(1))])
        });
        for now in moments.filter(|&at| at >= START) {
            // A function may have read its set up to five minutes ago.
            for read_at in [now, earlier(now, FIVE_MINUTES)] {
                let set = current(&changes, read_at);
                let Some(key) = set.signing_key(now) else { panic!("nothing signs at {now:?}") };
                prop_assert_eq!(set.signing_key_id(now), current(&changes, now).signing_key_id(now), "one key signs");
                // Its tokens verify with any JWKS from two hours before the signature to their end.
                for fetched_at in [earlier(now, Duration::from_mins(135)), now, now.plus(Duration::from_mins(61))] {
                    let known = published(&changes, fetched_at);
                    prop_assert!(known.signing.iter().any(|known| known.kid == key.kid), "{now:?} {fetched_at:?}");
                }
                let Some(mac) = set.mac_key(now) else { panic!("nothing mints at {now:?}") };
                // Whoever reads it, with a set as old as may be, to the last moment.
                for opened_at in [earlier(now, FIVE_MINUTES), now, now.plus(idle)] {
                    let known = current(&changes, opened_at);
                    prop_assert!(known.mac_key_by_id(mac.id).is_some(), "{now:?} {opened_at:?}");
                }
            }
        }
    }
}
