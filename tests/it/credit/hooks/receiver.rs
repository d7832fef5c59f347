//! A subscriber's side: takes messages over HTTP/1.1, checks each signature, and can be busy, away or slow.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use skytier::adapters::webhooks::HookSecret;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 204, at once.
    Well,
    /// 204, after a while.
    Slow,
    /// 503, with more text than anybody should read.
    Busy,
    /// Hangs up without a word.
    Away,
    /// 302 to itself.
    Moved,
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) id: String,
    pub(crate) timestamp: i64,
    pub(crate) body: Value,
}

struct Inner {
    manner: Manner,
    secret: HookSecret,
    asked: usize,
    taken: Vec<Taken>,
}

/// It serves until the test ends.
pub(crate) struct Receiver {
    port: u16,
    inner: Arc<Mutex<Inner>>,
}

/// The secret it trusts unless told another.
pub(crate) fn secret() -> HookSecret {
    HookSecret::new([7; 32])
}

impl Receiver {
    pub(crate) fn start(manner: Manner) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let inner = Arc::new(Mutex::new(Inner {
            manner,
            secret: secret(),
            asked: 0,
            taken: Vec::new(),
        }));
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Receiver { port, inner }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?key=1", self.port)
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.inner.lock().expect("no panic").manner = manner;
    }

    pub(crate) fn trust(&self, secret: HookSecret) {
        self.inner.lock().expect("no panic").secret = secret;
    }

    /// Requests, however they were answered.
    pub(crate) fn asked(&self) -> usize {
        self.inner.lock().expect("no panic").asked
    }

    /// Messages taken, in order.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.inner
            .lock()
            .expect("every signature was good")
            .taken
            .clone()
    }
}

fn serve(stream: &TcpStream, inner: &Mutex<Inner>) {
    let mut reader = BufReader::new(stream);
    while let Some((heads, body)) = request(&mut reader) {
        let head = |name: &str| {
            let found = heads.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut inner = inner.lock().expect("no panic");
        inner.asked += 1;
        let manner = inner.manner;
        if [Manner::Well, Manner::Slow].contains(&manner) {
            let (id, timestamp) = (head("webhook-id"), head("webhook-timestamp"));
            let timestamp: i64 = timestamp.parse().expect("seconds");
            let signed = inner.secret.sign(&id, timestamp, &body);
            assert_eq!(head("webhook-signature"), signed, "{body}");
            assert_eq!(head("content-type"), "application/json");
            let body = serde_json::from_str(&body).expect("JSON");
            inner.taken.push(Taken {
                id,
                timestamp,
                body,
            });
        }
        drop(inner);
        let answer = match manner {
            Manner::Away => return,
            Manner::Well => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Manner::Slow => {
                std::thread::sleep(Duration::from_millis(15));
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            }
            Manner::Busy => format!(
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 100000\r\n\r\n{}",
                "x".repeat(100_000)
            ),
            Manner::Moved => {
                "HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
        };
        let mut stream = stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

type Request = (Vec<(String, String)>, String);

fn request(reader: &mut impl BufRead) -> Option<Request> {
    let mut heads = Vec::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert!(line.starts_with("POST /hook?key=1 "), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        heads.push((name.to_lowercase(), value.to_owned()));
    }
    let length = heads.iter().find(|(name, _)| name == "content-length")?;
    let mut body = vec![0; length.1.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((heads, String::from_utf8(body).ok()?))
}
