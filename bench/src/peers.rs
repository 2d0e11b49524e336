//! Other ways to sign people in, on this machine in the same run: what a request costs, how long it takes, and what is
//! resident.

mod catalogue;
mod client;
mod functions;
mod server;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use auth::{Algorithm, Clock, KeySet, Random};
use catalogue::{OUR_HASH, OURS, PEERS, Peer, described};
use client::{Call, Client, Known};
use server::Server;
use tokio::task::JoinSet;

use crate::binary;
use crate::process::{tree_cpu_time, tree_memory_kib};
use crate::results::{Figure, Section, ms, quantile};
use crate::stage::{Folder, Stage};

const STARTS: usize = 3;
/// How many clients there are at once, in turn.
const CLIENTS: [usize; 2] = [1, 8];
const ACCOUNTS: usize = 8;
const ROUNDS: u32 = 2;
const BLOCK: Duration = Duration::from_millis(1500);
/// CPU time is read in ticks of 10 ms: a block that has too few of them is repeated.
const ENOUGH: Duration = Duration::from_millis(250);
const MOST_REPEATS: u32 = 4;
const WARM_UP: Duration = Duration::from_millis(500);
const PASSWORD: &str = "correct-horse-battery-staple-42";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Login,
    Refresh,
    Profile,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Profile => "profile",
        })
    }
}

pub async fn measure() -> Result<Section, String> {
    let root = installed()?;
    let folder = Folder::new("peers")?;
    let (mut places, mut figures) = (Vec::new(), Vec::new());
    for peer in PEERS.iter().chain([&OURS]) {
        let place = Place::new(peer, false, &root, folder.path())?;
        place.open_accounts().await.map_err(|error| place.told(&error))?;
        figures.push(place.start_and_memory().await.map_err(|error| place.told(&error))?);
        places.push(place);
        if peer.has_argon2id {
            let place = Place::new(peer, true, &root, folder.path())?;
            place.open_accounts().await.map_err(|error| place.told(&error))?;
            places.push(place);
        }
    }
    let stages = [Stage::of(Algorithm::ES256, None).await?, Stage::of(Algorithm::RS256, None).await?];
    let mut subjects = functions::subjects(&stages, &root, &mut figures).await?;
    for place in &places {
        subjects.push(place.subject().await.map_err(|error| place.told(&error))?);
    }
    for round in 0..=ROUNDS {
        for subject in &mut subjects {
            let time = if round == 0 { WARM_UP } else { BLOCK };
            subject.take_turn(time, round > 0).await.map_err(|error| format!("{}: {error}", subject.name))?;
        }
    }
    subjects.sort_by_key(|subject| subject.whose);
    Ok(section(&mut subjects, figures))
}

/// The folder of the peers, with the applications of bench/peers as they are now.
fn installed() -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/peers");
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let mut pins = String::new();
    for name in ["requirements.txt", "package.json", "package-lock.json"] {
        pins += &read(&sources.join(name))?;
    }
    if read(&root.join("pins")).ok() != Some(pins) {
        return Err("the peers are not installed, or not in these versions: bench/peers/install.sh".to_owned());
    }
    // Copied, since Node looks for packages in the folders above the file that imports them.
    let apps = root.join("apps");
    let copy = || -> std::io::Result<()> {
        std::fs::create_dir_all(&apps)?;
        for entry in std::fs::read_dir(&sources)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "py" || extension == "mjs") {
                std::fs::copy(&path, apps.join(path.file_name().unwrap_or_default()))?;
            }
        }
        Ok(())
    };
    copy().map_err(|error| format!("{}: {error}", apps.display()))?;
    root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))
}

/// A server's data, and what its commands may name.
struct Place<'a> {
    peer: &'a Peer,
    hash: &'static str,
    data: PathBuf,
    known: Vec<Known>,
}

