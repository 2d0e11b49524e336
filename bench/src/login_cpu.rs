//! The CPU time of a sign-in beside that of the hash in it.

use std::time::Duration;

use auth::HashParameters;

use crate::bare_hash::{BareHash, Pages};
use crate::binary;
use crate::function::Function;
use crate::process::{cpu_time, own_thread_cpu_time};
use crate::results::{Figure, Section, ms};
use crate::stage::Stage;

/// Sign-ins and hashes take turns, so that what else the machine does meets both.
const BLOCKS: u32 = 10;
const PER_BLOCK: u32 = 20;
const MAX_RATIO: f64 = 1.2;

pub async fn measure() -> Result<Section, String> {
    let stage = Stage::set().await?;
    let event = stage.event("login")?.to_string();
    let mut function = Function::start(&binary("release/login")?, &stage.environment()).await?;
    let mut hash = BareHash::new(HashParameters::DEFAULT, Pages::Ordinary)?;
    sign_in(&mut function, &event).await?;
    (_, hash) = hash_block(hash).await?;

    // The function rests while the hashes run, so its clock need only be read before and after all.
    let before = cpu_time(function.pid()?)?;
    let mut hashing = Duration::ZERO;
    for _ in 0..BLOCKS {
        sign_in(&mut function, &event).await?;
        let (spent, reused) = hash_block(hash).await?;
        (hashing, hash) = (hashing + spent, reused);
    }
    let signing_in = cpu_time(function.pid()?)?.saturating_sub(before) / (BLOCKS * PER_BLOCK);
    let hashing = hashing / (BLOCKS * PER_BLOCK);
    function.stop().await?;

    let ratio = signing_in.as_secs_f64() / hashing.as_secs_f64();
    Ok(Section {
        title: "CPU of a login",
        command: "bench login-cpu",
        method: format!(
            "User and system time of the release build's process over {} sign-ins (`events/login.json`), after {PER_BLOCK} \
             to warm up, in blocks of {PER_BLOCK} that take turns with as many hashes by the same crate with the same \
             parameters ({} KiB, t={}, p={}) in reused memory, in ordinary pages as the crate allocates it. (The function's \
             memory is in huge pages, docs/adr/0010-huge-pages.md.)",
            BLOCKS * PER_BLOCK,
            HashParameters::DEFAULT.memory_kib,
            HashParameters::DEFAULT.iterations,
            HashParameters::DEFAULT.parallelism,
        ),
        figures: vec![
            Figure::new("bare hash", ms(hashing)),
            Figure::new("login", format!("{ratio:.3} × bare hash ({})", ms(signing_in)))
                .bar("≤ 1.2 × bare hash", ratio <= MAX_RATIO),
        ],
    })
}

async fn sign_in(function: &mut Function, event: &str) -> Result<(), String> {
    for _ in 0..PER_BLOCK {
        function.send(event)?;
        function.answered(200).await?;
    }
    Ok(())
}

/// The thread's CPU time for a block of hashes.
async fn hash_block(mut hash: BareHash) -> Result<(Duration, BareHash), String> {
    let block = tokio::task::spawn_blocking(move || {
        let before = own_thread_cpu_time()?;
        for _ in 0..PER_BLOCK {
            hash.run()?;
        }
        Ok((own_thread_cpu_time()?.saturating_sub(before), hash))
    });
    block.await.map_err(|error| error.to_string())?
}
