//! What holds when the wire to the table fails, when a function is killed, and when the server is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod accounts;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod dice;
mod killed;
mod late;
mod model;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;
use world::World;

/// Operations of one world. An account keeps 50 sessions, and no more must be opened in one.
const OF_A_WORLD: usize = 120;

/// `VESTIBULE_FAULTS_SEED` runs the world of that seed alone; `VESTIBULE_FAULTS_OPERATIONS` says how many operations to
/// run, 480 by default, in worlds from that seed on, or from 1. What a world does follows from its seed, but for who of several comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_half_done_when_the_wire_fails() {
    let seed = number("VESTIBULE_FAULTS_SEED");
    let operations = number("VESTIBULE_FAULTS_OPERATIONS").unwrap_or(seed.map_or(480, |_| OF_A_WORLD as u64));
    let first = seed.unwrap_or(1);
    let mut seeds = first..first + operations.div_ceil(OF_A_WORLD as u64);
    let operations = usize::try_from(operations).unwrap();
    let (mut done, mut worlds) = (0, JoinSet::new());
    let (mut answers, mut records) = (BTreeMap::new(), BTreeMap::new());
    loop {
        // They wait for most of their time.
        for seed in seeds.by_ref().take(4 - worlds.len()) {
            worlds.spawn(World::run(seed, OF_A_WORLD));
        }
        let Some(world) = worlds.join_next().await else { break };
        let world = world.unwrap();
        done += world.operations.load(Ordering::SeqCst);
        for (status, count) in world.answers.lock().unwrap().iter() {
            *answers.entry(*status).or_insert(0) += count;
        }
        for (name, count) in world.records.lock().unwrap().iter() {
            *records.entry(name.clone()).or_insert(0) += count;
        }
    }
    println!("faults: {done} operations, answers by status: {answers:?}, audit records: {records:?}");
    assert!(done >= operations);
    // By chance, and so of many operations alone.
    if operations > 2_000 {
        let all = ["reuse_detected", "refresh_retried", "logged_out", "session_revoked", "all_sessions_revoked"];
        assert!(all.iter().all(|name| records.contains_key(*name)), "not all of {all:?} were met");
    }
    // Else it would be a test of faults that hit nobody, or of a service that is always down.
    let unavailable = answers.get(&503).copied().unwrap_or(0);
    assert!(unavailable * 50 >= done && unavailable * 4 <= done, "{unavailable} of {done} had no success");
}

// What tests are told has no place in the service's configuration.
#[allow(clippy::disallowed_methods)]
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}
