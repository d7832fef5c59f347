//! A client that sends what it is told, byte for byte.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::mqtt::support::QUIET;
use crate::mqtt::support::within;

/// Protocol level of MQTT 3.1.1 and 5.
pub(crate) const V3: u8 = 4;
pub(crate) const V5: u8 = 5;

/// A packet: first byte and what follows its length.
pub(crate) type Packet = (u8, Vec<u8>);

pub(crate) struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// The other side of a connection that was taken.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self { stream }
    }

    pub(crate) async fn open(addr: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(addr)).await.expect("a listener");
        Self { stream }
    }

    /// Connects as `client` and reads the CONNACK.
    pub(crate) async fn hello(addr: SocketAddr, level: u8, client: &str) -> Self {
        let mut raw = Self::open(addr).await;
        raw.send(&connect(level, client, 60, None)).await;
        let (first, body) = raw.packet().await.expect("a CONNACK");
        assert_eq!((first, body[1]), (0x20, 0), "{body:?}");
        raw
    }

    /// As [`Self::hello`], over a socket that holds next to nothing of what comes.
    pub(crate) async fn narrow(addr: SocketAddr, level: u8, client: &str) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a socket option");
        let stream = within(socket.connect(addr)).await.expect("a listener");
        let mut raw = Self { stream };
        raw.send(&connect(level, client, 60, None)).await;
        let (first, body) = raw.packet().await.expect("a CONNACK");
        assert_eq!((first, body[1]), (0x20, 0), "{body:?}");
        raw
    }

    /// The next so many bytes.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        within(self.stream.read_exact(&mut bytes))
            .await
            .expect("an open connection");
        bytes
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes))
            .await
            .expect("an open connection");
    }

    /// Sends as much as the other side takes.
    pub(crate) async fn pour(&mut self, bytes: &[u8]) {
        drop(timeout(QUIET, self.stream.write_all(bytes)).await);
    }

    /// Sends and takes the answer, where either may fail because the other side is gone.
    pub(crate) async fn exchange(&mut self, bytes: &[u8], answers: usize) -> Vec<Packet> {
        let mut taken = Vec::new();
        if within(self.stream.write_all(bytes)).await.is_ok() {
            while taken.len() < answers {
                let Some(packet) = self.packet().await else {
                    break;
                };
                taken.push(packet);
            }
        }
        taken
    }

    /// The next packet; `None` at the end of the connection.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        within(self.read()).await
    }

    async fn read(&mut self) -> Option<Packet> {
        let first = self.stream.read_u8().await.ok()?;
        let mut length = 0usize;
        for shift in [0, 7, 14, 21] {
            let byte = self.stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((first, body))
    }

    /// Whether nothing comes and the connection stays open.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        timeout(QUIET, self.stream.read_u8()).await.is_err()
    }

    /// Ends without a DISCONNECT.
    pub(crate) fn vanish(self) {
        self.stream.set_zero_linger().expect("a socket option");
    }
}

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let byte = u8::try_from(rest % 128).expect("seven bits");
        rest /= 128;
        bytes.push(if rest > 0 { byte | 0x80 } else { byte });
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(
        &u16::try_from(text.len())
            .expect("a short text")
            .to_be_bytes(),
    );
    body.extend_from_slice(text.as_bytes());
}

pub(crate) fn connect(
    level: u8,
    client: &str,
    keep_alive_s: u16,
    will: Option<(&str, &str)>,
) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend_from_slice(&[level, if will.is_some() { 0x06 } else { 0x02 }]);
    body.extend_from_slice(&keep_alive_s.to_be_bytes());
    if level == V5 {
        body.push(0);
    }
    text(&mut body, client);
    if let Some((topic, payload)) = will {
        if level == V5 {
            body.push(0);
        }
        text(&mut body, topic);
        text(&mut body, payload);
    }
    packet(0x10, &body)
}

/// A CONNECT with user name and password.
pub(crate) fn login(
    level: u8,
    client: &str,
    (user, password): (&str, &str),
    will: Option<(&str, &str)>,
) -> Vec<u8> {
    let plain = connect(level, client, 60, will);
    // One byte of packet type and, of so short a packet, one or two of its length.
    let start = if plain[1] < 0x80 { 2 } else { 3 };
    let mut body = plain[start..].to_vec();
    body[7] |= 0xc0;
    text(&mut body, user);
    text(&mut body, password);
    packet(0x10, &body)
}

pub(crate) fn publish(
    level: u8,
    qos: u8,
    id: u16,
    topic: &str,
    payload: &(impl AsRef<[u8]> + ?Sized),
) -> Vec<u8> {
    publish_aliased(level, qos, id, topic, None, payload)
}

pub(crate) fn publish_aliased(
    level: u8,
    qos: u8,
    id: u16,
    topic: &str,
    alias: Option<u16>,
    payload: &(impl AsRef<[u8]> + ?Sized),
) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    if qos > 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    match alias {
        Some(alias) => {
            body.extend_from_slice(&[3, 0x23]);
            body.extend_from_slice(&alias.to_be_bytes());
        }
        None if level == V5 => body.push(0),
        None => {}
    }
    body.extend_from_slice(payload.as_ref());
    packet(0x30 | qos << 1, &body)
}

pub(crate) fn release(id: u16) -> Vec<u8> {
    packet(0x62, &id.to_be_bytes())
}

/// What an acknowledgement of success looks like.
pub(crate) fn answer(level: u8, first: u8, id: u16) -> Packet {
    let mut body = id.to_be_bytes().to_vec();
    if level == V5 {
        body.extend_from_slice(&[0, 0]);
    }
    (first, body)
}

pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const PUBREC: u8 = 0x50;
pub(crate) const PUBCOMP: u8 = 0x70;
pub(crate) const DISCONNECT: u8 = 0xe0;
