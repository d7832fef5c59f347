//! Figures of periods by their rules: composite index, attainment, changes, three years, and their laws.

use chrono::Datelike;
use chrono::NaiveDate;
use proptest::prelude::*;
use skytier::app::standards;
use skytier::domain::aqi::DayValues;
use skytier::domain::aqi::IndexOptions;
use skytier::domain::aqi::day_index;
use skytier::domain::area::AreaDay;
use skytier::domain::assessment::Assessment;
use skytier::domain::assessment::DayCounts;
use skytier::domain::assessment::Rules;
use skytier::domain::assessment::assess;
use skytier::domain::assessment::attainment::day_attains;
use skytier::domain::assessment::attainment::judge;
use skytier::domain::assessment::change::Percent;
use skytier::domain::assessment::change::Points;
use skytier::domain::assessment::change::edition_effect;
use skytier::domain::assessment::composite::CompositeIndex;
use skytier::domain::assessment::composite::CompositeOptions;
use skytier::domain::assessment::composite::Singles;
use skytier::domain::assessment::composite::Weights;
use skytier::domain::assessment::composite::composite_index;
use skytier::domain::assessment::percentile;
use skytier::domain::calendar::Period;
use skytier::domain::calendar::PeriodKind;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::standards::Edition;
use skytier::domain::units::Amount;
use skytier::domain::units::Decimal;
use skytier::domain::units::Exact;

fn edition(id: &str) -> Edition {
    let editions = standards::editions().expect("sound editions");
    editions.by_id(id).expect("shipped").clone()
}

fn amount(text: &str) -> Amount {
    Amount::parse(text).expect(text)
}

/// A printed figure with its own decimals.
fn printed(text: &str) -> Decimal {
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    Exact::amount(amount(text)).round(u32::try_from(decimals).expect("few"))
}

/// The index from concentrations as bulletins print them: SO2 NO2 PM10 PM2.5 CO O3, `-` for a missing one.
fn composite(id: &str, options: CompositeOptions, figures: &str) -> CompositeIndex {
    let given: Vec<Option<Decimal>> = figures
        .split(' ')
        .map(|text| (text != "-").then(|| printed(text)))
        .collect();
    let [so2, no2, pm10, pm25, co, o3] = given[..] else {
        panic!("six figures: {figures}");
    };
    composite_index(&edition(id), options, &[pm25, pm10, so2, no2, co, o3])
}

fn of(singles: Singles, weights: Weights) -> CompositeOptions {
    CompositeOptions { singles, weights }
}

#[test]
fn composite_indices_of_published_bulletins() {
    let check = |figures: &str, singles, expected: &str, main: &[Pollutant]| {
        let found = composite("2012", of(singles, Weights::Equal), figures);
        assert_eq!(
            found.value.map(|own| own.to_string()).as_deref(),
            Some(expected),
            "{figures}"
        );
        assert_eq!(found.main, main, "{figures}");
    };
    let (rounded, unrounded) = (Singles::Rounded, Singles::Unrounded);
    // Heyuan 2022-02, Changji 2023-11, a town in Naiman, Wuyuan 2023-09: as published.
    check("3 13 16 13 0.9 87", rounded, "1.73", &[Pollutant::O3]);
    check("7 35 67 36 1.3 54", rounded, "3.65", &[Pollutant::Pm25]);
    check("9 14 77 23 1.1 96", rounded, "3.14", &[Pollutant::Pm10]);
    check("11 16 40 16 0.6 139", rounded, "2.63", &[Pollutant::O3]);
    // An explanatory note prints 3.06, the sum of unrounded single indices.
    check("9 15 39 21 0.7 192", unrounded, "3.06", &[Pollutant::O3]);
    check("9 15 39 21 0.7 192", rounded, "3.07", &[Pollutant::O3]);
    check("3 13 16 13 0.9 87", unrounded, "1.74", &[Pollutant::O3]);
    check("7 35 67 36 1.3 54", unrounded, "3.64", &[Pollutant::Pm25]);
    check("9 14 77 23 1.1 96", unrounded, "3.13", &[Pollutant::Pm10]);
    // 1.00 twice; 36/40 and 0.9 equal only after rounding.
    check(
        "6 10 70 35 1 40",
        rounded,
        "2.85",
        &[Pollutant::Pm25, Pollutant::Pm10],
    );
    let near = "6 10 10 10 3.6 143.5";
    check(near, rounded, "2.58", &[Pollutant::Co, Pollutant::O3]);
    check(near, unrounded, "2.58", &[Pollutant::Co]);
}

