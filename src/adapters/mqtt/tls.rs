//! TLS to external brokers, by the system's OpenSSL. It is there in a skytier built with the feature `native-tls`, as
//! `make install` does; without it an address with `mqtts://` is refused before anything starts.

use std::path::Path;
use std::path::PathBuf;

use rumqttc::Transport;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::adapters::mqtt::address::Address;

/// Both directions of a connection.
pub(super) type Halves = (
    Box<dyn AsyncRead + Send + Unpin>,
    Box<dyn AsyncWrite + Send + Unpin>,
);

/// Files in PEM that TLS to a broker needs beside what the system has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities that may vouch for the broker; without it, those the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for a broker that asks for one.
    pub client_cert_file: Option<PathBuf>,
    /// Its private key in PKCS #8, not encrypted.
    pub client_key_file: Option<PathBuf>,
}

/// TLS that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// This program cannot speak it.
    #[error(
        "{address}: this skytier was built without TLS; build it with `make install`, or with the feature native-tls"
    )]
    NotBuilt {
        /// Where it was asked for.
        address: String,
    },
    /// Files for an address without TLS.
    #[error(
        "{address} is spoken to without TLS, yet {name} is given; give mqtts://HOST, or leave it out"
    )]
    Plain {
        /// The address.
        address: String,
        /// The setting.
        name: &'static str,
    },
    /// A certificate without its key, or the other way round.
    #[error("client_cert_file and client_key_file belong together; give both, or none")]
    Half,
    /// A file that cannot be used.
    #[error("{name} {path}: {cause}")]
    File {
        /// The setting.
        name: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The system's TLS cannot be used.
    #[error("TLS cannot be set up: {cause}")]
    Setup {
        /// What it says.
        cause: String,
    },
}

impl TlsFiles {
    fn given(&self) -> [(&'static str, Option<&Path>); 3] {
        [
            ("ca_file", self.ca_file.as_deref()),
            ("client_cert_file", self.client_cert_file.as_deref()),
            ("client_key_file", self.client_key_file.as_deref()),
        ]
    }

    /// Whether they go with an address; reads no file.
    ///
    /// # Errors
    /// [`TlsFault`] for what cannot work.
    pub fn check(&self, address: &Address) -> Result<(), TlsFault> {
        let given = self.given().into_iter().find(|(_, path)| path.is_some());
        if let Some((name, _)) = given.filter(|_| !address.tls) {
            return Err(TlsFault::Plain {
                address: address.to_string(),
                name,
            });
        }
        if address.tls && cfg!(not(feature = "native-tls")) {
            return Err(TlsFault::NotBuilt {
                address: address.to_string(),
            });
        }
        if self.client_cert_file.is_some() != self.client_key_file.is_some() {
            return Err(TlsFault::Half);
        }
        Ok(())
    }

    /// How an address is spoken to, with the files read.
    ///
    /// # Errors
    /// [`TlsFault`] for what cannot work.
    pub(super) fn transport(&self, address: &Address) -> Result<Transport, TlsFault> {
        self.check(address)?;
        if address.tls {
            secured(self)
        } else {
            Ok(Transport::tcp())
        }
    }
}

impl TlsFiles {
    /// A connection made a secure one to a host.
    #[cfg(feature = "native-tls")]
    pub(super) async fn secured(&self, host: &str, stream: TcpStream) -> Result<Halves, String> {
        use rumqttc::tokio_native_tls::TlsConnector;

        let connector = connector(self).map_err(|fault| fault.to_string())?;
        let secured = TlsConnector::from(connector).connect(host, stream).await;
        let secured = secured.map_err(|cause| format!("TLS: {cause}"))?;
        let (reader, writer) = tokio::io::split(secured);
        Ok((Box::new(reader), Box::new(writer)))
    }

