//! The subscribers of a data directory, in its folder `webhooks/`: `NAME.json` is written by whoever enters one, command or page,
//! `NAME.state.json` by whoever delivers alone, and `NAME.retry` is an operator's word to the latter. So all work beside
//! each other without a lock, and a file is whole or not there. A file is a line of JSON and a line with its SHA-256, so that
//! `verify` finds what was changed; files of format 1 have no second line and are read as they are.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Digest as _;
use sha2::Sha256;

use crate::adapters::credit_events::views::hex;
use crate::adapters::webhooks::HookSecret;
use crate::domain::calendar::Instant;
use crate::domain::credit::hook::Failing;
use crate::domain::credit::hook::Progress;
use crate::domain::credit::uscc::Uscc;

/// Folder of the subscribers in a data directory.
const FOLDER: &str = "webhooks";
/// The format of both files, and the one of before, without a checksum.
const FORMAT: u32 = 2;
const BARE_FORMAT: u32 = 1;
/// Most subscribers of a directory.
pub const HOOKS_MAX: usize = 100;
/// Longest name.
const NAME_CHARS_MAX: usize = 40;

/// Why something about a subscriber was not done.
#[derive(Debug, thiserror::Error)]
pub enum HookFault {
    /// What was asked cannot be; what would be right.
    #[error("{0}")]
    Refused(String),
    /// A file that cannot be read or written, or is none of ours.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: String,
        /// What was met.
        cause: String,
    },
}

/// A fault of a file.
fn of_file(path: &Path, cause: impl std::fmt::Display) -> HookFault {
    HookFault::File {
        path: path.display().to_string(),
        cause: cause.to_string(),
    }
}

/// A subscriber.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// What they are signed with.
    pub secret: HookSecret,
    /// When it was entered.
    pub created: String,
    /// The row after which it is told of changes.
    pub after: u64,
    /// The units it is told of; `None` is all.
    pub subjects: Option<BTreeSet<Uscc>>,
    /// The bank it is of, by the name of its tokens.
    pub bank: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HookFile {
    format: u32,
    url: String,
    secret: String,
    created: String,
    after: u64,
    subjects: Option<Vec<String>>,
    bank: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    format: u32,
    /// Which subscriber of that name it is of.
    created: String,
    done: u64,
    failing: Option<FailingFile>,
    laid_aside: Vec<u64>,
    again: Vec<u64>,
    /// Left out while nothing has arrived, as it always was once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrived_unix: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailingFile {
    since_unix: i64,
    tries: u32,
    next_unix: i64,
    cause: String,
}

