use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth::{App, BreachedPasswords};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A service that knows breached passwords, on loopback. It answers the bytes that it is told to, so it can be as wrong as
/// no HTTP library would be.
#[derive(Clone)]
pub struct Breaches {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What it answers.
#[derive(Clone, Debug)]
pub enum Says {
    /// 200 and a list of these digests' ends (or whatever else a text may say).
    List(String),
    /// Another status, and a header.
    Status(u16, &'static str),
    /// These bytes, whatever they are, and then the end of the connection.
    Bytes(Vec<u8>),
    /// Its headers, and then a byte of its body now and then, for ever.
    Drips,
    /// Nothing, for ever.
    Nothing,
}

impl Breaches {
    pub async fn open(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = requests.clone();
        // Ends with the test's runtime.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, says.clone(), seen.clone()));
            }
        });
        Self { url, requests }
    }

    /// A list on which these passwords are, among others.
    pub async fn of(passwords: &[&str]) -> Self {
        let known = passwords.iter().map(|password| format!("{}:3", &sha1(password)[5..]));
        let lines = [format!("{OTHER}:1")].into_iter().chain(known).chain([format!("{PADDING}:0")]);
        Self::open(Says::List(lines.collect::<Vec<_>>().join("\r\n"))).await
    }

    /// The power to ask it.
    pub fn power(&self, app: &App) -> BreachedPasswords {
        Self::power_at(&self.url, app)
    }

    /// The power to ask whoever is at an address, or is not.
    pub fn power_at(url: &str, app: &App) -> BreachedPasswords {
        let (mut app, mut config) = (app.clone(), (*app.config).clone());
        config.breached_passwords_url = Some(url.to_owned());
        app.config = Arc::new(config);
        BreachedPasswords::new(&app)
    }

    /// The requests since the last look, head and all.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

/// In capitals.
pub fn sha1(password: &str) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}

const OTHER: &str = "0018A45C4D1DEF81644B54AB7F969B88D65";
const PADDING: &str = "00000000000000000000000000000000000";

async fn answer(mut stream: TcpStream, says: Says, seen: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    match says {
        Says::List(text) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
            stream.write_all(format!("{head}{text}").as_bytes()).await
        }
        Says::Status(status, header) => {
            let head = format!("HTTP/1.1 {status} What\r\ncontent-length: 0\r\n{header}\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
        Says::Bytes(bytes) => stream.write_all(&bytes).await,
        Says::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n").await?;
            loop {
                stream.write_all(b"0").await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Says::Nothing => std::future::pending().await,
    }
}
