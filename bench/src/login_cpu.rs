//! The CPU time of a sign-in beside that of the hash in it, and where the rest of it goes.

use std::time::Duration;

use auth::{Algorithm, HashParameters};
use auth_testing::Function;
use serde_json::Value;

use crate::bare_hash::{BareHash, Pages};
use crate::binary;
use crate::process::{cpu_time, own_thread_cpu_time};
use crate::results::{Figure, Section, ms};
use crate::sdk_call::SdkCall;
use crate::stage::Stage;

/// Sign-ins and hashes take turns, so that what else the machine does meets both.
const BLOCKS: u32 = 10;
const PER_BLOCK: u32 = 20;
const SIGN_INS: u32 = BLOCKS * PER_BLOCK;
/// A process's time is told in steps of 10 ms.
const REFUSALS: u32 = 2000;
/// The try, the credential, the account and the session. One sign-in in sixteen also counts sessions.
const CALLS: u32 = 4;
const MAX_RATIO: f64 = 1.12;

const CALLS_COST: &str = "what is left beside the hash are the four calls of DynamoDB, most of all, and the sooner a machine has its hash, the more \
     they weigh; and a hash between such calls, as a function's is, takes longer than those in a row that the bar is of. \
     Tried: `opt-level = 3` for all crates, which changes nothing; one connection for all clients.";

pub async fn measure() -> Result<Section, String> {
    let mut es256 = SignIns::start(Algorithm::ES256).await?;
    let mut rs256 = SignIns::start(Algorithm::RS256).await?;
    let mut ordinary = BareHash::new(HashParameters::DEFAULT, Pages::Ordinary)?;
    let mut huge = BareHash::new(HashParameters::DEFAULT, Pages::Huge)?;
    let mut sdk = SdkCall::start("login", &es256.stage).await?;
    for function in [&mut es256, &mut rs256] {
        function.block().await?;
    }
    (_, ordinary) = cpu_of(PER_BLOCK, ordinary, BareHash::run).await?;
    (_, huge) = cpu_of(PER_BLOCK, huge, BareHash::run).await?;

    // A function rests while others work, so its clock need only be read before and after all.
    let before = (es256.cpu_time()?, rs256.cpu_time()?);
    let (mut hashing, mut hashing_huge, mut hashing_between, mut wiping) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..BLOCKS {
        es256.block().await?;
        rs256.block().await?;
        for _ in 0..PER_BLOCK {
            // In turn, as a function has them.
            let spent;
            (spent, huge) = cpu_of(1, huge, BareHash::run).await?;
            hashing_between += spent;
            sdk.run(1).await?;
        }
        let spent;
        (spent, ordinary) = cpu_of(PER_BLOCK, ordinary, BareHash::run).await?;
        hashing += spent;
        let spent;
        (spent, huge) = cpu_of(PER_BLOCK, huge, BareHash::run).await?;
        hashing_huge += spent;
        let spent;
        (spent, huge) = cpu_of(PER_BLOCK, huge, BareHash::wipe).await?;
        wiping += spent;
    }
    let es256_spent = es256.cpu_time()?.saturating_sub(before.0) / SIGN_INS;
    let rs256_spent = rs256.cpu_time()?.saturating_sub(before.1) / SIGN_INS;
    let [hashing, hashing_huge, hashing_between, wiping] =
        [hashing, hashing_huge, hashing_between, wiping].map(|spent| spent / SIGN_INS);
    let refusing = es256.refusal().await?;
    let token = es256.stage.token_cpu_time().await?;
    for function in [es256, rs256] {
        function.function.stop().await?;
    }

    let calls = sdk.cpu();
    let rest = es256_spent.saturating_sub(hashing_between + wiping + refusing + token + calls);
    let of_hash = |duration: Duration| duration.as_secs_f64() / hashing.as_secs_f64();
    let against =
        |name: &str, duration| Figure::new(name, format!("{:.3} × bare hash ({})", of_hash(duration), ms(duration)));
    Ok(Section {
        title: "CPU of a login",
        command: "bench login-cpu",
        method: format!(
            "User and system time of the release build's process over {SIGN_INS} sign-ins (as `events/login.json`, each \
             of another account), after {PER_BLOCK} to warm up, in blocks of {PER_BLOCK} that take turns with as many \
             hashes by the same crate with the same parameters ({} KiB, t={}, p={}) in reused memory, in ordinary pages as the \
             crate allocates it. (The function's memory is in huge pages, docs/adr/0010-huge-pages.md.) The account of it: \
             the same hash in huge pages, one between calls of DynamoDB and the next (in a row beside it); wiping that memory; the process's time for {REFUSALS} requests that it refuses for \
             their empty body, which is Lambda's event, HTTP, JSON and the log line; making an access token in this process; \
             the same {CALLS} calls of DynamoDB by the same client in a process that does nothing else, after each of those \
             hashes; and what is left.",
            HashParameters::DEFAULT.memory_kib,
            HashParameters::DEFAULT.iterations,
            HashParameters::DEFAULT.parallelism,
        ),
        figures: vec![
            Figure::new("bare hash", ms(hashing)),
            against("login, ES256", es256_spent)
                .bar(format!("≤ {MAX_RATIO} × bare hash"), of_hash(es256_spent) <= MAX_RATIO)
                .because(CALLS_COST),
            against("the hash in huge pages, in a row", hashing_huge),
            against("of which the hash, in huge pages, between calls", hashing_between),
            against("of which wiping its memory", wiping),
            against("of which event, HTTP, JSON and log", refusing),
            against("of which the access token", token),
            against(&format!("of which {CALLS} calls of DynamoDB, {} each", ms(calls / CALLS)), calls),
            against("left, and explained by none of these", rest),
            against("login, RS256", rs256_spent),
        ],
    })
}

