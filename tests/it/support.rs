//! The real program: started as a child process on free ports, asked over HTTP, stopped or killed.
//!
//! Every child is ended by its own process id when its handle is dropped. Standard error goes to a log file
//! beside the data directory.

pub(crate) mod full;
pub(crate) mod influxdb2;
pub(crate) mod mosquitto;
pub(crate) mod papers;
pub(crate) mod receipts;
pub(crate) mod station;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

/// Long enough for anything that should happen, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const STEP: Duration = Duration::from_millis(20);

/// Fails when a program the tests drive is not there; `make test` checks for them all.
pub(crate) fn require(program: &str) {
    assert!(
        Path::new(program).exists(),
        "{program} is missing; the tests drive it, see `make test` for what they need"
    );
}

/// Says that a test was not run, past the harness, which keeps what a test prints.
pub(crate) fn not_run(why: &str) {
    let said = writeln!(std::io::stderr(), "NOT RUN: {why}");
    said.expect("standard error is open");
}

/// A whole number that the environment sets, or the default.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(default, |text| {
        let number = text.parse();
        number.unwrap_or_else(|_| panic!("{variable}={text}: give a whole number"))
    })
}

/// Waits until there is an answer, or fails saying what was waited for.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(STEP);
    }
}

/// The program with `args`; settings of the surrounding environment do not reach it.
pub(crate) fn skytier(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skytier"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SKYTIER")) {
        command.env_remove(name);
    }
    command.args(args).env("SKYTIER_LOG", "warn");
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn output(args: &[&str]) -> Output {
    skytier(args).output().expect("the program starts")
}

/// Runs a command that must succeed; gives its standard output.
pub(crate) fn run(args: &[&str]) -> String {
    let ended = output(args);
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{args:?}: {complaint}");
    String::from_utf8(ended.stdout).expect("UTF-8")
}

/// Runs a command that must fail; gives its exit code and standard error.
pub(crate) fn fails(args: &[&str]) -> (i32, String) {
    failed(&output(args))
}

/// Exit code and standard error of what ended.
pub(crate) fn failed(ended: &Output) -> (i32, String) {
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code().unwrap_or(-1), complaint)
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// A recorded file of the Beijing seed.
pub(crate) fn beijing(station: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(
        "seeds/beijing/PRSA_Data_{station}_20130301-20170228.csv.gz"
    ))
}

/// One answer of the web side.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Reply {
    /// What was answered.
    pub(crate) fn of(response: ureq::http::Response<ureq::Body>) -> Self {
        reply(response)
    }

    /// Its JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|fault| panic!("{fault}: {}", self.text))
    }
}

/// Asks for an address; error statuses are answers too.
pub(crate) fn fetch(url: &str) -> Reply {
    asked(ureq::get(url), url)
}

/// Posts a body of a kind; error statuses are answers too.
pub(crate) fn post_as(url: &str, kind: &str, body: &[u8]) -> Reply {
    let request = ureq::post(url).config().http_status_as_error(false).build();
    let sent = request.header("content-type", kind).send(body);
    reply(sent.unwrap_or_else(|fault| panic!("{url}: {fault}")))
}

/// Posts a body.
pub(crate) fn post(url: &str, body: &[u8]) -> Result<Reply, ureq::Error> {
    let request = ureq::post(url).config().http_status_as_error(false).build();
    request.send(body).map(reply)
}

fn asked(request: ureq::RequestBuilder<ureq::typestate::WithoutBody>, url: &str) -> Reply {
    let request = request.config().http_status_as_error(false).build();
    reply(
        request
            .call()
            .unwrap_or_else(|fault| panic!("{url}: {fault}")),
    )
}

fn reply(mut response: ureq::http::Response<ureq::Body>) -> Reply {
    let kind = response.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let (kind, status) = (kind.to_owned(), response.status().as_u16());
    let body = response.body_mut().with_config().limit(256 << 20);
    let bytes = body.read_to_vec().expect("a whole body");
    let text = match kind.starts_with("font/") {
        true => String::new(),
        false => String::from_utf8(bytes).expect("UTF-8"),
    };
    Reply { status, kind, text }
}

/// Where a running daemon is.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// `http://HOST:PORT`, without a slash at the end.
    pub(crate) http: String,
    /// Port of the embedded endpoint; 0 when it is off.
    pub(crate) mqtt: u16,
    /// Ports of both by TLS; 0 when it is off.
    pub(crate) https: u16,
    pub(crate) mqtts: u16,
    /// Port of the listener for data loggers; 0 when it is off.
    pub(crate) hj212: u16,
    /// Its data directory.
    pub(crate) data: PathBuf,
}

impl Site {
    /// Asks for a path.
    pub(crate) fn fetch(&self, path: &str) -> Reply {
        fetch(&format!("{}{path}", self.http))
    }

