//! Argon2id of our library beside that of others. `bench/hashes`, a workspace of its own, does the work.

use std::time::Duration;

use tokio::process::Command;

use crate::binary;
use crate::results::{Figure, Section, ms};

const OURS: &str = ", as the functions do: ";
const REFERENCE: &str = "C reference, opt.c -mavx2, as it allocates";
const SAME_MEMORY: &str = "C reference, opt.c -mavx2, reused huge pages";
/// opt.c is for x86-64 alone.
const PORTABLE: &str = "C reference, ref.c, as it allocates";
const MAX_RATIO: f64 = 1.35;

const VECTORS: &str = "the crate leaves its vectors to the compiler, which needs twice the instructions of the reference's intrinsics; \
     a kernel of our own, and the libraries that are quicker, were weighed and left ([ADR 16](../docs/adr/0016-argon2.md)).";

pub async fn measure() -> Result<Section, String> {
    let output = Command::new(binary("hashes/release/hashes")?).output().await.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let times = read(&String::from_utf8_lossy(&output.stdout)).ok_or("the figures of `hashes` are not understood")?;
    let of = |name: &str| times.iter().find(|(known, _)| known.contains(name)).map(|(_, time)| *time);
    let ours = of(OURS).ok_or("there is no figure of ours")?;
    let vectors = of(REFERENCE);
    let reference = vectors.or(of(PORTABLE)).ok_or("there is no figure of the C reference")?;
    let ratio = |time: Duration| time.as_secs_f64() / reference.as_secs_f64();

    let mut figures: Vec<_> = times
        .iter()
        .map(|(name, time)| {
            let figure = Figure::new(name, format!("{:.2} × the C reference ({})", ratio(*time), ms(*time)));
            // ref.c has no vectors, and no bar that would show anything.
            if vectors.is_some() && name.contains(OURS) {
                figure.bar("≤ 1.35 × the C reference", ratio(ours) <= MAX_RATIO).because(VECTORS)
            } else {
                figure
            }
        })
        .collect();
    if let Some(same) = of(SAME_MEMORY) {
        let apart = ours.as_secs_f64() / same.as_secs_f64();
        figures.push(Figure::new("ours, against the C reference in the same memory", format!("{apart:.2} ×")));
    }
    Ok(Section {
        title: "Argon2id, library by library",
        command: "bench hashes",
        method: "19456 KiB, t=2, p=1 and the same input, whose tags are compared first. One thread; 31 turns of three \
                 hashes each, the first not counted; medians of the thread's CPU time. *The C reference* is \
                 phc-winner-argon2 with its kernel opt.c, built with -O3 -mavx2 (off x86-64: ref.c), in memory that it \
                 allocates and wipes by itself. What separates us from 1.0: for a block of 1 KiB our library takes 3,000 \
                 instructions, the C kernel 1,620 (callgrind). Ours is portable code that the compiler makes AVX2 of: it \
                 folds a doubling into a factor, which no longer fits 32 bits, so that each product takes two \
                 multiplications; it loads rows word by word; and the result is copied. Why we keep it: \
                 docs/adr/0016-argon2.md."
            .to_owned(),
        figures,
    })
}

/// A line each: the name, a tab, nanoseconds.
fn read(text: &str) -> Option<Vec<(String, Duration)>> {
    let line = |line: &str| {
        let (name, nanos) = line.split_once('\t')?;
        Some((name.to_owned(), Duration::from_nanos(nanos.parse().ok()?)))
    };
    text.lines().map(line).collect()
}
