use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::store::{Counter, Taken};
use crate::{
    App, Caller, Clock, Device, Email, Error, Pseudonyms, Result, SessionId, Store, Timestamp, User, Username,
};

/// Limits how often something may be tried. A try is counted *before* it is made, by one conditional write, so that
/// never more tries than the budget get through, however many come at once; a success clears the count.
#[derive(Clone, Debug)]
pub struct Throttle {
    store: Store,
    clock: Clock,
    /// What this instance saw to be used up: a flood shall not burn the owner's money.
    spent: Arc<Mutex<HashMap<String, Spent>>>,
}

#[derive(Clone, Copy, Debug)]
struct Spent {
    /// When the next try has a chance.
    until: Timestamp,
    /// How long the instance believes that.
    believed: Timestamp,
}

/// One item of the table, and what is counted in it.
#[derive(Clone, Debug)]
pub struct Bucket {
    key: String,
    counters: Vec<Counter>,
    /// When all is forgotten.
    expires_at: Timestamp,
}

/// A try that was counted.
#[derive(Debug)]
#[must_use = "a success gives it back"]
pub struct Pass {
    key: String,
    count: u32,
    /// The counters that counted it.
    own: Vec<String>,
    /// Those of windows that are over.
    over: Vec<String>,
}

/// What somebody claims to be at sign-in.
#[derive(Clone, Debug)]
pub enum Identifier {
    Email(Email),
    Username(Username),
}

/// Tries in a row to sign in under one identifier, by browsers that are not known to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The last four may have been successes: these clear the count only above that.
    pub in_a_row: u32,
    /// When they will be forgotten, if they are so many that no stranger gets in until then.
    pub locked_until: Option<Timestamp>,
}

impl Identifier {
    /// The two under which an account is known.
    pub fn both_of(user: &User) -> [Self; 2] {
        [Self::Email(user.email.clone()), Self::Username(user.username.clone())]
    }

    /// The key of the bucket in which strangers' tries are counted.
    fn bucket_key(&self, pseudonyms: &Pseudonyms) -> String {
        let name = match self {
            Self::Email(email) => pseudonyms.of("email", email.key()),
            Self::Username(username) => pseudonyms.of("username", username.key()),
        };
        format!("login#{name}")
    }
}

impl Bucket {
    /// Sign-ins to what was submitted, known or not, by browsers that are not known: ten in a
    /// quarter of an hour from one network, and fifty failures in a row from all of them together.
    ///
    /// An account has two identifiers, so 100 failures in a row at most (NIST SP 800-63B-4 §3.2.2). What then still
    /// opens it: a known browser, or an operator.
    pub fn sign_in(identifier: &Identifier, caller: &Caller, pseudonyms: &Pseudonyms, now: Timestamp) -> Self {
        let window = Window::of(now, WINDOW);
        let mut counters = vec![Counter::new(FAILURES, CONSECUTIVE, now.plus(MEMORY))];
        counters.push(window.counter(&pseudonyms.of("network", &caller.network.client()), PER_NETWORK));
        if let Some(site) = caller.network.site() {
            counters.push(window.counter(&pseudonyms.of("network", &site), PER_NETWORK * 4));
        }
        Self { key: identifier.bucket_key(pseudonyms), counters, expires_at: now.plus(MEMORY) }
    }

    /// Sign-ins from a browser that is known to the account, wherever it is.
    pub fn device(device: &Device, pseudonyms: &Pseudonyms, now: Timestamp) -> Self {
        let failures = Counter::new(FAILURES, CONSECUTIVE, now.plus(MEMORY));
        let counters = vec![failures, Window::of(now, WINDOW).counter("device", PER_NETWORK)];
        Self { key: format!("login#{}", pseudonyms.of("device", &device.id())), counters, expires_at: now.plus(MEMORY) }
    }

    /// Passwords asked for again inside a session. Counted by session: whoever has stolen one does not use up the tries
    /// of its owner, who can always open another.
    pub fn confirmation(session: SessionId, now: Timestamp) -> Self {
        let counters = vec![Counter::new(FAILURES, PER_NETWORK, now.plus(MEMORY))];
        Self { key: format!("password#{session}"), counters, expires_at: now.plus(MEMORY) }
    }

    /// Tries to open an account, from one network in an hour.
    pub fn registration(caller: &Caller, per_hour: u32, pseudonyms: &Pseudonyms, now: Timestamp) -> Vec<Self> {
        let window = Window::of(now, Duration::from_hours(1));
        let bucket = |network: &str, max| Self {
            key: format!("register#{}#{}", pseudonyms.of("network", network), window.index),
            counters: vec![Counter::new("count", max, window.end)],
            expires_at: window.end,
        };
        let client = bucket(&caller.network.client(), per_hour);
        let site = caller.network.site().map(|site| bucket(&site, per_hour.saturating_mul(4)));
        [Some(client), site].into_iter().flatten().collect()
    }
}

impl Throttle {
    pub fn new(app: &App) -> Self {
        Self { store: app.store.clone(), clock: app.clock.clone(), spent: Arc::default() }
    }

    /// Refuses without asking anybody what this instance knows to be used up.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`], as [`Throttle::take`].
    pub fn precheck(&self, bucket: &Bucket) -> Result<()> {
        let now = self.clock.now();
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        match spent.get(&bucket.known_by()) {
            Some(spent) if spent.believed > now => Err(Error::TooManyRequests { retry_after: spent.until.since(now) }),
            _ => Ok(()),
        }
    }

