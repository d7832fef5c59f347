//! How a publisher gets in: where to, by TLS or not, and as whom.

use std::str::FromStr;

use tokio::net::TcpStream;

use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::address::AddressFault;
use crate::adapters::mqtt::settings::Secret;
use crate::adapters::mqtt::tls::Halves;
use crate::adapters::mqtt::tls::TlsFault;
use crate::adapters::mqtt::tls::TlsFiles;

/// The way to the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where it listens.
    pub address: Address,
    /// The name and password shown there.
    pub login: Option<(String, Secret)>,
    /// What TLS needs.
    pub tls: TlsFiles,
}

impl From<Address> for Way {
    fn from(address: Address) -> Self {
        Self {
            address,
            login: None,
            tls: TlsFiles::default(),
        }
    }
}

impl FromStr for Way {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        Address::of_broker(text).map(Self::from)
    }
}

impl Way {
    /// Whether it can be gone at all, files included.
    ///
    /// # Errors
    /// [`TlsFault`] for what cannot work.
    pub fn check(&self) -> Result<(), TlsFault> {
        self.tls.transport(&self.address).map(drop)
    }

    /// A connection, ready for the first packet.
    pub(super) async fn open(&self) -> Result<Halves, String> {
        let (host, port) = (self.address.host.as_str(), self.address.port);
        let stream = TcpStream::connect((host, port)).await;
        let stream = stream.map_err(|cause| cause.to_string())?;
        let set = stream.set_nodelay(true);
        set.map_err(|cause| cause.to_string())?;
        if self.address.tls {
            return self.tls.secured(host, stream).await;
        }
        let (reader, writer) = stream.into_split();
        Ok((Box::new(reader), Box::new(writer)))
    }
}