    /// Never called: such an address was refused before.
    #[cfg(not(feature = "native-tls"))]
    pub(super) async fn secured(&self, host: &str, stream: TcpStream) -> Result<Halves, String> {
        drop(stream);
        let address = host.to_owned();
        Err(TlsFault::NotBuilt { address }.to_string())
    }
}

#[cfg(feature = "native-tls")]
fn secured(files: &TlsFiles) -> Result<Transport, TlsFault> {
    let connector = rumqttc::TlsConfiguration::NativeConnector(connector(files)?);
    Ok(Transport::tls_with_config(connector))
}

#[cfg(feature = "native-tls")]
fn connector(
    files: &TlsFiles,
) -> Result<rumqttc::tokio_native_tls::native_tls::TlsConnector, TlsFault> {
    use rumqttc::tokio_native_tls::native_tls;

    let file = |name: &'static str, path: &Path| {
        let read = std::fs::read(path);
        read.map_err(|cause| unusable(name, path, &cause))
    };
    let mut builder = native_tls::TlsConnector::builder();
    builder.min_protocol_version(Some(native_tls::Protocol::Tlsv12));
    if let Some(path) = &files.ca_file {
        let name = "ca_file";
        let found = native_tls::Certificate::stack_from_pem(&file(name, path)?);
        let found = found.map_err(|cause| unusable(name, path, &cause))?;
        if found.is_empty() {
            return Err(unusable(
                name,
                path,
                &"there is no certificate in PEM in it",
            ));
        }
        builder.disable_built_in_roots(true);
        for certificate in found {
            builder.add_root_certificate(certificate);
        }
    }
    if let (Some(cert), Some(key)) = (&files.client_cert_file, &files.client_key_file) {
        let name = "client_cert_file";
        let (pem, secret) = (file(name, cert)?, file("client_key_file", key)?);
        let identity = native_tls::Identity::from_pkcs8(&pem, &secret);
        let identity = identity.map_err(|cause| {
            let with = key.display();
            unusable(name, cert, &format!("with client_key_file {with}: {cause}; both in PEM are expected, the key in PKCS #8"))
        })?;
        builder.identity(identity);
    }
    builder.build().map_err(|cause| TlsFault::Setup {
        cause: cause.to_string(),
    })
}

#[cfg(feature = "native-tls")]
fn unusable(name: &'static str, path: &Path, cause: &dyn std::fmt::Display) -> TlsFault {
    TlsFault::File {
        name,
        path: path.display().to_string(),
        cause: cause.to_string(),
    }
}

/// Never called: such an address was refused before.
#[cfg(not(feature = "native-tls"))]
fn secured(files: &TlsFiles) -> Result<Transport, TlsFault> {
    let address = format!("mqtts with {files:?}");
    Err(TlsFault::NotBuilt { address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_told_with_what_would() {
        let check = |url: &str, names: &[&str], expected: &str| {
            let path = |name: &str| {
                names
                    .contains(&name)
                    .then(|| PathBuf::from("/nowhere/x.pem"))
            };
            let files = TlsFiles {
                ca_file: path("ca"),
                client_cert_file: path("cert"),
                client_key_file: path("key"),
            };
            let address = Address::of_broker(url).expect(url);
            let told = files.transport(&address).err();
            let told = told.map_or_else(String::new, |fault| fault.to_string());
            assert!(
                told.contains(expected) && told.is_empty() == expected.is_empty(),
                "{url} {names:?}: {told}"
            );
        };
        check("mqtt://b", &[], "");
        check("mqtt://b", &["ca"], "without TLS, yet ca_file is given");
        check(
            "mqtt://b",
            &["cert", "key"],
            "yet client_cert_file is given",
        );
        let built = |told: &'static str| {
            if cfg!(feature = "native-tls") {
                told
            } else {
                "mqtts://b:8883: this skytier was built without TLS"
            }
        };
        check("mqtts://b", &[], built(""));
        check("mqtts://b", &["cert"], built("belong together"));
        check("mqtts://b", &["ca", "key"], built("belong together"));
        check(
            "mqtts://b",
            &["ca"],
            built("ca_file /nowhere/x.pem: No such file"),
        );
        check(
            "mqtts://b",
            &["cert", "key"],
            built("client_cert_file /nowhere/x.pem: No such file"),
        );
    }
}
