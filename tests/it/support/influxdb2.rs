//! A stand-in for an InfluxDB 2.7 on loopback: it answers the requests skytier sends as a real server was seen to,
//! byte for byte, keeps what it takes, and fails in every way that was seen or is documented.
//!
//! It understands line protocol and the two forms of query that skytier asks; anything else is an error, so that a
//! change of the adapter shows here. What was answered with 204 stays through a [`Stub::kill`], as it does on disk.

mod bucket;
pub(crate) mod process;
mod wire;

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bucket::Bucket;
use wire::Request;
use wire::csv_answer;
use wire::json_answer;
use wire::plain_answer;

/// Who may use the stub, and what for.
pub(crate) const ORG: &str = "grid";
pub(crate) const BUCKET: &str = "pollution";
pub(crate) const TOKEN: &str = "t0ken";

/// One way to fail, for one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// None at all.
    Pass,
    /// 401, whatever the token.
    Unauthorized,
    /// 403: the token may read only.
    Forbidden,
    /// 404 as InfluxDB writes it.
    NoBucket,
    /// 404 as other servers write it.
    NotFound,
    /// 405.
    NotAllowed,
    /// 413.
    TooLarge,
    /// 429.
    TooMany,
    /// 503.
    Busy,
    /// 500: the cache of a shard is full.
    CacheFull,
    /// 400 to a query: overload.
    QueueFull,
    /// 200 to a write, from something in between.
    Gateway,
    /// Takes the request, then closes without an answer.
    LostAnswer,
    /// Closes before looking at the request.
    Closed,
    /// Takes the request, then says nothing for so long.
    Hang(Duration),
    /// An answer shorter than its length says.
    CutShort,
    /// An error table after good rows, under status 200.
    LateError,
    /// A row whose value is empty.
    Null,
}

#[derive(Default)]
struct Shared {
    bucket: Bucket,
    writes: VecDeque<Fault>,
    queries: VecDeque<Fault>,
    /// Applied to every write or query while set.
    always: Option<Fault>,
    connections: Vec<TcpStream>,
    heads: Vec<String>,
    /// Bodies of writes, when they are to be kept.
    bodies: Option<Vec<String>>,
    clock_offset_s: i64,
    version: String,
    /// Where lines that were taken are kept.
    journal: Option<File>,
}

/// A running stub.
pub(crate) struct Stub {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    up: Arc<AtomicBool>,
}

