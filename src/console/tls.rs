//! TLS with the configured certificate, if no proxy provides it.

use crate::base::error::{Error, Result, Status};
use crate::config::console::Console;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The TLS acceptor, if the settings name a certificate.
pub(super) fn acceptor(settings: &Console) -> Result<Option<TlsAcceptor>> {
    let (certificate, key) = match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return Ok(None),
        _ => {
            let message = "[console] tls_certificate and tls_key belong together, and one of them is missing";
            return Err(Error::new(Status::Config, message));
        }
    };
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?).collect::<std::result::Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| no_pem(certificate, "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| no_pem(key, "private key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|_| {
        let message = format!("the key does not match the certificate `{}`", certificate.display());
        Error::new(Status::Config, message)
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

#[expect(clippy::disallowed_methods, reason = "a certificate, not the database")]
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| Error { status: Status::Config, ..Error::cannot("read", path.display(), error) })
}

fn no_pem(path: &Path, what: &str) -> Error {
    Error::new(Status::Config, format!("`{}` holds no {what} in PEM form", path.display()))
}
