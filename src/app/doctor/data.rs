//! The data directory: there, writable, with room, its databases of a format this program knows and sound.

use std::path::Path;

use crate::adapters::access;
use crate::adapters::store::embedded::Access;
use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::embedded::cut;
use crate::adapters::store::embedded::lock::in_use;
use crate::adapters::store::inspect;
use crate::adapters::store::inspect::Database;
use crate::adapters::webhooks::files::Folder;
use crate::app::doctor::Finding;
use crate::app::doctor::Part;
use crate::app::receipt;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::ports::StoreError;

/// Less free space than this is odd, or wrong: a commit, its log and a merge must fit beside what else the disk takes.
const ROOM_ODD_BYTES: u64 = 2 << 30;
const ROOM_WRONG_BYTES: u64 = 256 << 20;
/// Bytes of the unit that space is told in.
const MIB: u64 = 1 << 20;

/// What a directory tells about other parts.
#[derive(Default)]
pub(super) struct Kept {
    /// Whether somebody writes it.
    pub(super) in_use: bool,
    /// The file that was written last, and when, in seconds since 1970.
    pub(super) newest: Option<(String, i64)>,
    /// When a daemon last noted who was there.
    pub(super) beat: Option<Instant>,
    /// The zone it was last served in.
    pub(super) zone: Option<Zone>,
}

/// Looks at a directory.
pub(super) fn examine(directory: &Path, findings: &mut Vec<Finding>) -> Kept {
    let place = directory.display();
    let mut add = |finding| findings.push(finding);
    if !directory.exists() {
        let remedy = "none is needed: `skytier serve` makes it; or give --data";
        add(Finding::odd(
            Part::Data,
            format!("{place}: not there yet"),
            remedy,
        ));
        let above = directory.ancestors().skip(1).find(|above| above.is_dir());
        let above = above.unwrap_or(Path::new("."));
        findings.extend(writable(above));
        findings.extend(room(above));
        return Kept::default();
    }
    if !directory.is_dir() {
        let remedy = "give a directory as data_dir or --data, or move this file away";
        add(Finding::wrong(
            Part::Data,
            format!("{place}: not a directory"),
            remedy,
        ));
        return Kept::default();
    }
    findings.extend(writable(directory));
    findings.extend(room(directory));
    let in_use = in_use(directory);
    if in_use {
        let said = format!("{place}: a skytier is writing it");
        findings.push(Finding::fine(Part::Data, said));
    }
    findings.extend(beside(directory));
    let databases = match inspect::databases(directory, &[access::FILE_FORMAT]) {
        Ok(databases) => databases,
        Err(cause) => {
            let remedy = "let the user that runs skytier read the directory and its files";
            findings.push(Finding::wrong(
                Part::Data,
                format!("{place}: {cause}"),
                remedy,
            ));
            return Kept::default();
        }
    };
    findings.extend(databases.iter().map(judge));
    let (zone, beat) = opened(directory, &databases, findings);
    let newest = databases.into_iter().max_by_key(|file| file.written);
    Kept {
        in_use,
        newest: newest.map(|file| (file.name, file.written)),
        beat,
        zone,
    }
}

/// Logs that were cut short, keys, and subscribers. The log is looked at before any database is opened.
fn beside(directory: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = cut::keep(directory) {
        let remedy = "let the user that runs skytier read and write the directory";
        findings.push(Finding::wrong(Part::Data, error.to_string(), remedy));
    }
    for name in cut::kept(directory).unwrap_or_default() {
        findings.push(Finding::wrong(Part::Data, cut::told(&name), cut::REMEDY));
    }
    if let (_, Some(fault)) = receipt::checked(directory) {
        let remedy = "put the file back from a copy of receipt-keys/; the daemon does not start with this one";
        findings.push(Finding::wrong(Part::Data, fault, remedy));
    }
    if let (_, Some(fault)) = Folder::of(directory).checked() {
        let remedy = "`skytier webhooks remove` and enter it again, or put the file back from a copy of webhooks/";
        findings.push(Finding::wrong(Part::Data, fault, remedy));
    }
    findings
}

fn writable(directory: &Path) -> Option<Finding> {
    let place = directory.display();
    let cause = inspect::try_to_write(directory).err()?;
    Some(Finding::wrong(
        Part::Data,
        format!("{place}: no file can be made there: {cause}"),
        "let the user that runs skytier write there (chown, chmod, or mount it for writing), or give another --data",
    ))
}

