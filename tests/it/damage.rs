//! Files of a data directory that were damaged behind the daemon's back: what notices it, and what is kept.

use std::fs::Permissions;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use crate::support::Daemon;
use crate::support::failed;
use crate::support::fails;
use crate::support::output;
use crate::support::run;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;

/// The files of a folder whose names begin so.
fn named(folder: &Path, begin: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(begin)
    };
    paths.filter(own).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_log_of_a_killed_daemon_is_told_and_kept() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    for hour in 10..20 {
        let time = format!("2020-07-27T{hour}:00:00+08:00");
        station.send(&topic, &hourly(&time, "7")).await;
    }
    daemon.kill9();
    let log = data.join("skytier.db-wal");
    let whole = std::fs::read(&log).expect("a log");
    verify(&copied(&data, &folder.path().join("whole")));
    for (name, at) in [("head", 20), ("salt", 32 + 9), ("page", 32 + 24 + 5_000)] {
        let own = copied(&data, &folder.path().join(name));
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(own.join("skytier.db-wal"), &bytes).expect("room on the disk");
        // Again and again, also when SQLite has taken up the rest and the log is gone.
        for _ in 0..2 {
            let (code, said) = fails(&["verify", "--data", text(&own)]);
            let told = said.contains("skytier.db-wal-damaged-") && said.contains("is lost");
            assert!(code == 1 && told, "{name}: {code} {said}");
        }
        let kept = named(&own, "skytier.db-wal-damaged-");
        assert_eq!(kept.len(), 1, "{name}: {kept:?}");
        assert_eq!(std::fs::read(&kept[0]).expect("a log"), bytes, "{name}");
        let daemon = Daemon::start(&own, &[]);
        let ready = daemon.json("/readyz");
        assert_eq!(ready["notes"][0]["part"], "log", "{ready}");
        daemon.stop("TERM");
        std::fs::remove_file(&kept[0]).expect("there");
        verify(&own);
    }
    // The machine ran anew since: it may have lost power, and nothing speaks of damage.
    let own = copied(&data, &folder.path().join("anew"));
    let mut bytes = whole;
    bytes[32 + 24 + 5_000] ^= 1;
    std::fs::write(own.join("skytier.db-wal"), &bytes).expect("room on the disk");
    std::fs::write(own.join("skytier.lock"), "another run").expect("room on the disk");
    verify(&own);
    assert_eq!(named(&own, "skytier.db-wal-torn-").len(), 1);
}

/// A copy of a data directory without subdirectories.
fn copied(data: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir(to).expect("room on the disk");
    for from in named(data, "").into_iter().filter(|path| path.is_file()) {
        let name = from.file_name().expect("a name");
        std::fs::copy(&from, to.join(name)).expect("room on the disk");
    }
    to.to_owned()
}

#[test]
fn a_database_that_is_none_is_an_answer_of_verify_and_names_the_file_of_restore() {
    let (folder, data) = seeded(&["jiangyin"]);
    let damaged = folder.path().join("damaged.db");
    run(&["backup", "--data", text(&data), "--out", text(&damaged)]);
    let mut bytes = std::fs::read(&damaged).expect("a copy");
    bytes[3] ^= 0x20;
    for file in [&damaged, &data.join("skytier.db")] {
        std::fs::write(file, &bytes).expect("room on the disk");
    }
    let (code, said) = fails(&["verify", "--data", text(&data)]);
    let told = said.contains("skytier.db: ") && said.contains("; restore the last backup");
    assert!(code == 1 && told, "{code} {said}");
    let other = folder.path().join("other");
    let (_, said) = fails(&["restore", "--from", text(&damaged), "--data", text(&other)]);
    let named = said.contains(&format!("--from {}: ", damaged.display()));
    let draft = format!("{}/.", folder.path().display());
    assert!(named && !said.contains(&draft), "{said}");
}

