//! The same calls with ever more users in the table.

use std::time::{Duration, Instant};

use auth::{Algorithm, UserId};
use auth_testing::Function;
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::process::ThreadTimes;
use crate::results::{Figure, Section, grouped, ms, quantile};
use crate::stage::{Stage, TABLE};
use crate::warm::{call, median, release};

/// How many users there are when the calls are measured, one after the other in one table.
const USERS: [usize; 3] = [10_000, 100_000, 1_000_000];
const ENDPOINTS: [Endpoint; 3] = [Endpoint::Login, Endpoint::Refresh, Endpoint::ProfileRead];
/// Users in one transaction of the import.
const CHUNK: usize = 10_000;
const CALLS: usize = 500;
const HASHING_CALLS: usize = 60;
const WARM_UP: usize = 20;
const MAX_GROWTH: f64 = 1.2;

/// With at most so many users, in figures; a million takes some minutes to make on a slow machine.
pub async fn measure(at_most: Option<String>) -> Result<Section, String> {
    let at_most = at_most.map_or(Ok(usize::MAX), |figures| figures.parse());
    let at_most = at_most.map_err(|_| "say how many users, in figures".to_owned())?;
    let stage = Stage::of(Algorithm::ES256, Some("scale.db")).await?;
    let crowd = Crowd::of(&stage).await?;
    let mut figures = Vec::new();
    let mut smallest: Option<Vec<Taken>> = None;
    let mut there = 0;
    for users in USERS.into_iter().filter(|users| *users <= at_most) {
        let (begin, before) = (Instant::now(), there);
        while there < users {
            crowd.join(&stage, there..users.min(there + CHUNK))?;
            there = users.min(there + CHUNK);
        }
        let filled = begin.elapsed();
        let mut all = Vec::new();
        for endpoint in ENDPOINTS {
            let taken = Taken::measure(&stage, endpoint, users).await;
            all.push(taken.map_err(|error| format!("{}, {users} users: {error}", endpoint.name()))?);
        }
        for (taken, of_smallest) in all.iter().zip(smallest.as_ref().unwrap_or(&all)) {
            figures.push(taken.figure(users, of_smallest));
        }
        figures.push(Figure::new(
            format!("{} users: until those who were missing had come", grouped(users)),
            format!("{:.1} s for {}", filled.as_secs_f64(), grouped(users - before)),
        ));
        smallest.get_or_insert(all);
    }
    Ok(Section {
        title: "Scale",
        command: "bench scale",
        method: format!(
            "The release builds of login, refresh and profile with ever more users in one table of the embedded engine, in \
             a file: the three items of an account that was opened by the store, copied under other ids and names through the \
             engine's own import, in transactions of {} users, so that all have one password hash (2 KB of disk each). {CALLS} calls of \
             each kind, {HASHING_CALLS} of login, by as many users from all over the table. Ours are CPU of the function's \
             process, calls and capacity units, each against that with the fewest users; units are medians. The time from the event to its \
             answer has no bar: it holds the engine's, whose B-trees get deeper and whose file outgrows its caches, as DynamoDB's do \
             not, and a wire that counts.",
            grouped(CHUNK),
        ),
        figures,
    })
}

/// Any number of users that are like one.
struct Crowd {
    user_id: UserId,
    name: String,
    /// User, credential, claim of the username.
    items: Vec<String>,
}

