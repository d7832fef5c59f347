//! What reviewers decided stays in order; readings with it laid over them keep the promises of readings.

use std::sync::Arc;

use super::append;
use super::at;
use super::embedded;
use super::key;
use super::on_every_store;
use super::printed;
use super::run;
use proptest::prelude::*;
use skytier::adapters::reviews::from_line;
use skytier::adapters::reviews::to_line;
use skytier::adapters::store::Stores;
use skytier::domain::review::Decision;
use skytier::domain::review::Verdict;
use skytier::domain::units::Amount;
use skytier::flow::reviewing::Entered;
use skytier::flow::reviewing::ReviewFault;
use skytier::flow::reviewing::Reviewing;
use skytier::ports::Range;
use tempfile::TempDir;

/// `void 1 3 @200` is a decision of second 200 about times after 1 up to 3; `correct=7.5` carries a value.
pub(super) fn decision(text: &str) -> Decision {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [verdict, after, upto, when] = words.as_slice() else {
        panic!("no decision: {text:?}");
    };
    let number = |text: &str| at(text.parse().expect("seconds"));
    Decision {
        key: key("A pm25"),
        after: number(after),
        upto: number(upto),
        verdict: match verdict.split_once('=') {
            Some((_, value)) => Verdict::Correct(Amount::parse(value).expect(text)),
            None if *verdict == "void" => Verdict::Void,
            None => Verdict::Confirm,
        },
        reason: "seen".to_owned(),
        reviewer: "Li".to_owned(),
        decided_at: number(when.trim_start_matches('@')),
    }
}

async fn reviewing(stores: &Stores) -> Reviewing {
    let (reviews, series) = (Arc::clone(&stores.reviews), Arc::clone(&stores.series));
    Reviewing::open(reviews, series).await.expect("opened")
}

async fn enter(stores: &Stores, decisions: &[&str]) -> Result<Entered, ReviewFault> {
    let decisions = decisions.iter().map(|text| decision(text)).collect();
    reviewing(stores).await.enter(decisions).await
}

async fn decided(stores: &Stores, known_at: Option<i64>) -> String {
    let range = Range {
        known_at: known_at.map(at),
        ..Range::ALL
    };
    let series = reviewing(stores).await.decided();
    printed(
        &series
            .column(&key("A pm25"), range)
            .await
            .expect("a column"),
    )
}

async fn raw(stores: &Stores) -> String {
    let column = stores.series.column(&key("A pm25"), Range::ALL).await;
    printed(&column.expect("a column"))
}

#[test]
fn decisions_come_back_in_their_order_and_survive() {
    on_every_store(async |kind, stores| {
        let all: Vec<_> = ["void 0 1 @5", "correct=2.5 0 9 @6", "confirm 3 4 @6"]
            .map(decision)
            .to_vec();
        assert_eq!(stores.reviews.decisions().await, Ok(Vec::new()), "{kind}");
        let (first, rest) = all.split_at(1);
        assert_eq!(stores.reviews.decide(first.to_vec()).await, Ok(1), "{kind}");
        assert_eq!(stores.reviews.decide(rest.to_vec()).await, Ok(3), "{kind}");
        assert_eq!(stores.reviews.decisions().await, Ok(all), "{kind}");
    });
    let directory = TempDir::new().expect("a directory");
    let one = vec![decision("void 0 1 @5")];
    run(async {
        let stores = embedded(directory.path());
        stores.reviews.decide(one.clone()).await.expect("kept");
    });
    let again = run(async { embedded(directory.path()).reviews.decisions().await });
    assert_eq!(again, Ok(one));
}

