//! The operators' command line. It speaks to the table through `auth`, as the functions do, and knows no HTTP.
//!
//! A command reads what it is about, asks if it takes something away, writes under a condition on what was read, leaves
//! an audit line on standard error, and prints its result on standard output.

mod cli;
mod connect;
mod console;
mod failure;
mod key_file;
mod keys;
mod stack;
mod unlock;
mod users;
mod view;

pub use cli::{Cli, Command, EveryoneCommand, KeysCommand, Target, UsersCommand, Who};
pub use console::Console;
pub use failure::Failure;
pub use stack::Stack;

use auth::{App, Revocation};

/// Connects to the table that the arguments name, and carries out their command.
pub async fn run(cli: &Cli, console: &mut Console<'_>) -> Result<(), Failure> {
    let (app, stack) = connect::connect(&cli.target).await?;
    carry_out(&cli.command, &app, stack.as_ref(), console).await
}

/// Carries out a command on the table of `app`, and on the keys of `stack` or else of the file that `app` names.
pub async fn carry_out(
    command: &Command,
    app: &App,
    stack: Option<&Stack>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    match command {
        Command::Users(command) => users::carry_out(command, app, console).await,
        Command::Keys(KeysCommand::Show) => keys::show(app, console).await,
        Command::Keys(KeysCommand::Rotate) => keys::rotate(app, stack, console).await,
        Command::Keys(KeysCommand::Revoke { kid, all }) => {
            let what = match kid {
                Some(kid) => Revocation::SigningKey(kid.clone()),
                None if *all => Revocation::All,
                None => Revocation::Signing,
            };
            keys::revoke(app, stack, console, &what).await
        }
        Command::Everyone(EveryoneCommand::SignOut) => keys::revoke(app, stack, console, &Revocation::Mac).await,
    }
}
