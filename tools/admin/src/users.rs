use auth::{
    Account, App, Email, Event, Hasher, Password, Role, Session, SessionId, Status, User, UserId, UserPage, Username,
};

use crate::unlock::{sign_in, unlock};
use crate::view::{OneUser, Revoked, RolesSet, Sessions, StatusSet, Users, role_list};
use crate::{Console, Failure, UsersCommand, Who};

pub async fn carry_out(command: &UsersCommand, app: &App, console: &mut Console<'_>) -> Result<(), Failure> {
    match command {
        UsersCommand::CreateSuperuser { email, username, password_stdin } => {
            create_superuser(app, console, email, username, *password_stdin).await
        }
        UsersCommand::Show { user } => show(app, console, user).await,
        UsersCommand::Find { email: Some(email), .. } => show(app, console, &Who::Email(email.clone())).await,
        UsersCommand::Find { username: Some(name), .. } => show(app, console, &Who::Username(name.clone())).await,
        // clap demands one of the two.
        UsersCommand::Find { .. } => Err(Failure::NoSuchUser),
        UsersCommand::List { limit, after } => list(app, console, *limit, after.as_deref()).await,
        UsersCommand::Disable { user } => disable(app, console, user).await,
        UsersCommand::Enable { user } => enable(app, console, user).await,
        UsersCommand::SetRoles { user, roles } => set_roles(app, console, user, roles).await,
        UsersCommand::Sessions { user } => sessions(app, console, user).await,
        UsersCommand::Unlock { user } => unlock(app, console, &account(app, user).await?.user).await,
        UsersCommand::Revoke { user, session: None } => revoke_all(app, console, user).await,
        UsersCommand::Revoke { user, session: Some(id) } => revoke_one(app, console, user, *id).await,
    }
}

async fn create_superuser(
    app: &App,
    console: &mut Console<'_>,
    email: &Email,
    username: &Username,
    password_stdin: bool,
) -> Result<(), Failure> {
    let password = Password::parse_new(&console.new_password(password_stdin)?, app.config.password)?;
    let now = app.clock.now();
    let id = UserId::new(app.random.uuid(now)?);
    let user = User::new(id, email.clone(), username.clone(), now);
    password.judge(&user.own_words())?;
    let hash = Hasher::new(app.config.hash, 1, app.random.clone()).hash(password).await?;
    let roles = vec![Role::parse(Role::ADMIN)?];
    app.store.user_create_with_roles(&user, &hash, &roles).await?;
    console.audit(Event::new("admin_superuser_created").subject(id))?;
    console.show(&OneUser::new(&Account { user, roles }, None))
}

async fn show(app: &App, console: &mut Console<'_>, who: &Who) -> Result<(), Failure> {
    let account = account(app, who).await?;
    // Who may look at users need not be able to look at the throttles.
    let sign_in = sign_in(app, &account.user).await.ok();
    console.audit(Event::new("admin_user_shown").subject(account.user.id))?;
    console.show(&OneUser::new(&account, sign_in))
}

async fn list(app: &App, console: &mut Console<'_>, limit: u16, after: Option<&str>) -> Result<(), Failure> {
    let UserPage { users, next } = app.store.users_page(limit, after).await?;
    console.audit(Event::new("admin_users_listed"))?;
    console.show(&Users::new(&users, next))
}

async fn disable(app: &App, console: &mut Console<'_>, who: &Who) -> Result<(), Failure> {
    let user = account(app, who).await?.user;
    console.confirm(&format!("Disable {}? Every session ends.", named(&user)))?;
    let epoch = set_status(app, &user, Status::Disabled).await?;
    console.audit(Event::new("admin_user_disabled").subject(user.id))?;
    console.show(&StatusSet::new(&user, Status::Disabled, epoch))
}

async fn enable(app: &App, console: &mut Console<'_>, who: &Who) -> Result<(), Failure> {
    let user = account(app, who).await?.user;
    let epoch = set_status(app, &user, Status::Active).await?;
    console.audit(Event::new("admin_user_enabled").subject(user.id))?;
    console.show(&StatusSet::new(&user, Status::Active, epoch))
}

async fn set_status(app: &App, user: &User, status: Status) -> Result<u64, Failure> {
    let now = app.clock.now();
    Ok(app.store.user_set_status(user, status, now, app.random.uuid(now)?).await?)
}

async fn set_roles(app: &App, console: &mut Console<'_>, who: &Who, roles: &[Role]) -> Result<(), Failure> {
    let Account { user, roles: old } = account(app, who).await?;
    let mut roles = roles.to_vec();
    roles.sort();
    roles.dedup();
    let (had, gets) = (role_list(&old), role_list(&roles));
    console.confirm(&format!("Replace the roles of {}? They are: {had}. They become: {gets}.", named(&user)))?;
    app.store.roles_set(user.id, &roles).await?;
    console.audit(Event::new("admin_roles_set").subject(user.id))?;
    console.show(&RolesSet::new(&user, &roles))
}

async fn sessions(app: &App, console: &mut Console<'_>, who: &Who) -> Result<(), Failure> {
    let account = account(app, who).await?;
    let sessions = app.store.sessions_of(account.user.id).await?;
    console.audit(Event::new("admin_sessions_listed").subject(account.user.id))?;
    console.show(&Sessions::new(&account, &sessions, app.clock.now()))
}

async fn revoke_all(app: &App, console: &mut Console<'_>, who: &Who) -> Result<(), Failure> {
    let user = account(app, who).await?.user;
    console.confirm(&format!("End every session of {}?", named(&user)))?;
    let epoch = app.store.sessions_revoke_all(&user, None).await?;
    console.audit(Event::new("admin_sessions_revoked").subject(user.id))?;
    console.show(&Revoked::all(&user, epoch))
}

async fn revoke_one(app: &App, console: &mut Console<'_>, who: &Who, id: SessionId) -> Result<(), Failure> {
    let user = account(app, who).await?.user;
    let sessions: Vec<Session> = app.store.sessions_of(user.id).await?;
    if !sessions.iter().any(|session| session.id == id) {
        return Err(Failure::NoSuchSession);
    }
    console.confirm(&format!("End session {id} of {}?", named(&user)))?;
    app.store.session_delete(user.id, id).await?;
    console.audit(Event::new("admin_session_revoked").subject(user.id).session(id))?;
    console.show(&Revoked::one(&user, id))
}

async fn account(app: &App, who: &Who) -> Result<Account, Failure> {
    let account = match who {
        Who::Id(id) => app.store.account(*id).await?,
        Who::Email(email) => app.store.account_by_email(email).await?,
        Who::Username(username) => app.store.account_by_username(username).await?,
    };
    account.ok_or(Failure::NoSuchUser)
}

/// For a question on the terminal; audit lines have the id alone.
fn named(user: &User) -> String {
    format!("{} ({})", user.username.as_str(), user.id)
}
