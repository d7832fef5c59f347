//! polars and DuckDB in a Python environment of their own, installed on first use and left out where that fails.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use anyhow::bail;
use anyhow::ensure;

use crate::timing::Took;

/// What is installed from PyPI.
const PACKAGES: [&str; 3] = ["numpy==2.4.6", "polars==2.1.0", "duckdb==2.0.0"];
/// Where the scripts and the standards are.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Said instead of the peers' figures.
const LEFT_OUT: &str = "polars and DuckDB are left out: python3 with venv and PyPI could not make an environment with them";

/// How long a peer took.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) took: Took,
}

/// Runs a script of `benches/nation` on a directory; its figures, or `None` when Python is not to be had.
pub(crate) fn run(
    script: &str,
    directory: &Path,
    stations: usize,
) -> anyhow::Result<Option<Vec<Peer>>> {
    let Some(python) = environment() else {
        println!("{LEFT_OUT}");
        return Ok(None);
    };
    let script = Path::new(ROOT).join("benches/nation").join(script);
    let output = Command::new(python)
        .arg(&script)
        .arg(directory)
        .arg(stations.to_string())
        .arg(Path::new(ROOT).join("config/standards"))
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "{}: {}",
        script.display(),
        output.status
    );
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, wall, cpu] = words.as_slice() else {
            bail!("no name with its seconds: {line}");
        };
        Ok(Peer {
            name: (*name).to_owned(),
            took: Took {
                wall: wall.parse()?,
                cpu: cpu.parse()?,
            },
        })
    };
    let lines = String::from_utf8(output.stdout)?;
    lines
        .lines()
        .map(line)
        .collect::<anyhow::Result<_>>()
        .map(Some)
}

/// The interpreter of the environment, which is made unless it is there.
fn environment() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let python = directory.join("bin/python");
    let quiet = |command: &mut Command| {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let has =
        |python: &Path| quiet(Command::new(python).args(["-c", "import numpy, polars, duckdb"]));
    if !has(&python) {
        println!("installing {} from PyPI", PACKAGES.join(", "));
        let made = quiet(
            Command::new("python3")
                .arg("-m")
                .arg("venv")
                .arg(&directory),
        );
        let install = ["-m", "pip", "install", "--quiet"];
        let installed = made && quiet(Command::new(&python).args(install).args(PACKAGES));
        if !installed || !has(&python) {
            return None;
        }
    }
    Some(python)
}
