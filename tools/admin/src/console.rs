use auth::Event;
use std::fmt::Display;
use std::io::{BufRead, Read as _, Write};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::Failure;

/// Where a command's result, its audit lines and its questions go.
pub struct Console<'a> {
    pub input: &'a mut dyn BufRead,
    /// Results, and nothing else.
    pub output: &'a mut dyn Write,
    /// Audit lines and questions.
    pub notes: &'a mut dyn Write,
    /// Whether somebody is there to answer.
    pub can_ask: bool,
    pub json: bool,
    pub yes: bool,
}

impl Console<'_> {
    /// Prints a result: one JSON document, or text.
    pub fn show(&mut self, result: &(impl Serialize + Display)) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string(result).map_err(|_| Failure::Output)?;
            writeln!(self.output, "{json}").map_err(|_| Failure::Output)
        } else {
            writeln!(self.output, "{result}").map_err(|_| Failure::Output)
        }
    }

    /// Writes the audit line of something done.
    pub fn audit(&mut self, event: Event<'_>) -> Result<(), Failure> {
        let line = serde_json::to_string(&event.by("operator")).map_err(|_| Failure::Output)?;
        writeln!(self.notes, "{line}").map_err(|_| Failure::Output)
    }

    /// Asks before something is taken away, unless `--yes` has answered.
    ///
    /// # Errors
    /// [`Failure::NotConfirmed`]; [`Failure::NobodyToAsk`] without a terminal.
    pub fn confirm(&mut self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !self.can_ask {
            return Err(Failure::NobodyToAsk);
        }
        write!(self.notes, "{question} [y/N] ").and_then(|()| self.notes.flush()).map_err(|_| Failure::Output)?;
        let mut answer = String::new();
        self.input.read_line(&mut answer).map_err(|_| Failure::NotConfirmed)?;
        if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) { Ok(()) } else { Err(Failure::NotConfirmed) }
    }

    /// A new password: twice from the terminal, without echo, or once from standard input.
    pub fn new_password(&mut self, from_stdin: bool) -> Result<Zeroizing<String>, Failure> {
        if from_stdin {
            return self.piped_password();
        }
        if !self.can_ask {
            return Err(Failure::NoPassword);
        }
        let ask = |prompt| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|_| Failure::NoPassword);
        let password = ask("Password: ")?;
        if password == ask("Once more: ")? { Ok(password) } else { Err(Failure::PasswordsDiffer) }
    }

    fn piped_password(&mut self) -> Result<Zeroizing<String>, Failure> {
        // Room for all of it from the start: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(PIPED_BYTES));
        let mut input = self.input.take(PIPED_BYTES as u64);
        input.read_to_string(&mut text).map_err(|_| Failure::NoPassword)?;
        let end = text.strip_suffix('\n').map_or(text.len(), |line| line.strip_suffix('\r').unwrap_or(line).len());
        text.truncate(end);
        if text.is_empty() { Err(Failure::NoPassword) } else { Ok(text) }
    }
}

/// More than any password that is not refused for its length.
const PIPED_BYTES: usize = 8192;
