//! Accounts and sessions made without HTTP, for the tests of functions that need one to be there.

use auth::{Account, Email, Password, Session, Tokens, User, UserId, Username};

use crate::TestApp;

/// The password of every seeded account.
pub const PASSWORD: &str = "correct horse battery staple 42";

impl TestApp {
    /// `<name>@example.com`, `<name>`, [`PASSWORD`].
    pub async fn seed_user(&self, name: &str) -> User {
        let email = Email::parse(&format!("{name}@example.com")).expect("an address");
        let username = Username::parse(name).expect("a name");
        let now = self.clock.now();
        let user = User::new(UserId::new(self.random.uuid(now).expect("bytes")), email, username, now);
        let hash = self.hasher.hash(Password::parse(PASSWORD).expect("a password")).await.expect("a hash");
        self.app.store.user_create(&user, &hash).await.expect("a fresh account");
        self.wire.take_calls();
        user
    }

    /// A session of the user's, opened as login does.
    pub async fn seed_session(&self, user: &User) -> (Session, Tokens) {
        let (session, refresh) = self.signer.session(user.id, user.session_epoch).await.expect("a session");
        let account = Account { user: user.clone(), roles: Vec::new() };
        let tokens = self.signer.tokens(&account, &session, &refresh).await.expect("tokens");
        self.app.store.session_create(&session).await.expect("a written session");
        self.wire.take_calls();
        (session, tokens)
    }

    /// Raises the epoch as password changes and operators do: on user and credential.
    pub async fn raise_epoch(&self, user: &User, epoch: u64) {
        self.update(&format!("USER#{}", user.id), "USER", "session_epoch", epoch).await;
        self.update(&format!("EMAIL#{}", user.email.key()), "CREDENTIAL", "session_epoch", epoch).await;
    }

    /// The names of the calls since the last look.
    pub fn operations(&self) -> Vec<String> {
        self.wire.take_calls().into_iter().map(|call| call.operation).collect()
    }
}