/// The folder of a data directory.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Nothing is made yet.
    #[must_use]
    pub fn of(data: &Path) -> Folder {
        Folder(data.join(FOLDER))
    }

    /// A name that is fit for a file.
    ///
    /// # Errors
    /// What would be right.
    pub fn check_name(name: &str) -> Result<(), HookFault> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(fits) {
            return Ok(());
        }
        Err(HookFault::Refused(format!(
            "{name:?} is no name; 1 to {NAME_CHARS_MAX} of the characters a-z, 0-9 and - are expected"
        )))
    }

    fn file(&self, name: &str, end: &str) -> PathBuf {
        self.0.join(format!("{name}.{end}"))
    }

    /// Every subscriber, by name.
    ///
    /// # Errors
    /// Files that cannot be read, or are none of ours.
    pub fn hooks(&self) -> Result<Vec<Hook>, HookFault> {
        if !self.0.is_dir() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(|cause| of_file(&self.0, cause))? {
            let file = entry.map_err(|cause| of_file(&self.0, cause))?.file_name();
            let name = file.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.filter(|name| !name.contains('.')).map(str::to_owned));
        }
        names.sort_unstable();
        let hooks = names.iter().map(|name| self.hook(name));
        hooks.filter_map(Result::transpose).collect()
    }

    /// How many subscribers there are, and what is wrong with the first faulty file.
    #[must_use]
    pub fn checked(&self) -> (usize, Option<String>) {
        let hooks = match self.hooks() {
            Ok(hooks) => hooks,
            Err(fault) => return (0, Some(fault.to_string())),
        };
        let faulty = hooks.iter().find_map(|hook| self.progress(hook).err());
        (hooks.len(), faulty.map(|fault| fault.to_string()))
    }

    /// One subscriber; `None` when there is none of that name.
    ///
    /// # Errors
    /// As [`Self::hooks`].
    pub fn hook(&self, name: &str) -> Result<Option<Hook>, HookFault> {
        let path = self.file(name, "json");
        let Some(file) = read::<HookFile>(&path)? else {
            return Ok(None);
        };
        let secret = HookSecret::parse(&file.secret);
        let secret = secret.map_err(|fault| of_file(&path, fault))?;
        let subjects = file.subjects.map(|codes| {
            let codes = codes.iter().map(|code| Uscc::new(code));
            codes.collect::<Result<BTreeSet<Uscc>, _>>()
        });
        Ok(Some(Hook {
            name: name.to_owned(),
            url: file.url,
            secret,
            created: file.created,
            after: file.after,
            subjects: subjects
                .transpose()
                .map_err(|fault| of_file(&path, fault))?,
            bank: file.bank,
        }))
    }

    /// Enters a subscriber.
    ///
    /// # Errors
    /// A name that is taken, too many, or a file that cannot be written.
    pub fn add(&self, hook: &Hook) -> Result<(), HookFault> {
        std::fs::create_dir_all(&self.0).map_err(|cause| of_file(&self.0, cause))?;
        let hooks = self.hooks()?;
        if hooks.iter().any(|known| known.name == hook.name) {
            return Err(taken(&hook.name));
        }
        if hooks.len() >= HOOKS_MAX {
            return Err(HookFault::Refused(format!(
                "there are {HOOKS_MAX} hooks, as many as there may be"
            )));
        }
        let subjects = hook.subjects.as_ref();
        let codes = subjects.map(|all| all.iter().map(|code| code.as_str().to_owned()).collect());
        let file = HookFile {
            format: FORMAT,
            url: hook.url.clone(),
            secret: hook.secret.reveal(),
            created: hook.created.clone(),
            after: hook.after,
            subjects: codes,
            bank: hook.bank.clone(),
        };
        let path = self.file(&hook.name, "json");
        // Whoever enters the same name at the same time is refused: the secret that is shown is the one that is kept.
        self.put(&path, &sealed(&file), |beside| {
            match std::fs::hard_link(beside, &path) {
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
                linked => linked.map(|()| true),
            }
        })?
        .then_some(())
        .ok_or_else(|| taken(&hook.name))
    }

    /// Removes a subscriber with all that is known of it; whether there was one.
    ///
    /// # Errors
    /// Files that cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, HookFault> {
        let mut found = false;
        for end in ["json", "state.json", "retry"] {
            let path = self.file(name, end);
            match std::fs::remove_file(&path) {
                Ok(()) => found |= end == "json",
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
                Err(cause) => return Err(of_file(&path, cause)),
            }
        }
        Ok(found)
    }

    /// How far a subscriber has been told.
    ///
    /// # Errors
    /// A file that cannot be read, or is none of ours.
    pub fn progress(&self, hook: &Hook) -> Result<Progress, HookFault> {
        let path = self.file(&hook.name, "state.json");
        // One that was removed while a message was under way leaves its file to the next of that name.
        let file = read::<StateFile>(&path)?.filter(|file| file.created == hook.created);
        let Some(file) = file else {
            return Ok(Progress::from(hook.after));
        };
        Ok(Progress {
            done: file.done,
            failing: file.failing.map(|failing| Failing {
                since: Instant::from_unix(failing.since_unix),
                tries: failing.tries,
                next_at: Instant::from_unix(failing.next_unix),
                cause: failing.cause,
            }),
            laid_aside: file.laid_aside,
            again: file.again,
            arrived_at: file.arrived_unix.map(Instant::from_unix),
        })
    }

    /// Keeps how far a subscriber has been told.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn keep(&self, hook: &Hook, progress: &Progress) -> Result<(), HookFault> {
        let file = StateFile {
            format: FORMAT,
            created: hook.created.clone(),
            done: progress.done,
            failing: progress.failing.as_ref().map(|failing| FailingFile {
                since_unix: failing.since.unix(),
                tries: failing.tries,
                next_unix: failing.next_at.unix(),
                cause: failing.cause.clone(),
            }),
            laid_aside: progress.laid_aside.clone(),
            again: progress.again.clone(),
            arrived_unix: progress.arrived_at.map(Instant::unix),
        };
        self.write(&self.file(&hook.name, "state.json"), &sealed(&file))
    }

    /// Says that a subscriber is to be tried at once, with what was laid aside.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn ask_retry(&self, name: &str) -> Result<(), HookFault> {
        self.write(&self.file(name, "retry"), "")
    }

    /// Whether that was said; it is said no longer.
    #[must_use]
    pub fn take_retry(&self, name: &str) -> bool {
        std::fs::remove_file(self.file(name, "retry")).is_ok()
    }

    /// Writes a file that nobody else may read, whole or not at all.
    fn write(&self, path: &Path, text: &str) -> Result<(), HookFault> {
        self.put(path, text, |beside| std::fs::rename(beside, path))
    }

    /// Writes a file beside, synced, under a name that no other writer has, and moves it to its place.
    fn put<T>(
        &self,
        path: &Path,
        text: &str,
        to_its_place: impl FnOnce(&Path) -> std::io::Result<T>,
    ) -> Result<T, HookFault> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let beside = path.with_extension(format!("{}-{number}.new", std::process::id()));
        // What a process that died has left under this name may be the very file that stands in its place.
        drop(std::fs::remove_file(&beside));
        let write = || -> std::io::Result<T> {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&beside)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()?;
            let moved = to_its_place(&beside)?;
            std::fs::File::open(&self.0)?.sync_all()?;
            Ok(moved)
        };
        let written = write().map_err(|cause| of_file(path, cause));
        // It is gone where it was moved, and in the way where it was not.
        drop(std::fs::remove_file(&beside));
        written
    }
}