/// A function, and those who sign in to it.
struct SignIns {
    stage: Stage,
    function: Function,
    /// One for each account.
    events: std::vec::IntoIter<String>,
    refused: String,
}

impl SignIns {
    async fn start(algorithm: Algorithm) -> Result<Self, String> {
        let stage = Stage::of(algorithm, None).await?;
        // Each once, as people do. The first block is to warm up.
        let names = (0..SIGN_INS + PER_BLOCK).map(|number| format!("user{number}"));
        stage.open_accounts(names.clone()).await?;
        let event = stage.event("login")?;
        let with_body = |body: &str| {
            let mut event = event.clone();
            event["body"] = Value::from(body);
            event.to_string()
        };
        let text = event["body"].as_str().ok_or("events/login.json has no body")?;
        let events = names.map(|name| with_body(&text.replace("ada@example.com", &format!("{name}@example.com"))));
        let (events, refused) = (events.collect::<Vec<_>>().into_iter(), with_body("{}"));
        let function = Function::start(&binary("release/login")?, &stage.environment()).await?;
        Ok(Self { stage, function, events, refused })
    }

    async fn block(&mut self) -> Result<(), String> {
        for event in self.events.by_ref().take(PER_BLOCK as usize) {
            self.function.send(&event)?;
            self.function.answered(200).await?;
        }
        Ok(())
    }

    /// The CPU time of one that does no more than is done for every request.
    async fn refusal(&mut self) -> Result<Duration, String> {
        let before = self.cpu_time()?;
        for _ in 0..REFUSALS {
            self.function.send(&self.refused)?;
            self.function.answered(422).await?;
        }
        Ok(self.cpu_time()?.saturating_sub(before) / REFUSALS)
    }

    fn cpu_time(&self) -> Result<Duration, String> {
        cpu_time(self.function.pid()?)
    }
}

/// The thread's CPU time for so much of the hash's work.
async fn cpu_of(
    times: u32,
    mut hash: BareHash,
    work: fn(&mut BareHash) -> Result<(), String>,
) -> Result<(Duration, BareHash), String> {
    let block = tokio::task::spawn_blocking(move || {
        let before = own_thread_cpu_time();
        for _ in 0..times {
            work(&mut hash)?;
        }
        Ok((own_thread_cpu_time().saturating_sub(before), hash))
    });
    block.await.map_err(|error| error.to_string())?
}
