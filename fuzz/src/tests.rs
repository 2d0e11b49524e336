//! The quick form: every entry of a corpus, and mutations of it by a seed.

use std::fs::read_dir;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = format!("{}/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut entries: Vec<_> = read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    assert!(!entries.is_empty(), "{folder} is empty");
    let mut random = Random(0x5eed);
    let mutations = 2_000 / entries.len() + 1;
    for path in entries {
        let entry = std::fs::read(&path).unwrap();
        target(&entry);
        for _ in 0..mutations {
            let mut bytes = entry.clone();
            for _ in 0..=random.below(4) {
                random.change(&mut bytes);
            }
            target(&bytes);
        }
    }
}

/// A target that reaches nothing finds nothing.
#[test]
fn entries_reach_what_they_are_named_for() {
    let entry = |path: &str| std::fs::read(format!("{}/corpus/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(super::accepted(&entry("access_token/signed-accepted")).is_some());
    for name in ["expired", "issued-later", "audience-array", "other-issuer", "as-id-token", "with-crit", "with-jwk"] {
        assert!(super::accepted(&entry(&format!("access_token/signed-{name}"))).is_none(), "{name}");
    }
    for (name, status) in [
        ("change-password", 200),
        ("change-password-by-cookie", 200),
        ("change-password-guessable", 422),
        ("change-password-not-theirs", 401),
        ("patch-profile", 200),
        ("patch-profile-faults", 422),
    ] {
        let answer = super::answer_to_body(&entry(&format!("json_body/{name}"))).unwrap();
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
    }
    assert_eq!(
        super::status_of_event(&entry("gateway_event/base64-of-json")),
        Some(401),
        "decoded, and a wrong password"
    );
    assert_eq!(super::status_of_event(&entry("gateway_event/base64-of-no-text")), Some(400));
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let place = self.below(bytes.len() + 1);
        let byte = u8::try_from(self.below(256)).unwrap();
        match self.below(5) {
            0 => bytes.insert(place, byte),
            1 if place < bytes.len() => drop(bytes.remove(place)),
            2 if place < bytes.len() => bytes[place] ^= 1 << self.below(8),
            3 => bytes.truncate(place),
            _ => {
                let again = bytes[place..].to_vec();
                bytes.extend_from_slice(&again);
                bytes.truncate(20_000);
            }
        }
    }
}

macro_rules! replayed {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), super::$name);
        })*
    };
}

replayed! { email username refresh_token access_token json_body gateway_event phc_string }
