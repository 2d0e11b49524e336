//! What the kernel says of a process.

use std::collections::HashMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// User and system time of the process, of all its threads including those that have ended, in steps of 10 ms.
pub fn cpu_time(pid: u32) -> Result<Duration, String> {
    stat(pid).map(|stat| ticks(stat.own_ticks))
}

/// User and system time of the process and of all that descend from it, those included that have ended and were waited
/// for. A step of 10 ms may be lost for each that lives.
pub fn tree_cpu_time(root: u32) -> Result<Duration, String> {
    Ok(ticks(tree(root)?.iter().map(|stat| stat.own_ticks + stat.waited_ticks).sum()))
}

/// Memory of the process and of all that descend from it, in KiB. What several share counts once (PSS).
pub fn tree_memory_kib(root: u32) -> Result<u64, String> {
    let memory = |pid| {
        let path = format!("/proc/{pid}/smaps_rollup");
        let rollup = read(&path)?;
        kib(&rollup, "Pss:").ok_or_else(|| format!("{path} has no Pss"))
    };
    tree(root)?.iter().map(|stat| memory(stat.pid)).sum()
}

/// What proc(5) tells in `/proc/<pid>/stat`.
struct Stat {
    pid: u32,
    parent: u32,
    own_ticks: u64,
    /// Of its children that have ended, and theirs.
    waited_ticks: u64,
}

/// The process and all that descend from it.
fn tree(root: u32) -> Result<Vec<Stat>, String> {
    let mut found = vec![stat(root)?];
    let entries = std::fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // Whoever ends meanwhile has no stat any more.
    let mut others: Vec<_> = pids.filter_map(|pid| stat(pid).ok()).collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|stat| stat.pid) {
        found.extend(others.extract_if(.., |other| other.parent == parent));
        next += 1;
    }
    Ok(found)
}

fn stat(pid: u32) -> Result<Stat, String> {
    let path = format!("/proc/{pid}/stat");
    let stat = read(&path)?;
    // The name may hold spaces, so fields are counted behind its bracket: the parent is the 4th of all, and from the 14th
    // on there are utime, stime, cutime and cstime.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let fields: Vec<_> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    match (fields.get(1), fields.get(11..15)) {
        (Some(&parent), Some([user, system, waited_user, waited_system])) => Ok(Stat {
            pid,
            parent: u32::try_from(parent).unwrap_or(0),
            own_ticks: user + system,
            waited_ticks: waited_user + waited_system,
        }),
        _ => Err(format!("{path} is not understood")),
    }
}

/// In units of `USER_HZ`, which is 100 on every Linux.
fn ticks(number: u64) -> Duration {
    Duration::from_millis(number * 10)
}

/// CPU time of the thread that asks. `schedstat` has that of the last tick, 4 ms ago at worst, while a thread runs.
pub fn own_thread_cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// CPU time of each thread of a process, in nanoseconds: finer than [`cpu_time`], and blind to threads that have ended.
pub struct ThreadTimes(HashMap<String, u64>);

impl ThreadTimes {
    pub fn of(pid: u32) -> Result<Self, String> {
        // A kernel that does not count says 0, with which every bar would be held: of this thread, too, which has run.
        if running_nanos(&read("/proc/thread-self/schedstat")?).is_none_or(|nanos| nanos == 0) {
            return Err("/proc/thread-self/schedstat tells no time".to_owned());
        }
        let tasks = format!("/proc/{pid}/task");
        let mut times = HashMap::new();
        for task in std::fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))? {
            let name = task.map_err(|error| format!("{tasks}: {error}"))?.file_name().to_string_lossy().into_owned();
            let Ok(stat) = read(&format!("{tasks}/{name}/schedstat")) else { continue };
            times.insert(name, running_nanos(&stat).ok_or_else(|| format!("{tasks}: schedstat is not understood"))?);
        }
        Ok(Self(times))
    }

    /// What these threads have used since then. A thread that is gone had nothing to do for 10 s: tokio ends no other.
    pub fn since(&self, then: &Self) -> Duration {
        let spent = self.0.iter().map(|(name, now)| now.saturating_sub(then.0.get(name).copied().unwrap_or(0)));
        Duration::from_nanos(spent.sum())
    }
}

fn running_nanos(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
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
    kib(&status, name).ok_or_else(|| format!("/proc/{pid}/status has no {name}"))
}

/// The number behind `name` at the beginning of a line.
fn kib(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_time_of_a_tree_is_that_of_children_who_live_and_of_those_who_ended() {
        let burn = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";
        // One burns and ends, another burns and stays until the pipe is closed.
        let script = format!("({burn}; :); ({burn}; echo burnt; read _; :); :");
        let mut shell =
            Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "burnt\n");

        let family = tree(shell.id()).unwrap();
        assert_eq!(family.iter().map(|stat| stat.parent).collect::<Vec<_>>(), [std::process::id(), shell.id()]);
        let (living, all) = (cpu_time(family[1].pid).unwrap(), tree_cpu_time(shell.id()).unwrap());
        assert!(living >= Duration::from_millis(50), "{living:?}");
        // Both did the same.
        assert!(all > living.mul_f64(1.5) && all < living.mul_f64(3.0), "{all:?} of which {living:?}");
        assert!(tree_memory_kib(shell.id()).unwrap() > 0);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
