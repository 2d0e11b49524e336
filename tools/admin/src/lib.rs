//! The operators' command line. It speaks to the table through `auth`, as the functions do, and knows no HTTP.
//!
//! A command reads what it is about, asks if it takes something away, writes under a condition on what was read, leaves
//! an audit line on standard error, and prints its result on standard output.

mod cli;
mod connect;
mod console;
mod failure;
mod keys;
mod users;
mod view;

pub use cli::{Cli, Command, KeysCommand, Target, UsersCommand, Who};
pub use console::Console;
pub use failure::Failure;

use auth::App;

/// Connects to the table that the arguments name, and carries out their command.
pub async fn run(cli: &Cli, console: &mut Console<'_>) -> Result<(), Failure> {
    let app = connect::connect(&cli.target).await?;
    carry_out(&cli.command, &app, console).await
}

/// Carries out a command on the table of `app`.
pub async fn carry_out(command: &Command, app: &App, console: &mut Console<'_>) -> Result<(), Failure> {
    match command {
        Command::Users(command) => users::carry_out(command, app, console).await,
        Command::Keys(KeysCommand::Show) => keys::show(app, console).await,
    }
}