fn room(directory: &Path) -> Option<Finding> {
    let place = directory.display();
    match inspect::free_bytes(directory) {
        Ok(free) => Some(judge_room(&place.to_string(), free)),
        Err(cause) => Some(Finding::odd(
            Part::Data,
            format!("{place}: free space is not known: {cause}"),
            "look with `df`",
        )),
    }
}

fn judge_room(place: &str, free: u64) -> Finding {
    let said = format!("{place}: {} MiB free", free / MIB);
    let remedy = "free space on that disk, or move the directory to a larger one with `skytier backup` and `skytier restore`; \
                  `skytier compact` gives back what the files do not need";
    if free < ROOM_WRONG_BYTES {
        Finding::wrong(Part::Data, said, remedy)
    } else if free < ROOM_ODD_BYTES {
        Finding::odd(Part::Data, said, remedy)
    } else {
        Finding::fine(Part::Data, said)
    }
}

fn judge(file: &Database) -> Finding {
    let name = &file.name;
    if let Some(fault) = &file.fault {
        let said = format!("{name}: {fault}");
        let remedy = "stop the daemon, keep a copy of the directory, and `skytier restore` the last backup; `skytier verify` \
                      tells what else is damaged";
        return Finding::wrong(Part::Data, said, remedy);
    }
    let (format, known) = file.format;
    let said = format!("{name}: format {format}, {} MiB, sound", file.bytes / MIB);
    match known {
        Some(known) if format > known => Finding::wrong(
            Part::Data,
            format!("{name}: format {format}, and this skytier knows {known}"),
            "use a newer skytier",
        ),
        _ => Finding::fine(Part::Data, said),
    }
}

/// What only shows when the store is opened; gives the zone it was last served in, and when that was.
fn opened(
    directory: &Path,
    databases: &[Database],
    findings: &mut Vec<Finding>,
) -> (Option<Zone>, Option<Instant>) {
    if databases.is_empty() {
        let said = format!("{}: empty", directory.display());
        let remedy =
            "none is needed if it is new; else give the directory that was used with --data";
        findings.push(Finding::odd(Part::Data, said, remedy));
        return (None, None);
    }
    let sound = databases.iter().all(|file| file.fault.is_none());
    let asked = |store: Embedded| Ok((store.mark_now("zone")?, store.newest_beat()?));
    match Embedded::open(directory, Access::Read).and_then(asked) {
        // One that was served in the usual zone alone has no mark.
        Ok((None, beat)) => (Some(Zone::beijing()), beat),
        Ok((Some(zone), beat)) => (Zone::parse(&zone), beat),
        // These were told already.
        Err(StoreError::Newer { .. }) => (None, None),
        Err(_) if !sound => (None, None),
        Err(error) => {
            let remedy = "do as it says; if it cannot be done, `skytier restore` the last backup";
            findings.push(Finding::wrong(Part::Data, error.to_string(), remedy));
            (None, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Verdict;

    #[test]
    fn too_little_room_is_told_before_it_is_gone() {
        for (free, expected) in [
            (0, Verdict::Wrong),
            (ROOM_WRONG_BYTES - 1, Verdict::Wrong),
            (ROOM_WRONG_BYTES, Verdict::Odd),
            (ROOM_ODD_BYTES - 1, Verdict::Odd),
            (ROOM_ODD_BYTES, Verdict::Fine),
            (u64::MAX, Verdict::Fine),
        ] {
            let finding = judge_room("d", free);
            assert_eq!(finding.verdict, expected, "{free}");
            assert_eq!(finding.remedy.is_none(), expected == Verdict::Fine);
        }
    }

    #[test]
    fn a_newer_format_and_a_damaged_file_are_wrong() {
        let check = |format: (u32, Option<u32>), fault: Option<&str>, expected: Verdict| {
            let file = Database {
                name: "a.db".to_owned(),
                bytes: 1,
                written: 0,
                format,
                fault: fault.map(str::to_owned),
            };
            assert_eq!(judge(&file).verdict, expected, "{file:?}");
        };
        check((2, Some(2)), None, Verdict::Fine);
        check((3, Some(2)), None, Verdict::Wrong);
        check((7, None), None, Verdict::Fine);
        check((2, Some(2)), Some("a page"), Verdict::Wrong);
    }
}
