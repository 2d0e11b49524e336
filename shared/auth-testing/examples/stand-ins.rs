//! Secrets Manager and EventBridge for functions in a container (tools/sam-local-test.sh):
//! `cargo run -p auth-testing --example stand-ins -- ADDRESS KEY_SET_FILE TOKEN` serves both at that address, on free ports, with
//! the key set as the secret's value and a rotation under that token begun. Prints the two addresses, then serves until
//! it is ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use auth_testing::{EventBridge, SecretsManager};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, file, token] = arguments.as_slice() else { panic!("say ADDRESS KEY_SET_FILE TOKEN") };
    let listener = async || TcpListener::bind((address.as_str(), 0)).await.expect("a free port at the address");
    let secrets = SecretsManager::serve(listener().await, &std::fs::read_to_string(file).expect("the key set"));
    secrets.turn_rotation_on();
    secrets.rotate(token).expect("a rotation begins");
    let bus = EventBridge::serve(listener().await);
    println!("{} {}", secrets.endpoint(), bus.endpoint());
    std::future::pending::<()>().await;
}