#[test]
fn readings_are_as_decided_and_as_known_at_a_time() {
    on_every_store(async |kind, stores| {
        append(
            stores,
            100,
            "A pm25 1 10; A pm25 2 20; A pm25 3 30; A pm25 4 -",
        )
        .await;
        let given = ["confirm 0 2 @200", "void 2 3 @200", "correct=7.5 3 4 @200"];
        let entered = enter(stores, &given).await.expect("entered");
        assert_eq!((entered.new, entered.repeated), (3, 0), "{kind}");
        assert_eq!(decided(stores, None).await, "1=10 2=20 3=- 4=7.5", "{kind}");
        assert_eq!(
            decided(stores, Some(199)).await,
            "1=10 2=20 3=30 4=-",
            "{kind}"
        );
        assert_eq!(raw(stores).await, "1=10 2=20 3=30 4=-", "{kind}: raw stays");
        // What the sender corrects after a confirmation counts; what was voided or corrected stays so.
        append(stores, 300, "A pm25 1 11; A pm25 3 33; A pm25 4 44").await;
        assert_eq!(decided(stores, None).await, "1=11 2=20 3=- 4=7.5", "{kind}");
        let again = enter(stores, &given[1..]).await.expect("entered");
        assert_eq!((again.new, again.repeated), (0, 2), "{kind}");
        let given = ["confirm 0 2 @400", "confirm 2 4 @400"];
        let entered = enter(stores, &given).await.expect("entered");
        assert_eq!((entered.new, entered.repeated), (2, 0), "{kind}");
        assert_eq!(decided(stores, None).await, "1=11 2=20 3=33 4=44", "{kind}");
        assert_eq!(
            decided(stores, Some(399)).await,
            "1=11 2=20 3=- 4=7.5",
            "{kind}"
        );
        let again = enter(stores, &given).await.expect("entered");
        assert_eq!((again.new, again.repeated), (0, 2), "{kind}");
    });
}

#[test]
fn a_batch_that_stands_is_passed_over_and_its_order_counts() {
    on_every_store(async |kind, stores| {
        append(stores, 100, "A pm25 1 10; A pm25 2 20; A pm25 3 30").await;
        let batch = ["void 0 3 @200", "correct=7 1 2 @200"];
        enter(stores, &batch).await.expect("entered");
        let later = batch.map(|text| text.replace("@200", "@300"));
        let again = [later[0].as_str(), later[1].as_str()];
        let entered = enter(stores, &again).await.expect("entered");
        assert_eq!((entered.new, entered.repeated), (0, 2), "{kind}");
        assert_eq!(decided(stores, None).await, "1=- 2=7 3=-", "{kind}");
        let turned = enter(stores, &[again[1], again[0]]).await.expect("entered");
        assert_eq!((turned.new, turned.repeated), (1, 1), "{kind}");
        assert_eq!(decided(stores, None).await, "1=- 2=- 3=-", "{kind}");
    });
}

#[test]
fn with_any_fault_no_decision_is_entered() {
    on_every_store(async |kind, stores| {
        append(stores, 100, "A pm25 1 10; A pm25 3 30").await;
        let given = [
            "void 0 1 @200",
            "void 1 2 @200",
            "void 2 201 @200",
            "void 0 400000000 @500000000",
        ];
        let faults = match enter(stores, &given).await {
            Err(ReviewFault::Refused(faults)) => faults,
            other => panic!("{kind}: {other:?}"),
        };
        let told: Vec<String> = faults
            .iter()
            .map(|(at, fault)| format!("{at} {fault}"))
            .collect();
        assert_eq!(
            told,
            [
                "1 no stored reading of A pm25 avg, 3600 s, lies there",
                "2 its time lies in the future",
                "3 covers more than ten years",
            ],
            "{kind}"
        );
        assert_eq!(stores.reviews.decisions().await, Ok(Vec::new()), "{kind}");
    });
}

proptest! {
    #[test]
    fn a_decision_reads_back_from_its_line(
        after in 0i64..1_000_000,
        length in 1i64..100_000,
        micros in 0i64..1_000_000_000,
        verdict in 0usize..3,
        reason in "\\PC{0,40}",
        reviewer in "\\PC{1,20}",
    ) {
        let mut given = decision("void 0 1 @5");
        given.after = at(after);
        given.upto = at(after + length);
        given.verdict = [Verdict::Confirm, Verdict::Void, Verdict::Correct(Amount::from_micros(micros))][verdict];
        given.reason = reason;
        given.reviewer = reviewer;
        prop_assert_eq!(from_line(&to_line(&given)), Ok(given));
    }
}
