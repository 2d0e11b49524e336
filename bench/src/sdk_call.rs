//! The yardstick of a warm call: a process that makes the SDK's own calls of an endpoint, and nothing around them.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::binary;
use crate::process::ThreadTimes;
use crate::stage::{Stage, TABLE};

pub struct SdkCall {
    child: Child,
    counts: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    calls: u32,
    cpu: Duration,
}

impl SdkCall {
    /// `kind` is `login`, `profile` or `refresh`, of an account of its own.
    pub async fn start(kind: &str, stage: &Stage) -> Result<Self, String> {
        let user = stage.new_account().await?;
        let (session, _) = stage.open_session(&user).await?;
        let mut child = Command::new(binary("release/sdk-call")?)
            .args([kind, stage.endpoint(), TABLE, &user.id.to_string(), &session.id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("sdk-call: {error}"))?;
        let (Some(counts), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("sdk-call has no pipes".to_owned());
        };
        let answers = BufReader::new(answers).lines();
        let mut call = Self { child, counts, answers, calls: 0, cpu: Duration::ZERO };
        call.run(WARM_UP).await?;
        (call.calls, call.cpu) = (0, Duration::ZERO);
        Ok(call)
    }

    /// Makes so many calls in turn.
    pub async fn run(&mut self, count: u32) -> Result<(), String> {
        let pid = self.child.id().ok_or("sdk-call has ended")?;
        let before = ThreadTimes::of(pid)?;
        self.counts.write_all(format!("{count}\n").as_bytes()).await.map_err(|error| format!("sdk-call: {error}"))?;
        let answer = timeout(Duration::from_mins(1), self.answers.next_line()).await;
        if !matches!(answer, Ok(Ok(Some(_)))) {
            return Err("sdk-call gave no answer".to_owned());
        }
        self.cpu += ThreadTimes::of(pid)?.since(&before);
        self.calls += count;
        Ok(())
    }

    /// CPU of one call.
    pub fn cpu(&self) -> Duration {
        self.cpu / self.calls.max(1)
    }
}

const WARM_UP: u32 = 200;
