//! `make run`: the whole service on one port of this machine, with a DynamoDB in the process and nothing to install.
//!
//! The routers are the very ones that run on Lambda, behind the same layers, and speak to the engine over HTTP through
//! the same SDK. Only this differs: CORS is ours (in AWS it is the API's), the front end's files are served here (in AWS by a
//! distribution), and the key set is a file.

mod keys;
mod running;
mod settings;

use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use auth::{App, BreachedPasswords, Config, Hasher, Log, SecretSource, Signer, Throttle};
use devserver::admission::whole;
use devserver::connections::{self, Limits};
use devserver::{FrontEnd, Powers, routers};
use engine::Engine;
use running::Running;
use settings::Settings;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("vestibule: {line}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run() -> Result<(), String> {
    let settings = Settings::from_env()?;
    // The port first: a second server must not touch the first one's data.
    let listener = listen(&settings.address()).await?;
    let frontend = FrontEnd::open(&settings.frontend, settings.port)?;
    std::fs::create_dir_all(&settings.data)
        .map_err(|error| format!("can't create the folder {}: {error}", settings.data.display()))?;
    let key_file = settings.data.join("keys.json");
    let keys = keys::load_or_generate(&key_file)?;
    let pseudonym_file = settings.data.join("pseudonyms.key");
    keys::pseudonym_key(&pseudonym_file)?;

    let engine = Engine::open(Some(&settings.data.join("dynamodb.sqlite")), TABLE)?;
    let (stop, stopped) = watch::channel(());
    let mut servers = Vec::new();
    let engine_listener = listen("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", engine_listener.local_addr().map_err(|error| error.to_string())?);
    servers.push(serve(&engine, engine_listener, &stopped));
    if let Some(address) = &settings.dynamodb_listen {
        servers.push(serve(&engine, listen(address).await?, &stopped));
    }

    let mut config = Config::local(&endpoint, TABLE);
    // One processor is left to those who need no hash.
    config.hashes_at_once = available_parallelism().map_or(1, |processors| processors.get().saturating_sub(1).max(1));
    config.key_set = Some(SecretSource::File(key_file));
    config.pseudonym_key = Some(SecretSource::File(pseudonym_file));
    config.registrations_per_hour = settings.registrations_per_hour;
    let app = App::connect(config, Log::Stdout);
    auth_http::log_panics(&app.log);
    let issuer = settings.issuer();
    // The table may remember keys whose file was deleted.
    let keys = match app.store.key_set().await {
        Ok(published) => keys.after(&published),
        Err(_) => keys,
    };
    let published = keys.published(&issuer, &settings.origins());
    app.store.publish_key_set(&published).await.map_err(|error| format!("can't publish the key set: {error}"))?;
    app.warm().await;

    let api = whole(routers(&app, powers(&app).await?), BODY_TIME);
    let api = auth_http::edge(api, &app).layer(auth_http::cors(&published.origins));
    let has_frontend = frontend.is_some();
    let router = match frontend {
        Some(frontend) => frontend.around(api),
        None => api,
    };
    let running = Running::announce(&settings.data, &endpoint, TABLE)?;
    println!("{}", settings.banner(has_frontend));
    connections::serve(listener, router, Limits::DEFAULT, interrupted()).await;
    drop(running);
    drop(stop);
    for server in servers {
        let _ = server.await;
    }
    Ok(())
}

const TABLE: &str = "vestibule";
const BODY_TIME: Duration = Duration::from_secs(10);

async fn powers(app: &App) -> Result<Powers, String> {
    Ok(Powers {
        hasher: Hasher::new(app.config.hash, app.config.hashes_at_once, app.random.clone()),
        signer: Signer::load(app).await.map_err(|error| error.to_string())?,
        throttle: Throttle::new(app),
        breached: BreachedPasswords::new(app),
    })
}

async fn listen(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("can't listen on {address}: {error}"))
}

fn serve(engine: &Engine, listener: TcpListener, stopped: &watch::Receiver<()>) -> JoinHandle<Result<(), String>> {
    let (engine, stopped) = (engine.clone(), stopped.clone());
    tokio::spawn(async move { engine.serve(listener, until(stopped)).await })
}

async fn until(mut stopped: watch::Receiver<()>) {
    // Fails when the sender is dropped, which is the signal.
    while stopped.changed().await.is_ok() {}
}

/// Ctrl-C or SIGTERM.
async fn interrupted() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