impl Crowd {
    async fn of(stage: &Stage) -> Result<Self, String> {
        let user = stage.new_account().await?;
        let name = user.username.as_str().to_owned();
        let keys = [
            (format!("USER#{}", user.id), "USER"),
            (format!("EMAIL#{}", user.email.key()), "CREDENTIAL"),
            (format!("USERNAME#{}", user.username.key()), "CLAIM"),
        ];
        let read = |(pk, sk): &(String, &str)| stage.engine().item(TABLE, pk, sk).map(|item| item.to_string());
        let items = keys.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { user_id: user.id, name, items })
    }

    /// Writes the users of these numbers.
    fn join(&self, stage: &Stage, numbers: std::ops::Range<usize>) -> Result<(), String> {
        let items = numbers.flat_map(|number| {
            let (id, name) = (Self::id(number), Self::name(number));
            let own = self.user_id.to_string();
            self.items.iter().map(move |item| item.replace(&own, &id).replace(&self.name, &name))
        });
        let items: Result<Vec<Value>, _> = items.map(|item| serde_json::from_str(&item)).collect();
        stage.engine().import(TABLE, items.map_err(|error| error.to_string())?)
    }

    /// A UUID of version 7, as if one user had come each millisecond.
    fn id(number: usize) -> String {
        let millis = 1_795_512_600_000 + number;
        // Scattered, as the random half of an id is.
        let random = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!(
            "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
            millis >> 16,
            millis & 0xffff,
            random >> 52,
            (random >> 40) & 0xfff,
            random & 0xffff_ffff_ffff,
        )
    }

    fn name(number: usize) -> String {
        format!("crowd-{number:07}")
    }

    /// The events of so many calls by users from all over the table.
    async fn events(stage: &Stage, endpoint: Endpoint, users: usize, count: usize) -> Result<Vec<String>, String> {
        let mut events = Vec::with_capacity(count);
        for number in (0..count).map(|number| number * users / count) {
            let id = UserId::parse(&Self::id(number)).ok_or("not a user's id")?;
            let user = stage.user(id).await?;
            let mut event = stage.event(match endpoint {
                Endpoint::Login => "login",
                Endpoint::Refresh => "refresh",
                _ => "profile",
            })?;
            let (_, tokens) = stage.open_session(&user).await?;
            match endpoint {
                Endpoint::Login => {
                    let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap_or_default())
                        .map_err(|error| format!("events/login.json: {error}"))?;
                    body["email"] = user.email.as_str().into();
                    event["body"] = body.to_string().into();
                }
                Endpoint::Refresh => {
                    event["body"] = json!({ "refresh_token": tokens.refresh_token.as_str() }).to_string().into();
                }
                _ => {
                    let token = format!("Bearer {}", tokens.access_token.expose());
                    event["headers"]["authorization"] = token.into();
                }
            }
            events.push(event.to_string());
        }
        Ok(events)
    }
}

/// What one call took.
struct Taken {
    endpoint: Endpoint,
    cpu: Duration,
    median: Duration,
    p99: Duration,
    /// Calls, write units, read units.
    dynamodb: [f64; 3],
}

impl Taken {
    async fn measure(stage: &Stage, endpoint: Endpoint, users: usize) -> Result<Self, String> {
        let count = if endpoint.hashes() { HASHING_CALLS } else { CALLS };
        let events = Crowd::events(stage, endpoint, users, WARM_UP + count).await?;
        let (first, events) = events.split_at(WARM_UP);
        let wire = stage.wire().await;
        let mut function = Function::start(&release(endpoint)?, &stage.environment_at(wire.endpoint())).await?;
        for event in first {
            call(&mut function, event, endpoint.status()).await?;
        }
        wire.take_calls();
        let pid = function.pid()?;
        let before = ThreadTimes::of(pid)?;
        let (mut times, mut dynamodb) = (Vec::with_capacity(count), [(); 3].map(|()| Vec::with_capacity(count)));
        for event in events {
            times.push(call(&mut function, event, endpoint.status()).await?);
            let made = wire.take_calls();
            dynamodb[0].push(f64::from(u32::try_from(made.len()).unwrap_or(u32::MAX)));
            dynamodb[1].push(made.iter().map(|call| call.write_units + call.gsi_write_units).sum());
            dynamodb[2].push(made.iter().map(|call| call.read_units).sum());
        }
        let cpu = ThreadTimes::of(pid)?.since(&before) / u32::try_from(count).unwrap_or(u32::MAX);
        function.stop().await?;
        Ok(Self {
            endpoint,
            cpu,
            median: quantile(&mut times, 0.5),
            p99: quantile(&mut times, 0.99),
            dynamodb: dynamodb.map(|mut of_calls| median(&mut of_calls)),
        })
    }

    fn figure(&self, users: usize, smallest: &Self) -> Figure {
        let growth = self.cpu.as_secs_f64() / smallest.cpu.as_secs_f64();
        let [calls, writes, reads] = self.dynamodb;
        let name = format!("{} users, {}: CPU; calls, WRU, RRU; p50 / p99", grouped(users), self.endpoint.name());
        let value = format!(
            "{growth:.2} × ({}); {calls}, {writes}, {reads}; {} / {}",
            ms(self.cpu),
            ms(self.median),
            ms(self.p99),
        );
        let [fewest_calls, fewest_writes, fewest_reads] = smallest.dynamodb;
        let is_same = self.dynamodb.iter().zip(smallest.dynamodb).all(|(now, then)| (now - then).abs() < 0.01);
        Figure::new(name, value)
            .bar(format!("≤ 1.2 ×; {fewest_calls}, {fewest_writes}, {fewest_reads}"), growth <= MAX_GROWTH && is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ids_and_no_two_are_the_same() {
        let ids: std::collections::HashSet<_> = (0..20_000).map(Crowd::id).collect();
        assert_eq!(ids.len(), 20_000);
        assert!(ids.iter().all(|id| UserId::parse(id).is_some_and(|parsed| parsed.to_string() == *id)));
    }
}
