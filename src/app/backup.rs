//! `skytier backup` and `skytier restore`: a checked copy of a data directory out of it, and into an empty one.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::adapters::access::Access;
use crate::adapters::access::copy as access_copy;
use crate::adapters::store::embedded::FILE_FORMAT;
use crate::adapters::store::embedded::copy;
use crate::app::acts;
use crate::app::audit;
use crate::app::cli::now;
use crate::app::draft::Draft;
use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::domain::access::Act;
use crate::domain::calendar::Zone;
use crate::ports::StoreError;

/// Copy a data directory into one file, beside a running daemon too, and check the copy.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The copy is a snapshot: whatever was acknowledged before it began is in it. It is written under another name, checked
as `skytier verify` does, and only then takes its own. Readings of the rest of the day need a later copy.
Tokens, users, devices and the audit log go into a second file beside it, NAME.access.db for NAME.db, which only its owner may
read: keep both. Secrets are in it as digests alone.

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
Tokens, users, devices and the audit log come back from NAME.access.db beside NAME.db, if it is there. They stand as they did
then: what was revoked or removed since must be revoked again. Everybody has to log in anew.

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

/// What was counted by name.
type Counted = Vec<(&'static str, u64)>;

/// Checks a data directory, its audit log too; what was counted.
async fn checked(folder: &Path, what: &str) -> anyhow::Result<Counted> {
    let said = |fault: String| anyhow::Error::new(AnswerIsNo(fault));
    let verified = open::for_reading(folder)?.verify.verify().await?;
    if let Some(fault) = verified.fault {
        let place = format!("{}: ", folder.join(FILE_FORMAT.0).display());
        let fault = fault.strip_prefix(&place).unwrap_or(&fault);
        return Err(said(format!("{what}: {fault}")));
    }
    let mut counted = verified.counted;
    if let Some((rows, fault)) = audit::checked(folder)? {
        if let Some(fault) = fault {
            return Err(said(format!("{what}: {fault}")));
        }
        counted.push(("rows of the audit log", rows));
    }
    Ok(counted)
}

/// What was said of a folder that passes, said of the file it was made of.
fn of_file(error: anyhow::Error, what: &str) -> anyhow::Error {
    let found = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<StoreError>());
    let place = what.to_owned();
    let said = match found.cloned() {
        Some(StoreError::Damaged { fault, .. }) => {
            return anyhow::anyhow!("{what}: {fault}; it is no whole backup, take another");
        }
        Some(StoreError::Newer { found, known, .. }) => StoreError::Newer {
            place,
            found,
            known,
        },
        Some(StoreError::Older { found, known, .. }) => StoreError::Older {
            place,
            found,
            known,
        },
        _ => return error,
    };
    said.into()
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
    let access = access_copy::beside(&file);
    for file in [&file, &access] {
        if file.exists() {
            let file = file.display();
            return Err(bad_input(format!("--out {file}: is there already")));
        }
    }
    open::for_reading(&args.data)?;
    let draft = Draft::folder_beside(&file)?;
    let (from, to) = (args.data.clone(), draft.path().to_owned());
    let has_access = tokio::task::spawn_blocking(move || {
        // The log after the store, so that no act is missing whose outcome is there.
        copy::copy_live(&from, &to)?;
        access_copy::copy_live(&from, &to)
    });
    let has_access = has_access.await??;
    let counted = checked(draft.path(), &file.display().to_string()).await?;
    if has_access {
        access_copy::move_out(draft.path(), &access)?;
    }
    copy::move_out(draft.path(), &file)?;
    told(out, &file, &counted)?;
    if has_access {
        let access = access.display();
        writeln!(out, "{access}: tokens, users, devices and the audit log")?;
    }
    Ok(())
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
    let place = || data.display().to_string();
    // A directory that is there keeps its mode, its owner and what is mounted on it.
    let there = data.exists();
    if there {
        let mut entries = std::fs::read_dir(data).with_context(place)?;
        if entries.next().is_some() {
            return Err(bad_input(format!("--data {}: is not empty", place())));
        }
    }
    let draft = match there {
        true => Draft::folder_within(data)?,
        false => Draft::folder_beside(data)?,
    };
    let (from, to) = (args.from.clone(), draft.path().to_owned());
    let access = access_copy::beside(&args.from);
    let access = access.is_file().then_some(access);
    let beside = access.clone();
    tokio::task::spawn_blocking(move || {
        copy::copy_file(&from, &to)?;
        match beside {
            Some(beside) => access_copy::put_into(&beside, &to),
            None => Ok(()),
        }
    })
    .await??;
    let what = format!("--from {}", args.from.display());
    let counted = match checked(draft.path(), &what).await {
        // An older program's backup lacks tables, which opening it for writing adds.
        Err(fault) if !fault.is::<AnswerIsNo>() => {
            let added = open::for_writing(draft.path());
            drop(added.map_err(|error| of_file(error, &what))?);
            copy::forget_before(draft.path())?;
            checked(draft.path(), &what).await?
        }
        answer => answer?,
    };
    begin_anew(draft.path(), &args.from)?;
    if there && access.is_some() {
        access_copy::move_in(draft.path(), data)?;
    }
    if there {
        copy::move_in(draft.path(), data)?;
    } else {
        std::fs::rename(draft.path(), data).with_context(place)?;
    }
    told(out, data, &counted)?;
    match access {
        Some(access) => writeln!(
            out,
            "tokens, users, devices and the audit log are those of {}; what was revoked since stands again, everybody logs in anew",
            access.display()
        )?,
        None => writeln!(
            out,
            "no {} is there: tokens, users, devices and the audit log were not brought back",
            access_copy::beside(&args.from).display()
        )?,
    }
    Ok(())
}

/// Ends the sessions a backup holds, and notes in its audit log that it was brought back.
fn begin_anew(restored: &Path, from: &Path) -> anyhow::Result<()> {
    if let Some(open) = Access::existing(restored)? {
        let about = from.file_name().unwrap_or_default().to_string_lossy();
        let user = acts::system_user();
        open.end_sessions(Act::at_machine(
            Some(&user),
            now(),
            "backup.restore",
            &about,
        ))?;
    }
    Ok(())
}

fn told(out: &mut impl Write, place: &Path, counted: &[(&'static str, u64)]) -> anyhow::Result<()> {
    let counts: Vec<String> = counted
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    writeln!(out, "{}: checked, {}", place.display(), counts.join(", "))?;
    Ok(())
}
