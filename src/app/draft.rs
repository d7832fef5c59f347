//! Work in progress: what is whole takes its name, what is not is removed.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;

/// A file or folder under another name, of this process alone; removed when dropped, unless it took its own name.
pub struct Draft(PathBuf);

impl Draft {
    /// The name of a file to write beside `path`.
    pub fn beside(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self(path.with_file_name(format!(".{name}.{}", std::process::id())))
    }

    /// A new folder beside `path`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder_beside(path: &Path) -> anyhow::Result<Self> {
        Self::beside(path).made()
    }

    /// A new folder within another.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder_within(folder: &Path) -> anyhow::Result<Self> {
        Self(folder.join(format!(".draft.{}", std::process::id()))).made()
    }

    fn made(self) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&self.0).with_context(|| self.0.display().to_string())?;
        Ok(self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it has taken its name there is nothing left; what cannot be removed is in nobody's way.
        if self.0.is_dir() {
            drop(std::fs::remove_dir_all(&self.0));
        } else {
            drop(std::fs::remove_file(&self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_take_its_name_is_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = folder.path().join("days.csv");
        let left = || std::fs::read_dir(folder.path()).expect("a folder").count();
        let file = Draft::beside(&place);
        std::fs::write(file.path(), "half").expect("room on the disk");
        let beside = Draft::folder_beside(&folder.path().join("data")).expect("a folder");
        let within = Draft::folder_within(folder.path()).expect("a folder");
        std::fs::write(within.path().join("part"), "half").expect("room on the disk");
        assert_eq!(left(), 3);
        drop((beside, within));
        assert_eq!(left(), 1);
        std::fs::rename(file.path(), &place).expect("renamed");
        drop(file);
        assert_eq!(left(), 1);
        assert_eq!(std::fs::read_to_string(&place).expect("a file"), "half");
    }
}