impl<'a> Place<'a> {
    fn new(peer: &'a Peer, argon2id: bool, root: &Path, folder: &Path) -> Result<Self, String> {
        let hash = if argon2id { OUR_HASH } else { peer.hash };
        let data = folder.join(format!("{}-{hash}", peer.name).replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        std::fs::create_dir(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        let keys = KeySet::generate(Algorithm::ES256, Clock::System.now(), &Random::System);
        let keys = keys.map_err(|error| error.to_string())?;
        if peer.name == OURS.name {
            std::fs::write(data.join("keys.json"), keys.to_json().as_bytes()).map_err(|error| error.to_string())?;
        }
        let secret = Random::System.uuid(Clock::System.now()).map_err(|error| error.to_string())?;
        let known = vec![
            ("$PEERS", root.display().to_string()),
            ("$PYTHONPATH", root.join("apps").display().to_string()),
            ("$DEVSERVER", binary("local/devserver")?.display().to_string()),
            ("$DATA", data.display().to_string()),
            ("$CORES", cores().to_string()),
            ("$SECRET", secret.to_string()),
            ("$HASH", if argon2id { "argon2id" } else { "" }.to_owned()),
        ];
        Ok(Self { peer, hash, data, known })
    }

    /// What went wrong, with what the server said last.
    fn told(&self, error: &str) -> String {
        format!("{}: {error}: {}", self.peer.name, server::last_words(&self.data))
    }

    async fn start(&self) -> Result<Server, String> {
        Server::start(self.peer, &self.data, &self.known).await
    }

    async fn open_accounts(&self) -> Result<(), String> {
        Server::prepare(self.peer, &self.data, &self.known).await?;
        let server = self.start().await?;
        for client in &mut self.clients(&server) {
            client.ask(&self.peer.register).await?;
        }
        Ok(())
    }

    /// Alone on the machine, as memory is shared between peers that run the same programs.
    async fn start_and_memory(&self) -> Result<Figure, String> {
        let mut starts = Vec::new();
        for _ in 1..STARTS {
            starts.push(self.start().await?.start);
        }
        let mut subject = self.subject().await?;
        starts.extend(subject.server.as_ref().map(|server| server.start));
        subject.take_turn(WARM_UP, false).await?;
        let kib = subject.memory_kib()?;
        let Peer { name, packages, how, .. } = self.peer;
        Ok(start_and_memory(name, &mut starts, kib, &described(packages, how)))
    }

    async fn subject(&self) -> Result<Subject, String> {
        let server = self.start().await?;
        let clients = self.clients(&server);
        let Peer { name, login, refresh, profile, .. } = self.peer;
        // First, since all clients have their tokens from it.
        let mut tasks = vec![Task::new(Operation::Login, *login)];
        // The rest is the same whatever hashes.
        if self.hash == self.peer.hash {
            tasks.extend(refresh.ok().map(|call| Task::new(Operation::Refresh, call)));
            tasks.push(Task::new(Operation::Profile, *profile));
        }
        let whose = if *name == OURS.name { Whose::OurServer } else { Whose::Peer };
        let roots = vec![server.pid];
        Ok(Subject { name, whose, hash: self.hash, tasks, clients, roots, server: Some(server) })
    }

    fn clients(&self, server: &Server) -> Vec<Client> {
        let names = (0..ACCOUNTS).map(|number| format!("client{number}"));
        names.map(|name| Client::of_server(&server.url, &name, PASSWORD, self.peer.takes)).collect()
    }
}

/// Whatever is asked: a server, or the instances of a function, one for each client as on Lambda.
struct Subject {
    name: &'static str,
    whose: Whose,
    hash: &'static str,
    tasks: Vec<Task>,
    clients: Vec<Client>,
    /// The processes that were started; others descend from them.
    roots: Vec<u32>,
    /// Runs as long as this lives.
    server: Option<Server>,
}

/// In the order of rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Peer,
    OurServer,
    OurFunction,
}

/// What is asked, and what came of it for each number of clients.
struct Task {
    operation: Operation,
    call: Call,
    loads: [Load; CLIENTS.len()],
}

#[derive(Default)]
struct Load {
    times: Vec<Duration>,
    cpu: Duration,
}

impl Task {
    fn new(operation: Operation, call: Call) -> Self {
        Self { operation, call, loads: Default::default() }
    }
}

impl Load {
    fn cpu_per_request(&self) -> Duration {
        self.cpu / u32::try_from(self.times.len()).unwrap_or(u32::MAX).max(1)
    }
}

impl Subject {
    /// Each task with each number of clients, for this long or until everyone had an answer, and again if it took too little.
    async fn take_turn(&mut self, time: Duration, counts: bool) -> Result<(), String> {
        let Self { tasks, clients, roots, .. } = self;
        for Task { call, loads, .. } in tasks {
            for (number, load) in CLIENTS.into_iter().zip(loads) {
                let (before, mut repeats) = (cpu_time(roots)?, 0);
                let mut turn = Load::default();
                while turn.cpu < ENOUGH && repeats < MOST_REPEATS {
                    turn.times.extend(block(clients, number, *call, Instant::now() + time).await?);
                    turn.cpu = cpu_time(roots)?.saturating_sub(before);
                    repeats += 1;
                }
                if counts {
                    load.cpu += turn.cpu;
                    load.times.extend(turn.times);
                }
            }
        }
        Ok(())
    }

