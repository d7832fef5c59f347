//! `skytier doctor`: looks at everything the daemon needs, and says of each what it found and what to do.
//!
//! It changes nothing in the data directory. It speaks to brokers and servers as the daemon would, under a name of its
//! own, and prints no secret.

mod certificates;
mod clock;
mod data;
mod ports;
mod servers;

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use crate::app::config;
use crate::app::config::ConfigFaults;
use crate::app::config::Settings;
use crate::app::fault::AnswerIsNo;
use crate::domain::calendar::Instant;

/// Check settings, data directory, clock, certificates, brokers, stores and ports, and say what to do; exit 1 if something is wrong.
///
/// A daemon may be running. Databases are read once as a whole by SQLite's quick check; `skytier verify` compares every
/// checksum. An InfluxDB is asked as at a start, which writes the point that tells its bucket's format.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier doctor --data var/demo
  skytier doctor --config /etc/skytier.toml --format json")]
pub struct DoctorArgs {
    /// Settings; without a file the defaults hold, with the environment over them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory, over the file's data_dir.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// table: a finding a line, then what to do; json: one object.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Settings,
    Data,
    Clock,
    Certificates,
    Brokers,
    Store,
    Mirror,
    Ports,
}

impl Part {
    fn key(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Data => "data",
            Self::Clock => "clock",
            Self::Certificates => "certificates",
            Self::Brokers => "brokers",
            Self::Store => "store",
            Self::Mirror => "mirror",
            Self::Ports => "ports",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Settings => "设置 settings",
            Self::Data => "数据目录 data directory",
            Self::Clock => "时钟 clock",
            Self::Certificates => "证书 certificates",
            Self::Brokers => "消息服务器 brokers",
            Self::Store => "存储 store",
            Self::Mirror => "副本 mirror",
            Self::Ports => "端口 ports",
        }
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Fine,
    /// Worth knowing; the daemon works.
    Odd,
    /// To be mended.
    Wrong,
}

impl Verdict {
    fn key(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Odd => "odd",
            Self::Wrong => "wrong",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Fine => "正常 fine ",
            Self::Odd => "注意 odd  ",
            Self::Wrong => "有误 wrong",
        }
    }
}

/// What was found, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    part: Part,
    verdict: Verdict,
    what: String,
    remedy: Option<String>,
}

impl Finding {
    fn fine(part: Part, what: impl Into<String>) -> Self {
        Self {
            part,
            verdict: Verdict::Fine,
            what: what.into(),
            remedy: None,
        }
    }

    fn odd(part: Part, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Odd,
            remedy: Some(remedy.into()),
            ..Self::fine(part, what)
        }
    }

    fn wrong(part: Part, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Wrong,
            ..Self::odd(part, what, remedy)
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`AnswerIsNo`] when something is wrong.
pub async fn run(
    args: &DoctorArgs,
    now: fn() -> Instant,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let findings = examine(args, now).await;
    match args.format {
        Format::Table => table(&findings, out)?,
        Format::Json => print_json(&findings, out)?,
    }
    let wrong = findings.iter().filter(|one| one.verdict == Verdict::Wrong);
    match wrong.count() {
        0 => Ok(()),
        wrong => {
            out.flush()?;
            let all = findings.len();
            Err(anyhow::Error::new(AnswerIsNo(format!(
                "{wrong} of {all} findings are to be mended"
            ))))
        }
    }
}

fn table(findings: &[Finding], out: &mut dyn Write) -> std::io::Result<()> {
    for one in findings {
        writeln!(
            out,
            "{}  {}: {}",
            one.verdict.words(),
            one.part.words(),
            one.what
        )?;
        if let Some(remedy) = &one.remedy {
            writeln!(out, "            怎么办 what to do: {remedy}")?;
        }
    }
    Ok(())
}

fn print_json(findings: &[Finding], out: &mut dyn Write) -> std::io::Result<()> {
    let one = |one: &Finding| {
        json!({
            "part": one.part.key(),
            "verdict": one.verdict.key(),
            "finding": one.what,
            "remedy": one.remedy,
        })
    };
    let well = findings.iter().all(|one| one.verdict != Verdict::Wrong);
    let findings: Vec<_> = findings.iter().map(one).collect();
    writeln!(out, "{:#}", json!({"well": well, "findings": findings}))
}

async fn examine(args: &DoctorArgs, now: fn() -> Instant) -> Vec<Finding> {
    let (mut findings, settings) = settings(args);
    let directory = settings.as_ref().map(|settings| &settings.data_dir);
    let directory = args.data.as_ref().or(directory);
    let kept = match directory {
        Some(directory) => data::examine(directory, &mut findings),
        None => data::Kept::default(),
    };
    findings.extend(clock::examine(now(), &kept));
    let Some(settings) = &settings else {
        let rest = "certificates, brokers, stores and ports were not looked at, as the settings are faulty";
        let remedy = "mend the settings, then ask again";
        findings.push(Finding::odd(Part::Settings, rest, remedy));
        return findings;
    };
    findings.extend(clock::zone(settings.zone, &kept));
    findings.extend(certificates::examine(settings, now()));
    findings.extend(servers::brokers(settings).await);
    findings.extend(servers::stores(settings, now()).await);
    findings.extend(ports::examine(settings, kept.in_use));
    findings
}

/// The settings, unless they are faulty.
fn settings(args: &DoctorArgs) -> (Vec<Finding>, Option<Settings>) {
    let place = match &args.config {
        Some(file) => file.display().to_string(),
        None => "the defaults and the environment".to_owned(),
    };
    match config::load(args.config.as_deref(), std::env::vars()) {
        Ok(mut settings) => {
            if let Some(data) = &args.data {
                settings.data_dir.clone_from(data);
            }
            let fine = Finding::fine(Part::Settings, format!("{place}: sound"));
            (vec![fine], Some(settings))
        }
        Err(ConfigFaults(faults)) => {
            let remedy = "mend this key; config/skytier.toml shows each with its default";
            let wrong = |fault| Finding::wrong(Part::Settings, fault, remedy);
            (faults.into_iter().map(wrong).collect(), None)
        }
    }
}
