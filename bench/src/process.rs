//! What the kernel says of a process.

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

/// Resident memory in KiB.
pub fn resident_kib(pid: u32) -> Result<u64, String> {
    let status = read(&format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|field| field.parse().ok());
    kib.ok_or_else(|| format!("/proc/{pid}/status has no VmRSS"))
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}
