//! What `replay` and `load` show a daemon or a broker to be let in: the same options for both.

use std::io::Read as _;
use std::path::PathBuf;

use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::settings::Secret;
use crate::adapters::mqtt::tls::TlsFiles;
use crate::adapters::mqtt::way::Way;
use crate::app::fault::bad_input;

/// Where a password is looked for when no file is named; the command line would show it to everybody on the machine.
const PASSWORD: &str = "SKYTIER_PASSWORD";
/// Longest file that holds a password, in bytes.
const PASSWORD_FILE_BYTES_MAX: u64 = 4_096;

/// Who comes, and by which certificates.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "To be let in")]
pub struct SenderArgs {
    /// The name of a device, as `skytier devices add` made it, or of a broker's user; its password is in SKYTIER_PASSWORD
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// The password is the first line of this file; - reads standard input
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// Certificates, in PEM, of the authorities that may vouch for the other side; without it, those the system trusts
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Our certificate in PEM, where the other side asks for one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its private key in PEM (PKCS #8, not encrypted)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

impl SenderArgs {
    /// The way to an address, with passwords and files read.
    ///
    /// # Errors
    /// No password for a name, a file that cannot be used, or TLS that cannot work.
    pub fn way(&self, to: &Address) -> anyhow::Result<Way> {
        let way = Way {
            address: to.clone(),
            login: self.login()?,
            tls: TlsFiles {
                ca_file: self.ca.clone(),
                client_cert_file: self.cert.clone(),
                client_key_file: self.key.clone(),
            },
        };
        way.check().map_err(bad_input)?;
        Ok(way)
    }

    fn login(&self) -> anyhow::Result<Option<(String, Secret)>> {
        let Some(user) = &self.user else {
            return Ok(None);
        };
        let text = match &self.password_file {
            Some(file) => read(file)?,
            None => std::env::var(PASSWORD).map_err(|_| {
                bad_input(format!(
                    "--user {user}: its password is missing; give --password-file FILE, or set {PASSWORD}"
                ))
            })?,
        };
        let first = text.lines().next().unwrap_or_default();
        if first.is_empty() {
            return Err(bad_input(format!("--user {user}: its password is empty")));
        }
        Ok(Some((user.clone(), Secret::new(first))))
    }
}

/// The text of a file, - being standard input.
fn read(file: &PathBuf) -> anyhow::Result<String> {
    let place = file.display();
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        let input = std::io::stdin().lock();
        input
            .take(PASSWORD_FILE_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file);
        opened.and_then(|file| file.take(PASSWORD_FILE_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|cause| bad_input(format!("--password-file {place}: {cause}")))?;
    Ok(text)
}