    fn memory_kib(&self) -> Result<u64, String> {
        self.roots.iter().map(|root| tree_memory_kib(*root)).sum()
    }
}

fn cpu_time(roots: &[u32]) -> Result<Duration, String> {
    roots.iter().map(|root| tree_cpu_time(*root)).sum()
}

/// The first of the clients, so many, each asking anew when it was answered.
async fn block(clients: &mut Vec<Client>, number: usize, call: Call, end: Instant) -> Result<Vec<Duration>, String> {
    let mut asking = JoinSet::new();
    for mut client in clients.drain(..number) {
        asking.spawn(async move {
            let times = client.repeat(&call, end).await;
            (client, times)
        });
    }
    let mut all = Vec::new();
    for (client, times) in asking.join_all().await {
        clients.push(client);
        all.extend(times?);
    }
    Ok(all)
}

fn start_and_memory(name: &str, starts: &mut [Duration], kib: u64, how: &str) -> Figure {
    #[allow(clippy::cast_precision_loss)]
    let megabytes = kib as f64 * 1024.0 / 1e6;
    let start = quantile(starts, 0.5).as_secs_f64();
    let note = if how.is_empty() { String::new() } else { format!(" ({how})") };
    Figure::new(format!("start / memory, {name}{note}"), format!("{start:.3} s / {megabytes:.0} MB"))
}

fn section(subjects: &mut [Subject], starts: Vec<Figure>) -> Section {
    let mut figures = Vec::new();
    let again: Vec<_> = (subjects.iter())
        .map(|subject| (subject.name, subject.clients.iter().map(|client| client.asked_again).sum::<u32>()))
        .filter(|(_, times)| *times > 0)
        .map(|(name, times)| format!("{times} of {name}"))
        .collect();
    let again = if again.is_empty() { "none was".to_owned() } else { again.join(", ") };
    let ticks = subjects.iter().flat_map(|subject| &subject.tasks).flat_map(|task| &task.loads);
    let fewest = ticks.map(|load| load.cpu.as_millis() / 10).min().unwrap_or(0);
    for operation in [Operation::Login, Operation::Refresh, Operation::Profile] {
        for subject in &mut *subjects {
            figures.extend(subject.row(operation));
        }
        if operation == Operation::Refresh {
            let without = PEERS.iter().filter_map(|peer| Some((peer.name, peer.refresh.err()?)));
            figures.extend(without.map(|(name, why)| Figure::new(format!("refresh, {name}"), why)));
        }
        if operation != Operation::Login {
            figures.push(against_peers(operation, subjects));
        }
    }
    figures.extend(starts);
    Section {
        title: "Peers",
        command: "bench peers",
        method: format!(
            "Each peer's smallest application (bench/peers) in its production mode, its database on a local SQLite file with \
             the settings it comes with, beside the server of `make run` and the release functions, both with ES256 keys unless \
             another is named. All run side by side and take turns: after a warm-up {ROUNDS} blocks of {:.1} s or more for each \
             operation, with 1 client and with 8, each with a connection and an account of its own and its next request as \
             soon as the last is answered. Figures are for 1 / for 8 clients. An answer counts only with its status and a \
             token or a name in its body; any other ends the run. A request whose connection was refused or ended is made \
             once more, and its time is that of both: {again}. *CPU*: user and system time per request of the process and \
             all that descend from it, from /proc; at least {fewest} ticks of 10 ms are behind each. *p50*, *p99*: wall time \
             of an answer; where there are fewer than 100, p99 is the slowest. Functions, ours and the Lambda peers', are \
             under the same fake Runtime API with an instance for each client. The Lambda peers' login makes two calls of DynamoDB, and no \
             throttle, roles or audit record, where ours makes four; their profile makes ours' one, and has its key from a file, where \
             ours reads the published set from the table when it starts. The embedded engine that they ask is, like \
             the clients, in the process of the bench, and no part of their CPU, whereas servers have their database in \
             their own. AWS's runtime client for Node compiles libcurl when it is installed, so the Node Lambda has a loop of \
             its own. *Start*: from before the process is made to its first answer, for functions the event's, its hash included; \
             median of {STARTS}; over TLS, as in *Start and size*, with RS256 keys for all, of {}. Node's Argon2 (@node-rs/argon2) is \
             argon2-rust in *Argon2id, library by library*; Python's (argon2-cffi) the C reference; Better Auth's the former. *Memory*: PSS of the process and all that descend from it after a load, for servers of 8 \
             clients, for functions one instance's. Node {}, {}, {} cores, shared with those who ask.",
            BLOCK.as_secs_f64(),
            functions::TLS_STARTS,
            said("node"),
            said("python3"),
            cores(),
        ),
        figures,
    }
}

impl Subject {
    fn row(&mut self, operation: Operation) -> Option<Figure> {
        let task = self.tasks.iter_mut().find(|task| task.operation == operation)?;
        let Call { method, path, .. } = task.call;
        let hash = if operation == Operation::Login { format!(", {}", self.hash) } else { String::new() };
        let [one, eight] = &mut task.loads;
        let value = format!(
            "CPU {} / {}; p50 {} / {}; p99 {} / {}",
            ms(one.cpu_per_request()),
            ms(eight.cpu_per_request()),
            ms(quantile(&mut one.times, 0.5)),
            ms(quantile(&mut eight.times, 0.5)),
            ms(quantile(&mut one.times, 0.99)),
            ms(quantile(&mut eight.times, 0.99)),
        );
        Some(Figure::new(format!("{operation}, {}{hash}: `{method} {path}`", self.name), value))
    }

