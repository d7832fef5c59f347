//! What is refused: lines for ever, answers that cannot be read, a start on a server that cannot be used, a bucket that
//! another one writes; and orders that are cut short.

use std::time::Duration;

use super::TIMEOUT;
use super::eventually;
use super::on_stub;
use super::opened;
use super::settings;
use crate::store_contract::append;
use crate::store_contract::at;
use crate::store_contract::batch;
use crate::store_contract::column;
use crate::store_contract::deleted::order;
use crate::store_contract::key;
use crate::store_contract::letters_after;
use crate::store_contract::run;
use crate::support::influxdb2::Fault;
use crate::support::influxdb2::Stub;
use crate::support::influxdb2::TOKEN;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::influxdb2::settings::InfluxSettings;
use skytier::adapters::store::influxdb2::settings::Token;
use skytier::domain::calendar::Instant;
use skytier::ports::Range;
use skytier::ports::StoreError;
use tempfile::TempDir;

/// One data directory writes a bucket. Another is refused, and acknowledges nothing, until it is released.
#[test]
fn a_bucket_is_written_from_one_directory_at_a_time() {
    let stub = Stub::start();
    let directories = [(); 2].map(|()| TempDir::new().expect("a directory"));
    let [first, second] = directories.each_ref().map(TempDir::path);
    run(async {
        append(&on_stub(&stub, first), 100, "A pm25 3600 1").await;
        // The same directory, opened again.
        append(&on_stub(&stub, first), 200, "A pm25 3600 2").await;
        let other = on_stub(&stub, second);
        for _ in 0..2 {
            let refused = other.series.append(batch(300, "A pm25 3600 3")).await;
            let told = refused.expect_err("refused").to_string();
            assert!(
                told.contains("written by another skytier") && told.contains("held=0i 0'"),
                "{told}"
            );
        }
        let influx = other.influxdb2.as_ref().expect("it is that store");
        assert_eq!(influx.standing().spooled_batches, 0);
        let now = Instant::from_unix(chrono::Utc::now().timestamp());
        let told = influx.start(now).await.expect_err("refused").to_string();
        // What the message says is done, as written but for the program.
        let line = told
            .rsplit('\'')
            .nth(1)
            .expect("a line in quotes")
            .to_owned();
        stub.take_field(&line);
        append(&other, 400, "A pm25 3600 3").await;
        let back = on_stub(&stub, first)
            .series
            .append(batch(500, "A pm25 3600 4"))
            .await;
        assert!(back.is_err(), "the bucket is the other one's now");
        // Reading is free to all.
        let reader = opened(settings(&stub), second, Access::Read);
        assert_eq!(column(&reader, "A pm25", Range::ALL).await, "3600=3");
    });
}

/// A copied directory has the original's claim. Whichever was started last writes; the other stops and acknowledges nothing.
#[test]
fn of_a_directory_and_its_copy_the_older_run_stops() {
    let stub = Stub::start();
    let directories = [(); 2].map(|()| TempDir::new().expect("a directory"));
    let [first, copied] = directories.each_ref().map(TempDir::path);
    run(async {
        let one = on_stub(&stub, first);
        append(&one, 100, "A pm25 3600 1").await;
        for entry in std::fs::read_dir(first).expect("a folder") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), copied.join(entry.file_name())).expect("copied");
        }
        let other = on_stub(&stub, copied);
        append(&other, 120, "A pm25 3600 2").await;
        for at in [130, 131, 200] {
            let refused = one.series.append(batch(at, "A pm25 3600 3")).await;
            let told = refused.expect_err("refused").to_string();
            assert!(
                told.contains("a copy of this data directory has begun"),
                "{told}"
            );
        }
        let influx = one.influxdb2.as_ref().expect("it is that store");
        assert_eq!(influx.standing().spooled_batches, 0, "nothing is promised");
        append(&other, 300, "A pm25 3600 4").await;
        drop((one, other));
        // Whoever is started again writes again.
        append(&on_stub(&stub, first), 400, "A pm25 3600 5").await;
        let reader = opened(settings(&stub), copied, Access::Read);
        assert_eq!(column(&reader, "A pm25", Range::ALL).await, "3600=5");
    });
}

