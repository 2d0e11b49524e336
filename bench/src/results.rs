//! How figures are shown: on the terminal as in RESULTS.md.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::process::Command;
use std::time::Duration;

use auth::Clock;

/// What one subcommand measured.
pub struct Section {
    pub title: &'static str,
    pub command: &'static str,
    /// How it was measured, in a sentence or two.
    pub method: String,
    pub figures: Vec<Figure>,
}

pub struct Figure {
    pub name: String,
    pub value: String,
    /// What must hold, and whether it does; some figures are for information.
    pub bar: Option<(Cow<'static, str>, bool)>,
    /// Why it is missed, where it is, and what was tried.
    pub because: Option<&'static str>,
}

impl Section {
    pub fn is_held(&self) -> bool {
        !self.figures.iter().any(Figure::is_missed)
    }
}

impl Figure {
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), bar: None, because: None }
    }

    #[must_use]
    pub fn bar(self, bar: impl Into<Cow<'static, str>>, held: bool) -> Self {
        Self { bar: Some((bar.into(), held)), ..self }
    }

    /// Shown if the bar is missed.
    #[must_use]
    pub fn because(self, reason: &'static str) -> Self {
        Self { because: Some(reason), ..self }
    }

    fn is_missed(&self) -> bool {
        matches!(self.bar, Some((_, false)))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n`{}`. {}\n", self.title, self.command, self.method)?;
        writeln!(f, "| | measured | bar | |\n|---|---|---|---|")?;
        for Figure { name, value, bar, .. } in &self.figures {
            let (bar, verdict) = match bar {
                Some((bar, true)) => (bar.as_ref(), "held"),
                Some((bar, false)) => (bar.as_ref(), "**missed**"),
                None => ("", ""),
            };
            writeln!(f, "| {name} | {value} | {bar} | {verdict} |")?;
        }
        let mut reasons: Vec<_> =
            self.figures.iter().filter(|figure| figure.is_missed()).filter_map(|figure| figure.because).collect();
        reasons.dedup();
        for reason in reasons {
            writeln!(f, "\nMissed: {reason}")?;
        }
        Ok(())
    }
}

/// In the place of a section whose measurement failed.
pub fn not_measured(title: &'static str, command: &'static str, error: &str) -> Section {
    let figures = vec![Figure::new("all figures", "none").bar("measured", false)];
    Section { title, command, method: format!("Not measured: {error}"), figures }
}

/// RESULTS.md, of a run that took so long.
pub fn page(sections: &[Section], took: Duration) -> String {
    let now = Clock::System.now().rfc3339();
    let (day, time) = now.split_once('T').unwrap_or((&now, ""));
    let mut page = format!(
        "# Measurements\n\nWritten by `make bench` on {day} at {} UTC, of {}, in {} s without the builds; do not edit. Times depend \
         on the machine, so their bars are ratios of two things measured in the same run; those of pages have a network and a \
         processor of their own.\n\n{}\n",
        time.get(..5).unwrap_or_default(),
        source(),
        took.as_secs(),
        machine(),
    );
    for section in sections {
        // A String takes everything.
        let _ = write!(page, "\n{section}");
    }
    page
}

/// The commit, and whether the files are another's.
fn source() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "no known commit".to_owned() };
    let changes = git(&["status", "--porcelain", "--", ":/", ":!/bench/RESULTS.md"]);
    let is_changed = changes.is_none_or(|files| !files.is_empty());
    format!("commit {commit}{}", if is_changed { " and changes that are in none" } else { "" })
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of_cpu = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, value)| value)
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    format!(
        "Machine: {} (family {}, model {}), {cores} cores, Linux {}, {}.",
        of_cpu("model name"),
        of_cpu("cpu family"),
        of_cpu("model\t"),
        kernel.trim(),
        String::from_utf8_lossy(&rustc).trim(),
    )
}

/// In milliseconds with two decimals.
pub fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// With commas between thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// The value below which the share `q` of the durations lies; sorts them.
pub fn quantile(durations: &mut [Duration], q: f64) -> Duration {
    durations.sort_unstable();
    // In range and small: an index.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = ((durations.len() as f64) * q) as usize;
    durations.get(index.min(durations.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([7, 1_000, 10_000, 1_000_000].map(grouped), ["7", "1,000", "10,000", "1,000,000"]);
    }
}