#[test]
fn composite_indices_by_weights_and_with_gaps() {
    let text = |own: CompositeIndex| own.value.map(|own| own.to_string());
    let weighted = of(Singles::Rounded, Weights::Weighted);
    let figures = "6 20 30 15 1 80";
    // 0.1 + 2 x 0.5 + 0.5 + 3 x 0.5 + 0.25 + 2 x 0.5
    assert_eq!(
        text(composite("2026", weighted, figures)).as_deref(),
        Some("4.350")
    );
    let none = composite("2012", weighted, figures);
    assert_eq!(
        none.void_reason.as_deref(),
        Some("edition 2012 has no composite index of weighted weights")
    );
    assert_eq!((none.value, none.main), (None, Vec::new()));
    let gap = composite("2012", CompositeOptions::default(), "6 - 35 35 1 -");
    assert_eq!(gap.void_reason.as_deref(), Some("no figure of no2, o3"));
    let pm10 = gap.singles[Pollutant::Pm10.index()].map(|own| own.to_string());
    assert_eq!((pm10.as_deref(), gap.value), (Some("0.50"), None));
}

#[test]
fn figures_are_judged_at_their_limits() {
    let check = |value: &str, limit: &str, expected: Option<&str>| {
        let found = judge(printed(value), amount(limit));
        let multiple = found.multiple.map(|own| own.to_string());
        assert_eq!(
            (found.attains, multiple.as_deref()),
            (expected.is_none(), expected),
            "{value}"
        );
    };
    check("35", "35", None);
    check("34", "35", None);
    check("36", "35", Some("0.03"));
    check("40", "35", Some("0.14"));
    check("49", "40", Some("0.22"));
    check("51", "40", Some("0.28"));
    check("4.0", "4", None);
    check("4.1", "4", Some("0.02"));
}

#[test]
fn changes_are_those_of_printed_figures() {
    let percent = |now: &str, before: &str| {
        let change = Percent::of(printed(now), printed(before));
        change.map(|own| own.number().to_string())
    };
    for (now, before, expected) in [
        ("30", "36", "-16.7"),
        ("7", "6", "16.7"),
        ("1.0", "1.1", "-9.1"),
        ("2.63", "2.89", "-9.0"),
    ] {
        assert_eq!(
            percent(now, before).as_deref(),
            Some(expected),
            "{now} {before}"
        );
    }
    assert_eq!(percent("1", "0"), None);
    let days = |good, valid, calendar| DayCounts {
        calendar,
        valid,
        good,
        heavy: 0,
    };
    let points = |now, before| Points::of(now, before).map(|own| own.number().to_string());
    // January 2023 against January 2022; then 85.5 against 82.0.
    assert_eq!(
        points(days(27, 31, 31), days(22, 31, 31)).as_deref(),
        Some("16.1")
    );
    assert_eq!(
        points(days(171, 200, 365), days(164, 200, 365)).as_deref(),
        Some("3.5")
    );
    assert_eq!(points(days(1, 1, 1), days(0, 0, 31)), None);
    let ratio = |days: DayCounts| days.ratio().map(|own| own.to_string());
    assert_eq!(ratio(days(27, 31, 31)).as_deref(), Some("87.1"));
    assert_eq!(ratio(days(22, 31, 31)).as_deref(), Some("71.0"));
    assert_eq!(ratio(days(27, 29, 30)).as_deref(), Some("93.1"));
}

/// Beijing's 2008 as published: 274 good days of 366. Two of the days had no index, so 272 is what is known and
/// 274 what it would be if both had been good.
#[test]
fn two_void_days_of_beijing_are_not_good() {
    let year = DayCounts {
        calendar: 366,
        valid: 364,
        good: 272,
        heavy: 0,
    };
    let text = |ratio: Option<Decimal>| ratio.map(|own| own.to_string());
    assert_eq!(text(year.ratio()).as_deref(), Some("74.7"));
    assert_eq!(text(year.ratio_if_voids_bad()).as_deref(), Some("74.3"));
    assert_eq!(text(year.ratio_if_voids_good()).as_deref(), Some("74.9"));
    assert_eq!((year.good, year.good + year.void()), (272, 274));
}

fn values(given: [Option<i64>; 6]) -> DayValues {
    DayValues {
        values: given.map(|value| value.map(Exact::whole)),
        ..DayValues::default()
    }
}

