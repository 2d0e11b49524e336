//! The endpoints: which function serves them, what a call of each needs, and what it may cost by docs/DATA-MODEL.md.

use serde_json::{Value, json};

use crate::stage::Stage;

/// One kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Register,
    Login,
    LoginByUsername,
    Refresh,
    Logout,
    ProfileRead,
    ProfileChange,
    NewUsername,
    PasswordChange,
    SessionsList,
    SessionRevoke,
    SessionsRevokeAll,
    SessionsRevokeOthers,
    KeySet,
    Openid,
    ApiDocument,
    Health,
}

/// What docs/DATA-MODEL.md says of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Documented {
    /// Calls to DynamoDB that wait for each other.
    pub round_trips: f64,
    pub writes: f64,
    pub reads: f64,
}

impl Endpoint {
    pub const ALL: [Self; 17] = [
        Self::Register,
        Self::Login,
        Self::LoginByUsername,
        Self::Refresh,
        Self::Logout,
        Self::ProfileRead,
        Self::ProfileChange,
        Self::NewUsername,
        Self::PasswordChange,
        Self::SessionsList,
        Self::SessionRevoke,
        Self::SessionsRevokeAll,
        Self::SessionsRevokeOthers,
        Self::KeySet,
        Self::Openid,
        Self::ApiDocument,
        Self::Health,
    ];

    /// As docs/DATA-MODEL.md calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login by e-mail",
            Self::LoginByUsername => "login by username",
            Self::Refresh => "refresh",
            Self::Logout => "logout",
            Self::ProfileRead => "profile, read",
            Self::ProfileChange => "profile, change",
            Self::NewUsername => "profile, new username",
            Self::PasswordChange => "password change",
            Self::SessionsList => "list of sessions",
            Self::SessionRevoke => "end one session",
            Self::SessionsRevokeAll => "end every session",
            Self::SessionsRevokeOthers => "end every other session",
            Self::KeySet => "key set, served",
            Self::Openid => "OpenID configuration",
            Self::ApiDocument => "the API's document",
            Self::Health => "health",
        }
    }

    /// The package, and the folder below `functions/`.
    pub fn function(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login | Self::LoginByUsername => "login",
            Self::Refresh => "refresh",
            Self::Logout => "logout",
            Self::ProfileRead | Self::ProfileChange | Self::NewUsername => "profile",
            Self::PasswordChange => "password",
            Self::SessionsList | Self::SessionRevoke | Self::SessionsRevokeAll | Self::SessionsRevokeOthers => {
                "sessions"
            }
            Self::KeySet | Self::Openid | Self::ApiDocument | Self::Health => "discovery",
        }
    }

    pub fn status(self) -> u16 {
        match self {
            Self::Register => 201,
            Self::Logout | Self::SessionRevoke | Self::SessionsRevokeAll | Self::SessionsRevokeOthers => 204,
            _ => 200,
        }
    }

    /// Whether it computes a hash, which is most of its time.
    pub fn hashes(self) -> bool {
        matches!(self, Self::Register | Self::Login | Self::LoginByUsername | Self::PasswordChange)
    }

    /// Whether it signs an access token.
    pub fn signs(self) -> bool {
        matches!(self, Self::Login | Self::LoginByUsername | Self::Refresh | Self::PasswordChange)
    }

    /// What so many calls in turn need, each with an input of its own where one can be made only once.
    pub async fn events(self, stage: &Stage, count: usize) -> Result<Vec<String>, String> {
        let event = stage.event(match self {
            Self::Register => "register",
            Self::Login => "login",
            Self::LoginByUsername => "login-username",
            Self::Refresh => "refresh",
            Self::Logout => "logout",
            Self::ProfileRead => "profile",
            Self::ProfileChange | Self::NewUsername => "profile-patch",
            Self::PasswordChange => "password-change",
            Self::SessionsList => "sessions",
            Self::SessionRevoke => "sessions-revoke",
            Self::SessionsRevokeAll | Self::SessionsRevokeOthers => "sessions-revoke-all",
            Self::KeySet => "discovery",
            Self::Openid => "discovery-openid",
            Self::ApiDocument => "discovery-openapi",
            Self::Health => "discovery-health",
        })?;
        let mut events = Vec::with_capacity(count);
        let user = stage.new_account().await?;
        // A person has a phone, a laptop, and one more.
        let (_, tokens) = stage.open_session(&user).await?;
        for _ in 0..2 {
            stage.open_session(&user).await?;
        }
        let mut visitor = user.clone();
        for number in 0..count {
            let mut event = event.clone();
            match self {
                Self::Register => {
                    let name = stage.new_name();
                    edit(&mut event, |body| {
                        body["email"] = format!("{name}@example.com").into();
                        body["username"] = name.into();
                    })?;
                }
                Self::Login | Self::LoginByUsername => {
                    // Who never fails pays for one write more in five sign-ins: that is in, and no heap of sessions is.
                    if number % 5 == 0 {
                        visitor = stage.new_account().await?;
                    }
                    edit(&mut event, |body| {
                        if self == Self::Login {
                            body["email"] = visitor.email.as_str().into();
                        } else {
                            body["username"] = visitor.username.as_str().into();
                        }
                    })?;
                }
                Self::Refresh | Self::Logout => {
                    let (_, tokens) = stage.open_session(&user).await?;
                    edit(&mut event, |body| body["refresh_token"] = tokens.refresh_token.as_str().into())?;
                }
                Self::ProfileChange => {
                    authorize(&mut event, tokens.access_token.expose());
                    // What changes nothing is not written.
                    edit(&mut event, |body| body["bio"] = format!("Notes, {number}").into())?;
                }
                Self::NewUsername => {
                    authorize(&mut event, tokens.access_token.expose());
                    event["body"] = json!({ "username": stage.new_name() }).to_string().into();
                }
                Self::PasswordChange | Self::SessionsRevokeAll | Self::SessionsRevokeOthers => {
                    let keep = if self == Self::SessionsRevokeOthers { "keep=current" } else { "" };
                    event["rawQueryString"] = keep.into();
                    let user = stage.new_account().await?;
                    authorize(&mut event, stage.open_session(&user).await?.1.access_token.expose());
                }
                Self::SessionRevoke => {
                    let (session, _) = stage.open_session(&user).await?;
                    authorize(&mut event, tokens.access_token.expose());
                    let path = json!(format!("/auth/sessions/{}", session.id));
                    event["requestContext"]["http"]["path"] = path.clone();
                    event["rawPath"] = path;
                    event["pathParameters"] = json!({ "id": session.id.to_string() });
                }
                Self::ProfileRead | Self::SessionsList => authorize(&mut event, tokens.access_token.expose()),
                Self::KeySet | Self::Openid | Self::ApiDocument | Self::Health => {}
            }
            events.push(event.to_string());
        }
        Ok(events)
    }

    /// # Errors
    /// If docs/DATA-MODEL.md has no such row.
    pub fn documented(self) -> Result<Documented, String> {
        match self {
            // An instance has the key set.
            Self::KeySet | Self::Openid | Self::ApiDocument | Self::Health => Ok(Documented::default()),
            _ => documented(DATA_MODEL, self.name()),
        }
    }
}

