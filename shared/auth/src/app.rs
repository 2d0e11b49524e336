use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cached::{Cached, MAX_AGE, MIN_AGE};
use crate::secret::Secrets;
use crate::{
    AccessToken, Account, Caller, Claims, Clock, Config, ConfigError, Error, Event, KeySet, Log, Network, Pseudonyms,
    PublicKeySet, Random, RefreshToken, Result, SecretSource, Session, SessionId, Store, Timestamp, User, UserId,
    Verifier,
};

/// What every function may hold. Powers (`Signer`, `Hasher`) are passed to those that need them.
#[derive(Clone, Debug)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub random: Random,
    pub store: Store,
    pub log: Log,
    published: Cached<Published>,
    pseudonyms: Cached<Pseudonyms>,
    pseudonym_key: Option<Secrets>,
}

/// Who an access token speaks for, and the session it was made in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub account: Account,
    pub session: Session,
}

/// The published key set, and the verifier made of it.
#[derive(Clone, Debug)]
pub struct Published {
    pub keys: PublicKeySet,
    pub verifier: Verifier,
}

impl App {
    pub fn connect(config: Config, log: Log) -> Self {
        Self::with(config, Clock::System, Random::System, log)
    }

    /// An app on a table of a local engine, with time, randomness and log in the test's hand.
    pub fn for_tests(endpoint: &str, table: &str, clock: Clock, random: Random, log: Log) -> Self {
        let mut config = Config::local(endpoint, table);
        config.pseudonym_key =
            Some(SecretSource::Given(Zeroizing::new("a key for the pseudonyms of the tests alone".into())));
        Self::with(config, clock, random, log)
    }

    /// As a function that has no key of pseudonyms, for tests.
    #[must_use]
    pub fn without_pseudonyms(&self) -> Self {
        Self { pseudonyms: Cached::default(), pseudonym_key: None, ..self.clone() }
    }

    pub fn with(config: Config, clock: Clock, random: Random, log: Log) -> Self {
        let store = Store::new(&config);
        let pseudonym_key = config.pseudonym_key.as_ref().map(|source| Secrets::new(&config, source));
        Self {
            config: Arc::new(config),
            clock,
            random,
            store,
            log,
            published: Cached::default(),
            pseudonyms: Cached::default(),
            pseudonym_key,
        }
    }

    /// Reads the key set, and so opens the connection, while Lambda's INIT gives full CPU. A missing key set is no
    /// reason to fail there: requests answer 503 until it exists.
    pub async fn warm(&self) {
        let _ = tokio::join!(self.published(), self.pseudonyms());
    }

    /// The keyed hashes of addresses and identifiers. Their key never changes, so it is read once.
    ///
    /// # Errors
    /// [`Error::NoKeySet`] in a function that was not told where the key is, or if it is too short;
    /// [`Error::Unavailable`] if it could not be read.
    pub async fn pseudonyms(&self) -> Result<Arc<Pseudonyms>> {
        let load = async || {
            let text = self.pseudonym_key.as_ref().ok_or(Error::NoKeySet)?.text().await?;
            Pseudonyms::new(text.trim()).ok_or(Error::NoKeySet)
        };
        self.pseudonyms.get(self.clock.now(), Duration::MAX, load).await
    }

    /// The published key set, read again when it is older than five minutes.
    ///
    /// # Errors
    /// [`Error::NoKeySet`] while nothing is published; [`Error::Unavailable`] if nothing was ever read.
    pub async fn published(&self) -> Result<Arc<Published>> {
        self.published_since(MAX_AGE).await
    }

    /// The claims of an access token of ours.
    ///
    /// A token under a key that we don't know makes us look for a newer key set, every ten seconds at most.
    ///
    /// # Errors
    /// [`Error::InvalidToken`]; [`Error::NoKeySet`] and [`Error::Unavailable`] when there is nothing to verify against.
    pub async fn verify(&self, token: &str) -> Result<Claims> {
        let mut published = self.published().await?;
        if published.verifier.is_missing_key_of(token) {
            published = self.published_since(MIN_AGE).await?;
        }
        published.verifier.verify(token, &self.config.audience, self.clock.now())
    }

