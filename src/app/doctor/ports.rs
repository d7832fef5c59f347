//! The ports: free for a daemon to take, or taken by one that answers.

use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;

use crate::app::config::Settings;
use crate::app::doctor::Finding;
use crate::app::doctor::Part;

/// How long whoever listens may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Who answers at an address.
enum Who {
    /// A daemon that is ready.
    Ready,
    /// A daemon in trouble, with what it says.
    Troubled(String),
    /// Another program.
    Another,
}

/// Looks at each address that a daemon of these settings listens on.
pub(super) fn examine(settings: &Settings, in_use: bool) -> Vec<Finding> {
    let http = settings.http_listen;
    let taken = taken(http);
    let mut daemon = false;
    let mut findings = vec![match taken {
        Ok(false) => free("http.listen", http, in_use),
        Ok(true) => match ask(http) {
            Who::Ready => {
                daemon = true;
                Finding::fine(
                    Part::Ports,
                    format!("http.listen {http}: a daemon answers, and is ready"),
                )
            }
            Who::Troubled(said) => {
                daemon = true;
                let remedy = "mend what it names; /readyz tells when it is well again";
                Finding::wrong(
                    Part::Ports,
                    format!("http.listen {http}: a daemon answers, and is not ready: {said}"),
                    remedy,
                )
            }
            Who::Another => another("http.listen", http),
        },
        Err(cause) => cannot("http.listen", http, &cause),
    }];
    let mqtt = settings.mqtt_embedded.then_some(settings.endpoint.listen);
    let others = [
        ("mqtt.embedded.listen", mqtt),
        ("hj212.listen", settings.loggers.listen),
    ];
    for (name, listen) in others {
        let Some(listen) = listen else { continue };
        findings.push(match self::taken(listen) {
            Ok(false) => free(name, listen, daemon),
            Ok(true) if daemon => Finding::fine(
                Part::Ports,
                format!("{name} {listen}: taken, while a daemon runs"),
            ),
            Ok(true) => another(name, listen),
            Err(cause) => cannot(name, listen, &cause),
        });
    }
    findings
}

/// Whether somebody listens at an address.
fn taken(address: SocketAddr) -> io::Result<bool> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(false),
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => Ok(true),
        Err(cause) => Err(cause),
    }
}

fn free(name: &str, address: SocketAddr, expected: bool) -> Finding {
    let said = format!("{name} {address}: free");
    if expected {
        let remedy = "if a daemon should be answering there, look at its settings and its log; it may listen elsewhere";
        return Finding::odd(
            Part::Ports,
            format!("{said}, though a skytier is running"),
            remedy,
        );
    }
    Finding::fine(Part::Ports, said)
}

fn another(name: &str, address: SocketAddr) -> Finding {
    Finding::wrong(
        Part::Ports,
        format!("{name} {address}: taken by another program"),
        format!("stop it (`ss -ltnp` tells which), or set {name} to another port"),
    )
}

fn cannot(name: &str, address: SocketAddr, cause: &io::Error) -> Finding {
    Finding::wrong(
        Part::Ports,
        format!("{name} {address}: cannot be listened on: {cause}"),
        format!("set {name} to an address of this machine and a port from 1024 on"),
    )
}

/// Asks whoever listens whether it is a daemon, and ready.
fn ask(address: SocketAddr) -> Who {
    let answer = readyz(address).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let said: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let ready = said.as_ref().and_then(|said| said.get("ready")?.as_bool());
    match (ready, said) {
        (Some(true), _) => Who::Ready,
        (Some(false), Some(said)) => Who::Troubled(said["troubles"].to_string()),
        _ => Who::Another,
    }
}

fn readyz(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