/// The one table of capacity; the functions' tests compare the engine's reports with the same numbers.
const DATA_MODEL: &str = include_str!("../../docs/DATA-MODEL.md");

/// The row of the access pattern of this name, with or without a remark in brackets.
fn documented(page: &str, name: &str) -> Result<Documented, String> {
    let row = page.lines().find_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| ")?.split('|').map(str::trim).collect();
        let [what, _, round_trips, writes, reads, ""] = cells.as_slice() else { return None };
        let is_it = what.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("));
        is_it.then(|| Some(Documented { round_trips: sum(round_trips)?, writes: sum(writes)?, reads: sum(reads)? }))
    });
    row.flatten().ok_or_else(|| format!("docs/DATA-MODEL.md has no numbers for {name:?}"))
}

/// `7 + 2 index` is 9.
fn sum(cell: &str) -> Option<f64> {
    cell.split('+').map(|term| term.split_whitespace().next()?.parse::<f64>().ok()).sum()
}

fn edit(event: &mut Value, change: impl FnOnce(&mut Value)) -> Result<(), String> {
    let body = event["body"].as_str().unwrap_or_default();
    let mut body: Value = serde_json::from_str(body).map_err(|error| format!("the event's body: {error}"))?;
    change(&mut body);
    event["body"] = body.to_string().into();
    Ok(())
}

fn authorize(event: &mut Value, access_token: &str) {
    event["headers"]["authorization"] = format!("Bearer {access_token}").into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_documented() {
        for endpoint in Endpoint::ALL {
            assert!(endpoint.documented().is_ok(), "{endpoint:?}");
        }
        let register = Documented { round_trips: 2.0, writes: 9.0, reads: 0.0 };
        assert_eq!(Endpoint::Register.documented(), Ok(register));
        let list = Documented { round_trips: 1.0, writes: 0.0, reads: 4.0 };
        assert_eq!(Endpoint::SessionsList.documented(), Ok(list));
    }

    #[test]
    fn a_row_is_found_by_its_whole_name_and_what_is_no_number_is_none() {
        let page = "| refresh, forged token | none | 0 | 0 | 0 |\n| refresh (x) | `a` ‖ `b` | 1 | 2 + 3 index | – |\n";
        assert!(documented(page, "refresh").is_err());
        let page = page.replace('–', "4");
        assert_eq!(documented(&page, "refresh"), Ok(Documented { round_trips: 1.0, writes: 5.0, reads: 4.0 }));
    }
}
