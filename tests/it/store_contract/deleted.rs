//! What was taken out by order is gone from the order on, and there before it.

use super::append;
use super::at;
use super::embedded;
use super::key;
use super::on_every_store;
use super::printed;
use super::run;
use proptest::prelude::*;
use skytier::adapters::deletions::from_line;
use skytier::adapters::deletions::to_line;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::domain::deletion::Deletion;
use skytier::domain::names::Factor;
use skytier::domain::names::SourceId;
use skytier::ports::DELETED_MAX;
use skytier::ports::Deleted;
use skytier::ports::Range;
use tempfile::TempDir;

/// `A pm25 0 3600 @200`: readings after second 0 up to 3600, ordered in second 200; `*` is every factor.
pub(super) fn order(text: &str) -> Deletion {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [source, factor, after, upto, when] = words.as_slice() else {
        panic!("no order: {text:?}");
    };
    let number = |text: &str| at(text.parse().expect("seconds"));
    Deletion {
        source: SourceId::new(source).expect(text),
        factor: (*factor != "*").then(|| Factor::new(factor).expect(text)),
        after: number(after),
        upto: number(upto),
        reason: "span gas".to_owned(),
        ordered_by: "Li".to_owned(),
        ordered_at: number(when.trim_start_matches('@')),
    }
}

/// Gives an order; what it did, as `1: 2 gone A@3600 A@7200`.
async fn delete(stores: &Stores, text: &str) -> String {
    match stores.series.delete(order(text)).await.expect("answered") {
        Deleted::Done {
            number,
            readings,
            touched,
        } => {
            let touched = touched.iter();
            let touched: String = touched
                .map(|(source, time)| format!(" {source}@{}", time.unix()))
                .collect();
            format!("{number}: {readings} gone{touched}")
        }
        Deleted::Nothing => "nothing".to_owned(),
        Deleted::TooMany => "too many".to_owned(),
    }
}

async fn known(stores: &Stores, series: &str, known_at: Option<i64>) -> String {
    let range = Range {
        known_at: known_at.map(at),
        ..Range::ALL
    };
    let column = stores.series.column(&key(series), range).await;
    printed(&column.expect("read"))
}

/// A history of orders and values, checked line by line; `merge` is called between any two.
async fn history(kind: &str, stores: &Stores, merge: impl AsyncFn()) {
    append(
        stores,
        100,
        "A pm25 60 1; A pm25 120 2; A pm25 180 3; A co 60 9; B pm25 60 5",
    )
    .await;
    merge().await;
    let check = async |text: &str, expected: &str| {
        assert_eq!(delete(stores, text).await, expected, "{kind}: {text}");
        merge().await;
    };
    check("A pm25 180 900 @200", "nothing").await;
    check("C * 0 900 @200", "nothing").await;
    check("A pm25 60 180 @200", "1: 2 gone A@120 A@180").await;
    check("A pm25 60 180 @210", "nothing").await;
    assert_eq!(known(stores, "A pm25", None).await, "60=1", "{kind}");
    assert_eq!(
        known(stores, "A pm25", Some(199)).await,
        "60=1 120=2 180=3",
        "{kind}"
    );
    assert_eq!(known(stores, "A pm25", Some(200)).await, "60=1", "{kind}");
    // The same value again is known for what it is; another one counts.
    let again = append(stores, 300, "A pm25 120 2; A pm25 180 4; A pm25 240 6").await;
    assert_eq!(again, "new 2 repeated 1 corrected 0: A@180 A@240", "{kind}");
    merge().await;
    assert_eq!(
        known(stores, "A pm25", None).await,
        "60=1 180=4 240=6",
        "{kind}"
    );
    for (known_at, expected) in [
        (199, "60=1 120=2 180=3"),
        (250, "60=1"),
        (300, "60=1 180=4 240=6"),
    ] {
        let found = known(stores, "A pm25", Some(known_at)).await;
        assert_eq!(found, expected, "{kind} as known at {known_at}");
    }
    check("A * 0 900 @400", "2: 4 gone A@60 A@180 A@240").await;
    assert_eq!(known(stores, "A pm25", None).await, "", "{kind}");
    assert_eq!(known(stores, "A co", Some(399)).await, "60=9", "{kind}");
    assert_eq!(known(stores, "B pm25", None).await, "60=5", "{kind}");
    let orders = stores.series.deletions().await.expect("read");
    let expected = [order("A pm25 60 180 @200"), order("A * 0 900 @400")];
    assert_eq!(orders, expected, "{kind}");
    let verified = stores.verify.verify().await.expect("verified");
    assert_eq!(verified.fault, None, "{kind}");
    for (what, count) in [("readings", 1), ("deletions", 2)] {
        assert!(
            verified.counted.contains(&(what, count)),
            "{kind}: {verified:?}"
        );
    }
}

