use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::{Error, Result, Timestamp};

/// Where random bytes come from.
#[derive(Clone, Debug)]
pub enum Random {
    /// The operating system's generator, through AWS-LC.
    System,
    /// SHA-256 of a counter and a seed: repeatable, for tests alone.
    Seeded(Arc<Mutex<u64>>),
}

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(seed << 32)))
    }

    /// Fresh random bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] if the operating system has none to give.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match self {
            Self::System => SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Internal("no randomness"))?,
            Self::Seeded(counter) => {
                for chunk in bytes.chunks_mut(32) {
                    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                    *counter += 1;
                    chunk.copy_from_slice(&digest(&SHA256, &counter.to_be_bytes()).as_ref()[..chunk.len()]);
                }
            }
        }
        Ok(bytes)
    }

    /// A version 7 UUID (RFC 9562 §5.7): ordered by the time it was made.
    pub fn uuid(&self, now: Timestamp) -> Result<Uuid> {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes::<10>()?).into_uuid())
    }
}
