use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{Error, Invalid, PasswordPolicy, Random, Result, Tally};

/// A password, in NFC (NIST SP 800-63B-4 §3.1.1.2). Its text leaves this file only as a hash.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password to be set: `policy.min_chars` to 256 code points, and nothing else is asked of its composition.
    /// Neither trimmed nor truncated.
    pub fn parse_new(text: &str, policy: PasswordPolicy) -> Result<Self, Invalid> {
        let password = Self::parse(text)?;
        if password.0.chars().count() < policy.min_chars {
            return Err(Invalid { code: "too_short", detail: "This password is too short." });
        }
        if password.0.chars().any(char::is_control) {
            return Err(Invalid { code: "control_character", detail: "A password has no control characters." });
        }
        Ok(password)
    }

    /// A password to be compared: only the upper bound applies, so that a later, stricter rule locks nobody out.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const TOO_LONG: Invalid = Invalid { code: "too_long", detail: "A password has at most 256 characters." };
        // NFC can lengthen a text threefold (UAX #15 §3); what is far beyond the bound is not normalised at all.
        if text.len() > MAX_CHARS * 16 {
            return Err(TOO_LONG);
        }
        let nfc = ComposingNormalizerBorrowed::new_nfc().normalize(text);
        if nfc.chars().count() > MAX_CHARS {
            return Err(TOO_LONG);
        }
        Ok(Self(Zeroizing::new(nfc.into_owned())))
    }

    /// Whether the two are one, however their characters were composed. In constant time for texts of one length.
    pub fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    #[cfg(feature = "strength")]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A PHC string: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`.
#[derive(Clone)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// What a table holds, whatever that says: it is read when a password is verified.
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// What comparing a password with it costs. None if it is no hash of ours, or asks for more than one of ours may.
    pub fn parameters(&self) -> Option<HashParameters> {
        self.parse().map(|(params, ..)| HashParameters {
            memory_kib: params.m_cost(),
            iterations: params.t_cost(),
            parallelism: params.p_cost(),
        })
    }

    pub(crate) fn as_stored(&self) -> &str {
        &self.0
    }

    /// Parameters, salt and output.
    fn parse(&self) -> Option<(Params, Vec<u8>, Vec<u8>)> {
        let hash = phc::PasswordHash::new(&self.0).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let sane = hash.algorithm.as_str() == "argon2id"
            && params.m_cost() <= MAX_STORED_KIB
            && params.t_cost() <= MAX_STORED_PASSES;
        sane.then_some((params, hash.salt?.as_ref().to_vec(), hash.hash?.as_bytes().to_vec()))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Argon2id's cost (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashParameters {
    /// m, in KiB.
    pub memory_kib: u32,
    /// t, passes over the memory.
    pub iterations: u32,
    /// p, lanes.
    pub parallelism: u32,
}

impl HashParameters {
    /// OWASP Password Storage Cheat Sheet, second of its equivalent sets.
    pub const DEFAULT: Self = Self { memory_kib: 19_456, iterations: 2, parallelism: 1 };

    /// Whether this is at least one of OWASP's sets, memory and passes both: (47104, 1), (19456, 2), (12288, 3),
    /// (9216, 4), (7168, 5).
    pub fn is_strong_enough(self) -> bool {
        const OWASP: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
        OWASP.iter().any(|&(memory, passes)| self.memory_kib >= memory && self.iterations >= passes)
    }

    fn params(self) -> Result<Params> {
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(OUTPUT_BYTES))
            .map_err(|_| Error::Internal("argon2 parameters out of range"))
    }
}

/// Hashes and compares passwords on blocking threads, in memory that is allocated once, touched at start, reused, and
/// wiped after each hash. Allocating per hash costs 70 % more time.
#[derive(Clone)]
pub struct Hasher {
    parameters: HashParameters,
    random: Random,
    /// As many permits as there are blocks of memory that are ready: a flood waits here rather than eat the machine.
    turns: Arc<Semaphore>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
    count: Arc<AtomicU64>,
}

impl Hasher {
    /// `at_once`: how many hashes may run at the same time; on Lambda one, since it answers one request at a time.
    ///
    /// Returns at once. A thread makes the memory ready meanwhile, beside the connection and the keys that a start also
    /// has to wait for; a hash that comes sooner waits for its block.
    pub fn new(parameters: HashParameters, at_once: usize, random: Random) -> Self {
        let (turns, memory) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let hasher = Self { parameters, random, turns, memory, count: Arc::default() };
        let (turns, memory) = (hasher.turns.clone(), hasher.memory.clone());
        std::thread::spawn(move || {
            // Of this thread alone, on Linux. On one processor it would otherwise take half of what a start has to do.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::setpriority_process(None, 19);
            for _ in 0..at_once {
                // A default block is all zeros and written out one by one, so every page is touched here, not in a login.
                let blocks = huge_pages::vec(parameters.memory_kib as usize, Block::default());
                memory.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
                turns.add_permits(1);
            }
        });
        hasher
    }

