//! Functions under the fake Runtime API: ours, and a login and a profile like ours in Node and in Python.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use auth_testing::Function;
use tokio::process::Command;

use super::catalogue::{OUR_HASH, OURS, described};
use super::client::{Call, Client, Known};
use super::{ACCOUNTS, Operation, STARTS, Subject, Task, Whose, start_and_memory};
use crate::binary;
use crate::process::tree_memory_kib;
use crate::results::{Figure, ms, quantile};
use crate::stage::Stage;

/// How often an instance is asked before its memory is read.
const ASKED: usize = 50;
/// Starts of each over TLS, in turn.
pub const TLS_STARTS: usize = 11;

/// Each with an instance for every client, since one serves one request at a time. The keys of the first stage are ES256,
/// those of the second RS256, with which the peers sign too.
pub async fn subjects(
    [es256, rs256]: &[Stage; 2],
    root: &Path,
    figures: &mut Vec<Figure>,
) -> Result<Vec<Subject>, String> {
    // Who signs in over and over has too many sessions at last, and loses the oldest: those who refresh theirs are others.
    let named = |name: &str| (0..ACCOUNTS).map(|number| format!("{name}{number}")).collect::<Vec<_>>();
    let (visitors, members) = (named("visitor"), named("member"));
    es256.open_accounts(visitors.iter().chain(&members).cloned()).await?;
    rs256.open_accounts(visitors.iter().cloned()).await?;

    let ours = |name: &str| Ok::<_, String>(vec![binary(&format!("release/{name}"))?.display().to_string()]);
    let apps = root.join("apps").display().to_string();
    let login = Kind {
        name: "Vestibule's function, ES256",
        how: String::new(),
        whose: Whose::OurFunction,
        stage: es256,
        over_tls: false,
        program: ours("login")?,
        apps: &apps,
        operation: Operation::Login,
        call: OURS.login,
        event: es256.event("login")?.to_string().replace("ada@example.com", "$NAME@example.com"),
        known: visitors.into_iter().map(|name| vec![("$NAME", name)]).collect(),
    };
    let mut signed_in = Vec::new();
    for name in members {
        signed_in.push(login.first_answer(vec![("$NAME", name)]).await?.0.known().to_vec());
    }
    let refresh = Kind {
        program: ours("refresh")?,
        operation: Operation::Refresh,
        call: OURS.refresh?,
        event: es256.event("refresh")?.to_string(),
        known: signed_in,
        ..login.clone()
    };
    let profile = Kind {
        program: ours("profile")?,
        operation: Operation::Profile,
        call: OURS.profile,
        // The stage has put its own account's token into the event.
        event: es256.event("profile")?.to_string(),
        known: vec![vec![("$NAME", "signed-in".to_owned())]; ACCOUNTS],
        ..login.clone()
    };
    let rs256_login = Kind { name: "Vestibule's function, RS256", stage: rs256, ..login.clone() };
    let rs256_profile = Kind { stage: rs256, event: rs256.event("profile")?.to_string(), ..profile.clone() };

    let of_node = |module| ["node", "--no-warnings", &format!("{apps}/{module}.mjs")].map(str::to_owned).to_vec();
    let node = Kind {
        name: "Node Lambda",
        how: described(&["@aws-sdk/client-dynamodb", "@node-rs/argon2", "jose"], "not bundled; RS256"),
        whose: Whose::Peer,
        program: of_node("lambda_login"),
        ..rs256_login.clone()
    };
    let node_profile = Kind {
        name: node.name,
        how: described(&["@aws-sdk/client-dynamodb", "jose"], "not bundled; RS256"),
        whose: Whose::Peer,
        program: of_node("lambda_profile"),
        ..rs256_profile.clone()
    };
    let interpreter = root.join("python/bin/python").display().to_string();
    let of_python = |handler| [&interpreter, "-m", "awslambdaric", handler].map(str::to_owned).to_vec();
    let python = Kind {
        name: "Python Lambda",
        how: described(&["boto3", "argon2-cffi", "pyjwt", "awslambdaric"], "RS256"),
        program: of_python("lambda_login.handler"),
        ..node.clone()
    };
    let python_profile = Kind {
        name: python.name,
        how: described(&["boto3", "pyjwt", "awslambdaric"], "RS256"),
        program: of_python("lambda_profile.handler"),
        ..node_profile.clone()
    };

    figures.extend(over_tls([&rs256_profile, &node_profile, &python_profile]).await?);
    let mut kinds = [node, node_profile, python, python_profile, rs256_login, login, refresh, profile];
    for kind in &mut kinds {
        figures.push(kind.start_and_memory().await.map_err(|error| format!("{}: {error}", kind.name))?);
    }
    let mut subjects = Vec::new();
    for kind in kinds {
        let name = kind.name;
        subjects.push(kind.subject().await.map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(subjects)
}

/// Ours, Node's and Python's: from just before the process is made to its first answer, with the table behind TLS.
async fn over_tls([ours, node, python]: [&Kind<'_>; 3]) -> Result<Vec<Figure>, String> {
    let mut kinds = [ours, node, python].map(|kind| (Kind { over_tls: true, ..kind.clone() }, Vec::new()));
    for _ in 0..TLS_STARTS {
        for (kind, times) in &mut kinds {
            let started = kind.first_answer(kind.known[0].clone()).await;
            times.push(started.map_err(|error| format!("{} over TLS: {error}", kind.name))?.2);
        }
    }
    let [ours, node, python] = kinds.map(|(_, mut times)| quantile(&mut times, 0.5));
    let figure = |name, peer: Duration, bar: u32| {
        let value = format!("1/{:.0} ({} to {})", peer.as_secs_f64() / ours.as_secs_f64(), ms(ours), ms(peer));
        Figure::new(format!("first answer of profile over TLS, ours against the {name} Lambda's"), value)
            .bar(format!("≤ 1/{bar}"), ours * bar <= peer)
            .because(THEIR_CACHES)
    };
    Ok(vec![figure("Node", node, 25), figure("Python", python, 40)])
}

const THEIR_CACHES: &str = "a start of ours here comes after one of an interpreter, which leaves the caches with its own: in turns with nothing but our own \
     functions it takes what *Start and size* says of the same first answer. Ours makes one call more over TLS, for the published keys. And \
     1/40 was set when Python's start was a login's, with its hash and the libraries for it.";

#[derive(Clone)]
struct Kind<'a> {
    name: &'static str,
    how: String,
    whose: Whose,
    stage: &'a Stage,
    over_tls: bool,
    program: Vec<String>,
    /// Where Python looks for the peer's module.
    apps: &'a str,
    operation: Operation,
    call: Call,
    event: String,
    /// Of each client.
    known: Vec<Vec<Known>>,
}

impl Kind<'_> {
    /// A new instance after its first answer, and how long that took from just before its process was made.
    async fn first_answer(&self, known: Vec<Known>) -> Result<(Client, u32, Duration), String> {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]);
        let mut environment = Vec::from(self.stage.environment());
        if self.over_tls {
            environment = self.stage.tls_environment();
            let root =
                environment.iter().find(|(name, _)| *name == "LOCAL_AUTHORITY_FILE").map(|(_, root)| root.clone());
            // Under the names by which Node and boto3 are told whom to trust.
            environment
                .extend(["NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE"].map(|name| (name, root.clone().unwrap_or_default())));
        }
        environment.push(("PYTHONPATH", self.apps.to_owned()));
        // The name that boto3 knows it by; Lambda sets both.
        environment.push(("AWS_DEFAULT_REGION", "us-east-1".to_owned()));
        // Where `node` is. A tool of its own: the domain's configuration need not know it.
        #[allow(clippy::disallowed_methods)]
        environment.extend(std::env::var("PATH").map(|path| ("PATH", path)));
        let begin = Instant::now();
        let function = Function::start_as(command, &environment, Stdio::null()).await?;
        let pid = function.pid()?;
        let mut client = Client::of_function(function, self.event.clone(), known, OURS.takes);
        client.ask(&self.call).await?;
        Ok((client, pid, begin.elapsed()))
    }

    /// While no other runs this program: what is shared counts in full.
    async fn start_and_memory(&mut self) -> Result<Figure, String> {
        let (mut starts, mut kib) = (Vec::new(), 0);
        for _ in 0..STARTS {
            let (mut client, pid, start) = self.first_answer(self.known[0].clone()).await?;
            starts.push(start);
            for _ in 0..ASKED {
                client.ask(&self.call).await?;
            }
            kib = tree_memory_kib(pid)?;
            // A refresh token is used once.
            self.known[0] = client.known().to_vec();
        }
        let Self { name, operation, how, .. } = self;
        Ok(start_and_memory(&format!("{name}: {operation}"), &mut starts, kib, how))
    }

    async fn subject(self) -> Result<Subject, String> {
        let (mut clients, mut roots) = (Vec::new(), Vec::new());
        for known in &self.known {
            let (client, pid, _) = self.first_answer(known.clone()).await?;
            clients.push(client);
            roots.push(pid);
        }
        let tasks = vec![Task::new(self.operation, self.call)];
        Ok(Subject { name: self.name, whose: self.whose, hash: OUR_HASH, tasks, clients, roots, server: None })
    }
}