    /// Whether this is what the distribution adds to each request that it passes on, compared in constant time. No where
    /// there is no distribution, or while the key set could not be read yet.
    pub fn is_origin_proof(&self, proof: &[u8]) -> bool {
        let expected = self.published.peek().and_then(|published| published.keys.origin_proof_sha256);
        expected.is_some_and(|expected| bool::from(digest(&SHA256, proof).as_ref().ct_eq(&expected)))
    }

    /// Who makes the request `request_id`. Asks nobody: where the key of pseudonyms could not be read yet, the audit trail
    /// lacks the network, and what needs a throttle refuses by itself.
    pub fn caller(&self, request_id: String, network: Network) -> Caller {
        Caller::new(request_id, network, self.pseudonyms.peek().as_deref())
    }

    /// Whom the token speaks for, as things are now: the account is active, the session live, and both of one epoch. One
    /// round trip, and the only one that an authorised request needs.
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub async fn signed_in(&self, token: &str) -> Result<SignedIn> {
        let claims = self.verify(token).await?;
        self.signed_in_by(&claims).await
    }

    /// The second half of [`App::signed_in`], for whoever reads something else beside it.
    pub async fn signed_in_by(&self, claims: &Claims) -> Result<SignedIn> {
        let (user_id, session_id) = (UserId::new(claims.sub), SessionId::new(claims.sid));
        let (mut account, mut session) = self.store.account_and_session(user_id, session_id).await?;
        // Several items are not read at one moment: between two of them the epoch may have been raised, and the session
        // carried along.
        let epochs = account.as_ref().zip(session.as_ref()).map(|(a, s)| (a.user.session_epoch, s.session_epoch));
        if epochs.is_some_and(|(of_user, of_session)| of_user < of_session) {
            (account, session) = self.store.account_and_session(user_id, session_id).await?;
        }
        let session = session.filter(|session| session.is_live(self.clock.now())).ok_or(Error::InvalidToken)?;
        let account = account.filter(|account| account.honours(session.session_epoch)).ok_or(Error::InvalidToken)?;
        Ok(SignedIn { account, session })
    }

    /// Of a failed load that no answer may show, since there are older keys to go on with.
    fn tell_if_hidden<T>(&self, keys: &Cached<T>, which: &'static str) {
        if keys.peek().is_some() {
            self.log.write(&Event::new("keys_not_read").alarming().because(which));
        }
    }

    async fn published_since(&self, max_age: Duration) -> Result<Arc<Published>> {
        self.published
            .get(self.clock.now(), max_age, async || {
                let keys = self.store.key_set().await;
                let keys = keys.inspect_err(|_| self.tell_if_hidden(&self.published, "published"))?;
                let verifier = Verifier::new(&keys)?;
                Ok(Published { keys, verifier })
            })
            .await
    }
}

/// The power to open sessions: the private key set.
#[derive(Clone, Debug)]
pub struct Signer {
    app: App,
    secrets: Secrets,
    keys: Cached<KeySet>,
}

/// The tokens of one answer.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access_token: AccessToken,
    pub expires_in: Duration,
    /// A secret: whoever holds it can continue the session.
    pub refresh_token: Zeroizing<String>,
    pub refresh_expires_in: Duration,
}

impl Signer {
    /// # Errors
    /// [`ConfigError`] if this function was not told where the key set is. That it can't be read is no error here.
    pub async fn load(app: &App) -> std::result::Result<Self, ConfigError> {
        let source = app.config.key_set.as_ref();
        let source =
            source.ok_or_else(|| ConfigError(vec!["KEY_SET_SECRET_ID (or KEY_SET_FILE) is missing".to_owned()]))?;
        let signer = Self { app: app.clone(), secrets: Secrets::new(&app.config, source), keys: Cached::default() };
        let _ = signer.keys(MAX_AGE).await;
        Ok(signer)
    }

    /// A signer with a key set of the caller's, for tests.
    pub fn fixed(app: &App, keys: KeySet) -> Self {
        Self { app: app.clone(), secrets: Secrets::Fixed(keys), keys: Cached::default() }
    }