fn area_day(edition: &Edition, day: NaiveDate, values: DayValues) -> AreaDay {
    AreaDay {
        day,
        edition: edition.id.clone(),
        index: day_index(edition, IndexOptions::of(edition), &values),
        values,
        void_reason: String::new(),
        stations: 1,
        highest: None,
    }
}

#[test]
fn a_day_attains_by_its_concentrations_not_by_its_index() {
    let check = |id: &str, given: [Option<i64>; 6], aqi: Option<i64>, attains: Option<bool>| {
        let (edition, values) = (edition(id), values(given));
        let index = day_index(&edition, IndexOptions::of(&edition), &values);
        assert_eq!(
            (index.aqi, day_attains(&edition, &values)),
            (aqi, attains),
            "{id} {given:?}"
        );
    };
    let day = |pm25, no2| [Some(pm25), Some(40), Some(5), no2, Some(1), Some(60)];
    check("2012", day(75, Some(20)), Some(100), Some(true));
    check("2012", day(76, Some(20)), Some(102), Some(false));
    check("2026", day(60, Some(20)), Some(100), Some(true));
    // From 2031 on the daily limit is 50, the index table stays.
    check("2031", day(60, Some(20)), Some(100), Some(false));
    check("2031", day(50, Some(20)), Some(80), Some(true));
    check("2031", day(30, Some(51)), Some(64), Some(false));
    // A missing pollutant: 2012 leaves the day open, 2026 counts it when another one exceeds.
    check("2012", day(200, None), None, None);
    check("2026", day(200, None), Some(250), Some(false));
    check("2026", day(30, None), None, None);
}

/// The figures of a period whose days have these values.
fn period_of(
    edition: &Edition,
    kind: PeriodKind,
    label: &str,
    value: impl Fn(NaiveDate) -> [Option<i64>; 6],
) -> Assessment {
    let period = Period::parse(label).expect(label);
    let days = period
        .span
        .days()
        .map(|day| area_day(edition, day, values(value(day))));
    let days: Vec<AreaDay> = days.collect();
    let publication = standards::publication().expect("a sound profile");
    let rules = Rules {
        edition,
        publication: &publication,
        composite: CompositeOptions::default(),
    };
    assess(&rules, kind, period, &days)
}

/// A clean day but for PM2.5.
fn clean(pm25: i64) -> [Option<i64>; 6] {
    [Some(pm25), Some(40), Some(5), Some(20), Some(1), Some(60)]
}

fn attains(found: &Assessment) -> Option<bool> {
    found.attainment.as_ref().and_then(|own| own.attains)
}

const VOID: [Option<i64>; 6] = [None; 6];

#[test]
fn three_years_are_the_mean_of_their_annual_means() {
    let edition = edition("2012");
    let check = |last_of_2015: u32, mean: Option<&str>, reason: Option<&str>| {
        let value = |day: NaiveDate| match day.year() {
            2014 => clean(30),
            2015 if day.ordinal() > last_of_2015 => VOID,
            2015 => clean(40),
            _ => clean(53),
        };
        let found = period_of(&edition, PeriodKind::ThreeYears, "2014..2016", value);
        let published = found.pm25.published.map(|own| own.to_string());
        assert_eq!(
            (published.as_deref(), found.pm25.void_reason.as_deref()),
            (mean, reason)
        );
        let pm25 = &found.pollutants[Pollutant::Pm25.index()];
        assert!(pm25.percentile.is_none() && found.composite.value.is_none());
        assert_eq!((attains(&found), found.days.calendar), (None, 1_096));
    };
    // 30, 40 and 53 make 41, whatever a leap year or a year of fewer days would weigh.
    check(365, Some("41.0"), None);
    check(330, Some("41.0"), Some("2015-11: 26 of 27 days"));
    check(323, None, Some("2015: 323 of 324 days"));
    check(0, None, Some("2015: 0 of 324 days"));
}

#[test]
fn twelve_months_ask_for_the_days_of_a_year() {
    let edition = edition("2012");
    let found = |void: i64| {
        let begin: NaiveDate = "2015-07-01".parse().expect("a date");
        let value = |day: NaiveDate| {
            if (day - begin).num_days() < void {
                VOID
            } else {
                clean(20)
            }
        };
        period_of(
            &edition,
            PeriodKind::TwelveMonths,
            "2015-07..2016-06",
            value,
        )
    };
    let whole = found(0);
    assert_eq!((whole.pm25.complete, attains(&whole)), (true, Some(true)));
    let short = found(43);
    assert_eq!(short.pm25.void_reason.as_deref(), Some("323 of 324 days"));
    assert_eq!((short.pm25.published, short.composite.value), (None, None));
    assert_eq!(attains(&short), None);
}