/// Two that take a bucket at the same moment both see the other and both let go of it.
#[test]
fn a_bucket_taken_twice_at_once_is_nobodys() {
    let stub = Stub::start();
    stub.keep_bodies();
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = on_stub(&stub, directory.path());
        stub.fail_writes([Fault::Hang(TIMEOUT / 4)]);
        let append = stores.series.append(batch(100, "A pm25 3600 1"));
        let meanwhile = async {
            eventually("the claim", async || stub.count("skytier") == 1).await;
            stub.take_field("skytier,writer=other held=1i 0");
        };
        let (appended, ()) = futures_util::future::join(append, meanwhile).await;
        let told = appended.expect_err("refused").to_string();
        assert!(told.contains("another skytier (other)"), "{told}");
        let said = stub.bodies();
        assert!(
            said.len() == 2 && said[1].contains(" held=0i 0"),
            "{said:?}"
        );
    });
}

/// The reasons of the dead letters a batch leaves, and what is stored of it.
fn check_refused(prepare: impl Fn(&Stub), text: &str, stored: &[(&str, &str)], reasons: &[&str]) {
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = on_stub(&stub, directory.path());
        assert_eq!(stores.series.keys().await, Ok(Vec::new()));
        prepare(&stub);
        append(&stores, 100, text).await;
        for (series, expected) in stored {
            assert_eq!(
                column(&stores, series, Range::ALL).await,
                *expected,
                "{series}"
            );
        }
        let letters = stores
            .letters
            .letters(letters_after(0, 9))
            .await
            .expect("letters");
        let told: Vec<&str> = letters.iter().map(|kept| kept.reason()).collect();
        assert_eq!(told.len(), reasons.len(), "{told:?}");
        for (told, reason) in told.iter().zip(reasons) {
            assert!(told.contains(reason), "{told}");
        }
        let lines: Vec<_> = letters
            .iter()
            .map(|kept| kept.letter.payload.len())
            .collect();
        assert!(
            lines.iter().all(|length| *length > 10),
            "the lines are kept whole"
        );
        // What was refused holds nothing up.
        assert!(
            append(&stores, 200, "Z o3 60 1")
                .await
                .starts_with("new 1 ")
        );
    });
}

#[test]
fn a_line_refused_for_ever_is_kept_as_a_letter_and_the_others_are_stored() {
    let text = "A pm25 3600 1; B pm25 3600 2; C co 3600 3; D co 3600 4; E so2 3600 5";
    check_refused(
        |stub| stub.take_field("reading,x=1 co=\"text\" 0"),
        text,
        &[
            ("A pm25", "3600=1"),
            ("B pm25", "3600=2"),
            ("C co", ""),
            ("D co", ""),
            ("E so2", "3600=5"),
        ],
        &[
            "field type conflict: input field \"co\"",
            "field type conflict: input field \"co\"",
        ],
    );
    check_refused(
        |stub| stub.misread("source=C"),
        text,
        &[
            ("A pm25", "3600=1"),
            ("B pm25", "3600=2"),
            ("C co", ""),
            ("D co", "3600=4"),
            ("E so2", "3600=5"),
        ],
        &["400 unable to parse 'reading,interval_s=3600,source=C"],
    );
    check_refused(
        |stub| stub.retain_from(Some(50)),
        "A pm25 40 1; A pm25 60 2",
        &[("A pm25", "60=2")],
        &["outside retention policy"],
    );
    check_refused(
        |stub| stub.fail_writes([Fault::TooLarge, Fault::TooLarge]),
        text,
        &[
            ("A pm25", "3600=1"),
            ("D co", "3600=4"),
            ("E so2", "3600=5"),
        ],
        &[],
    );
    check_refused(
        |_| {},
        "A pm25 9223372037 1; A pm25 60 2; A pm25 -9223372037 3",
        &[("A pm25", "60=2")],
        &[
            "time 9223372037 lies outside",
            "time -9223372037 lies outside",
        ],
    );
}

#[test]
fn an_answer_that_cannot_be_read_is_an_error_and_never_part_of_a_column() {
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = on_stub(&stub, directory.path());
        append(&stores, 100, "A pm25 3600 1; A pm25 7200 2").await;
        for (fault, expected) in [
            (Fault::Null, "a column is empty"),
            (Fault::CutShort, "the connection broke"),
            (Fault::LateError, "failed to evaluate map function: boom"),
            (Fault::QueueFull, "queue length exceeded"),
            (Fault::TooMany, "429"),
            (
                Fault::Hang(TIMEOUT + Duration::from_millis(300)),
                "no answer in time",
            ),
            (Fault::NoBucket, "influx bucket create"),
        ] {
            stub.fail_queries([fault.clone()]);
            let read = stores.series.column(&key("A pm25"), Range::ALL).await;
            let told = read.expect_err("no answer").to_string();
            assert!(told.contains(expected), "{fault:?}: {told}");
            assert!(!told.contains(TOKEN), "{told}");
            assert_eq!(
                column(&stores, "A pm25", Range::ALL).await,
                "3600=1 7200=2",
                "{fault:?}"
            );
        }
    });
}

