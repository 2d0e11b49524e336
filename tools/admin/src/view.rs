//! What is shown of the domain, as JSON and as text. Hashes, lineages and key material are in none of these types.

use std::borrow::Cow;
use std::fmt;

use auth::{Account, Bio, FullName, Role, Session, SessionId, Status, Timestamp, User, UserId};
use serde::Serialize;

use crate::unlock::SignIn;

#[derive(Serialize)]
pub struct OneUser {
    user: UserView,
    /// `None` where the key of pseudonyms, or the throttles, are out of reach.
    sign_in: Option<SignIn>,
}

#[derive(Serialize)]
struct UserView {
    id: UserId,
    email: String,
    email_verified: bool,
    username: String,
    full_name: Option<String>,
    bio: Option<String>,
    birth_date: Option<String>,
    status: &'static str,
    roles: Vec<Role>,
    session_epoch: u64,
    version: u64,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
pub struct Users {
    users: Vec<UserRow>,
    /// What `--after` takes; `None` after the last page.
    next: Option<String>,
}

#[derive(Serialize)]
struct UserRow {
    id: UserId,
    username: String,
    email: String,
    status: &'static str,
    created_at: String,
}

#[derive(Serialize)]
pub struct StatusSet {
    user_id: UserId,
    status: &'static str,
    session_epoch: u64,
}

#[derive(Serialize)]
pub struct RolesSet {
    user_id: UserId,
    roles: Vec<Role>,
}

#[derive(Serialize)]
pub struct Sessions {
    user_id: UserId,
    sessions: Vec<SessionView>,
}

#[derive(Serialize)]
struct SessionView {
    id: String,
    state: &'static str,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    client: Option<String>,
}

/// What was ended: one session, or by the raised epoch all of them.
#[derive(Serialize)]
pub struct Revoked {
    user_id: UserId,
    session_id: Option<String>,
    session_epoch: Option<u64>,
}

impl OneUser {
    pub fn new(Account { user, roles }: &Account, sign_in: Option<SignIn>) -> Self {
        Self {
            sign_in,
            user: UserView {
                id: user.id,
                email: user.email.as_str().to_owned(),
                email_verified: user.email_verified,
                username: user.username.as_str().to_owned(),
                full_name: user.full_name.as_ref().map(FullName::as_str).map(str::to_owned),
                bio: user.bio.as_ref().map(Bio::as_str).map(str::to_owned),
                birth_date: user.birth_date.map(|date| date.to_string()),
                status: status(user.status),
                roles: roles.clone(),
                session_epoch: user.session_epoch,
                version: user.version,
                created_at: user.created_at.rfc3339(),
                updated_at: user.updated_at.rfc3339(),
            },
        }
    }
}

impl fmt::Display for OneUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = &self.user;
        let verified = if user.email_verified { "verified" } else { "not verified" };
        writeln!(f, "id             {}", user.id)?;
        writeln!(f, "username       {}", cell(&user.username))?;
        writeln!(f, "email          {} ({verified})", cell(&user.email))?;
        writeln!(f, "status         {}", user.status)?;
        if let Some(sign_in) = &self.sign_in {
            writeln!(f, "sign-in        {sign_in}")?;
        }
        writeln!(f, "roles          {}", role_list(&user.roles))?;
        for (name, value) in [("full_name", &user.full_name), ("bio", &user.bio), ("birth_date", &user.birth_date)] {
            writeln!(f, "{name:<13}  {}", value.as_deref().map_or("-".into(), cell))?;
        }
        writeln!(f, "session_epoch  {}", user.session_epoch)?;
        writeln!(f, "version        {}", user.version)?;
        writeln!(f, "created_at     {}", user.created_at)?;
        write!(f, "updated_at     {}", user.updated_at)
    }
}

