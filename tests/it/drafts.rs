//! Work in progress: files that are no files are left what they are, directories keep their mode, and a signal leaves
//! nothing half made.

use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;

use crate::support::PATIENCE;
use crate::support::export;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

/// Tries until a signal is told to have met a command at work.
const TRIES: usize = 50;

fn readings_to<'a>(data: &'a Path, file: &'a Path) -> [&'a str; 7] {
    [
        "export",
        "--data",
        text(data),
        "--what",
        "readings",
        "--out",
        text(file),
    ]
}

fn pipe(place: &Path) {
    let made = Command::new("mkfifo").arg(place).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
}

#[test]
fn a_pipe_a_link_and_a_device_stay_what_they_are() {
    let (folder, data) = seeded(&["jiangyin"]);
    let expected = export(&data);
    let pipe_at = folder.path().join("pipe");
    pipe(&pipe_at);
    let reading = {
        let pipe_at = pipe_at.clone();
        std::thread::spawn(move || std::fs::read_to_string(pipe_at).expect("what is written"))
    };
    run(&readings_to(&data, &pipe_at));
    let kind = std::fs::symlink_metadata(&pipe_at).expect("it is there");
    assert!(kind.file_type().is_fifo(), "{kind:?}");
    assert_eq!(reading.join().expect("read to the end"), expected);
    let (link, file) = (folder.path().join("link"), folder.path().join("file"));
    std::fs::write(&file, "before").expect("room on the disk");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    run(&readings_to(&data, &link));
    assert_eq!(std::fs::read_link(&link).expect("still a link"), file);
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), expected);
    run(&readings_to(&data, Path::new("/dev/null")));
    let (code, said) = fails(&readings_to(&data, Path::new("/dev/full")));
    assert!(
        code == 3 && said.contains("/dev/full: No space left"),
        "{said}"
    );
    assert_eq!(said.matches("No space").count(), 1, "{said}");
    let said = run(&readings_to(&data, Path::new("/dev/stdout")));
    assert_eq!(said, expected);
}

#[test]
fn an_empty_directory_keeps_its_mode_when_a_backup_is_restored_into_it() {
    let (folder, data) = seeded(&["jiangyin"]);
    let copy = folder.path().join("copy.db");
    run(&["backup", "--data", text(&data), "--out", text(&copy)]);
    let restored = folder.path().join("restored");
    std::fs::create_dir(&restored).expect("room on the disk");
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&restored, private).expect("ours");
    let about = || {
        let about = std::fs::metadata(&restored).expect("a directory");
        (about.ino(), about.mode(), about.uid())
    };
    let before = about();
    let restore = ["restore", "--from", text(&copy), "--data", text(&restored)];
    run(&restore);
    assert_eq!(about(), before, "the same directory");
    assert_eq!(export(&restored), export(&data));
    verify(&restored);
    // A backup that is none leaves it empty.
    std::fs::write(&copy, b"not a database at all").expect("room on the disk");
    let other = folder.path().join("other");
    std::fs::create_dir(&other).expect("room on the disk");
    let (code, said) = fails(&["restore", "--from", text(&copy), "--data", text(&other)]);
    assert_eq!(code, 3, "{said}");
    assert_eq!(hidden(&other), Vec::<PathBuf>::new());
    assert_eq!(std::fs::read_dir(&other).expect("a folder").count(), 0);
}

/// What is in work in a folder.
fn hidden(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let drafts = paths.filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with('.')
    });
    drafts.collect()
}

/// Sends a command the termination signal as soon as it is ready for it, by its process id.
fn stopped(args: &[&str], ready: impl Fn(u32) -> bool) -> ExitStatus {
    let mut child = skytier(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    while !ready(child.id()) {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill");
    wait_for("the command's end", PATIENCE, || {
        child.try_wait().expect("a child")
    })
}

#[test]
fn a_signal_leaves_nothing_half_made() {
    let (folder, data) = seeded(&["jiangyin"]);
    let copy = folder.path().join("copy.db");
    run(&["backup", "--data", text(&data), "--out", text(&copy)]);
    let work = folder.path().join("work");
    let made = work.join("made");
    let (made, data, copy) = (text(&made), text(&data), text(&copy));
    for (name, args) in [
        (
            "export",
            &["--data", data, "--what", "readings", "--out", made][..],
        ),
        ("backup", &["--data", data, "--out", made]),
        ("restore", &["--from", copy, "--data", made]),
    ] {
        let mut met = 0;
        for _ in 0..TRIES {
            std::fs::create_dir(&work).expect("room on the disk");
            let status = stopped(&[&[name][..], args].concat(), |_| !hidden(&work).is_empty());
            assert_eq!(status.signal(), None, "{name}: it ends by itself");
            assert_eq!(hidden(&work), Vec::<PathBuf>::new(), "{name}");
            let whole = std::fs::exists(made).expect("a folder");
            assert_eq!(status.code(), Some(if whole { 0 } else { 3 }), "{name}");
            std::fs::remove_dir_all(&work).expect("removed");
            met += usize::from(!whole);
            if met > 0 {
                break;
            }
        }
        assert!(met > 0, "{name} was never met at work");
    }
}