#[test]
fn verify_reads_keys_and_subscribers() {
    let (_folder, data) = seeded(&["jiangyin"]);
    run(&["receipt", "key", "--data", text(&data)]);
    let said = verify(&data);
    assert!(said.contains("receipt keys: 1 checked"), "{said}");
    let keys = named(&data.join("receipt-keys"), "");
    let key = std::fs::read_to_string(&keys[0]).expect("a key");
    let at = key.rfind('"').expect("a secret") - 1;
    let other = if &key[at..=at] == "0" { "1" } else { "0" };
    let changed = [&key[..at], other, &key[at + 1..]].concat();
    std::fs::write(&keys[0], changed).expect("room on the disk");
    let check = |file: &Path| {
        let (code, said) = fails(&["verify", "--data", text(&data)]);
        assert!(code == 1 && said.contains(text(file)), "{code} {said}");
    };
    check(&keys[0]);
    let (code, said) = fails(&["receipt", "key", "--data", text(&data)]);
    assert!(code != 0 && said.contains("is that of key"), "{said}");
    std::fs::write(&keys[0], key).expect("room on the disk");
    verify(&data);
    std::fs::create_dir_all(data.join("webhooks")).expect("room on the disk");
    let hook = data.join("webhooks").join("bank.json");
    std::fs::write(&hook, "{\"format\": 1").expect("room on the disk");
    check(&hook);
    std::fs::remove_file(&hook).expect("there");
    // One that is sound JSON still, with a digit of its place in the ledger changed.
    let add = ["webhooks", "add", "https://bank.example/hook", "--name"];
    let after = ["bank", "--after", "0", "--data", text(&data)];
    run(&[&add[..], &after].concat());
    assert!(verify(&data).contains("webhooks: 1 checked"));
    let sound = std::fs::read_to_string(&hook).expect("a file");
    let changed = sound.replace("\"after\":0", "\"after\":1");
    assert_ne!(changed, sound);
    std::fs::write(&hook, changed).expect("room on the disk");
    check(&hook);
    let told = output(&["doctor", "--data", text(&data)]).stdout;
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(
        told.contains("bank.json") && told.contains("webhooks remove"),
        "{told}"
    );
    std::fs::write(&hook, sound).expect("room on the disk");
    verify(&data);
}

/// A command over a directory in which it cannot write, by a mount of its own or, without the right to mount, by the
/// directory's mode.
fn closed(data: &Path, args: &[&str]) -> Output {
    let mut command = skytier(args);
    if std::fs::metadata(data).expect("ours").uid() != 0 {
        let mode = |bits| Permissions::from_mode(bits);
        std::fs::set_permissions(data, mode(0o555)).expect("our own");
        let ended = command.output().expect("the program starts");
        std::fs::set_permissions(data, mode(0o755)).expect("our own");
        return ended;
    }
    let mount = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let mut apart = Command::new("unshare");
    apart.args(["--mount", "sh", "-c", mount, text(data)]);
    apart.arg(command.get_program()).args(args);
    apart.output().expect("util-linux is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_nobody_can_write_is_read_as_it_is() {
    let (folder, data) = seeded(&["jiangyin"]);
    let own = folder.path().join("odd #1? 100%");
    std::fs::rename(&data, &own).expect("one disk");
    let export = ["export", "--data", text(&own), "--what", "readings"];
    let export = [&export[..], &["--format", "csv", "--out", "-"]].concat();
    let daemon = Daemon::start(&own, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let reading = hourly("2020-07-27T10:00:00+08:00", "7");
    station.send(&readings_topic("1999A"), &reading).await;
    daemon.kill9();
    std::fs::remove_file(own.join("skytier.db-shm")).expect("there while the daemon is");
    let (code, said) = failed(&closed(&own, &["verify", "--data", text(&own)]));
    assert!(
        code == 3 && said.contains("skytier.db-wal"),
        "{code} {said}"
    );
    let all = run(&export);
    assert!(
        all.contains("\n1999A,pm25,avg,2020-07-27T10:00:00+08:00,"),
        "{all}"
    );
    let asked = |command| [command, "--data", text(&own)];
    for args in [&export[..], &asked("verify"), &asked("stats")] {
        let here = run(args);
        let ended = closed(&own, args);
        let (_, complaint) = failed(&ended);
        assert_eq!(String::from_utf8_lossy(&ended.stdout), here, "{complaint}");
    }
    let ended = closed(&own, &asked("doctor"));
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.contains("no file can be made there"), "{said}");
    assert!(
        said.contains("skytier.db: format 2, 1 MiB, sound"),
        "{said}"
    );
}

#[test]
fn a_flipped_bit_in_a_tables_name_is_damage() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let file = data.join("skytier.db");
    let whole = std::fs::read(&file).expect("a database");
    // Name and table of the record, then its text; free pages may have the same.
    let record = b"tableledgerledger";
    let parts = whole.windows(record.len()).enumerate();
    let places: Vec<usize> = parts
        .filter(|(_, part)| part == record)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    let text_at = |at: usize| {
        let mut rest = whole[at..].windows(13);
        rest.position(|part| part == b"CREATE TABLE ")
            .expect("a definition")
            + 13
    };
    for part in ["name", "table", "text"] {
        let mut bytes = whole.clone();
        for at in &places {
            let further = match part {
                "name" => 5,
                "table" => 11,
                _ => text_at(*at),
            };
            bytes[at + further] ^= 1;
        }
        std::fs::write(&file, &bytes).expect("room on the disk");
        for command in ["verify", "serve"] {
            let (code, said) = fails(&[command, "--data", text(&data)]);
            assert!(
                code != 0 && said.contains("skytier.db"),
                "{part} {command}: {code} {said}"
            );
        }
    }
    std::fs::write(&file, &whole).expect("room on the disk");
    verify(&data);
}
