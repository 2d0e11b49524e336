//! Services over TLS, as AWS's are: certificates of P-256, one authority between the root and the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Fronts of this process's, which take TLS off and pass on what is inside.
pub struct Tls {
    config: Arc<ServerConfig>,
    /// The root's certificate in PEM, for clients to trust.
    pub root: PathBuf,
}

impl Tls {
    pub fn new(folder: &Path) -> Result<Self, String> {
        let (config, root_pem) = certified().map_err(|error| error.to_string())?;
        let root = folder.join("root.pem");
        std::fs::write(&root, root_pem).map_err(|error| error.to_string())?;
        Ok(Self { config: Arc::new(config), root })
    }

    /// Serves what `address` serves, for as long as this process runs, at the endpoint that it tells.
    pub async fn before(&self, address: std::net::SocketAddr) -> Result<String, String> {
        // By the name, which clients resolve as they do DynamoDB's, to the address that they try first.
        let listener = TcpListener::bind("localhost:0").await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let acceptor = TlsAcceptor::from(self.config.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                // Ends with either side: functions are killed.
                tokio::spawn(async move {
                    client.set_nodelay(true)?;
                    let (mut client, mut server) = (acceptor.accept(client).await?, TcpStream::connect(address).await?);
                    server.set_nodelay(true)?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Ok(format!("https://localhost:{port}"))
    }
}

/// What a server of this run's shows, and its root in PEM.
fn certified() -> Result<(ServerConfig, String), Box<dyn std::error::Error>> {
    let root = CertifiedIssuer::self_signed(authority("root")?, KeyPair::generate()?)?;
    let between = CertifiedIssuer::signed_by(authority("between")?, KeyPair::generate()?, &root)?;
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &between)?;
    let chain = vec![server.der().clone(), between.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok((config, root.pem()))
}

fn authority(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new([])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
