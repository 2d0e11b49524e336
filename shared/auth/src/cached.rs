use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::{Result, Timestamp};

/// How old a value may be before it is read again; a frozen Lambda has no timer, so the age is looked at per request.
pub const MAX_AGE: Duration = Duration::from_mins(5);
/// How soon somebody who misses something in the value may have it read again.
pub const MIN_AGE: Duration = Duration::from_secs(10);

/// A value that is loaded again when it is too old, by one request at a time, and kept when that fails.
#[derive(Debug)]
pub struct Cached<T> {
    entry: Arc<RwLock<Option<Entry<T>>>>,
    loading: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Entry<T> {
    value: Arc<T>,
    tried_at: Timestamp,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self { entry: self.entry.clone(), loading: self.loading.clone() }
    }
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { entry: Arc::default(), loading: Arc::default() }
    }
}

impl<T> Cached<T> {
    /// The value, loaded unless it is at most `max_age` old. Fails only if nothing was ever loaded.
    pub async fn get<L, Fut>(&self, now: Timestamp, max_age: Duration, load: L) -> Result<Arc<T>>
    where
        L: FnOnce() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let is_fresh = |tried_at| now.since(tried_at) <= max_age;
        let known = match self.known() {
            Some((value, tried_at)) if is_fresh(tried_at) => return Ok(value),
            known => known,
        };
        let _loading = match (self.loading.try_lock(), known) {
            (Ok(guard), _) => guard,
            // An aged value is good enough while somebody else loads the next one.
            (Err(_), Some((value, _))) if max_age >= MAX_AGE => return Ok(value),
            // Who misses something waits for it.
            (Err(_), _) => self.loading.lock().await,
        };
        let known = match self.known() {
            Some((value, tried_at)) if is_fresh(tried_at) => return Ok(value),
            known => known,
        };
        match (load().await, known) {
            (Ok(value), _) => Ok(self.keep(Arc::new(value), now)),
            (Err(_), Some((value, _))) => Ok(self.keep(value, now)),
            (Err(error), None) => Err(error),
        }
    }

    /// The value if it was ever loaded; asks nobody.
    pub fn peek(&self) -> Option<Arc<T>> {
        self.known().map(|(value, _)| value)
    }

    fn known(&self) -> Option<(Arc<T>, Timestamp)> {
        let entry = self.entry.read().unwrap_or_else(PoisonError::into_inner);
        entry.as_ref().map(|entry| (entry.value.clone(), entry.tried_at))
    }

    fn keep(&self, value: Arc<T>, tried_at: Timestamp) -> Arc<T> {
        let entry = Entry { value: value.clone(), tried_at };
        *self.entry.write().unwrap_or_else(PoisonError::into_inner) = Some(entry);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use std::sync::atomic::{AtomicU32, Ordering};

    const START: Timestamp = Timestamp::from_millis(1_795_512_600_000);

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn failing() -> impl Future<Output = Result<u32>> {
        std::future::ready(Err(Error::NoKeySet))
    }

    #[tokio::test]
    async fn a_failed_reload_keeps_the_old_value_and_is_not_tried_again_at_once() {
        let cached = Cached::default();
        assert!(cached.get(at(0), MAX_AGE, failing).await.is_err());
        assert_eq!(*cached.get(at(1), MAX_AGE, async || Ok(1)).await.unwrap(), 1);
        assert_eq!(*cached.get(at(400), MAX_AGE, failing).await.unwrap(), 1);
        assert_eq!(*cached.get(at(401), MAX_AGE, async || Ok(2)).await.unwrap(), 1);
        assert_eq!(*cached.get(at(800), MAX_AGE, async || Ok(2)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn who_misses_something_has_it_read_again_every_ten_seconds_at_most() {
        let cached = Cached::default();
        for (second, loaded, seen) in [(0, 1, 1), (10, 2, 1), (11, 3, 3), (21, 4, 3), (22, 5, 5)] {
            assert_eq!(*cached.get(at(second), MIN_AGE, async || Ok(loaded)).await.unwrap(), seen, "{second}");
        }
    }

    #[tokio::test]
    async fn one_request_loads_while_the_others_go_on_with_the_old_value() {
        let (cached, loads) = (Cached::default(), AtomicU32::new(0));
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(loads.fetch_add(1, Ordering::SeqCst) + 1)
        };
        let first = tokio::join!(cached.get(at(0), MAX_AGE, slow), cached.get(at(0), MAX_AGE, slow));
        assert_eq!((*first.0.unwrap(), *first.1.unwrap()), (1, 1), "nothing to go on with: the second waits");
        let aged = tokio::join!(cached.get(at(400), MAX_AGE, slow), cached.get(at(400), MAX_AGE, slow));
        assert_eq!((*aged.0.unwrap(), *aged.1.unwrap()), (2, 1));
        let missed = tokio::join!(cached.get(at(800), MAX_AGE, slow), cached.get(at(800), MIN_AGE, slow));
        assert_eq!((*missed.0.unwrap(), *missed.1.unwrap()), (3, 3));
    }
}
