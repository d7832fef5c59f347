//! The lock of a data directory: one process writes it.

use std::fs::File;
use std::fs::TryLockError;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::adapters::store::embedded::cut;
use crate::adapters::store::embedded::unavailable;
use crate::ports::StoreError;

/// The file a writer holds locked, so that no two daemons write one directory.
pub(super) const LOCK: &str = "skytier.lock";
/// How often to look whether somebody else's lock is free. Who only asks whether it is held holds it for that moment, and so
/// does a child that a process with the store open has forked, until it has become its own program.
const LOOKS: u32 = 50;
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether somebody writes a directory just now.
pub fn in_use(directory: &Path) -> bool {
    let lock = File::open(directory.join(LOCK));
    lock.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Takes the lock, for as long as the file is held open.
///
/// # Errors
/// [`StoreError::Unavailable`] when somebody else has it, or it cannot be taken.
pub(super) fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let fault = |cause: std::io::Error| unavailable(&path, cause);
    let mut file = options.open(&path).map_err(fault)?;
    let mut locked = file.try_lock();
    for _ in 1..LOOKS {
        if !matches!(locked, Err(TryLockError::WouldBlock)) {
            break;
        }
        thread::sleep(PAUSE);
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => {
            let boot = cut::boot().unwrap_or_default();
            // A full disk keeps nobody from starting; then nothing tells which run of the machine wrote last.
            drop(
                file.set_len(0)
                    .and_then(|()| file.write_all(boot.as_bytes())),
            );
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(unavailable(
            directory,
            "another skytier process is writing this data directory; stop it or use another with --data",
        )),
        Err(TryLockError::Error(cause)) => Err(fault(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_held_for_a_moment_is_waited_for_and_one_held_on_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = lock(folder.path()).expect("free");
        assert!(in_use(folder.path()));
        let said = lock(folder.path()).expect_err("held").to_string();
        assert!(said.contains("another skytier process"), "{said}");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| lock(folder.path()));
            thread::sleep(PAUSE * 3);
            drop(held);
            waiting.join().expect("ended").expect("free by then");
        });
        assert!(!in_use(folder.path()));
    }
}