    /// The token behind the text, if its MAC is right: no read is spent on a forgery.
    ///
    /// A token under a key that we don't know makes us look for a newer key set, every ten seconds at most.
    pub async fn open(&self, text: &str) -> Result<Option<RefreshToken>> {
        let mut keys = self.keys(MAX_AGE).await?;
        if RefreshToken::is_missing_key(text, &keys.mac) {
            keys = self.keys(MIN_AGE).await?;
        }
        Ok(RefreshToken::open(text, &keys.mac))
    }

    /// A new session and its first refresh token. Nothing is written yet.
    pub async fn session(&self, user_id: UserId, session_epoch: u64) -> Result<(Session, RefreshToken)> {
        let keys = self.keys(MAX_AGE).await?;
        let now = self.app.clock.now();
        let id = SessionId::new(self.app.random.uuid(now)?);
        let key = keys.mac_key(now).ok_or(Error::NoKeySet)?;
        let token = RefreshToken::first(user_id, id, key, self.app.random.bytes()?);
        Ok((Session::open(id, user_id, session_epoch, &token, now, self.app.config.lifetimes), token))
    }

    /// The token that follows `token`, under today's MAC key.
    pub async fn successor(&self, token: &RefreshToken) -> Result<RefreshToken> {
        let keys = self.keys(MAX_AGE).await?;
        Ok(token.successor(keys.mac_key(self.app.clock.now()).ok_or(Error::NoKeySet)?.id))
    }

    /// Signs the tokens of a session: an access token for `account`, and `refresh` as text.
    pub async fn tokens(&self, account: &Account, session: &Session, refresh: &RefreshToken) -> Result<Tokens> {
        let mut keys = self.keys(MAX_AGE).await?;
        // A retry's successor is under the key that another instance took, which may have been the first to know it.
        if keys.mac_key_by_id(refresh.mac_key_id).is_none() {
            keys = self.keys(MIN_AGE).await?;
        }
        let published = self.app.published().await?;
        let now = self.app.clock.now();
        let claims = self.claims(&account.user, account, session, &published.keys.issuer, now)?;
        let mac = keys.mac_key_by_id(refresh.mac_key_id).ok_or(Error::NoKeySet)?;
        Ok(Tokens {
            access_token: keys.sign(&claims, now)?,
            expires_in: self.app.config.lifetimes.access,
            refresh_token: Zeroizing::new(refresh.seal(mac)),
            refresh_expires_in: session.remaining(now),
        })
    }

    fn claims(
        &self,
        user: &User,
        account: &Account,
        session: &Session,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Claims> {
        let lifetime = i64::try_from(self.app.config.lifetimes.access.as_secs()).unwrap_or(0);
        Ok(Claims {
            iss: issuer.to_owned(),
            sub: user.id.uuid(),
            aud: self.app.config.audience.clone(),
            client_id: self.app.config.audience.clone(),
            exp: now.seconds() + lifetime,
            iat: now.seconds(),
            jti: self.app.random.uuid(now)?,
            sid: session.id.uuid(),
            roles: account.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            email_verified: user.email_verified,
            auth_time: session.created_at.seconds(),
        })
    }

    async fn keys(&self, max_age: Duration) -> Result<Arc<KeySet>> {
        let load = async || {
            let set = async { self.tried(self.secrets.load().await?).await };
            set.await.inspect_err(|_| self.app.tell_if_hidden(&self.keys, "private"))
        };
        self.keys.get(self.app.clock.now(), max_age, load).await
    }

    /// The set, if it can sign and mint now. On a thread of its own: to read an RSA key takes as long as all else that a
    /// start computes, which goes on meanwhile. A start waits for it all the same, while it has the whole processor.
    async fn tried(&self, set: KeySet) -> Result<KeySet> {
        let now = self.app.clock.now();
        let tried = tokio::task::spawn_blocking(move || set.is_ready(now).then_some(set)).await;
        tried.ok().flatten().ok_or(Error::NoKeySet)
    }
}