fn environment(url: String) -> [(&'static str, String); 5] {
    [
        ("SKYTIER__STORE__KIND", "influxdb2".to_owned()),
        ("SKYTIER__STORE__INFLUXDB2__URL", url),
        ("SKYTIER__STORE__INFLUXDB2__ORG", ORG.to_owned()),
        ("SKYTIER__STORE__INFLUXDB2__BUCKET", BUCKET.to_owned()),
        ("SKYTIER__STORE__INFLUXDB2__TOKEN", TOKEN.to_owned()),
    ]
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stub {
    /// Starts with an empty bucket.
    pub(crate) fn start() -> Self {
        Self::at(0, None)
    }

    /// The file of lines in a folder.
    pub(crate) fn journal_in(folder: &Path) -> PathBuf {
        folder.join("lines")
    }

    /// Starts with what a stub before it kept in the folder, and keeps there what it takes.
    pub(crate) fn kept_in(folder: &Path, port: u16) -> Self {
        let path = Self::journal_in(folder);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        // A line that was cut by a kill was not answered.
        let whole = before.rfind('\n').map_or(0, |at| at + 1);
        let journal = File::options().create(true).append(true).open(&path);
        let journal = journal.expect("a file of lines");
        journal.set_len(whole as u64).expect("a file of lines");
        let stub = Self::at(port, Some(journal));
        stub.with(|shared| {
            for line in before[..whole].lines() {
                // Lines refused then are refused now.
                drop(shared.bucket.write(line));
            }
        });
        stub
    }

    fn at(port: u16, journal: Option<File>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let stub = Self {
            address: listener.local_addr().expect("an address"),
            shared: Arc::default(),
            up: Arc::new(AtomicBool::new(true)),
        };
        stub.with(|shared| {
            shared.version = "v2.7.12".to_owned();
            shared.journal = journal;
        });
        stub.serve(listener);
        stub
    }

    fn serve(&self, listener: TcpListener) {
        let (shared, up) = (Arc::clone(&self.shared), Arc::clone(&self.up));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(connection) = connection else { return };
                if !up.load(Ordering::SeqCst) {
                    return;
                }
                let clone = connection.try_clone().expect("a handle");
                lock(&shared).connections.push(clone);
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || converse(connection, &shared));
            }
        });
    }

    /// Ends it at once, whatever is under way; what was answered with 204 is kept.
    pub(crate) fn kill(&self) {
        self.up.store(false, Ordering::SeqCst);
        let connections = std::mem::take(&mut lock(&self.shared).connections);
        for connection in connections {
            drop(connection.shutdown(Shutdown::Both));
        }
        // Wakes the listener, which then ends and refuses further connections.
        drop(TcpStream::connect(self.address));
        super::wait_for("a refused connection", super::PATIENCE, || {
            TcpStream::connect(self.address).is_err().then_some(())
        });
    }

    /// Starts it again at the same address.
    pub(crate) fn restart(&self) {
        let listener = super::wait_for("the port", super::PATIENCE, || {
            TcpListener::bind(self.address).ok()
        });
        self.up.store(true, Ordering::SeqCst);
        self.serve(listener);
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings that make skytier use it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        environment(self.url())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T {
        work(&mut lock(&self.shared))
    }

    /// The next writes fail so, one each.
    pub(crate) fn fail_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.with(|shared| shared.writes.extend(faults));
    }

    /// The next queries fail so, one each.
    pub(crate) fn fail_queries(&self, faults: impl IntoIterator<Item = Fault>) {
        self.with(|shared| shared.queries.extend(faults));
    }

    /// Everything fails so until told otherwise.
    pub(crate) fn fail_always(&self, fault: Option<Fault>) {
        self.with(|shared| shared.always = fault);
    }

    /// What it says of itself.
    pub(crate) fn pretend(&self, version: &str, clock_offset_s: i64) {
        self.with(|shared| {
            shared.version = version.to_owned();
            shared.clock_offset_s = clock_offset_s;
        });
    }

    /// Refuses points before this second, as a bucket that forgets does.
    pub(crate) fn retain_from(&self, time: Option<i64>) {
        self.with(|shared| shared.bucket.retained_from = time);
    }

    /// Cannot read lines with a text, and takes nothing of a body with one.
    pub(crate) fn misread(&self, text: &str) {
        self.with(|shared| shared.bucket.unreadable = Some(text.to_owned()));
    }

    /// Adds so much to every mean it computes.
    pub(crate) fn skew_means(&self, by: f64) {
        self.with(|shared| shared.bucket.mean_skew = by);
    }

    /// Gives a field a type before anybody writes it.
    pub(crate) fn take_field(&self, line: &str) {
        self.with(|shared| drop(shared.bucket.write(line)));
    }

    /// Heads of requests so far, without those of their own tests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.with(|shared| shared.heads.clone())
    }

    /// Keeps the bodies of writes from now on.
    pub(crate) fn keep_bodies(&self) {
        self.with(|shared| shared.bodies = Some(Vec::new()));
    }

    /// Bodies of writes so far, if they are kept.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.with(|shared| shared.bodies.clone().unwrap_or_default())
    }

    /// The newest text of a field by the value of a tag, in its order.
    pub(crate) fn texts(&self, measurement: &str, tag: &str, field: &str) -> Vec<(String, String)> {
        self.with(|shared| shared.bucket.texts(measurement, tag, field))
    }

    /// Values of a number at a time, in the order of tag `n`.
    pub(crate) fn numbered(&self, measurement: &str, field: &str, time: i64) -> Vec<String> {
        self.with(|shared| shared.bucket.numbered(measurement, field, time))
    }

    /// Field values in a measurement.
    pub(crate) fn count(&self, measurement: &str) -> usize {
        self.with(|shared| shared.bucket.count(measurement))
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.up.store(false, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

fn converse(mut connection: TcpStream, shared: &Mutex<Shared>) {
    drop(connection.set_nodelay(true));
    let mut buffer = Vec::new();
    while let Some(request) = wire::read(&mut connection, &mut buffer) {
        let fault = {
            let mut shared = lock(shared);
            shared.heads.push(request.head.clone());
            if let Some(bodies) = &mut shared.bodies
                && request.path() == "/api/v2/write"
            {
                bodies.push(request.body.clone());
            }
            let always = shared.always.clone();
            match request.path() {
                "/api/v2/write" => shared.writes.pop_front().or(always),
                "/api/v2/query" => shared.queries.pop_front().or(always),
                _ => None,
            }
        };
        let Some(answer) = answer(&request, fault, shared) else {
            drop(connection.shutdown(Shutdown::Both));
            return;
        };
        if connection.write_all(&answer).is_err() || answer == CUT_SHORT.as_bytes() {
            drop(connection.shutdown(Shutdown::Both));
            return;
        }
    }
}

/// The bytes of an answer; `None` closes.
fn answer(request: &Request, fault: Option<Fault>, shared: &Mutex<Shared>) -> Option<Vec<u8>> {
    let invalid = |message: &str| json_answer(400, "invalid", message);
    Some(match fault {
        Some(Fault::Unauthorized) => json_answer(401, "unauthorized", "unauthorized access"),
        Some(Fault::Forbidden) => {
            json_answer(403, "forbidden", "insufficient permissions for write")
        }
        Some(Fault::NoBucket) => json_answer(404, "not found", "bucket \"nosuch\" not found"),
        Some(Fault::NotFound) => plain_answer(404, "404 page not found\n"),
        Some(Fault::NotAllowed) => plain_answer(405, ""),
        Some(Fault::TooLarge) => plain_answer(413, ""),
        Some(Fault::TooMany) => plain_answer(429, ""),
        Some(Fault::Busy) => plain_answer(503, "busy"),
        Some(Fault::CacheFull) => json_answer(
            500,
            "internal error",
            "unexpected error writing points to database: engine: cache-max-memory-size exceeded: (1280180/1048576)",
        ),
        Some(Fault::QueueFull) => invalid("queue length exceeded"),
        Some(Fault::Gateway) => plain_answer(200, "OK"),
        Some(Fault::Closed) => return None,
        Some(Fault::LostAnswer) => {
            sound(request, shared);
            return None;
        }
        Some(Fault::Hang(time)) => {
            let answer = sound(request, shared);
            std::thread::sleep(time);
            answer
        }
        // The loop closes after what is not a whole answer.
        Some(Fault::CutShort) => CUT_SHORT.as_bytes().to_vec(),
        Some(Fault::LateError) => csv_answer(LATE_ERROR),
        Some(Fault::Null) => csv_answer(NULL),
        None | Some(Fault::Pass) => sound(request, shared),
    })
}

/// A write that was taken.
const WRITTEN: &[u8] =
    b"HTTP/1.1 204 No Content\r\nX-Influxdb-Build: OSS\r\nX-Influxdb-Version: v2.7.12\r\n\r\n";

/// An answer that ends before its length.
const CUT_SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/csv; charset=utf-8\r\nContent-Length: 1000\r\n\r\n#datatype,string,long,double\r\n";

/// An error after the first row comes with status 200.
const LATE_ERROR: &str = "#datatype,string,long,double\r\n#group,false,false,false\r\n#default,a,,\r\n,result,table,_value\r\n,,0,1\r\n\r\n\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,runtime error @3:138-3:258: map: failed to evaluate map function: boom,\r\n";

/// A mean over an empty day.
const NULL: &str = "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string\r\n#group,false,false,true,true,false,false,true,true,true\r\n#default,_result,,,,,,,,\r\n,result,table,_start,_stop,_time,_value,_field,_measurement,host\r\n,,0,2023-11-13T00:00:00Z,2023-11-17T00:00:00Z,2023-11-13T00:00:00Z,,value,bulk,h003\r\n,,0,2023-11-13T00:00:00Z,2023-11-17T00:00:00Z,2023-11-14T00:00:00Z,-0.01880288326865972,value,bulk,h003\r\n\r\n";

/// What a server that is well answers.
fn sound(request: &Request, shared: &Mutex<Shared>) -> Vec<u8> {
    let mut shared = lock(shared);
    match request.path() {
        "/ping" => {
            let now = chrono::Utc::now() + chrono::Duration::seconds(shared.clock_offset_s);
            let date = now.format("%a, %d %b %Y %H:%M:%S GMT");
            let version = &shared.version;
            let head = format!(
                "HTTP/1.1 204 No Content\r\nX-Influxdb-Build: OSS\r\nX-Influxdb-Version: {version}\r\nDate: {date}\r\n\r\n"
            );
            return head.into_bytes();
        }
        "/api/v2/write" | "/api/v2/query" => {}
        _ => return plain_answer(404, "404 page not found\n"),
    }
    if request.header("authorization") != Some(&format!("Token {TOKEN}")) {
        return json_answer(401, "unauthorized", "unauthorized access");
    }
    let org = request.parameter("org").unwrap_or_default();
    if org != ORG {
        let message = format!("organization name \"{org}\" not found");
        return json_answer(404, "not found", &message);
    }
    if request.path() == "/api/v2/query" {
        return query(request, &mut shared.bucket);
    }
    let bucket = request.parameter("bucket").unwrap_or_default();
    if bucket != BUCKET {
        let message = format!("bucket \"{bucket}\" not found");
        return json_answer(404, "not found", &message);
    }
    assert_eq!(request.parameter("precision").as_deref(), Some("s"));
    let written = shared.bucket.write(&request.body);
    if let (Ok(()) | Err((422, ..)), Some(journal)) = (&written, &mut shared.journal) {
        journal.write_all(request.body.as_bytes()).expect("kept");
    }
    match written {
        Ok(()) => WRITTEN.to_vec(),
        Err((status, code, message)) => json_answer(status, code, &message),
    }
}

fn query(request: &Request, bucket: &mut Bucket) -> Vec<u8> {
    let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    let annotations = serde_json::json!(["datatype", "group", "default"]);
    assert_eq!(body["dialect"]["annotations"], annotations, "{body}");
    let flux = body["query"].as_str().expect("a query");
    match bucket.query(flux) {
        Ok(csv) => csv_answer(&csv),
        Err((status, code, message)) => json_answer(status, code, &message),
    }
}