impl Users {
    pub fn new(users: &[User], next: Option<String>) -> Self {
        let row = |user: &User| UserRow {
            id: user.id,
            username: user.username.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            status: status(user.status),
            created_at: user.created_at.rfc3339(),
        };
        Self { users: users.iter().map(row).collect(), next }
    }
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.users.iter().map(|user| {
            let id = user.id.to_string().into();
            [id, user.status.into(), cell(&user.created_at), cell(&user.username), cell(&user.email)]
        });
        table(f, ["ID", "STATUS", "CREATED", "USERNAME", "EMAIL"], rows)?;
        match &self.next {
            Some(next) => write!(f, "\n\nThere are more: --after {next}"),
            None => Ok(()),
        }
    }
}

impl StatusSet {
    pub fn new(user: &User, new: Status, session_epoch: u64) -> Self {
        Self { user_id: user.id, status: status(new), session_epoch }
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; every session opened before has ended.", self.user_id, self.status)
    }
}

impl RolesSet {
    pub fn new(user: &User, roles: &[Role]) -> Self {
        Self { user_id: user.id, roles: roles.to_vec() }
    }
}

impl fmt::Display for RolesSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The roles of {}: {}.\nThey appear in the next access token, at the next refresh or sign-in. Access tokens \
             issued before keep the old ones until they expire.",
            self.user_id,
            role_list(&self.roles)
        )
    }
}

impl Sessions {
    pub fn new(account: &Account, sessions: &[Session], now: Timestamp) -> Self {
        let view = |session: &Session| SessionView {
            id: session.id.to_string(),
            state: match (session.is_live(now), account.honours(session.session_epoch)) {
                (true, true) => "live",
                (true, false) => "void",
                (false, _) => "expired",
            },
            created_at: session.created_at.rfc3339(),
            last_used_at: session.last_used_at.rfc3339(),
            expires_at: session.idle_expires_at.min(session.absolute_expires_at).rfc3339(),
            client: session.client.clone(),
        };
        Self { user_id: account.user.id, sessions: sessions.iter().map(view).collect() }
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.sessions.iter().map(|session| {
            let client = session.client.as_deref().map_or("-".into(), cell);
            [cell(&session.id), session.state.into(), cell(&session.last_used_at), cell(&session.expires_at), client]
        });
        table(f, ["ID", "STATE", "LAST USED", "EXPIRES", "CLIENT"], rows)
    }
}

impl Revoked {
    pub fn all(user: &User, session_epoch: u64) -> Self {
        Self { user_id: user.id, session_id: None, session_epoch: Some(session_epoch) }
    }

    pub fn one(user: &User, session: SessionId) -> Self {
        Self { user_id: user.id, session_id: Some(session.to_string()), session_epoch: None }
    }
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.session_id {
            Some(session) => write!(f, "Session {session} of {} has ended.", self.user_id)?,
            None => write!(f, "Every session of {} has ended.", self.user_id)?,
        }
        f.write_str("\nAccess tokens that others verify by themselves live on until they expire.")
    }
}

/// `admin, billing:read`, or `none`.
pub fn role_list(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(Role::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A value on one line of a terminal: what users wrote must neither break the line nor steer the terminal.
pub fn cell(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        text.chars().map(escaped).collect::<String>().into()
    } else {
        text.into()
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Disabled => "disabled",
    }
}

/// Columns as wide as their widest value, the last one as it comes.
fn table<'a, const N: usize>(
    f: &mut fmt::Formatter<'_>,
    head: [&'a str; N],
    rows: impl Iterator<Item = [Cow<'a, str>; N]>,
) -> fmt::Result {
    let lines: Vec<_> = std::iter::once(head.map(Cow::Borrowed)).chain(rows).collect();
    let widths: [usize; N] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
    for (index, line) in lines.iter().enumerate() {
        let padded = line.iter().zip(widths).map(|(value, width)| format!("{value:<width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        let newline = if index == 0 { "" } else { "\n" };
        write!(f, "{newline}{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_wrote_stays_on_its_line_and_steers_nothing() {
        assert_eq!(cell("one\ntwo\r\u{1b}[2J\u{7}"), r"one\ntwo\r\u{1b}[2J\u{7}");
        assert_eq!(cell("李小龙"), "李小龙");
    }
}
