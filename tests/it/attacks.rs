//! The whole daemon under attack: floods of connections that say nothing, slow and broken requests, too many of them; each
//! is refused, and others are served meanwhile.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;
use rand_chacha::rand_core::SeedableRng as _;

use crate::hj212::framed;
use crate::mqtt::limits::damaged;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::number;
use crate::support::papers::Papers;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;

const TIME: &str = "2020-07-27T13:00:00+08:00";
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Connections that a flood holds at once; the test's own descriptors are limited too.
const HELD: usize = 300;

fn port_of(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("a port")
}

/// Connects from one of this machine's own addresses.
async fn from(source: [u8; 4], port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(SocketAddr::from((source, 0)))
        .expect("an address of this machine");
    let connected = socket.connect(SocketAddr::from(([127, 0, 0, 1], port)));
    let connected = timeout(PATIENCE, connected).await.expect("in time");
    connected.expect("a listener")
}

/// Sends bytes and takes all that comes until the other side closes, which may be nothing.
async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> String {
    // Whoever is refused may find the connection gone.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(read.expect("the other side answers or closes"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// One request from another address, and a reading from a station that stays connected: both are served.
async fn goes_on(daemon: &Daemon, station: &mut Station, after: &str) {
    let mut other = from([127, 0, 0, 9], port_of(&daemon.http)).await;
    let answer = exchange(&mut other, REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{after}: {answer}");
    station
        .send(&readings_topic("1999A"), &hourly(TIME, "40.5"))
        .await;
}

/// Opens so many connections that say no more than `bytes`, of which the newest are held; the station and others are served.
async fn flood(
    daemon: &Daemon,
    station: &mut Station,
    port: u16,
    bytes: &[u8],
) -> VecDeque<TcpStream> {
    let mut silent = VecDeque::new();
    for opened in 1..=1_000 {
        let mut stream = from([127, 0, 0, 2], port).await;
        drop(stream.write_all(bytes).await);
        silent.push_back(stream);
        if silent.len() > HELD {
            silent.pop_front();
        }
        if opened % 500 == 0 {
            goes_on(daemon, station, "half-open connections").await;
        }
    }
    silent
}

/// A daemon that speaks TLS too.
fn secured(papers: &Papers, data: &Path, more: &[(&str, &str)]) -> Daemon {
    let file = |name: &str| text(&papers.path(name)).to_owned();
    let (cert, key) = (file("server.crt"), file("server.key"));
    let mut settings = more.to_vec();
    settings.extend([
        ("SKYTIER__HTTP__TLS__LISTEN", "127.0.0.1:0"),
        ("SKYTIER__HTTP__TLS__CERT", cert.as_str()),
        ("SKYTIER__HTTP__TLS__KEY", key.as_str()),
        ("SKYTIER__MQTT__EMBEDDED__TLS__LISTEN", "127.0.0.1:0"),
        ("SKYTIER__MQTT__EMBEDDED__TLS__CERT", cert.as_str()),
        ("SKYTIER__MQTT__EMBEDDED__TLS__KEY", key.as_str()),
        ("SKYTIER__HJ212__LISTEN", "127.0.0.1:0"),
    ]);
    Daemon::start(data, &settings)
}

#[test]
fn a_thousand_half_open_connections_keep_nobody_out() {
    let papers = Papers::new();
    let (_folder, data) = seeded(&["jiangyin"]);
    let few = [
        ("SKYTIER__HTTP__LIMITS__HALF_OPEN_MAX", "100"),
        ("SKYTIER__MQTT__EMBEDDED__LIMITS__HALF_OPEN_MAX", "100"),
    ];
    let daemon = secured(&papers, &data, &few);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(&daemon, "honest").await;
        for (port, bytes) in [
            (daemon.mqtt, &b"\x10\x20\x00\x04MQ"[..]),
            // The start of a TLS record that never ends.
            (daemon.mqtts, b"\x16\x03\x01\x02\x00"),
            (daemon.https, b"\x16\x03\x01\x02\x00"),
            (daemon.hj212, b"##0400QN=1;ST=31;"),
            (port_of(&daemon.http), b"GET / HTTP/1.1\r\nx-slow: "),
        ] {
            let silent = flood(&daemon, &mut station, port, bytes).await;
            // New ones by TLS are served too while they hang there.
            let hello = crate::mqtt::raw::connect(crate::mqtt::raw::V3, "new", 60, None);
            let mut secure = papers.connect(daemon.mqtts).await;
            assert_eq!(
                Papers::exchange(&mut secure, &hello, 4).await,
                [0x20, 2, 0, 0]
            );
            let mut secure = papers.connect(daemon.https).await;
            let answer = Papers::exchange(&mut secure, REQUEST, 12).await;
            assert_eq!(answer, b"HTTP/1.1 200", "by TLS");
            drop(silent);
        }
    });
    let crowded = daemon.metric("skytier_mqtt_crowded_out_total{source=\"embedded\"}");
    assert!(crowded > 0);
    daemon.stop("TERM");
}

