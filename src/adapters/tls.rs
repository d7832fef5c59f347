//! TLS of our listeners, by rustls with its provider `ring`: TLS 1.2 and 1.3 alone, and none but suites with forward
//! secrecy and authenticated encryption, which are all that the two have.
//!
//! Certificate and key are read again when their files change. New ones that cannot be used change nothing: the old
//! ones go on serving, and it is told. A client may show a certificate where authorities for it are given; one that
//! they do not vouch for, or that has expired, is refused in the handshake.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::NoServerSessionStorage;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

pub use tokio_rustls::server::TlsStream;

/// Largest file of certificates, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Names of a client's certificate that are looked at.
const NAMES_MAX: usize = 64;

/// Where TLS is spoken, and with which files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Address to listen on; none: no TLS.
    pub listen: Option<SocketAddr>,
    /// Our certificate and those between it and its authority, in PEM.
    pub cert: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// Authorities that may vouch for clients, in PEM; none: no certificate is asked for.
    pub client_ca: Option<PathBuf>,
}

/// TLS that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// A file that cannot be used.
    #[error("{name} {path}: {cause}")]
    File {
        /// The setting.
        name: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Files that do not go together.
    #[error("cert {cert} with key {key}: {cause}")]
    Pair {
        /// The certificate's file.
        cert: String,
        /// The key's file.
        key: String,
        /// What is wrong.
        cause: String,
    },
}

/// When and how large a file was: another file under the name, or another content, has another one.
type Stamp = Option<(i64, i64, u64, u64)>;

struct Loaded {
    config: Arc<ServerConfig>,
    expires: i64,
    tried: [Stamp; 3],
}

/// What serves TLS at one listener.
pub struct Tls {
    settings: TlsSettings,
    protocols: Vec<Vec<u8>>,
    loaded: Mutex<Loaded>,
}

impl Tls {
    /// Reads the files. `protocols` are those offered inside (ALPN); none: whatever the client says.
    ///
    /// # Errors
    /// [`TlsFault`] for files that cannot be used.
    pub fn open(settings: &TlsSettings, protocols: &[&str]) -> Result<Self, TlsFault> {
        let protocols: Vec<Vec<u8>> = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let loaded = load(settings, &protocols)?;
        Ok(Self {
            settings: settings.clone(),
            protocols,
            loaded: Mutex::new(loaded),
        })
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files again if they changed since they were last tried; `None` if they did not.
    ///
    /// # Errors
    /// [`TlsFault`] for files that cannot be used; what was served before is served on.
    pub fn refresh(&self) -> Option<Result<(), TlsFault>> {
        let stamps = stamps(&self.settings);
        if self.loaded().tried == stamps {
            return None;
        }
        let fresh = load(&self.settings, &self.protocols);
        let mut loaded = self.loaded();
        match fresh {
            Ok(fresh) => {
                *loaded = fresh;
                Some(Ok(()))
            }
            Err(fault) => {
                loaded.tried = stamps;
                Some(Err(fault))
            }
        }
    }

    /// When the certificate being served expires, in seconds since 1970.
    pub fn expires(&self) -> i64 {
        self.loaded().expires
    }

    /// Shakes hands; gives the stream and the names in the client's certificate, if it showed one. The caller limits
    /// the time.
    ///
    /// # Errors
    /// When the client speaks no TLS of ours or shows a certificate nobody vouches for.
    pub async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Vec<String>)> {
        let config = Arc::clone(&self.loaded().config);
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates();
        let names = shown
            .and_then(<[_]>::first)
            .map_or_else(Vec::new, |own| names(own));
        Ok((stream, names))
    }
}

fn stamps(settings: &TlsSettings) -> [Stamp; 3] {
    let stamp = |path: &Path| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.mtime(), data.mtime_nsec(), data.ino(), data.len()))
    };
    [
        stamp(&settings.cert),
        stamp(&settings.key),
        settings.client_ca.as_deref().and_then(stamp),
    ]
}