    /// Counts one try, unless there were too many: one write.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`], with the time until the next try has a chance.
    pub async fn take(&self, bucket: &Bucket) -> Result<Pass> {
        self.precheck(bucket)?;
        let now = self.clock.now();
        let mut taken = self.store.throttle_take(&bucket.key, &bucket.counters, bucket.expires_at).await?;
        if let Taken::Refused { expires_at, .. } = taken
            && expires_at <= now
            && bucket.outlives_its_windows()
        {
            // DynamoDB sweeps in its own time: what has expired and is still there counts for nothing.
            self.store.throttle_clear_expired(&bucket.key, expires_at).await?;
            taken = self.store.throttle_take(&bucket.key, &bucket.counters, bucket.expires_at).await?;
        }
        match taken {
            Taken::Counted { count, others } => {
                let own = bucket.counters.iter().map(|counter| counter.name.clone()).collect();
                let is_over =
                    |name: &String| !bucket.counters.iter().any(|counter| window_of(&counter.name) == window_of(name));
                let over = others.into_iter().filter(is_over).take(MAX_CLEARED).collect();
                Ok(Pass { key: bucket.key.clone(), count, own, over })
            }
            Taken::Refused { until, .. } => {
                self.remember(bucket, Spent { until, believed: until.min(now.plus(BELIEF)) }, now);
                Err(Error::TooManyRequests { retry_after: until.since(now) })
            }
        }
    }

    /// After a success: the failures in a row are forgotten, and the tries of its own network. Those of other networks
    /// stay, or a guesser would see after ten tries that the account exists and its owner was there; after fifty they do.
    ///
    /// Costs a write only when several tries had been counted, so that those who never fail pay for one in five sign-ins.
    pub async fn give_back(&self, pass: Pass) {
        if pass.count > GIVE_BACK_ABOVE {
            // A count that stays is a nuisance, and no reason to refuse a right password.
            let _ = self.store.throttle_reset(&pass.key, &[pass.own, pass.over].concat()).await;
        }
    }

    /// For a try that turned out to be counted in the wrong bucket: as if it had not been. Nothing else is forgotten, or
    /// a thief of the bucket's device could clear it by signing in to an account of their own.
    pub async fn put_back(&self, pass: Pass) {
        // A count that stays is a nuisance to the device alone.
        let _ = self.store.throttle_undo(&pass.key, &pass.own).await;
    }

    /// What an operator wants to know of an account that strangers can't sign in to.
    pub async fn failures(&self, identifier: &Identifier, pseudonyms: &Pseudonyms) -> Result<Failures> {
        let counted = self.store.throttle_count(&identifier.bucket_key(pseudonyms), FAILURES).await?;
        Ok(match counted {
            Some((in_a_row, expires_at)) if expires_at > self.clock.now() => {
                Failures { in_a_row, locked_until: (in_a_row >= CONSECUTIVE).then_some(expires_at) }
            }
            // What has expired and is still there counts for nothing.
            _ => Failures { in_a_row: 0, locked_until: None },
        })
    }

    /// What an operator does about it: all tries under the identifier are forgotten, as after a success. An instance
    /// that has seen the bucket full believes it for a minute more, and says until then how long it would have been.
    pub async fn forget(&self, identifier: &Identifier, pseudonyms: &Pseudonyms) -> Result<()> {
        self.store.throttle_clear(&identifier.bucket_key(pseudonyms)).await
    }

    fn remember(&self, bucket: &Bucket, seen: Spent, now: Timestamp) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MAX_REMEMBERED {
            spent.retain(|_, spent| spent.believed > now);
        }
        if spent.len() < MAX_REMEMBERED {
            spent.insert(bucket.known_by(), seen);
        }
    }
}

impl Bucket {
    /// One whose window is in its key is never used again after it: there is nothing to clear.
    fn outlives_its_windows(&self) -> bool {
        self.counters.iter().any(|counter| counter.name == FAILURES)
    }

    /// Another network has another window in the same item.
    fn known_by(&self) -> String {
        self.counters.iter().fold(self.key.clone(), |name, counter| name + " " + &counter.name)
    }
}

struct Window {
    index: i64,
    end: Timestamp,
}

impl Window {
    fn of(now: Timestamp, length: Duration) -> Self {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let index = now.millis().div_euclid(length);
        Self { index, end: Timestamp::from_millis((index + 1).saturating_mul(length)) }
    }

    /// A window is part of the counter's name, so a new one starts at nothing without a second write.
    fn counter(&self, what: &str, max: u32) -> Counter {
        Counter::new(&format!("{what}#{}", self.index), max, self.end)
    }
}

/// The counter of what was tried in a row.
const FAILURES: &str = "failures";
/// Failures in a row from all unknown browsers, for each of an account's two identifiers.
const CONSECUTIVE: u32 = 50;
/// Tries in a `WINDOW` by one client.
const PER_NETWORK: u32 = 10;
const WINDOW: Duration = Duration::from_mins(15);
/// How long failures in a row are remembered after the last of them.
const MEMORY: Duration = Duration::from_hours(720);
/// How long an instance trusts what it saw: somebody else's success may have cleared the bucket meanwhile.
const BELIEF: Duration = Duration::from_mins(1);
const GIVE_BACK_ABOVE: u32 = 4;
/// An expression has its limits; what is left is cleared the next time.
const MAX_CLEARED: usize = 100;

/// The window that a counter is of; one of failures in a row is of none.
fn window_of(name: &str) -> Option<&str> {
    name.rsplit_once('#').map(|(_, index)| index)
}
const MAX_REMEMBERED: usize = 4096;
