//! Certificate authorities of a test, and what they sign, by Debian's openssl.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::require;
use crate::support::text;

/// The program.
pub(crate) const OPENSSL: &str = "/usr/bin/openssl";

/// Authorities, certificates and keys in a folder of their own.
pub(crate) struct Papers {
    folder: tempfile::TempDir,
}

impl Papers {
    /// Authorities `ca` and `other`; `server` for localhost and `client` are signed by the first.
    pub(crate) fn new() -> Self {
        require(OPENSSL);
        let papers = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        for name in ["ca", "other"] {
            let subject = format!("/CN=skytier {name}");
            papers.make(&["req", "-x509", "-days", "30", "-subj", &subject], name);
        }
        papers.sign("ca", "server", 30);
        papers.sign("ca", "client", 30);
        papers
    }

    /// A key `NAME.key` and a certificate `NAME.crt` for the common name `NAME` and for localhost, of so many days; less
    /// than none: it has expired.
    pub(crate) fn sign(&self, authority: &str, name: &str, days: i32) {
        self.make(&["req", "-subj", &format!("/CN={name}")], name);
        let names = self.path("names");
        let alternative = "subjectAltName=DNS:localhost\n";
        std::fs::write(&names, alternative).expect("written");
        let file = |name: &str, end: &str| self.path(&format!("{name}.{end}"));
        let (request, signed) = (file(name, "pem"), file(name, "crt"));
        let (ca, key) = (file(authority, "pem"), file(authority, "key"));
        let mut sign = Command::new(OPENSSL);
        sign.args(["x509", "-req", "-days", &days.to_string()])
            .args(["-CAcreateserial", "-in", text(&request)])
            .args(["-out", text(&signed), "-CA", text(&ca)])
            .args(["-CAkey", text(&key), "-extfile", text(&names)]);
        well(sign);
    }

    /// Makes a key and what belongs to it.
    fn make(&self, args: &[&str], name: &str) {
        let key = self.path(&format!("{name}.key"));
        let out = self.path(&format!("{name}.pem"));
        let mut make = Command::new(OPENSSL);
        make.args(args)
            .args(["-newkey", "ec", "-nodes"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-keyout", text(&key), "-out", text(&out)]);
        well(make);
    }

    /// A connection by TLS that trusts the authority `ca`.
    pub(crate) async fn connect(&self, port: u16) -> TlsStream<TcpStream> {
        self.connect_as(port, None).await
    }

    /// The same, with the certificate of that name shown.
    pub(crate) async fn connect_as(&self, port: u16, client: Option<&str>) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.path("ca.pem")).expect("a certificate");
        roots.add(ca).expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match client {
            None => config.with_no_client_auth(),
            Some(name) => {
                let file = |end: &str| self.path(&format!("{name}.{end}"));
                let shown = CertificateDer::from_pem_file(file("crt")).expect("a certificate");
                let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
                let config = config.with_client_auth_cert(vec![shown], key);
                config.expect("a certificate and its key")
            }
        };
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let name = "localhost".try_into().expect("a name");
        let shaken = TlsConnector::from(Arc::new(config))
            .connect(name, stream.expect("a listener"))
            .await;
        shaken.expect("a handshake")
    }

    /// Sends bytes and reads so many of the answer.
    pub(crate) async fn exchange(
        stream: &mut TlsStream<TcpStream>,
        bytes: &[u8],
        count: usize,
    ) -> Vec<u8> {
        let sent = stream.write_all(bytes).await;
        sent.expect("an open connection");
        let mut answer = vec![0; count];
        stream.read_exact(&mut answer).await.expect("an answer");
        answer
    }

    /// Sends a request and reads to the end.
    pub(crate) async fn whole(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> String {
        let sent = stream.write_all(request).await;
        sent.expect("an open connection");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn well(mut command: Command) {
    let ended = command.output().expect("openssl runs");
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{command:?}: {complaint}");
}