    pub async fn hash(&self, password: Password) -> Result<PasswordHash> {
        let salt = self.random.bytes::<SALT_BYTES>()?;
        let parameters = self.parameters;
        let params = parameters.params()?;
        let output = self.run(password, params, salt.to_vec()).await?;
        Ok(PasswordHash(phc_string(parameters, &salt, &output)))
    }

    /// Whether the password is the one that was hashed, and if so and the hash is weaker than ours, its replacement's
    /// need. With no stored hash it costs the same and answers no: an unknown account takes as long as a wrong password.
    pub async fn verify(&self, password: Password, stored: Option<&PasswordHash>) -> Result<bool> {
        if let Some((params, salt, expected)) = stored.and_then(PasswordHash::parse) {
            let output = self.run(password, params, salt).await?;
            Ok(output.ct_eq(&expected).into())
        } else {
            self.run(password, self.parameters.params()?, vec![0; SALT_BYTES]).await?;
            Ok(false)
        }
    }

    /// Whether a stored hash was made with less than today's parameters.
    pub fn is_outdated(&self, stored: &PasswordHash) -> bool {
        stored.parameters().is_none_or(|stored| {
            stored.memory_kib < self.parameters.memory_kib || stored.iterations < self.parameters.iterations
        })
    }

    /// How many hashes were made so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    async fn run(&self, password: Password, params: Params, salt: Vec<u8>) -> Result<Zeroizing<Vec<u8>>> {
        const FAILED: Error = Error::Internal("argon2 failed");
        let started = Instant::now();
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| FAILED)?;
        self.count.fetch_add(1, Ordering::Relaxed);
        let memory = self.memory.clone();
        let output = tokio::task::spawn_blocking(move || {
            let mut blocks = memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            if blocks.len() < params.block_count() {
                blocks.resize(params.block_count(), Block::default());
            }
            let mut output = Zeroizing::new(vec![0; params.output_len().unwrap_or(OUTPUT_BYTES)]);
            let used = params.block_count();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let result = argon2.hash_password_into_with_memory(password.0.as_bytes(), &salt, &mut output, &mut blocks);
            for block in &mut blocks[..used] {
                block.as_mut().fill(0);
            }
            memory.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
            drop(turn);
            result.map(|()| output).map_err(|_| FAILED)
        });
        let output = output.await.map_err(|_| FAILED)?;
        Tally::hash(started.elapsed());
        output
    }
}

const MAX_CHARS: usize = 256;
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// A stored hash asks for memory; a forged one shall not ask for all of it.
const MAX_STORED_KIB: u32 = 1 << 20;
/// Nor for all the time.
const MAX_STORED_PASSES: u32 = 64;

