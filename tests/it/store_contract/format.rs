//! Directories that were written before: every format that was released has one here, as it was written then.
//!
//! `data/format-2.db.gz` holds what [`written`] writes, merged but for the last batch. It is never written anew:
//! that a later program still reads it is the point. Tables that came later are added on opening.

use super::append;
use super::at;
use super::letter;
use super::listing;
use super::run;
use super::seeded;
use super::snapshot;
use flate2::read::GzDecoder;
use rusqlite::Connection;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::ports::Batch;
use skytier::ports::StoreError;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use tempfile::TempDir;

const FIXTURE: &str = "tests/it/data/format-2.db.gz";

/// Some of everything. The last batch waits to be merged.
async fn written(stores: &Stores, merge: impl AsyncFn()) {
    let minutes = |day: i64| {
        let minute = |number: i64| {
            let time = 1_420_041_600 + day * 86_400 + number * 60;
            format!("A pm25 {time} {}.{} avg 60", 30 + number % 17, number % 10)
        };
        (1..=200).map(minute).collect::<Vec<_>>().join("; ")
    };
    append(stores, 100, &minutes(0)).await;
    append(stores, 200, "A pm25 3600 1; A pm25 7200 2; B co 3600 -").await;
    append(stores, 300, "A pm25 3600 1.5; A pm25 7200 2").await;
    let letters = Batch {
        dead_letters: vec![letter(1), letter(2)],
        ..Batch::new(at(300))
    };
    stores.series.append(letters).await.expect("appended");
    let registered = stores.registrar.register(seeded("beijing")).await;
    registered.expect("registered");
    let marked = stores.registrar.set_mark("seed", "jiangyin").await;
    marked.expect("marked");
    let events = vec![listing(1), listing(2)];
    stores.ledger.append_events(events).await.expect("appended");
    merge().await;
    append(stores, 400, &minutes(1)).await;
    append(stores, 500, "A pm25 7200 2.5; A pm25 10800 -").await;
}

/// All but the registry, whose seeds change with time.
async fn held(stores: &Stores) -> String {
    let text = snapshot(stores).await;
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("Ok(Registry {"));
    lines.collect::<Vec<_>>().join("\n")
}

fn fixture() -> TempDir {
    let directory = TempDir::new().expect("a directory");
    let file = fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURE)).expect(FIXTURE);
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).expect(FIXTURE);
    fs::write(directory.path().join("skytier.db"), bytes).expect("written");
    directory
}

fn opened(directory: &Path, access: Access) -> Stores {
    Stores::embedded(Embedded::open(directory, access).expect("opened"))
}

/// Names and definitions of all there is in a database, without what SQLite keeps for itself.
fn objects(path: &Path) -> Vec<(String, String)> {
    let shell = Connection::open(path).expect("opened");
    let select = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut statement = shell.prepare(select).expect("prepared");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// Copies kept from before tables were added.
fn kept(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path());
    let mut kept: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "bak"))
        .collect();
    kept.sort();
    kept
}

/// The one copy is the fixture, from before tables were added; a directory made of it is read and written on too.
fn as_it_was(directory: &Path) {
    let copies = kept(directory);
    assert_eq!(copies.len(), 1, "{copies:?}");
    let before = fixture();
    let old = objects(&before.path().join("skytier.db"));
    assert_eq!(objects(&copies[0]), old);
    assert!(
        objects(&directory.join("skytier.db")).len() > old.len(),
        "tables were added"
    );
    let restored = TempDir::new().expect("a directory");
    let data = restored.path().join("data");
    let args = [
        "restore",
        "--from",
        crate::support::text(&copies[0]),
        "--data",
        crate::support::text(&data),
    ];
    crate::support::run(&args);
    crate::support::verify(&data);
    assert!(kept(&data).is_empty(), "the backup itself is the copy");
}

#[test]
fn a_directory_of_format_2_is_read_and_written_on() {
    let directory = fixture();
    run(async {
        let memory = Stores::memory();
        written(&memory, async || ()).await;
        let expected = held(&memory).await;
        let stores = opened(directory.path(), Access::Write);
        assert_eq!(held(&stores).await, expected);
        as_it_was(directory.path());
        let registry = stores.registrar.registry().await.expect("a registry");
        assert!(
            registry
                .stations
                .iter()
                .any(|station| station.id.as_str() == "Dongsi")
        );
        let again = append(&stores, 600, "A pm25 3600 1.5; A pm25 7200 9").await;
        assert_eq!(again, "new 0 repeated 1 corrected 1: A@7200");
        append(&memory, 600, "A pm25 3600 1.5; A pm25 7200 9").await;
        let verified = stores.verify.verify().await.expect("verified");
        assert_eq!(verified.fault, None);
        drop(stores);
        let stores = opened(directory.path(), Access::Read);
        assert_eq!(held(&stores).await, held(&memory).await);
        let verified = stores.verify.verify().await.expect("verified");
        assert_eq!(verified.fault, None);
    });
}

/// What an older program of the same format did not have is added; nothing is read before it is there.
#[test]
fn a_table_that_came_later_is_added_when_writing() {
    let directory = TempDir::new().expect("a directory");
    drop(opened(directory.path(), Access::Write));
    let path = directory.path().join("skytier.db");
    let before = Connection::open(&path).expect("opened");
    let dropped =
        "DROP TABLE publication; DELETE FROM tally WHERE what = 'publication'; DROP VIEW latest";
    before.execute_batch(dropped).expect("dropped");
    before.close().expect("closed");
    let refused = Embedded::open(directory.path(), Access::Read).map(drop);
    let refused = refused.expect_err("something is missing").to_string();
    assert!(
        refused.contains("it has no latest yet; let `skytier serve` open it once"),
        "{refused}"
    );
    assert!(kept(directory.path()).is_empty(), "nothing was added yet");
    run(async {
        let stores = opened(directory.path(), Access::Write);
        assert_eq!(kept(directory.path()).len(), 1);
        assert_eq!(stores.publications.issues().await, Ok(Vec::new()));
        let verified = stores.verify.verify().await.expect("verified");
        assert_eq!(verified.fault, None);
    });
    drop(opened(directory.path(), Access::Read));
    drop(opened(directory.path(), Access::Write));
    assert_eq!(kept(directory.path()).len(), 1, "nothing is added any more");
}

#[test]
fn a_table_of_another_shape_is_refused() {
    let directory = TempDir::new().expect("a directory");
    drop(opened(directory.path(), Access::Write));
    let path = directory.path().join("skytier.db");
    let before = Connection::open(&path).expect("opened");
    let changed = before.execute_batch("ALTER TABLE mark ADD COLUMN more TEXT");
    changed.expect("changed");
    before.close().expect("closed");
    for access in [Access::Write, Access::Read] {
        let refused = Embedded::open(directory.path(), access).map(drop);
        let expected = StoreError::Damaged {
            place: path.display().to_string(),
            fault: "mark is not that of format 2".to_owned(),
        };
        assert_eq!(refused, Err(expected), "{access:?}");
    }
}