fn load(settings: &TlsSettings, protocols: &[Vec<u8>]) -> Result<Loaded, TlsFault> {
    // Before they are read: what changes meanwhile is read again.
    let tried = stamps(settings);
    let chain = certificates("cert", &settings.cert)?;
    let expires = expires(&settings.cert, &chain[0])?;
    let key = PrivateKeyDer::from_pem_slice(&bytes("key", &settings.key)?)
        .map_err(|cause| unusable("key", &settings.key, &cause))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|cause| pair(settings, &cause))?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => builder.with_client_cert_verifier(verifier(path, provider)?),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|cause| pair(settings, &cause))?;
    config.alpn_protocols = protocols.to_vec();
    if settings.client_ca.is_some() {
        // A session taken up again would not be asked for its certificate again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Loaded {
        config: Arc::new(config),
        expires,
        tried,
    })
}

fn verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("client_ca", path)? {
        roots
            .add(authority)
            .map_err(|cause| unusable("client_ca", path, &cause))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|cause| unusable("client_ca", path, &cause))
}

/// The certificates of a file, at least one.
/// When the first of a file's certificates ends, in seconds since 1970.
///
/// # Errors
/// [`TlsFault`] for a file that cannot be used.
pub fn earliest_end(path: &Path) -> Result<i64, TlsFault> {
    let found = certificates("cert", path)?;
    let ends: Result<Vec<i64>, _> = found.iter().map(|one| expires(path, one)).collect();
    Ok(ends?.into_iter().min().expect("there is one at least"))
}

fn certificates(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let bytes = bytes(name, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|cause| unusable(name, path, &cause))?;
    if found.is_empty() {
        return Err(unusable(
            name,
            path,
            &"there is no certificate in PEM in it",
        ));
    }
    Ok(found)
}

fn bytes(name: &'static str, path: &Path) -> Result<Vec<u8>, TlsFault> {
    let size = std::fs::metadata(path)
        .map_err(|cause| unusable(name, path, &cause))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(unusable(name, path, &"it is larger than 1 MiB"));
    }
    std::fs::read(path).map_err(|cause| unusable(name, path, &cause))
}

fn expires(path: &Path, certificate: &CertificateDer<'_>) -> Result<i64, TlsFault> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|cause| unusable("cert", path, &cause))?;
    Ok(parsed.validity().not_after.timestamp())
}

fn unusable(name: &'static str, path: &Path, cause: &dyn std::fmt::Display) -> TlsFault {
    TlsFault::File {
        name,
        path: path.display().to_string(),
        cause: cause.to_string(),
    }
}

fn pair(settings: &TlsSettings, cause: &rustls::Error) -> TlsFault {
    TlsFault::Pair {
        cert: settings.cert.display().to_string(),
        key: settings.key.display().to_string(),
        cause: cause.to_string(),
    }
}

/// Common name and alternative names of a client that was vouched for.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let common = parsed.subject().iter_common_name();
    let common = common.filter_map(|name| name.as_str().ok().map(str::to_owned));
    let extension = parsed.subject_alternative_name().ok().flatten();
    let others = extension.map(|extension| &extension.value.general_names);
    let others = others.into_iter().flatten().filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        _ => None,
    });
    common.chain(others).take(NAMES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let words = write("words.pem", "no certificate\n");
        let check = |cert: &Path, key: &Path, expected: &str| {
            let settings = TlsSettings {
                cert: cert.to_owned(),
                key: key.to_owned(),
                ..TlsSettings::default()
            };
            let told = Tls::open(&settings, &[])
                .err()
                .expect("a fault")
                .to_string();
            assert!(told.contains(expected), "{told}");
        };
        check(
            Path::new("/nowhere/a"),
            &words,
            "cert /nowhere/a: No such file",
        );
        check(&words, &words, "there is no certificate in PEM in it");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check(&write("broken.pem", broken), &words, "broken.pem: ");
        let large = write("large.pem", &"x".repeat((1 << 20) + 1));
        check(&large, &words, "larger than 1 MiB");
    }
}