    fn cpu_per_request(&self, operation: Operation, number: usize) -> Option<Duration> {
        let task = self.tasks.iter().find(|task| task.operation == operation)?;
        Some(task.loads[number].cpu_per_request())
    }
}

/// Our function's CPU beside that of the peer that takes the least.
fn against_peers(operation: Operation, subjects: &[Subject]) -> Figure {
    let least = |whose: Whose, number: usize| {
        let of_kind = subjects.iter().filter(|subject| subject.whose == whose);
        of_kind.filter_map(|subject| Some((subject.cpu_per_request(operation, number)?, &subject.name))).min()
    };
    let (mut values, mut held) = (Vec::new(), true);
    for number in 0..CLIENTS.len() {
        let (Some((ours, _)), Some((peer, name))) = (least(Whose::OurFunction, number), least(Whose::Peer, number))
        else {
            continue;
        };
        held &= ours < peer;
        let ratio = ours.as_secs_f64() / peer.as_secs_f64();
        values.push(format!("{ratio:.2} × {name}'s"));
    }
    let name = format!("{operation}: CPU of our function against that of the peer with the least");
    Figure::new(name, values.join(" / ")).bar("below every peer", held && values.len() == CLIENTS.len()).because(REMOTE)
}

const REMOTE: &str = "a peer's database is in its own process. Ours asks over HTTP, signs each request, and its refresh is a write; PocketBase's \
     refresh reads a row, writes nothing, and makes a token with a key that only it can check. What was tried: *Warm calls*.";

/// A program's version as it says itself.
fn said(program: &str) -> String {
    let output = std::process::Command::new(program).arg("--version").output().map(|output| output.stdout);
    String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
