//! What was published stays as it was said; readings tell when they were received.

use super::append;
use super::at;
use super::embedded;
use super::key;
use super::on_every_store;
use super::run;
use proptest::prelude::*;
use skytier::adapters::publications::from_line;
use skytier::adapters::publications::to_line;
use skytier::adapters::store::Stores;
use skytier::domain::aqi::IndexOptions;
use skytier::domain::area::AreaOptions;
use skytier::domain::area::MinStations;
use skytier::domain::assessment::composite::CompositeOptions;
use skytier::domain::calendar::Period;
use skytier::domain::calendar::PeriodKind;
use skytier::domain::calendar::Span;
use skytier::domain::calendar::Zone;
use skytier::domain::exclusion::Exclusion;
use skytier::domain::exclusion::Place;
use skytier::domain::exclusion::Statistic;
use skytier::domain::names::SourceId;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::publication::Figure;
use skytier::domain::publication::Issue;
use skytier::domain::publication::IssueKind;
use skytier::domain::publication::IssueSettings;
use skytier::domain::publication::Stretch;
use skytier::domain::publication::item;
use skytier::domain::reading::Review;
use skytier::domain::standards::AreaClass;
use skytier::ports::Range;
use tempfile::TempDir;

/// An issue of January 2020 whose PM2.5 is as given.
pub(super) fn issue(pm25: Option<&str>) -> Issue {
    let day = |text: &str| text.parse().expect("a test's date");
    let (from, to) = (day("2020-01-01"), day("2020-01-31"));
    Issue {
        kind: IssueKind::Bulletin,
        issued_at: at(1_580_500_000),
        known_at: at(1_580_490_000),
        area: "group:city".to_owned(),
        by: PeriodKind::Month,
        period: Period {
            label: "2020-01".to_owned(),
            span: Span { from, to },
        },
        edition: "2012".to_owned(),
        review: Review::Raw,
        settings: IssueSettings {
            options: AreaOptions {
                index: IndexOptions {
                    round_first: false,
                    o3_1h_item: true,
                    lift_zero: false,
                },
                o3_exception: true,
                area_class: AreaClass::Two,
                min_stations: MinStations::Percent(75),
            },
            composite: CompositeOptions::default(),
            decimals: [Some(1), None, None, None, Some(2), None],
            deducted: true,
            zone: Zone::parse("+05:30").expect("an offset"),
        },
        stations: vec![Stretch {
            station: SourceId::new("1999A").expect("a test's station"),
            days: Span { from, to },
        }],
        exclusions: vec![Exclusion {
            id: "d1".to_owned(),
            place: Place::Group("city".to_owned()),
            span: Span { from, to: from },
            pollutants: vec![Pollutant::Pm10, Pollutant::Pm25],
            statistics: vec![Statistic::Mean],
            reason: "dust".to_owned(),
            document: "notice 1".to_owned(),
            decided_on: to,
            revoked_on: pm25.map(|_| to),
        }],
        figures: vec![
            Figure {
                item: item("pm25").expect("an item"),
                value: pm25.map(str::to_owned),
            },
            Figure {
                item: item("good_days").expect("an item"),
                value: Some("23".to_owned()),
            },
        ],
        text_sha256: pm25.map(|_| "ab".repeat(32)),
    }
}

#[test]
fn issues_are_numbered_from_one_and_stay_in_order() {
    on_every_store(async |kind, stores| {
        let (first, second) = (issue(Some("40.7")), issue(None));
        let remember = async |issues| stores.publications.remember(issues).await;
        assert_eq!(remember(vec![first.clone()]).await, Ok(1), "{kind}");
        // The same again is another issue.
        let both = vec![second.clone(), first.clone()];
        assert_eq!(remember(both).await, Ok(3), "{kind}");
        assert_eq!(remember(Vec::new()).await, Ok(3), "{kind}");
        let kept = stores.publications.issues().await;
        let expected = vec![(1, first.clone()), (2, second), (3, first)];
        assert_eq!(kept, Ok(expected), "{kind}");
    });
}

#[test]
fn readings_tell_when_they_were_received() {
    on_every_store(async |kind, stores| {
        append(stores, 100, "A pm25 3600 1; A pm25 7200 2").await;
        append(stores, 120, "A pm25 3600 5; A pm25 7200 2").await;
        let check = async |known_at: Option<i64>, expected: &[(i64, i64)]| {
            let range = Range {
                known_at: known_at.map(at),
                ..Range::ALL
            };
            let readings = stores.series.received(&key("A pm25"), range).await;
            let readings = readings.expect("a column").into_iter();
            let times: Vec<(i64, i64)> = readings
                .map(|(received, reading)| (reading.time.unix(), received.unix()))
                .collect();
            assert_eq!(times, expected, "{kind} {known_at:?}");
        };
        check(None, &[(3_600, 120), (7_200, 100)]).await;
        check(Some(119), &[(3_600, 100), (7_200, 100)]).await;
        check(Some(99), &[]).await;
    });
}

