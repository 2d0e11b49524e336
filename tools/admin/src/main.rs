//! `admin`: see `admin --help`, and README.md beside this crate.

use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::process::ExitCode;

use admin::{Cli, Console};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    let mut console = Console {
        can_ask: stdin().is_terminal() && stderr().is_terminal(),
        input: &mut stdin().lock(),
        output: &mut stdout(),
        notes: &mut stderr(),
        json: cli.json,
        yes: cli.yes,
    };
    match admin::run(&cli, &mut console).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("admin: {failure}");
            ExitCode::FAILURE
        }
    }
}
