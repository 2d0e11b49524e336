use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

tokio::task_local! {
    static OF_THIS_REQUEST: Tally;
}

/// What one request has cost besides its time, and what it has found. Several requests may run in one process, each within
/// a task of its own, and what counts lies too deep for a parameter: the SDK's retries, and the hash.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    hash_micros: AtomicU64,
    retries: AtomicU32,
    reuses: AtomicU32,
}

impl Tally {
    /// Runs `work`, and counts here what it does.
    pub async fn over<F: Future>(&self, work: F) -> F::Output {
        OF_THIS_REQUEST.scope(self.clone(), work).await
    }

    /// How long its hashes have taken, and waited for their turn; `None` if there was none.
    pub fn hash_time(&self) -> Option<Duration> {
        let micros = self.0.hash_micros.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// How often DynamoDB had to be asked again.
    pub fn retries(&self) -> u32 {
        self.0.retries.load(Ordering::Relaxed)
    }

    /// How often a refresh token was one that had been used.
    pub fn reuses(&self) -> u32 {
        self.0.reuses.load(Ordering::Relaxed)
    }

    /// A refresh token was one that had been used.
    pub fn reuse() {
        Self::here(|counts| counts.reuses.fetch_add(1, Ordering::Relaxed));
    }

    pub(crate) fn retry() {
        Self::here(|counts| counts.retries.fetch_add(1, Ordering::Relaxed));
    }

    pub(crate) fn hash(took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        Self::here(|counts| counts.hash_micros.fetch_add(micros, Ordering::Relaxed));
    }

    /// Nothing outside a request, say in an operator's tool.
    fn here<T>(count: impl FnOnce(&Counts) -> T) {
        let _ = OF_THIS_REQUEST.try_with(|tally| count(&tally.0));
    }
}