fn taken(name: &str) -> HookFault {
    HookFault::Refused(format!(
        "there is a hook {name:?} already; give another name, or remove it first"
    ))
}

/// What every file says of itself.
#[derive(Deserialize)]
struct Headed {
    format: u32,
}

/// A file's text: the line, and its checksum.
fn sealed(file: &impl Serialize) -> String {
    let line = serde_json::to_string(file).expect("plain structs serialise");
    format!("{line}\n{}\n", hex(&Sha256::digest(&line)))
}

/// A file as it was written; `None` when there is none.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HookFault> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(of_file(path, cause)),
    };
    let file = unsealed(&text).map_err(|fault| of_file(path, fault))?;
    Ok(Some(file))
}

/// What a file's text says, if it fits its checksum.
fn unsealed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // An editor may have ended a line without a checksum.
    let (line, sum) = match text.split_once('\n') {
        Some((line, sum)) => (line, Some(sum).filter(|sum| !sum.is_empty())),
        None => (text, None),
    };
    let whole = sum.is_none_or(|sum| *sum == format!("{}\n", hex(&Sha256::digest(line))));
    if !whole {
        let said = "it is not as it was written; restore it, or remove the hook and enter it again";
        return Err(said.to_owned());
    }
    let Headed { format } = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    if format > FORMAT {
        return Err(format!(
            "format {format}, and this skytier knows {FORMAT}; a newer one wrote it"
        ));
    }
    let own = if sum.is_some() { FORMAT } else { BARE_FORMAT };
    if format != own {
        return Err(format!("format {format} without its checksum, or with one"));
    }
    serde_json::from_str(line).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> StateFile {
        StateFile {
            format: FORMAT,
            created: "2026-07-01T00:00:00+08:00".to_owned(),
            done: 7,
            failing: None,
            laid_aside: vec![3],
            again: Vec::new(),
            arrived_unix: None,
        }
    }

    #[test]
    fn any_changed_bit_is_found() {
        let text = sealed(&state());
        assert_eq!(unsealed::<StateFile>(&text).expect("as it was").done, 7);
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                // What is no text any more is told on reading.
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                let read = unsealed::<StateFile>(&changed);
                assert!(read.is_err(), "byte {at}, bit {bit}: {changed}");
            }
        }
    }

    #[test]
    fn files_of_before_are_read_and_newer_ones_are_told() {
        let line = |format: u32| {
            let file = StateFile { format, ..state() };
            serde_json::to_string(&file).expect("JSON")
        };
        let sum = |line: &str| format!("{line}\n{}\n", hex(&Sha256::digest(line)));
        assert_eq!(unsealed::<StateFile>(&line(1)).expect("format 1").done, 7);
        // As an editor leaves it.
        let ended = format!("{}\n", line(1));
        assert_eq!(unsealed::<StateFile>(&ended).expect("format 1").done, 7);
        for (text, expected) in [
            (line(2), "without its checksum"),
            (sum(&line(1)), "or with one"),
            (sum(&line(3)), "format 3, and this skytier knows 2"),
            (sum(r#"{"format":9,"more":1}"#), "format 9, and"),
            (format!("{}\n", line(2)), "without its checksum"),
            (format!("{}\n\n", line(1)), "not as it was written"),
        ] {
            let fault = unsealed::<StateFile>(&text).map(|file| file.done);
            let fault = fault.expect_err("refused");
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }
    #[test]
    fn of_two_who_enter_one_name_one_is_refused_and_nothing_is_left_beside() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = Folder::of(data.path());
        let hook = |secret: HookSecret| Hook {
            name: "bank".to_owned(),
            url: "https://bank.example/hooks".to_owned(),
            secret,
            created: "2026-07-01T00:00:00+08:00".to_owned(),
            after: 0,
            subjects: None,
            bank: None,
        };
        let entered = std::thread::scope(|scope| {
            let enter = || {
                let own = hook(HookSecret::random().expect("random"));
                folder.add(&own).is_ok().then(|| own.secret.reveal())
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(enter)).collect();
            let all = all
                .into_iter()
                .filter_map(|own| own.join().expect("no panic"));
            all.collect::<Vec<String>>()
        });
        let kept = folder.hook("bank").expect("whole").expect("there");
        assert_eq!(entered, [kept.secret.reveal()]);
        let files = std::fs::read_dir(data.path().join(FOLDER)).expect("a folder");
        assert_eq!(files.count(), 1);
        // One that is damaged can be removed.
        std::fs::write(folder.file("bank", "json"), "{").expect("room");
        assert!(folder.hook("bank").is_err());
        assert!(folder.remove("bank").expect("removed"));
    }
}