#[test]
fn a_slow_or_broken_request_ends_and_nobody_waits_for_it() {
    let papers = Papers::new();
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = secured(&papers, &data, &[]);
    let port = port_of(&daemon.http);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(&daemon, "honest").await;
        // Slow ones: a head byte by byte, and a body that never comes.
        let mut slow = Vec::new();
        for _ in 0..200 {
            let mut stream = from([127, 0, 0, 2], port).await;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await.expect("taken");
            slow.push(stream);
        }
        // The same by TLS, and one whose handshake goes on for ever.
        let mut secure = Vec::new();
        for _ in 0..20 {
            let mut stream = papers.connect(daemon.https).await;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await.expect("taken");
            secure.push(stream);
        }
        let mut shaking = from([127, 0, 0, 2], daemon.https).await;
        shaking.write_all(b"\x16\x03\x01\x02\x00\x01").await.expect("taken");
        let mut body = from([127, 0, 0, 2], port).await;
        let head = b"POST /v1/tiers/lookup HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
        body.write_all(head).await.expect("taken");
        goes_on(&daemon, &mut station, "slow requests").await;
        let large = format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
        let many = format!("GET / HTTP/1.1\r\nhost: h\r\n{}\r\n", "x: y\r\n".repeat(1_000));
        for (bytes, expected) in [
            (&b"\x16\x03\x01\x00\xa5\x01\x00\x00"[..], "HTTP/1.1 400"),
            (b"GET /\r\n\r\n", "HTTP/1.1 400"),
            (b"GET / HTTP/1.1\r\nhost: h\r\nbad header\r\n\r\n", "HTTP/1.1 400"),
            (b"GET / HTTP/9.9\r\nhost: h\r\n\r\n", "HTTP/1.1 400"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
            (b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "HTTP/1.1 400"),
            (b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: x\r\n\r\n", "HTTP/1.1 400"),
            (large.as_bytes(), "HTTP/1.1 431"),
            (many.as_bytes(), "HTTP/1.1 431"),
        ] {
            let mut stream = from([127, 0, 0, 2], port).await;
            let answer = exchange(&mut stream, bytes).await;
            let start: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
            let fits = answer.starts_with(expected) && !answer.starts_with("HTTP/1.1 200");
            assert!(fits, "{start:?}: {answer:?}");
        }
        goes_on(&daemon, &mut station, "broken requests").await;
        // The slow ones are ended by us.
        let answer = exchange(&mut slow[0], b"").await;
        assert!(!answer.contains("200 OK"), "{answer}");
        let answer = exchange(&mut body, b"").await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        let mut answer = Vec::new();
        let ended = timeout(PATIENCE, secure[0].read_to_end(&mut answer)).await;
        drop(ended.expect("the other side answers or closes"));
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
        drop(exchange(&mut shaking, b"").await);
        let mut fresh = papers.connect(daemon.https).await;
        let answer = Papers::exchange(&mut fresh, REQUEST, 12).await;
        assert_eq!(answer, b"HTTP/1.1 200", "by TLS, after all of it");
        goes_on(&daemon, &mut station, "all of it").await;
    });
    daemon.stop("TERM");
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(
        &data,
        &[
            ("SKYTIER__HTTP__LIMITS__LOOPBACK", "true"),
            ("SKYTIER__HTTP__LIMITS__REQUESTS_PER_S", "1"),
            ("SKYTIER__HTTP__LIMITS__ADDRESS_CONNECTIONS_MAX", "20"),
        ],
    );
    let port = port_of(&daemon.http);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(&daemon, "honest").await;
        let mut refused = None;
        for _ in 0..40 {
            let mut stream = from([127, 0, 0, 2], port).await;
            let answer = exchange(&mut stream, REQUEST).await;
            if !answer.starts_with("HTTP/1.1 200") {
                refused = Some(answer);
                break;
            }
        }
        let refused = refused
            .expect("ten at once, then one a second")
            .to_lowercase();
        assert!(refused.starts_with("http/1.1 429"), "{refused}");
        assert!(
            refused.contains("retry-after: ") && refused.contains("too-many-requests"),
            "{refused}"
        );
        goes_on(&daemon, &mut station, "too many requests").await;
        // Connections of one address are counted; the one too many is closed at once.
        let mut held = Vec::new();
        for _ in 0..20 {
            held.push(from([127, 0, 0, 3], port).await);
        }
        let mut further = from([127, 0, 0, 3], port).await;
        let closed = timeout(PATIENCE, further.read_u8()).await.expect("in time");
        assert!(closed.is_err(), "the twenty-first is closed");
        let open = timeout(Duration::from_millis(200), held[0].read_u8()).await;
        assert!(open.is_err(), "the first is not");
        goes_on(&daemon, &mut station, "too many connections").await;
    });
    daemon.stop("TERM");
}