fn damaged(change: &str) -> Option<String> {
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = embedded(directory.path());
        let issues = vec![issue(Some("40.7")), issue(Some("40.8"))];
        stores
            .publications
            .remember(issues)
            .await
            .expect("remembered");
    });
    let connection = rusqlite::Connection::open(directory.path().join("skytier.db"));
    connection
        .expect("the database")
        .execute_batch(change)
        .expect("a change");
    run(async {
        let stores: Stores = embedded(directory.path());
        stores.verify.verify().await.expect("verified").fault
    })
}

#[test]
fn a_changed_or_lost_issue_is_noticed() {
    let unguarded = "DROP TRIGGER publication_keep; DROP TRIGGER publication_hold;";
    let check = |change: &str, expected: &str| {
        let fault = damaged(&format!("{unguarded} {change}")).unwrap_or_default();
        assert!(fault.contains(expected), "{change}: {fault:?}");
    };
    assert_eq!(damaged(unguarded), None);
    check(
        "UPDATE publication SET line = replace(line, '40.7', '40.9') WHERE seq = 1",
        "table publication, row 1: does not match its hash",
    );
    check(
        "DELETE FROM publication WHERE seq = 1",
        "issue 1 is missing",
    );
    check(
        "DELETE FROM publication WHERE seq = 2",
        "1 rows where 2 belong",
    );
}

#[test]
fn the_database_refuses_to_change_an_issue() {
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = embedded(directory.path());
        let remembered = stores.publications.remember(vec![issue(None)]).await;
        remembered.expect("remembered");
    });
    let connection = rusqlite::Connection::open(directory.path().join("skytier.db"));
    let connection = connection.expect("the database");
    for change in [
        "UPDATE publication SET line = ''",
        "DELETE FROM publication",
        "INSERT OR REPLACE INTO publication VALUES (1, '', x'')",
    ] {
        let refused = connection.execute(change, []).expect_err(change);
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[test]
fn a_line_that_is_none_says_what_is_wrong() {
    let line = to_line(&issue(Some("40.7")));
    let check = |from: &str, to: &str, expected: &str| {
        let fault = from_line(&line.replace(from, to)).expect_err(to);
        assert!(fault.contains(expected), "{to}: {fault}");
    };
    check(r#""v":1"#, r#""v":2"#, "use a newer skytier");
    check("bulletin", "poster", r#"kind: "poster" is unknown"#);
    check(r#"["pm25""#, r#"["pm3""#, r#"figures: "pm3" is unknown"#);
    check("2020-01-31", "2019-12-31", "from: ");
    check(r#""area""#, r#""arena""#, "unknown field `arena`");
    check(
        "\"with\"",
        "\"both\"",
        "settings.exclusions: both is no side",
    );
    check("+05:30", "UTC", "settings.zone: \"UTC\" is no offset");
    check("pm10", "pm11", "exclusions.pollutants: \"pm11\" is unknown");
}

/// As written before exclusions and zones were remembered: every day as measured, in Beijing's time.
#[test]
fn a_line_of_before_exclusions_is_still_read() {
    let line = r#"{"v":1,"kind":"snapshot","issued_at":1580500000,"known_at":1580490000,"area":"station:1999A","by":"month","period":"2020-01","from":"2020-01-01","to":"2020-01-31","edition":"2012","review":"raw","settings":{"round_first":false,"o3_exception":false,"o3_1h_item":false,"lift_zero":false,"area_class":"2","min_stations":"standard","composite":"rounded","composite_weights":"equal","decimals":[1,null,null,null,null,null]},"stations":[],"figures":[["pm25","40.7"]],"text_sha256":null}"#;
    let read = from_line(line).expect("an issue");
    assert_eq!(read.settings.zone, Zone::beijing());
    assert_eq!((read.settings.deducted, read.exclusions), (false, vec![]));
}

proptest! {
    #[test]
    fn a_line_reads_back_as_it_was_written(
        values in prop::collection::vec(prop::option::of("[0-9]{1,3}(\\.[0-9]{1,2})?|PM2.5\\|O3"), 2),
        issued in 0..4_000_000_000i64,
        stations in 0..3usize,
    ) {
        let mut issue = issue(None);
        issue.issued_at = at(issued);
        issue.stations = vec![issue.stations[0].clone(); stations];
        for (figure, value) in issue.figures.iter_mut().zip(values) {
            figure.value = value;
        }
        prop_assert_eq!(from_line(&to_line(&issue)), Ok(issue));
    }
}
