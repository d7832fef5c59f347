//! What was replaced is listed with when: by another value, or by an order to take it out.

use super::append;
use super::at;
use super::deleted::order;
use super::on_every_store;
use skytier::adapters::store::Stores;
use skytier::domain::names::SourceId;
use skytier::domain::reading::Pick;
use skytier::domain::reading::Replaced;
use skytier::flow::corrections::corrections;
use skytier::ports::Range;
use skytier::ports::ReplacedQuery;

fn query(range: Range, pick: Pick) -> ReplacedQuery {
    ReplacedQuery {
        source: SourceId::new("A").expect("a source"),
        range,
        pick,
    }
}

/// `pm25@3600=1 100..120`: value 1 of second 3600 counted from 100 to 120.
async fn picked(stores: &Stores, after: i64, limit: usize, pick: Pick) -> String {
    let range = Range {
        after: at(after),
        upto: at(100_000),
        limit,
        ..Range::ALL
    };
    let rows = stores.series.replaced(query(range, pick)).await;
    let tell = |own: &Replaced| {
        let value = own.reading.value.map(|value| value.to_string());
        let (from, upto) = (own.received_at.unix(), own.replaced_at.unix());
        format!(
            "{}@{}={} {from}..{upto}",
            own.key.factor,
            own.reading.time.unix(),
            value.unwrap_or_else(|| "-".to_owned())
        )
    };
    let rows = rows.expect("answered");
    rows.iter().map(tell).collect::<Vec<_>>().join(", ")
}

async fn listed(stores: &Stores, after: i64, limit: usize) -> String {
    picked(stores, after, limit, Pick::First).await
}

/// Each with what came in its place.
async fn told(stores: &Stores) -> String {
    let all = query(Range::ALL, Pick::First);
    let found = corrections(&*stores.series, all).await.expect("answered");
    let tell = |own: &skytier::flow::corrections::Correction| {
        let value = |reading: &skytier::domain::reading::Reading| {
            let value = reading.value.map(|value| value.to_string());
            value.unwrap_or_else(|| "-".to_owned())
        };
        let new = own.new.as_ref().map(value);
        let new = new.unwrap_or_else(|| "out".to_owned());
        let time = own.old.reading.time.unix();
        format!("{time}: {} to {new}", value(&own.old.reading))
    };
    found.iter().map(tell).collect::<Vec<_>>().join(", ")
}

#[test]
fn replaced_values_are_listed_by_time_and_pages_end_between_times() {
    on_every_store(async |kind, stores| {
        append(
            stores,
            100,
            "A pm25 3600 1; A pm25 7200 2; A co 3600 9; B pm25 3600 5",
        )
        .await;
        assert_eq!(listed(stores, 0, 9).await, "", "{kind}: nothing yet");
        append(stores, 120, "A pm25 3600 1.5; A co 3600 -; B pm25 3600 6").await;
        append(stores, 130, "A pm25 3600 3; A pm25 7200 4; A pm25 7200 4").await;
        // An order takes one out, and another value comes later.
        stores
            .series
            .delete(order("A pm25 3600 7200 @140"))
            .await
            .expect("answered");
        append(stores, 150, "A pm25 7200 7").await;
        let first = "co@3600=9 100..120, pm25@3600=1 100..120, pm25@3600=1.5 120..130";
        let rest = "pm25@7200=2 100..130, pm25@7200=4 130..140";
        assert_eq!(
            listed(stores, 0, 9).await,
            format!("{first}, {rest}"),
            "{kind}"
        );
        for limit in 1..=3 {
            assert_eq!(listed(stores, 0, limit).await, first, "{kind} {limit}");
        }
        assert_eq!(listed(stores, 3_600, 1).await, rest, "{kind}");
        assert_eq!(
            told(stores).await,
            "3600: 9 to -, 3600: 1 to 1.5, 3600: 1.5 to 3, 7200: 2 to 4, 7200: 4 to out",
            "{kind}"
        );
    });
}

#[test]
fn values_replaced_last_are_told_however_early_their_readings_are() {
    on_every_store(async |kind, stores| {
        // More than are held beside those that are asked for, of two series.
        let hours = |value: i64| {
            let hour = |at: i64| format!("A pm25 {at} {value}; A co {at} {value}");
            let own: Vec<String> = (1..=600).map(|hour_no| hour(hour_no * 10)).collect();
            own.join("; ")
        };
        append(stores, 100, &hours(1)).await;
        append(stores, 120, &hours(2)).await;
        append(stores, 130, "A pm25 20 3").await;
        append(stores, 140, "A co 10 4").await;
        append(stores, 150, "A pm25 20 5").await;
        let latest = async |after, limit| picked(stores, after, limit, Pick::Latest).await;
        for (after, limit, expected) in [
            (0, 0, ""),
            (0, 1, "pm25@20=3 130..150"),
            (0, 2, "co@10=2 120..140, pm25@20=3 130..150"),
            (
                0,
                3,
                "co@10=2 120..140, pm25@20=2 120..130, pm25@20=3 130..150",
            ),
            (10, 2, "pm25@20=2 120..130, pm25@20=3 130..150"),
            (20, 2, "co@6000=1 100..120, pm25@6000=1 100..120"),
            (6_000, 9, ""),
        ] {
            let found = latest(after, limit).await;
            assert_eq!(found, expected, "{kind} {after} {limit}");
        }
        let query = ReplacedQuery {
            range: Range {
                limit: 1,
                ..Range::ALL
            },
            ..query(Range::ALL, Pick::Latest)
        };
        let found = corrections(&*stores.series, query).await.expect("answered");
        let new = found[0].new.as_ref().and_then(|reading| reading.value);
        assert_eq!(
            new.map(|value| value.to_string()).as_deref(),
            Some("5"),
            "{kind}"
        );
    });
}