#[test]
fn readings_taken_out_are_gone_from_the_order_on() {
    on_every_store(async |kind, stores| history(kind, stores, async || ()).await);
}

#[test]
fn orders_reach_what_is_in_blocks_and_what_waits() {
    let directory = TempDir::new().expect("a directory");
    let store = Embedded::open(directory.path(), Access::Write).expect("opened");
    let stores = Stores::embedded(store);
    run(history("merged", &stores, async || {
        beside(directory.path()).await
    }));
    drop(stores);
    // With limits so small that every commit is followed by steps of merging.
    let directory = TempDir::new().expect("a directory");
    let store = Embedded::open_tuned(directory.path(), Access::Write, Tuning::for_testing());
    let stores = Stores::embedded(store.expect("opened"));
    run(history("small", &stores, async || ()));
}

/// A second process cannot merge; reading beside the writer is what it can do, and must see the same.
async fn beside(directory: &std::path::Path) {
    let stores = Stores::embedded(Embedded::open(directory, Access::Read).expect("opened beside"));
    let verified = stores.verify.verify().await.expect("verified");
    assert_eq!(verified.fault, None);
}

#[test]
fn an_order_survives_and_scans_agree_with_columns() {
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = embedded(directory.path());
        append(&stores, 100, "A pm25 60 1; A pm25 120 2; A pm25 180 3").await;
        assert_eq!(
            delete(&stores, "A pm25 60 120 @200").await,
            "1: 1 gone A@120"
        );
    });
    // Dropping the store merged; what is read now comes from a block.
    run(async {
        let stores = embedded(directory.path());
        assert_eq!(known(&stores, "A pm25", None).await, "60=1 180=3");
        assert_eq!(
            known(&stores, "A pm25", Some(150)).await,
            "60=1 120=2 180=3"
        );
        assert_eq!(
            append(&stores, 300, "A pm25 120 2").await,
            "new 0 repeated 1 corrected 0:"
        );
    });
}

#[test]
fn an_order_for_too_much_does_nothing() {
    // Two hundred thousand values take the stub of an InfluxDB longer than a test should.
    let check = async |kind: &str, stores: &Stores| {
        let count = DELETED_MAX as i64 + 1;
        for part in 0..4 {
            let values = (part * count / 4)..((part + 1) * count / 4);
            let mut batch = super::batch(100, "A pm25 60 1");
            let one = batch.observations.remove(0);
            batch.observations.extend(values.map(|time| {
                let mut one = one.clone();
                one.reading.time = at(time + 1);
                one
            }));
            stores.series.append(batch).await.expect("appended");
        }
        let all = format!("A pm25 0 {count} @200");
        assert_eq!(delete(stores, &all).await, "too many", "{kind}");
        let done = delete(stores, "A pm25 0 3 @200").await;
        assert_eq!(done, "1: 3 gone A@1 A@2 A@3", "{kind}");
    };
    run(check("memory", &Stores::memory()));
    let directory = TempDir::new().expect("a directory");
    run(check("embedded", &embedded(directory.path())));
}

#[test]
fn the_database_refuses_to_change_an_order() {
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = embedded(directory.path());
        append(&stores, 100, "A pm25 60 1").await;
        delete(&stores, "A pm25 0 60 @200").await;
    });
    let connection =
        rusqlite::Connection::open(directory.path().join("skytier.db")).expect("opened");
    for change in ["UPDATE deletion SET line = ''", "DELETE FROM deletion"] {
        let refused = connection
            .execute(change, [])
            .expect_err(change)
            .to_string();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
}

proptest! {
    #[test]
    fn an_order_reads_back_from_its_line(after in any::<i32>(), length in 1..9_000_000i64, all in any::<bool>(), reason in "\\PC{1,40}") {
        let factor = (!all).then(|| Factor::new("pm25").expect("a factor"));
        let after = i64::from(after);
        let upto = at(after + length);
        let order = Deletion { factor, after: at(after), upto, reason, ..order("A * 0 1 @2") };
        prop_assert_eq!(from_line(&to_line(&order)), Ok(order));
    }
}
