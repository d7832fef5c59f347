//! What was replaced is listed with when: by another value, or by an order to take it out.

use super::append;
use super::at;
use super::deleted::order;
use super::on_every_store;
use skytier::adapters::store::Stores;
use skytier::domain::names::SourceId;
use skytier::domain::reading::Replaced;
use skytier::flow::corrections::corrections;
use skytier::ports::Range;

fn source() -> SourceId {
    SourceId::new("A").expect("a source")
}

/// `pm25@3600=1 100..120`: value 1 of second 3600 counted from 100 to 120.
async fn listed(stores: &Stores, after: i64, limit: usize) -> String {
    let range = Range {
        after: at(after),
        upto: at(100_000),
        limit,
        ..Range::ALL
    };
    let rows = stores.series.replaced(&source(), range).await;
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

/// Each with what came in its place.
async fn told(stores: &Stores) -> String {
    let found = corrections(&*stores.series, &source(), Range::ALL).await;
    let found = found.expect("answered");
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
