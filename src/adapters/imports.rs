//! What was imported, when, as lines of JSON under one note of the registry: the newest [`KEPT`] runs. An import stops at
//! the first row it cannot read and keeps nothing, so none of these has rows left out.

use serde::Deserialize;
use serde::Serialize;

use crate::domain::calendar::Instant;

/// The note's name.
pub const NOTE: &str = "imports";
/// How many runs are kept.
pub const KEPT: usize = 200;

/// One run of `skytier import`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// When it ended, in seconds since 1970 UTC.
    pub at: i64,
    /// Names of the files, without their folders.
    pub files: Vec<String>,
    /// How they are laid out.
    pub layout: String,
    /// Rows of the files.
    pub rows: u64,
    /// Readings that are new.
    pub new: u64,
    /// Readings that were known already.
    pub repeated: u64,
    /// Readings that replaced another value.
    pub corrected: u64,
}

impl Import {
    /// When it ended.
    pub fn ended(&self) -> Instant {
        Instant::from_unix(self.at)
    }
}

/// The runs of a note, the oldest first.
///
/// # Errors
/// In words, when a line is none.
pub fn read(note: Option<&str>) -> Result<Vec<Import>, String> {
    let lines = note.unwrap_or_default().lines();
    lines
        .map(|line| serde_json::from_str(line).map_err(|fault| fault.to_string()))
        .collect()
}

/// The note with a run more; the oldest goes when there are too many.
pub fn with(note: Option<&str>, import: &Import) -> String {
    let line = serde_json::to_string(import).expect("plain structs serialise");
    let mut lines: Vec<&str> = note.unwrap_or_default().lines().collect();
    lines.push(&line);
    let first = lines.len().saturating_sub(KEPT);
    lines[first..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::Import;
    use super::KEPT;
    use super::read;
    use super::with;

    fn import(at: i64) -> Import {
        Import {
            at,
            files: vec!["a.csv".to_owned()],
            layout: "canonical".to_owned(),
            rows: 3,
            new: 2,
            repeated: 1,
            corrected: 0,
        }
    }

    #[test]
    fn the_newest_runs_are_kept_in_order() {
        let mut note = None;
        for at in 0..=KEPT as i64 {
            note = Some(with(note.as_deref(), &import(at)));
        }
        let read = read(note.as_deref()).expect("what was written");
        assert_eq!(read.len(), KEPT);
        assert_eq!(
            (read[0].clone(), read[KEPT - 1].clone()),
            (import(1), import(KEPT as i64))
        );
        assert_eq!(super::read(None), Ok(Vec::new()));
        assert!(super::read(Some("{}")).is_err());
    }
}
