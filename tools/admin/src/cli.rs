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

/// The table to work on, and the keys beside it.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// The table of `make run` on this machine.
    #[arg(long, global = true)]
    pub local: bool,
    /// With --local: the data folder of `make run`.
    #[arg(long, global = true, value_name = "DIR", env = "VESTIBULE_DATA", default_value = ".local")]
    pub data: PathBuf,
    /// A stack in AWS, with its table, keys and secrets.
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Option<String>,
    /// A table in AWS by itself, the stack's output `TableName`: for whoever may not look at the stack.
    #[arg(long, global = true, value_name = "NAME")]
    pub table: Option<String>,
    /// With --stack or --table: a profile of the AWS configuration; by default what the environment says.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// With --stack or --table: the region; by default that of the environment or the profile.
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
    /// What happens to everybody at once.
    #[command(subcommand)]
    Everyone(EveryoneCommand),
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
    /// Forget failed sign-ins, so that browsers that the account does not know may try again.
    Unlock {
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
    /// Make new keys, which are in use hours later, when everybody knows them. Nobody notices.
    Rotate,
    /// Replace signing keys that are in other hands, at once: all of them, or one.
    Revoke {
        /// Replace this one alone.
        #[arg(value_name = "KID")]
        kid: Option<String>,
        /// Replace the keys of refresh tokens as well, which signs everybody out.
        #[arg(long, conflicts_with = "kid")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum EveryoneCommand {
    /// Replace the keys of refresh tokens, so that everybody has to sign in again.
    SignOut,
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
        match cli.target.fault().or_else(|| cli.command.fault(&cli.target)) {
            Some((kind, line)) => Err(Self::command().error(kind, line)),
            None => Ok(cli),
        }
    }
}

impl Target {
    // clap can neither require a global argument nor see its conflicts across subcommands.
    fn fault(&self) -> Option<(ErrorKind, &'static str)> {
        match (self.local, &self.stack, &self.table) {
            (false, None, None) => {
                Some((ErrorKind::MissingRequiredArgument, "say which table: --local, --stack NAME or --table NAME"))
            }
            (true, None, None) if self.profile.is_some() || self.region.is_some() => {
                Some((ErrorKind::ArgumentConflict, "--profile and --region go with --stack or --table"))
            }
            (true, None, None) | (false, Some(_), None) | (false, None, Some(_)) => None,
            _ => Some((ErrorKind::ArgumentConflict, "--local, --stack and --table are different tables: name one")),
        }
    }
}

impl Command {
    /// A table by itself does not say where the secrets of its stack are.
    fn fault(&self, target: &Target) -> Option<(ErrorKind, &'static str)> {
        let needs_secrets = match self {
            Self::Users(command) => matches!(command, UsersCommand::Unlock { .. }),
            Self::Keys(command) => !matches!(command, KeysCommand::Show),
            Self::Everyone(_) => true,
        };
        (needs_secrets && target.table.is_some()).then_some((
            ErrorKind::ArgumentConflict,
            "this needs the stack's secrets: name the --stack, not its --table",
        ))
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
        for good in [
            "admin --local users list",
            "admin users list --local",
            "admin keys show --table t --region r",
            "admin keys revoke --all --stack s --profile p",
            "admin --local keys revoke KID",
            "admin --stack s everyone sign-out",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "admin users list",
            "admin --local users list --table t",
            "admin --local --region r users list",
            "admin --local users list --stack s",
            "admin --table t users list --stack s",
            "admin --table t keys rotate",
            "admin --table t keys revoke",
            "admin --table t everyone sign-out",
            "admin --table t users unlock ada",
            "admin --local keys revoke KID --all",
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
