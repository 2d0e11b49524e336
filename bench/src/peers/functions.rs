//! Functions under the fake Runtime API: ours, and a login like ours in Node and in Python.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::catalogue::{OUR_HASH, OURS, version};
use super::client::{Call, Client, Known};
use super::{ACCOUNTS, Operation, STARTS, Subject, Task, Whose, start_and_memory};
use crate::binary;
use crate::function::Function;
use crate::process::tree_memory_kib;
use crate::results::Figure;
use crate::stage::Stage;

/// How often the first instance is asked before its memory is read.
const ASKED: usize = 100;

/// Each with an instance for every client, since one serves one request at a time. The keys of the first stage are ES256,
/// those of the second RS256, with which the peers sign too.
pub async fn subjects(
    [es256, rs256]: &[Stage; 2],
    root: &Path,
    figures: &mut Vec<Figure>,
) -> Result<Vec<Subject>, String> {
    let apps = root.join("apps").display().to_string();
    let python = root.join("python/bin/python").display().to_string();
    let node = vec!["node".to_owned(), "--no-warnings".to_owned(), format!("{apps}/lambda_login.mjs")];
    let python = vec![python, "-m".to_owned(), "awslambdaric".to_owned(), "lambda_login.handler".to_owned()];
    let ours = |name: &str| Ok::<_, String>(vec![binary(&format!("release/{name}"))?.display().to_string()]);
    let kind = |name: &str, stage, program| Kind { name: name.to_owned(), stage, program, apps: &apps };
    let of_node = format!("Node Lambda (AWS SDK {}, jose {})", version("@aws-sdk/client-dynamodb"), version("jose"));
    let of_python = format!("Python Lambda (boto3 {}, awslambdaric {})", version("boto3"), version("awslambdaric"));

    // Who signs in over and over has too many sessions at last, and loses the oldest: those who refresh theirs are others.
    let named = |name: &str| (0..ACCOUNTS).map(|number| format!("{name}{number}")).collect::<Vec<_>>();
    let (visitors, members) = (named("visitor"), named("member"));
    es256.open_accounts(visitors.iter().chain(&members).cloned()).await?;
    rs256.open_accounts(visitors.iter().cloned()).await?;
    let login_event = es256.event("login")?.to_string().replace("ada@example.com", "$NAME@example.com");
    let login = |known| (Operation::Login, OURS.login, login_event.clone(), known);
    let visitors: Vec<Vec<Known>> = visitors.into_iter().map(|name| vec![("$NAME", name)]).collect();

    let es256_login = kind("Vestibule's function, ES256", es256, ours("login")?);
    let mut signed_in = Vec::new();
    for name in members {
        let function = es256_login.start().await?;
        let mut client = Client::of_function(function, login_event.clone(), vec![("$NAME", name)], OURS.takes);
        client.ask(&OURS.login).await?;
        signed_in.push(client.known().to_vec());
    }
    let refresh = (Operation::Refresh, OURS.refresh?, es256.event("refresh")?.to_string(), signed_in);
    // The stage has put its own account's token into the event.
    let ada = vec![vec![("$NAME", "ada".to_owned())]; ACCOUNTS];
    let profile = (Operation::Profile, OURS.profile, es256.event("profile")?.to_string(), ada);
    Ok(vec![
        kind(&of_node, rs256, node).subject(Whose::Peer, login(visitors.clone()), figures).await?,
        kind(&of_python, rs256, python).subject(Whose::Peer, login(visitors.clone()), figures).await?,
        kind("Vestibule's function, RS256", rs256, ours("login")?)
            .subject(Whose::OurFunction, login(visitors.clone()), figures)
            .await?,
        es256_login.subject(Whose::OurFunction, login(visitors), figures).await?,
        kind("Vestibule's function, ES256", es256, ours("refresh")?)
            .subject(Whose::OurFunction, refresh, figures)
            .await?,
        kind("Vestibule's function, ES256", es256, ours("profile")?)
            .subject(Whose::OurFunction, profile, figures)
            .await?,
    ])
}

struct Kind<'a> {
    name: String,
    stage: &'a Stage,
    program: Vec<String>,
    /// Where Python looks for the peer's module.
    apps: &'a str,
}

impl Kind<'_> {
    async fn start(&self) -> Result<Function, String> {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]);
        let mut environment = self.stage.environment().to_vec();
        environment.push(("PYTHONPATH", self.apps.to_owned()));
        // The name that boto3 knows it by; Lambda sets both.
        environment.push(("AWS_DEFAULT_REGION", "us-east-1".to_owned()));
        // Where `node` is. A tool of its own: the domain's configuration need not know it.
        #[allow(clippy::disallowed_methods)]
        environment.extend(std::env::var("PATH").map(|path| ("PATH", path)));
        Function::start_as(command, &environment).await
    }

    /// A new instance after its first answer, and how long that took from just before its process was made.
    async fn first_answer(
        &self,
        call: &Call,
        event: &str,
        known: Vec<Known>,
    ) -> Result<(Client, u32, Duration), String> {
        let begin = Instant::now();
        let function = self.start().await?;
        let pid = function.pid()?;
        let mut client = Client::of_function(function, event.to_owned(), known, OURS.takes);
        client.ask(call).await.map_err(|error| format!("{}: {error}", self.name))?;
        Ok((client, pid, begin.elapsed()))
    }

    async fn subject(
        &self,
        whose: Whose,
        (operation, call, event, mut known): (Operation, Call, String, Vec<Vec<Known>>),
        figures: &mut Vec<Figure>,
    ) -> Result<Subject, String> {
        let name = format!("{}, {operation}", self.name);
        let (mut clients, mut roots, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 1..STARTS {
            let (client, _, start) = self.first_answer(&call, &event, known[0].clone()).await?;
            starts.push(start);
            // A refresh token is used once.
            known[0] = client.known().to_vec();
        }
        for known in known {
            let (mut client, root, start) = self.first_answer(&call, &event, known).await?;
            if clients.is_empty() {
                starts.push(start);
                // While it is the only one that runs this program: what is shared counts in full.
                for _ in 0..ASKED {
                    client.ask(&call).await?;
                }
                figures.push(start_and_memory(&name, &mut starts, tree_memory_kib(root)?));
            }
            clients.push(client);
            roots.push(root);
        }
        let tasks = vec![Task::new(operation, call)];
        Ok(Subject { name: self.name.clone(), whose, hash: OUR_HASH, tasks, clients, roots, server: None })
    }
}
