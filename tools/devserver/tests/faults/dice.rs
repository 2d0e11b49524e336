//! What is drawn, and from which seed.

use std::collections::HashMap;

use auth_testing::Fault;

/// `SplitMix64`: small, and the same on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(choices.len() as u64);
        &choices[usize::try_from(index).unwrap()]
    }
}

/// Faults for the wire: single ones, which the SDK's retries hide, and outages of one operation, which they do not.
pub fn weather(seed: u64) -> impl FnMut(&str) -> Option<Fault> + Send {
    const TO_READS: [Fault; 4] = [Fault::Throttle, Fault::ServerError, Fault::CutOff, Fault::Slow];
    const TO_BATCHES: [Fault; 5] = [Fault::PutOff, Fault::Throttle, Fault::ServerError, Fault::CutOff, Fault::Slow];
    const TO_WRITES: [Fault; 8] = [
        Fault::Conflict,
        Fault::Throttle,
        Fault::LoseAnswer,
        Fault::LoseAnswer,
        Fault::ServerError,
        Fault::CutOff,
        Fault::CutOffAfter,
        Fault::Slow,
    ];
    // Of an outage, which is of one kind: the retries of a mixed one would have had their effect by the end.
    const BEFORE: [Fault; 3] = [Fault::Throttle, Fault::ServerError, Fault::CutOff];
    const AFTER: [Fault; 2] = [Fault::LoseAnswer, Fault::CutOffAfter];
    // Each costs the 0.9 s after which the SDK gives an attempt up.
    const RARE: [Fault; 3] = [Fault::Hang, Fault::HangAfter, Fault::Late];

    let mut dice = Dice::new(seed);
    let mut outages: HashMap<String, (u64, bool)> = HashMap::new();
    move |operation| {
        let (outage, has_effect) = outages.entry(operation.to_owned()).or_default();
        // Deletions end sessions, and are rare.
        let often = if operation == "DeleteItem" { 8 } else { 40 };
        if *outage == 0 && dice.below(often) == 0 {
            (*outage, *has_effect) = (6 + dice.below(14), dice.below(2) == 0);
        }
        let is_out = *outage > 0;
        *outage = outage.saturating_sub(1);
        let fails = if is_out { dice.below(20) > 0 } else { dice.below(100) < 6 };
        if !fails {
            return None;
        }
        let is_rare = dice.below(25) == 0;
        Some(*match operation {
            "BatchGetItem" => dice.pick(&TO_BATCHES),
            "GetItem" | "Query" => dice.pick(&TO_READS),
            _ if is_out && *has_effect => dice.pick(&AFTER),
            _ if is_out => dice.pick(&BEFORE),
            _ if is_rare => dice.pick(&RARE),
            _ => dice.pick(&TO_WRITES),
        })
    }
}