fn phc_string(parameters: HashParameters, salt: &[u8], output: &[u8]) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let HashParameters { memory_kib: m, iterations: t, parallelism: p } = parameters;
    format!("$argon2id$v=19$m={m},t={t},p={p}${}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashParameters = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };
    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 15 };

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn lengths_are_counted_in_code_points_after_nfc() {
        assert!(Password::parse_new(&"x".repeat(14), POLICY).is_err());
        assert!(Password::parse_new(&"x".repeat(15), POLICY).is_ok());
        assert!(Password::parse_new(&"é".repeat(256), POLICY).is_ok());
        assert!(Password::parse_new(&"x".repeat(257), POLICY).is_err());
        assert!(Password::parse_new(&"e\u{301}".repeat(256), POLICY).is_ok());
        assert!(Password::parse("").is_ok());
        assert!(Password::parse_new("fifteen letters\0", POLICY).is_err());
    }

    /// Of the reference implementation's own test (phc-winner-argon2, src/test.c), whose salt is "somesalt".
    #[test]
    fn hashes_of_the_reference_implementation_verify() {
        block_on(async {
            let hasher = Hasher::new(CHEAP, 1, Random::seeded(1));
            for (phc, password) in [
                ("m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"),
                ("m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"),
                ("m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"),
                ("m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg", "password"),
                ("m=65536,t=4,p=1$c29tZXNhbHQ$kCXUjmjvc5XMqQedpMTsOv+zyJEf5PhtGiUghW9jFyw", "password"),
                ("m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94", "differentpassword"),
                ("m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw", "password"),
            ] {
                let stored = PasswordHash::from_stored(format!("$argon2id$v=19${phc}"));
                assert!(hasher.verify(Password::parse(password).unwrap(), Some(&stored)).await.unwrap(), "{phc}");
                assert!(!hasher.verify(Password::parse("Password").unwrap(), Some(&stored)).await.unwrap(), "{phc}");
            }
        });
    }

    /// RFC 9106 §5.3. It has a secret and associated data, which we use neither of, so it is the crate alone that is asked.
    #[test]
    fn the_crate_computes_the_example_of_rfc_9106() {
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .output_len(32)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let argon2 = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
        let expected: [u8; 32] = [
            0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0, 0x1e,
            0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
        ];
        assert_eq!(tag, expected);
    }

    #[test]
    fn composed_and_decomposed_are_one_password_and_spaces_count() {
        block_on(async {
            let hasher = Hasher::new(CHEAP, 1, Random::seeded(1));
            let hash = hasher.hash(Password::parse(" caf\u{e9} ").unwrap()).await.unwrap();
            assert!(hasher.verify(Password::parse(" cafe\u{301} ").unwrap(), Some(&hash)).await.unwrap());
            assert!(!hasher.verify(Password::parse("cafe\u{301}").unwrap(), Some(&hash)).await.unwrap());
            assert!(!hasher.verify(Password::parse("x").unwrap(), None).await.unwrap());
        });
    }

    #[test]
    fn the_hash_is_the_known_answer_of_an_independent_implementation() {
        // printf 'correct horse battery' | argon2 somesaltsomesalt -id -m 16 -t 2 -p 1 -l 32 (phc-winner-argon2).
        block_on(async {
            let hasher = Hasher::new(CHEAP, 1, Random::seeded(1));
            let stored = PasswordHash(
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc".to_owned(),
            );
            assert!(hasher.verify(Password::parse("password").unwrap(), Some(&stored)).await.unwrap());
            assert!(!hasher.verify(Password::parse("passwore").unwrap(), Some(&stored)).await.unwrap());
        });
    }

    #[test]
    fn weaker_hashes_are_outdated_and_damaged_ones_match_nothing() {
        block_on(async {
            let weak = Hasher::new(CHEAP, 1, Random::seeded(1)).hash(Password::parse("p").unwrap()).await.unwrap();
            let hasher = Hasher::new(HashParameters { memory_kib: 128, ..CHEAP }, 1, Random::seeded(2));
            assert!(hasher.is_outdated(&weak));
            assert!(hasher.verify(Password::parse("p").unwrap(), Some(&weak)).await.unwrap());
            let today = hasher.hash(Password::parse("p").unwrap()).await.unwrap();
            assert!(!hasher.is_outdated(&today));
            for damaged in [
                "",
                "x",
                "$argon2id$v=19$m=64,t=1,p=1$",
                "$argon2d$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            ] {
                let stored = PasswordHash(damaged.to_owned());
                assert!(!hasher.verify(Password::parse("p").unwrap(), Some(&stored)).await.unwrap());
            }
        });
    }

    #[test]
    fn a_stored_hash_that_asks_for_too_much_is_not_computed() {
        let stored = |parameters: &str| {
            let salt_and_hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
            PasswordHash(format!("$argon2id$v=19${parameters}${salt_and_hash}"))
        };
        let asked = |parameters: &str| stored(parameters).parameters();
        assert_eq!(asked("m=64,t=1,p=1"), Some(CHEAP));
        for within in ["m=1048576,t=1,p=1", "m=64,t=64,p=1", "m=64,t=1,p=8", "m=1048576,t=1,p=131072"] {
            assert!(asked(within).is_some(), "{within}");
        }
        // Lanes need eight blocks each, so the memory bounds them too.
        let beyond =
            ["m=1048577,t=1,p=1", "m=4294967295,t=1,p=1", "m=64,t=65,p=1", "m=64,t=1,p=9", "m=1048576,t=1,p=131073"];
        block_on(async {
            let hasher = Hasher::new(CHEAP, 1, Random::seeded(1));
            for parameters in beyond {
                assert_eq!(asked(parameters), None, "{parameters}");
                assert!(hasher.is_outdated(&stored(parameters)));
                assert!(!hasher.verify(Password::parse("p").unwrap(), Some(&stored(parameters))).await.unwrap());
                assert_eq!(hasher.memory.lock().unwrap()[0].len(), 64, "{parameters}: as for an unknown account");
            }
            // A right password under a hash that takes too long.
            let slow = Hasher::new(HashParameters { iterations: 65, ..CHEAP }, 1, Random::seeded(2));
            let hash = slow.hash(Password::parse("p").unwrap()).await.unwrap();
            assert!(!hasher.verify(Password::parse("p").unwrap(), Some(&hash)).await.unwrap());
        });
    }

    #[test]
    fn parameters_below_every_owasp_set_are_weak() {
        assert!(HashParameters::DEFAULT.is_strong_enough());
        assert!(HashParameters { memory_kib: 47_104, iterations: 1, parallelism: 1 }.is_strong_enough());
        assert!(!HashParameters { memory_kib: 19_455, iterations: 2, parallelism: 1 }.is_strong_enough());
        assert!(!HashParameters { memory_kib: 40_000, iterations: 1, parallelism: 1 }.is_strong_enough());
    }
}
