use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::{Error, Result, Timestamp};

/// How old a value may be before it is read again; a frozen Lambda has no timer, so the age is looked at per request.
pub const MAX_AGE: Duration = Duration::from_mins(5);
/// How soon somebody who misses something in the value may have it read again.
pub const MIN_AGE: Duration = Duration::from_secs(10);
/// How long a value serves that cannot be read again: an outage must not end all work at once, nor keep a revoked key alive.
pub const MAX_STALE: Duration = Duration::from_hours(1);

/// A value that is loaded again when it is too old, by one request at a time, and kept for [`MAX_STALE`] when that fails.
#[derive(Debug)]
pub struct Cached<T> {
    entry: Arc<RwLock<Option<Entry<T>>>>,
    loading: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Entry<T> {
    value: Arc<T>,
    tried_at: Timestamp,
    /// The first of the tries that have failed since it was loaded.
    failing_since: Option<Timestamp>,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), ..*self }
    }
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
    /// The value, loaded unless it is at most `max_age` old.
    ///
    /// # Errors
    /// Those of `load` if nothing was ever loaded, or if it has failed for longer than [`MAX_STALE`]. Who misses something
    /// (`max_age` below [`MAX_AGE`]) is told that the last try failed: the old value cannot say that it does not exist.
    pub async fn get<L, Fut>(&self, now: Timestamp, max_age: Duration, load: L) -> Result<Arc<T>>
    where
        L: FnOnce() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let misses_something = max_age < MAX_AGE;
        let serves = |entry: &Entry<T>| entry.failing_since.is_none_or(|since| now.since(since) <= MAX_STALE);
        let fresh = |entry: &Entry<T>| {
            (serves(entry) && now.since(entry.tried_at) <= max_age).then(|| {
                if misses_something && entry.failing_since.is_some() {
                    Err(NOT_RELOADED)
                } else {
                    Ok(entry.value.clone())
                }
            })
        };
        if let Some(answer) = self.known().as_ref().and_then(fresh) {
            return answer;
        }
        let _loading = match (self.loading.try_lock(), self.known()) {
            (Ok(guard), _) => guard,
            // An aged value is good enough while somebody else loads the next one.
            (Err(_), Some(entry)) if !misses_something && serves(&entry) => return Ok(entry.value),
            // Who misses something waits for it.
            (Err(_), _) => self.loading.lock().await,
        };
        if let Some(answer) = self.known().as_ref().and_then(fresh) {
            return answer;
        }
        let loaded = load().await;
        let mut entry = self.entry.write().unwrap_or_else(PoisonError::into_inner);
        match (loaded, entry.as_mut()) {
            (Ok(value), _) => {
                let value = Arc::new(value);
                *entry = Some(Entry { value: value.clone(), tried_at: now, failing_since: None });
                Ok(value)
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(known)) => {
                known.tried_at = now;
                known.failing_since.get_or_insert(now);
                if !misses_something && serves(known) { Ok(known.value.clone()) } else { Err(error) }
            }
        }
    }

    /// The value if it was ever loaded; asks nobody.
    pub fn peek(&self) -> Option<Arc<T>> {
        self.known().map(|entry| entry.value)
    }

    fn known(&self) -> Option<Entry<T>> {
        self.entry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const NOT_RELOADED: Error = Error::Unavailable { operation: "reload", code: Cow::Borrowed("the last try failed") };

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const START: Timestamp = Timestamp::from_millis(1_795_512_600_000);

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    fn failing() -> impl Future<Output = Result<u32>> {
        std::future::ready(Err(Error::Unavailable { operation: "test", code: "failing".into() }))
    }

    #[tokio::test]
    async fn a_value_that_cannot_be_read_again_serves_for_an_hour_of_trying() {
        let cached = Cached::default();
        cached.get(at(0), MAX_AGE, async || Ok(1)).await.unwrap();
        for second in [400, 800, 4000] {
            assert_eq!(*cached.get(at(second), MAX_AGE, failing).await.unwrap(), 1, "{second}");
        }
        assert!(cached.get(at(4001), MAX_AGE, failing).await.is_err());
        assert_eq!(
            *cached.get(at(4002), MAX_AGE, async || Ok(2)).await.unwrap(),
            2,
            "and is read as soon as it can be"
        );
        // What never changes is not read again at all.
        assert_eq!(*cached.get(at(50_000), Duration::MAX, failing).await.unwrap(), 2);
        // An instance that nobody called for a day goes on as well.
        assert_eq!(*cached.get(at(90_000), MAX_AGE, failing).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn who_misses_something_is_told_that_nobody_could_look() {
        let cached = Cached::default();
        cached.get(at(0), MAX_AGE, async || Ok(1)).await.unwrap();
        assert!(cached.get(at(20), MIN_AGE, failing).await.is_err());
        assert!(cached.get(at(25), MIN_AGE, async || Ok(2)).await.is_err(), "not asked again at once");
        assert_eq!(*cached.get(at(26), MAX_AGE, failing).await.unwrap(), 1, "who misses nothing goes on");
        assert_eq!(*cached.get(at(40), MIN_AGE, async || Ok(2)).await.unwrap(), 2);
        assert_eq!(*cached.get(at(45), MIN_AGE, failing).await.unwrap(), 2);
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