/// A data logger's hour.
const FRAME: &str = "QN=20200727130001000;ST=31;CN=2061;PW=123456;MN=88888880000031;Flag=5;CP=&&DataTime=20200727120000;a34004-Avg=35&&";

/// The corpus of damaged packets over both listeners of a whole daemon, by TLS also records that were damaged on the way, and damaged
/// frames of HJ 212.
#[test]
fn damaged_packets_over_tls_end_their_own_connection() {
    let papers = Papers::new();
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = secured(&papers, &data, &[]);
    let seed = number("SKYTIER_FUZZ_SEED", 20_200_727);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(&daemon, "honest").await;
        for round in 0..120 * number("SKYTIER_FUZZ", 1) {
            let bytes = damaged(round, &mut random);
            match round % 4 {
                0 => {
                    let mut plain = from([127, 0, 0, 2], daemon.mqtt).await;
                    drop(plain.write_all(&bytes).await);
                }
                // Within a handshake, where a record is expected.
                1 => {
                    let mut plain = from([127, 0, 0, 2], daemon.mqtts).await;
                    drop(
                        plain
                            .write_all(&[b"\x16\x03\x01\x00\xff", &bytes[..]].concat())
                            .await,
                    );
                }
                // Behind a sound one.
                2 => {
                    let mut secure = papers.connect(daemon.mqtts).await;
                    drop(secure.write_all(&bytes).await);
                    drop(secure.flush().await);
                    drop(secure.get_mut().0.write_all(&bytes).await);
                }
                _ => {
                    let mut secure = papers.connect(daemon.mqtts).await;
                    drop(secure.write_all(&bytes).await);
                    drop(secure.shutdown().await);
                }
            }
            let mut frame = framed(FRAME).into_bytes();
            for _ in 0..=random.next_u32() % 4 {
                let at = random.next_u32() as usize % frame.len();
                frame[at] = random.next_u32().to_le_bytes()[0];
            }
            let mut logger = from([127, 0, 0, 2], daemon.hj212).await;
            drop(logger.write_all(&frame).await);
            if round % 40 == 39 {
                goes_on(&daemon, &mut station, "damaged packets").await;
            }
        }
        let hello = crate::mqtt::raw::connect(crate::mqtt::raw::V3, "new", 60, None);
        let mut secure = papers.connect(daemon.mqtts).await;
        let answer = Papers::exchange(&mut secure, &hello, 4).await;
        assert_eq!(answer, [0x20, 2, 0, 0], "seed {seed}");
        goes_on(&daemon, &mut station, "all of them").await;
    });
    assert!(
        !daemon.log().contains("panicked"),
        "seed {seed}: {}",
        daemon.log()
    );
    daemon.stop("TERM");
}