/// What the check at the start says: nothing, or what must be mended, or what is odd.
fn check_start(change: impl Fn(&Stub, &mut InfluxSettings), expected: &[&str]) {
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    let mut settings = settings(&stub);
    change(&stub, &mut settings);
    run(async {
        let stores = opened(settings, directory.path(), Access::Write);
        let now = Instant::from_unix(chrono::Utc::now().timestamp());
        let said = stores
            .influxdb2
            .as_ref()
            .expect("it is that store")
            .start(now)
            .await;
        let said = match said {
            Ok(odd) => odd.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said.is_empty(), expected.is_empty(), "{said}");
        for part in expected {
            assert!(said.contains(part), "{said}");
        }
        assert!(!said.contains(TOKEN), "{said}");
    });
}

#[test]
fn the_start_tells_what_is_wrong_and_what_helps() {
    check_start(|_, _| {}, &[]);
    check_start(
        |stub, _| stub.kill(),
        &[
            "no connection",
            "start the InfluxDB, or mend store.influxdb2.url",
        ],
    );
    let wrong = |_: &Stub, settings: &mut InfluxSettings| settings.token = Token::new("wrong");
    check_start(
        wrong,
        &["401 unauthorized access", "mend store.influxdb2.token"],
    );
    let missing = |_: &Stub, settings: &mut InfluxSettings| settings.bucket = "nosuch".to_owned();
    check_start(
        missing,
        &["could not find bucket \"nosuch\"", "influx bucket create"],
    );
    let org = |_: &Stub, settings: &mut InfluxSettings| settings.org = "other".to_owned();
    check_start(
        org,
        &[
            "organization name \"other\" not found",
            "store.influxdb2.org",
        ],
    );
    check_start(
        |stub, _| stub.pretend("1.8.0", 0),
        &["version \"1.8.0\"", "needs InfluxDB 2"],
    );
    check_start(
        |stub, _| stub.pretend("v2.7.12", 3_600),
        &[" s ahead of ours", "NTP"],
    );
    check_start(
        |stub, _| stub.pretend("v2.7.12", -60),
        &[" s behind ours", "NTP"],
    );
    check_start(
        |stub, _| stub.fail_writes([Fault::Forbidden]),
        &["403", "read and write access"],
    );
    check_start(
        |stub, _| stub.retain_from(Some(1)),
        &["the bucket forgets", "--retention 0"],
    );
    let newer = |stub: &Stub, _: &mut InfluxSettings| stub.take_field("skytier format=2i 0");
    check_start(newer, &["format 2 is newer than 1", "use a newer skytier"]);
}

/// The server fails while an order is carried out: it is finished before anything else is written, once.
#[test]
fn an_order_that_was_cut_short_is_finished() {
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = on_stub(&stub, directory.path());
        append(&stores, 100, "A pm25 3600 1; A pm25 7200 2; A co 3600 9").await;
        stub.fail_writes([Fault::Busy]);
        let gone = order("A pm25 0 3600 @200");
        let refused = stores.series.delete(gone.clone()).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable { .. })),
            "{refused:?}"
        );
        assert_eq!(stores.series.deletions().await, Ok(vec![gone.clone()]));
        eventually("the server", async || stores.series.keys().await.is_ok()).await;
        assert_eq!(column(&stores, "A pm25", Range::ALL).await, "7200=2");
        let again = stores.series.delete(gone).await;
        assert_eq!(again, Ok(skytier::ports::Deleted::Nothing));
        // The answer gets lost, and the process ends before it knows.
        stub.fail_writes([Fault::LostAnswer]);
        let refused = stores.series.delete(order("A co 0 3600 @300")).await;
        assert!(refused.is_err(), "{refused:?}");
    });
    run(async {
        let stores = on_stub(&stub, directory.path());
        assert_eq!(
            append(&stores, 400, "A co 3600 9").await,
            "new 0 repeated 1 corrected 0:"
        );
        assert_eq!(column(&stores, "A co", Range::ALL).await, "");
        let before = Range {
            known_at: Some(at(299)),
            ..Range::ALL
        };
        assert_eq!(column(&stores, "A co", before).await, "3600=9");
        assert_eq!(
            stores.series.deletions().await.map(|orders| orders.len()),
            Ok(2)
        );
    });
}