    /// Asks for a path; gives the status and the JSON.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let reply = self.fetch(path);
        (reply.status, reply.json())
    }

    /// Asks for a path that must answer well; gives the JSON.
    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, json) = self.get(path);
        assert_eq!(status, 200, "{path}: {json}");
        json
    }

    /// Replays recorded files through the embedded endpoint.
    pub(crate) fn replay(&self, layout: &str, files: &[PathBuf]) {
        let to = format!("mqtt://127.0.0.1:{}", self.mqtt);
        let mut args = vec!["replay", "--layout", layout, "--to", &to, "--input"];
        args.extend(files.iter().map(|file| text(file)));
        run(&args);
    }

    /// A number of the metrics, by the whole name with labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let found = self.metric_by_now(name);
        found.unwrap_or_else(|| panic!("no {name} in {}", self.fetch("/metrics").text))
    }

    /// As [`Self::metric`], of what the daemon may not have looked at yet.
    pub(crate) fn metric_by_now(&self, name: &str) -> Option<u64> {
        let page = self.fetch("/metrics").text;
        let own = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        page.lines().find_map(own)
    }

    /// Waits until the figures show every reading that was acknowledged.
    pub(crate) fn settle(&self) {
        wait_for("days computed again", PATIENCE, || {
            (self.metric("skytier_rollup_days_waiting") == 0).then_some(())
        });
    }

    /// The raw readings of a station's factor, as the interface gives them.
    pub(crate) fn readings(&self, station: &str, query: &str) -> Vec<Value> {
        let answer = self.json(&format!("/v1/stations/{station}/readings?{query}"));
        answer["readings"].as_array().cloned().expect("a list")
    }

    /// `skytier verify` beside the daemon.
    pub(crate) fn verify(&self) -> String {
        verify(&self.data)
    }

    /// `skytier export` beside the daemon.
    pub(crate) fn export(&self) -> String {
        export(&self.data)
    }
}

/// `skytier verify` of a data directory; all must be well.
pub(crate) fn verify(data: &Path) -> String {
    let said = run(&["verify", "--data", text(data)]);
    assert!(said.ends_with("all is well\n"), "{said}");
    said
}

/// `skytier export` of the readings of a data directory.
pub(crate) fn export(data: &Path) -> String {
    run(&[
        "export",
        "--data",
        text(data),
        "--what",
        "readings",
        "--out",
        "-",
    ])
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    pub(crate) site: Site,
    /// What it printed for its first administrator.
    pub(crate) code: Option<String>,
    child: Child,
    /// Kept open: a program that prints into a closed pipe would stumble.
    _printed: BufReader<ChildStdout>,
}

impl std::ops::Deref for Daemon {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Daemon {
    /// Starts `skytier serve` on free ports. `overrides` are further environment variables.
    pub(crate) fn start(data: &Path, overrides: &[(&str, &str)]) -> Self {
        Self::start_by(serve(data, overrides), data)
    }

    /// Starts a command that prints what `serve` prints.
    pub(crate) fn start_by(mut command: Command, data: &Path) -> Self {
        let path = log_of(data);
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&path);
        command.stderr(log.expect("a log file"));
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut printed = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut site = Site {
            http: String::new(),
            mqtt: 0,
            https: 0,
            mqtts: 0,
            hj212: 0,
            data: data.to_owned(),
        };
        let (mut line, mut code) = (String::new(), None);
        loop {
            line.clear();
            let read = printed.read_line(&mut line).expect("text");
            if read == 0 {
                drop(child.wait());
                let log = std::fs::read_to_string(&path).unwrap_or_default();
                panic!("the daemon ended before it was ready: {log}");
            }
            let said = line.trim_end().trim_start_matches("skytier: ");
            if said.starts_with("http://") {
                site.http = said.trim_end_matches('/').to_owned();
            } else if let Some(address) = said.strip_prefix("mqtt://127.0.0.1:") {
                site.mqtt = address.parse().expect("a port");
            } else if let Some(address) = said.strip_prefix("mqtts://127.0.0.1:") {
                site.mqtts = address.parse().expect("a port");
            } else if let Some(address) = said.strip_prefix("hj212://127.0.0.1:") {
                site.hj212 = address.parse().expect("a port");
            } else if let Some(address) = said.strip_prefix("https://127.0.0.1:") {
                site.https = address.trim_end_matches('/').parse().expect("a port");
            } else if let Some((_, printed)) = said.split_once("/setup with the code ") {
                code = Some(printed.to_owned());
            } else if said.starts_with("loopback only") || said.starts_with("access by") {
                break;
            }
        }
        Self {
            site,
            code,
            child,
            _printed: printed,
        }
    }

    /// What it logged, this start and earlier ones.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_of(&self.data)).unwrap_or_default()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Ends it without warning, as a power cut would.
    pub(crate) fn kill9(mut self) {
        self.child.kill().expect("it runs");
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), None, "it had ended before: {}", self.log());
    }

    /// Sends the signal and waits for the end, which must be a good one.
    pub(crate) fn stop(mut self, signal: &str) {
        self.signal(signal);
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{signal}: {}", self.log());
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -s {signal}"
        );
    }

    fn ended(&mut self) -> ExitStatus {
        wait_for("the daemon's end", PATIENCE, || {
            self.child.try_wait().expect("a child")
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn log_of(data: &Path) -> PathBuf {
    data.with_extension("log")
}

/// `skytier serve` on free ports.
pub(crate) fn serve(data: &Path, overrides: &[(&str, &str)]) -> Command {
    let mut command = skytier(&["serve", "--data", text(data)]);
    command.envs([
        ("SKYTIER__HTTP__LISTEN", "127.0.0.1:0"),
        ("SKYTIER__MQTT__EMBEDDED__LISTEN", "127.0.0.1:0"),
    ]);
    command.envs(overrides.iter().copied());
    command
}

/// A temporary folder with a seeded data directory `data` in it.
pub(crate) fn seeded(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let mut args = vec!["seed"];
    args.extend(names);
    args.extend(["--data", text(&data)]);
    run(&args);
    (folder, data)
}
