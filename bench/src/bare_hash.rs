//! The yardstick of a login: the same hash of the same crate, in memory that is reused, and nothing around it.

use std::process::Command;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use auth::HashParameters;

pub struct BareHash {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

/// The pages that a hash's memory is in.
#[derive(Clone, Copy)]
pub enum Pages {
    /// As the crate allocates by itself.
    Ordinary,
    /// As `auth::Hasher` does.
    Huge,
}

/// How long one hash takes in a process that has touched no memory for it yet, as a function's has not when it starts.
pub fn in_fresh_process(pages: Pages) -> Result<Duration, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let argument = match pages {
        Pages::Ordinary => FRESH,
        Pages::Huge => FRESH_HUGE,
    };
    let output = Command::new(own).arg(argument).output().map_err(|error| error.to_string())?;
    let nanos = String::from_utf8_lossy(&output.stdout).trim().parse();
    nanos.map(Duration::from_nanos).map_err(|_| "the fresh process said nothing".to_owned())
}

/// The other side of [`in_fresh_process`].
pub fn print_fresh(pages: Pages) -> Result<(), String> {
    let begin = Instant::now();
    BareHash::new(HashParameters::DEFAULT, pages)?.run()?;
    println!("{}", begin.elapsed().as_nanos());
    Ok(())
}

pub const FRESH: &str = "fresh-hash";
pub const FRESH_HUGE: &str = "fresh-hash-huge";

impl BareHash {
    pub fn new(parameters: HashParameters, pages: Pages) -> Result<Self, String> {
        let HashParameters { memory_kib, iterations, parallelism } = parameters;
        let params =
            Params::new(memory_kib, iterations, parallelism, Some(32)).map_err(|error| format!("argon2: {error}"))?;
        let memory = match pages {
            Pages::Ordinary => vec![Block::default(); params.block_count()],
            Pages::Huge => huge_pages::vec(params.block_count(), Block::default()),
        };
        Ok(Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory })
    }

    pub fn run(&mut self) -> Result<(), String> {
        let mut output = [0; 32];
        self.argon2
            .hash_password_into_with_memory(b"correct horse battery staple 42", &[7; 16], &mut output, &mut self.memory)
            .map_err(|error| format!("argon2: {error}"))?;
        std::hint::black_box(output);
        Ok(())
    }
    /// As `auth::Hasher` does after each hash.
    // Like `run`, to be measured in its place.
    #[allow(clippy::unnecessary_wraps)]
    pub fn wipe(&mut self) -> Result<(), String> {
        for block in &mut self.memory {
            block.as_mut().fill(0);
        }
        std::hint::black_box(&mut self.memory);
        Ok(())
    }
}
