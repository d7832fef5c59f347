//! `skytier backup` and `skytier restore`: a checked copy of a data directory out of it, and into an empty one.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::adapters::store::embedded::copy;
use crate::app::cli::now;
use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::domain::calendar::Zone;

/// Copy a data directory into one file, beside a running daemon too, and check the copy.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The copy is a snapshot: whatever was acknowledged before it began is in it. It is written under another name, checked
as `skytier verify` does, and only then takes its own. Readings of the rest of the day need a later copy.

Examples:
  skytier backup --data var/demo --out /tmp/skytier-demo.db
  skytier backup --data var/demo --out /var/backups/")]
pub struct BackupArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The file to write, which must not exist; in a directory, a name with the time is made.
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
}

/// Make a data directory of a backup, after checking it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier restore --from /tmp/skytier-demo.db --data var/restored")]
pub struct RestoreArgs {
    /// A file that `skytier backup` wrote.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The data directory to make: empty, or not there yet.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// A folder for work in progress; removed with what is left in it.
struct Workshop(PathBuf);

impl Workshop {
    fn beside(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = path.with_file_name(format!(".{name}.{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What cannot be removed now is named after this process and in nobody's way.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Checks a data directory; what was counted.
async fn checked(folder: &Path, what: &Path) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let verified = open::for_reading(folder)?.verify.verify().await?;
    match verified.fault {
        None => Ok(verified.counted),
        Some(fault) => Err(anyhow::Error::new(AnswerIsNo(format!(
            "{}: {fault}",
            what.display()
        )))),
    }
}

/// Runs `backup`.
///
/// # Errors
/// A file that is there already, those of the store, or a copy that does not pass its check.
pub async fn backup(args: &BackupArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let file = if args.out.is_dir() {
        let time = Zone::beijing().local(now()).format("%Y%m%dT%H%M%S");
        args.out.join(format!("skytier-{time}.db"))
    } else {
        args.out.clone()
    };
    if file.exists() {
        let file = file.display();
        return Err(bad_input(format!("--out {file}: is there already")));
    }
    open::for_reading(&args.data)?;
    let workshop = Workshop::beside(&file)?;
    let (from, to) = (args.data.clone(), workshop.0.clone());
    tokio::task::spawn_blocking(move || copy::copy_live(&from, &to)).await??;
    let counted = checked(&workshop.0, &file).await?;
    copy::move_out(&workshop.0, &file)?;
    told(out, &file, &counted)
}

/// Runs `restore`.
///
/// # Errors
/// A directory that is not empty, a file that is no sound backup, or those of the store.
pub async fn restore(args: &RestoreArgs, out: &mut impl Write) -> anyhow::Result<()> {
    if !args.from.is_file() {
        let from = args.from.display();
        return Err(bad_input(format!("--from {from}: is no file")));
    }
    let data = &args.data;
    if data.exists() {
        let mut entries = std::fs::read_dir(data).with_context(|| data.display().to_string())?;
        if entries.next().is_some() {
            let data = data.display();
            return Err(bad_input(format!("--data {data}: is not empty")));
        }
    }
    let workshop = Workshop::beside(data)?;
    copy::copy_file(&args.from, &workshop.0)?;
    let counted = match checked(&workshop.0, &args.from).await {
        // An older program's backup lacks tables, which opening it for writing adds.
        Err(fault) if !fault.is::<AnswerIsNo>() => {
            drop(open::for_writing(&workshop.0)?);
            checked(&workshop.0, &args.from).await?
        }
        answer => answer?,
    };
    if data.exists() {
        std::fs::remove_dir(data).with_context(|| data.display().to_string())?;
    }
    std::fs::rename(&workshop.0, data).with_context(|| data.display().to_string())?;
    told(out, data, &counted)
}

fn told(out: &mut impl Write, place: &Path, counted: &[(&'static str, u64)]) -> anyhow::Result<()> {
    let counts: Vec<String> = counted
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    writeln!(out, "{}: checked, {}", place.display(), counts.join(", "))?;
    Ok(())
}