#[test]
fn the_effect_of_an_edition_is_on_the_same_air() {
    // Ten of thirty days between the old daily limit of PM2.5 and the new one.
    let pm25 = |day: NaiveDate| clean(if day.day() <= 10 { 70 } else { 3 });
    let month = |id: &str| period_of(&edition(id), PeriodKind::Month, "2015-06", pm25);
    let (old, new) = (month("2012"), month("2026"));
    let effect = edition_effect(&old, &new);
    assert_eq!((effect.from.as_str(), effect.to.as_str()), ("2012", "2026"));
    let days = [Some(effect.valid_days), effect.good_days, effect.heavy_days];
    assert_eq!(
        days.map(|own| own.map(|own| own.number())),
        [Some(0), Some(-10), Some(0)]
    );
    let points = effect.good_day_ratio_pp.map(|own| own.number().to_string());
    let composite = effect.composite.map(|own| own.to_string());
    assert_eq!(
        (points.as_deref(), composite.as_deref()),
        (Some("-33.3"), Some("0.22"))
    );
    let back = edition_effect(&new, &old);
    assert_eq!(back.good_days.map(|own| own.number()), Some(10));
}

/// A month of days that may each lack each pollutant.
fn month() -> impl Strategy<Value = Vec<[Option<i64>; 6]>> {
    let value = || prop::option::weighted(0.9, 0i64..700);
    prop::collection::vec(prop::array::uniform6(value()), 31)
}

proptest! {
    #[test]
    fn a_percentile_lies_between_its_neighbours_and_never_falls(
        given in prop::collection::vec(0i64..100_000, 1..60), low in 0u32..=100, high in 0u32..=100,
    ) {
        let mut sorted: Vec<Exact> = given.iter().map(|own| Exact::ratio(*own, 7)).collect();
        let of = |percent| percentile(sorted.iter().collect(), percent).expect("not empty");
        let (low, high) = (low.min(high), low.max(high));
        let found = of(low);
        prop_assert!(found <= of(high));
        sorted.sort();
        let rank = (sorted.len() - 1) * low as usize / 100;
        prop_assert!(sorted[rank] <= found);
        prop_assert!(found <= sorted[(rank + 1).min(sorted.len() - 1)]);
    }

    #[test]
    fn means_are_bounded_and_void_days_never_good(given in month(), id in prop::sample::select(vec!["2012", "2026", "2031"])) {
        let edition = edition(id);
        let value = |day: NaiveDate| given[day.day0() as usize];
        let found = period_of(&edition, PeriodKind::Whole, "2015-01-01..2015-01-31", value);
        let attainment = found.attainment.as_ref().expect("a national edition");
        for pollutant in Pollutant::ALL {
            let own: Vec<Exact> = given.iter().filter_map(|day| day[pollutant.index()]).map(Exact::whole).collect();
            let figure = &found.pollutants[pollutant.index()];
            prop_assert_eq!(figure.valid_days as usize, own.len());
            let (least, greatest) = (own.iter().min(), own.iter().max());
            for statistic in [&figure.mean, &figure.percentile].into_iter().flatten() {
                prop_assert!(least <= Some(&statistic.value) && Some(&statistic.value) <= greatest);
            }
            let days = attainment.items[pollutant.index()].days;
            prop_assert!(days.attaining <= days.valid && days.valid as usize == own.len());
        }
        let days = found.days;
        prop_assert!(days.good + days.heavy <= days.valid && days.valid <= days.calendar);
        // Bad where it is known to be bad or not known at all.
        let surely_good = given.iter().filter(|day| {
            let index = day_index(&edition, IndexOptions::of(&edition), &values(**day));
            day.iter().all(Option::is_some) && index.aqi.is_some_and(|aqi| aqi <= 100)
        });
        prop_assert_eq!(days.good as usize, surely_good.count());
        let exact = |ratio: Option<Decimal>| ratio.map(Decimal::exact);
        let bounds = [days.ratio_if_voids_bad(), days.ratio_if_voids_good()].map(exact);
        if let Some(ratio) = exact(days.ratio()) {
            prop_assert!(bounds[0] <= Some(ratio.clone()) && Some(ratio) <= bounds[1]);
        }
        prop_assert!(attainment.days.valid <= days.calendar);
    }
}
