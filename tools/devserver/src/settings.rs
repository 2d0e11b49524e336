//! What can be set about the local server.

use std::path::PathBuf;

use auth::PublicKeySet;

pub struct Settings {
    /// `PORT`, 3000 by default.
    pub port: u16,
    /// `VESTIBULE_DATA`: the folder with the table and the keys, `.local` by default.
    pub data: PathBuf,
    /// `VESTIBULE_FRONTEND`: the folder with the front end's build, `frontend/build` by default.
    pub frontend: PathBuf,
    /// `VESTIBULE_FRONTEND_FAULT`, set by `make run`: why it could not build the front end, in a sentence.
    frontend_fault: Option<String>,
    /// `DYNAMODB_LISTEN`: an address where the engine is to be reached from outside too, say by `sam local`.
    pub dynamodb_listen: Option<String>,
    /// `REGISTRATIONS_PER_HOUR`: how often one address may try to open an account, 30 as in AWS by default.
    pub registrations_per_hour: u32,
    /// `VESTIBULE_ORIGINS`: further origins of front ends, separated by commas.
    origins: Vec<String>,
}

impl Settings {
    // A tool of its own: the domain's configuration (auth::config) need not know the local server's.
    #[allow(clippy::disallowed_methods)]
    pub fn from_env() -> Result<Self, String> {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let port = match text("PORT").map(|port| port.parse::<u16>()) {
            None => 3000,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err("PORT is not a number from 1 to 65535".to_owned()),
        };
        let registrations_per_hour = match text("REGISTRATIONS_PER_HOUR").map(|number| number.parse()) {
            None => 30,
            Some(Ok(number)) if number > 0 => number,
            Some(_) => return Err("REGISTRATIONS_PER_HOUR is not a whole number above 0".to_owned()),
        };
        let origins: Vec<_> = text("VESTIBULE_ORIGINS")
            .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
            .unwrap_or_default();
        if !origins.iter().all(|origin| PublicKeySet::is_origin(origin)) {
            return Err("VESTIBULE_ORIGINS is not a list of origins such as http://localhost:5173".to_owned());
        }
        let frontend = text("VESTIBULE_FRONTEND").map(PathBuf::from);
        if let Some(folder) = frontend.as_ref().filter(|folder| !folder.join("index.html").is_file()) {
            return Err(format!("VESTIBULE_FRONTEND: there is no index.html in {}", folder.display()));
        }
        Ok(Self {
            origins,
            frontend: frontend.unwrap_or_else(|| DEFAULT_FRONTEND.into()),
            frontend_fault: text("VESTIBULE_FRONTEND_FAULT"),
            registrations_per_hour,
            port,
            data: text("VESTIBULE_DATA").unwrap_or_else(|| ".local".to_owned()).into(),
            dynamodb_listen: text("DYNAMODB_LISTEN"),
        })
    }

    /// Loopback alone: this server is for one person.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn origins(&self) -> Vec<String> {
        let own = [self.issuer(), format!("http://localhost:{}", self.port)];
        own.into_iter().chain(self.origins.iter().cloned()).collect()
    }

    /// `has_frontend`: whether its pages are served.
    pub fn banner(&self, has_frontend: bool) -> String {
        let url = self.issuer();
        let data = self.data.display();
        let folder = self.frontend.display();
        let frontend = match (&self.frontend_fault, has_frontend) {
            (None, true) => format!("Its pages are there too, from {folder}."),
            (Some(fault), true) => format!("Its pages are there too, from {folder}, as they were last built: {fault}"),
            (Some(fault), false) => format!("Without the front end: {fault}"),
            (None, false) => format!("Without the front end: there is no build in {folder}; make run makes one."),
        };
        format!(
            r#"Vestibule is running at {url} (data in {data}; Ctrl-C stops it).
{frontend}
Try it:

  curl -s {url}/auth/register -H 'Content-Type: application/json' \
    -d '{{"email":"ada@example.com","username":"ada","password":"correct horse battery staple 42"}}'
  curl -s {url}/auth/login -H 'Content-Type: application/json' \
    -d '{{"email":"ada@example.com","password":"correct horse battery staple 42"}}'
  curl -s {url}/auth/profile -H "Authorization: Bearer $ACCESS_TOKEN"
  curl -s {url}/auth/refresh -H 'Content-Type: application/json' -d "{{\"refresh_token\":\"$REFRESH_TOKEN\"}}"
"#
        )
    }
}

const DEFAULT_FRONTEND: &str = "frontend/build";
