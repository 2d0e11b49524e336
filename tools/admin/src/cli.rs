use std::path::PathBuf;

use auth::{Email, Role, SessionId, UserId, Username};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

/// Operates a Vestibule: its users, their sessions, its keys.
#[derive(Debug, Parser)]
#[command(name = "admin", version, max_term_width = 120)]
pub struct Cli {
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Don't ask before something is taken away.
    #[arg(long, global = true)]
    pub yes: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// The table to work on.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// The table of `make run` on this machine.
    #[arg(long, global = true)]
    pub local: bool,
    /// With --local: the data folder of `make run`.
    #[arg(long, global = true, value_name = "DIR", env = "VESTIBULE_DATA", default_value = ".local")]
    pub data: PathBuf,
    /// A table in AWS: the stack's output `TableName`.
    #[arg(long, global = true, value_name = "NAME")]
    pub table: Option<String>,
    /// With --table: a profile of the AWS configuration; by default what the environment says.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// With --table: the table's region; by default that of the environment or the profile.
    #[arg(long, global = true, value_name = "NAME")]
    pub region: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look after users.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Look after keys.
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Create a user with the role `admin`; asks for the password.
    CreateSuperuser {
        #[arg(long, value_parser = email)]
        email: Email,
        #[arg(long, value_parser = username)]
        username: Username,
        /// Read the password from standard input, less one line break at its end.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show a user.
    Show {
        /// An id, an e-mail address or a username.
        user: Who,
    },
    /// Find a user by e-mail address or username.
    #[group(required = true, multiple = false)]
    Find {
        #[arg(long, value_parser = email)]
        email: Option<Email>,
        #[arg(long, value_parser = username)]
        username: Option<Username>,
    },
    /// List users, a page at a time, in no particular order.
    List {
        /// How many, 1 to 100.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=100))]
        limit: u16,
        /// Where the page before ended.
        #[arg(long, value_name = "TOKEN")]
        after: Option<String>,
    },
    /// Close an account: no sign-in, and every session ends. Nothing is deleted.
    Disable {
        /// An id, an e-mail address or a username.
        user: Who,
    },
    /// Open a disabled account again. Sessions that ended stay ended.
    Enable {
        /// An id, an e-mail address or a username.
        user: Who,
    },
    /// Replace a user's roles; none takes them all away. They appear in the next access token.
    SetRoles {
        /// An id, an e-mail address or a username.
        user: Who,
        #[arg(value_name = "ROLE", value_parser = role)]
        roles: Vec<Role>,
    },
    /// List a user's sessions.
    Sessions {
        /// An id, an e-mail address or a username.
        user: Who,
    },
    /// End all of a user's sessions, or one.
    Revoke {
        /// An id, an e-mail address or a username.
        user: Who,
        /// End this session alone.
        #[arg(long, value_name = "ID", value_parser = session_id)]
        session: Option<SessionId>,
    },
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show the published key set.
    Show,
}

/// How an operator names a user.
#[derive(Clone, Debug)]
pub enum Who {
    Id(UserId),
    Email(Email),
    Username(Username),
}

impl std::str::FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // With its dashes an id is longer than any username; 32 hexadecimal digits without them could be one.
        if text.len() == HYPHENATED
            && let Some(id) = UserId::parse(text)
        {
            return Ok(Self::Id(id));
        }
        // No username has an @, and every address has one.
        if text.contains('@') { email(text).map(Self::Email) } else { username(text).map(Self::Username) }
    }
}

impl Cli {
    /// The arguments of this process; a wrong one ends it with a line on standard error and code 2, `--help` with 0.
    pub fn from_arguments() -> Self {
        Self::try_from_arguments(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    pub fn try_from_arguments<I, T>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let cli = Self::try_parse_from(arguments)?;
        match cli.target.fault() {
            Some((kind, line)) => Err(Self::command().error(kind, line)),
            None => Ok(cli),
        }
    }
}

impl Target {
    // clap can neither require a global argument nor see its conflicts across subcommands.
    fn fault(&self) -> Option<(ErrorKind, &'static str)> {
        match (self.local, &self.table) {
            (false, None) => Some((ErrorKind::MissingRequiredArgument, "say which table: --local or --table NAME")),
            (true, Some(_)) => Some((ErrorKind::ArgumentConflict, "--local and --table are two different tables")),
            (true, None) if self.profile.is_some() || self.region.is_some() => {
                Some((ErrorKind::ArgumentConflict, "--profile and --region go with --table"))
            }
            _ => None,
        }
    }
}

const HYPHENATED: usize = 36;

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|invalid| invalid.detail.to_owned())
}

fn username(text: &str) -> Result<Username, String> {
    Username::parse(text).map_err(|invalid| invalid.detail.to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).map_err(|invalid| invalid.detail.to_owned())
}

fn session_id(text: &str) -> Result<SessionId, String> {
    SessionId::parse(text).ok_or_else(|| "This is not a session's id.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_from_arguments(line.split(' '))
    }

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_user_is_named_by_id_address_or_name() {
        assert!(matches!("01a5e0c4-8a9d-7b3e-9f10-2f6f0d8f9a11".parse(), Ok(Who::Id(_))));
        assert!(matches!("01a5e0c48a9d7b3e9f102f6f0d8f9a11".parse(), Ok(Who::Username(_))));
        assert!(matches!("Ada@Example.com".parse(), Ok(Who::Email(_))));
        assert!(matches!("ada".parse(), Ok(Who::Username(_))));
        assert!("a b".parse::<Who>().is_err());
    }

    #[test]
    fn one_table_has_to_be_named_before_or_after_the_command() {
        for good in ["admin --local users list", "admin users list --local", "admin keys show --table t --region r"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "admin users list",
            "admin --local users list --table t",
            "admin --local --region r users list",
            "admin --local users list --limit 0",
            "admin --local users list --limit 101",
            "admin --local users find",
            "admin --local users find --email a@b.io --username ada",
            "admin --local users set-roles ada Admin",
            "admin --local users create-superuser --email a@b.io --username ada --password x",
        ] {
            assert_eq!(parse(bad).expect_err(bad).exit_code(), 2, "{bad}");
        }
    }
}
