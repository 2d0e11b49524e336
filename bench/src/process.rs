//! What the kernel says of a process.

use std::collections::HashMap;
use std::time::Duration;

/// User and system time of the process, of all its threads including those that have ended, in steps of 10 ms.
pub fn cpu_time(pid: u32) -> Result<Duration, String> {
    // proc(5): the name may hold spaces, so fields are counted behind its bracket: utime and stime are the 14th and 15th
    // of all, in ticks of USER_HZ, which is 100 on every Linux.
    let stat = read(&format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    match ticks.as_slice() {
        [user, system] => Ok(Duration::from_millis((user + system) * 10)),
        _ => Err(format!("/proc/{pid}/stat is not understood")),
    }
}

/// CPU time of the thread that asks, in nanoseconds.
pub fn own_thread_cpu_time() -> Result<Duration, String> {
    let stat = read("/proc/thread-self/schedstat")?;
    let running = stat.split_whitespace().next().and_then(|field| field.parse().ok());
    running.map(Duration::from_nanos).ok_or_else(|| "/proc/thread-self/schedstat is not understood".to_owned())
}

/// CPU time of each thread of a process, in nanoseconds: finer than [`cpu_time`], and blind to threads that have ended.
pub struct ThreadTimes(HashMap<String, u64>);

impl ThreadTimes {
    pub fn of(pid: u32) -> Result<Self, String> {
        let tasks = format!("/proc/{pid}/task");
        let mut times = HashMap::new();
        for task in std::fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))? {
            let name = task.map_err(|error| format!("{tasks}: {error}"))?.file_name().to_string_lossy().into_owned();
            let Ok(stat) = read(&format!("{tasks}/{name}/schedstat")) else { continue };
            let running = stat.split_whitespace().next().and_then(|field| field.parse().ok());
            times.insert(name, running.ok_or_else(|| format!("{tasks}: schedstat is not understood"))?);
        }
        Ok(Self(times))
    }

    /// What these threads have used since then. A thread that is gone had nothing to do for 10 s: tokio ends no other.
    pub fn since(&self, then: &Self) -> Duration {
        let spent = self.0.iter().map(|(name, now)| now.saturating_sub(then.0.get(name).copied().unwrap_or(0)));
        Duration::from_nanos(spent.sum())
    }
}

/// Resident memory in KiB.
pub fn resident_kib(pid: u32) -> Result<u64, String> {
    status_kib(pid, "VmRSS:")
}

/// The most that was ever resident, in KiB.
pub fn peak_kib(pid: u32) -> Result<u64, String> {
    status_kib(pid, "VmHWM:")
}

fn status_kib(pid: u32, name: &str) -> Result<u64, String> {
    let status = read(&format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|field| field.parse().ok());
    kib.ok_or_else(|| format!("/proc/{pid}/status has no {name}"))
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}
