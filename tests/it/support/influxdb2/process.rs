//! The stub as a process of its own, which can be killed: what it answered with 204 lies in a file, as a server's
//! write-ahead log does.
//!
//! It is this test binary, told by two variables to be the stub and nothing else. By hand, for a try of skytier on it:
//! `SKYTIER_STUB=/tmp/stub SKYTIER_STUB_PORT=8086 cargo test --release --test it -- --exact
//! influxdb2::outages::the_stub_as_a_process --nocapture`; organization, bucket and token are `grid`, `pollution` and
//! `t0ken`.

use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use super::Stub;

/// The folder to keep things in, and the port.
const FOLDER: &str = "SKYTIER_STUB";
const PORT: &str = "SKYTIER_STUB_PORT";
/// The test that is the stub.
const TEST: &str = "influxdb2::outages::the_stub_as_a_process";

/// Serves until killed, in a process that is told to; returns at once in others.
pub(crate) fn serve_if_told() {
    let told = |name: &str| std::env::var(name).ok();
    let (Some(folder), Some(port)) = (told(FOLDER), told(PORT)) else {
        return;
    };
    let port: u16 = port.parse().expect("a port");
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let stub = Stub::kept_in(&folder, port);
    println!("the stub of InfluxDB 2 at {}", stub.url());
    loop {
        std::thread::park();
    }
}

/// A stub in a process; killed when dropped.
pub(crate) struct StubProcess {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl StubProcess {
    /// Starts it on a free port.
    pub(crate) fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut process = Self {
            child: Self::spawn(folder, port),
            folder: folder.to_owned(),
            port,
        };
        process.wait();
        process
    }

    fn spawn(folder: &Path, port: u16) -> Child {
        Command::new(std::env::current_exe().expect("this program"))
            .args([TEST, "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .env(PORT, port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts")
    }

    fn wait(&mut self) {
        let ping = format!("{}/ping", self.url());
        crate::support::wait_for("the stub's process", crate::support::PATIENCE, || {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the stub ended: {ended:?}");
            ureq::get(&ping).call().ok()
        });
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The settings that make skytier use it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        super::environment(self.url())
    }

    /// Ends it without warning.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again at the same address, with what it had.
    pub(crate) fn revive(&mut self) {
        self.child = Self::spawn(&self.folder, self.port);
        self.wait();
    }

    /// Bytes of lines that it has taken.
    pub(crate) fn taken(&self) -> u64 {
        std::fs::metadata(Stub::journal_in(&self.folder)).map_or(0, |file| file.len())
    }

    /// Ends it and gives a stub of this process with all that it had.
    pub(crate) fn opened(mut self) -> Stub {
        self.kill9();
        Stub::kept_in(&self.folder.clone(), 0)
    }
}

impl Drop for StubProcess {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
