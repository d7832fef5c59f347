//! Laws of pacing and projection over years of random days.

use chrono::NaiveDate;
use proptest::prelude::*;
use skytier::app::standards;
use skytier::domain::aqi::DayValues;
use skytier::domain::aqi::IndexOptions;
use skytier::domain::aqi::day_index;
use skytier::domain::area::AreaDay;
use skytier::domain::assessment::Publication;
use skytier::domain::assessment::Rules;
use skytier::domain::assessment::assess;
use skytier::domain::assessment::composite::CompositeOptions;
use skytier::domain::calendar::PeriodKind;
use skytier::domain::calendar::Span;
use skytier::domain::projection::PastYear;
use skytier::domain::projection::Projection;
use skytier::domain::projection::seed;
use skytier::domain::registry::Item;
use skytier::domain::registry::Target;
use skytier::domain::standards::Edition;
use skytier::domain::target::Basis;
use skytier::domain::target::Figure;
use skytier::domain::target::Gap;
use skytier::domain::target::Standing;
use skytier::domain::target::control_value;
use skytier::domain::target::days_left;
use skytier::domain::target::standing;
use skytier::domain::units::Amount;
use skytier::domain::units::Exact;

/// Days of 2018, 2019 and 2021, which have the same length.
const DAYS: usize = 365;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a test's date")
}

fn year_of(year: i32) -> Span {
    let first = NaiveDate::from_ymd_opt(year, 1, 1).expect("a test's year");
    PeriodKind::Year.containing(first).span
}

fn edition() -> Edition {
    let editions = standards::editions().expect("sound editions");
    editions.by_id("2012").expect("shipped").clone()
}

/// A day on which PM2.5 has this many tenths of a ug/m3 and everything else is clean; `None` is a void day.
fn day(edition: &Edition, day: NaiveDate, tenths: Option<i64>) -> AreaDay {
    let clean = tenths.map(|_| Exact::whole(1));
    let mut values = DayValues {
        values: std::array::from_fn(|_| clean.clone()),
        ..DayValues::default()
    };
    values.values[0] = tenths.map(|tenths| Exact::ratio(tenths, 10));
    AreaDay {
        day,
        edition: edition.id.clone(),
        index: day_index(edition, IndexOptions::of(edition), &values),
        values,
        highest: None,
        void_reason: String::new(),
        stations: 1,
    }
}

fn days(edition: &Edition, year: i32, tenths: &[Option<i64>]) -> Vec<AreaDay> {
    let dates = year_of(year).days();
    dates
        .zip(tenths)
        .map(|(date, tenths)| day(edition, date, *tenths))
        .collect()
}

fn target(item: Item, limit: &str, year: i32) -> Target {
    Target {
        id: "t".to_owned(),
        group: "city".to_owned(),
        item,
        year,
        limit: Amount::parse(limit).expect("a test's limit"),
        issuer: "i".to_owned(),
        document: "d".to_owned(),
        edition: None,
    }
}

fn rules<'a>(edition: &'a Edition, publication: &'a Publication) -> Rules<'a> {
    Rules {
        edition,
        publication,
        composite: CompositeOptions::default(),
    }
}

/// How a target stands after the first days of 2021.
fn stand(edition: &Edition, so_far: &[AreaDay], item: Item, limit: &str) -> Standing {
    let on = so_far[so_far.len() - 1].day;
    let period = PeriodKind::YearToDate.containing(on);
    let left = days_left(period.span).map_or(0, Span::length);
    let kind = if left == 0 {
        PeriodKind::Year
    } else {
        PeriodKind::YearToDate
    };
    let publication = standards::publication().expect("a sound profile");
    let rules = rules(edition, &publication);
    let assessment = assess(&rules, kind, period, so_far);
    let basis = Basis {
        edition,
        assessment: &assessment,
        days: so_far,
        days_left: left,
    };
    standing(&target(item, limit, 2021), vec![2021], &basis, None)
}

fn project(edition: &Edition, so_far: &[AreaDay], past: &[PastYear]) -> Projection {
    let on = so_far[so_far.len() - 1].day;
    let period = PeriodKind::YearToDate.containing(on);
    let left = days_left(period.span).expect("days left");
    let publication = standards::publication().expect("a sound profile");
    let seed = seed("group:city", on);
    Projection::of(&rules(edition, &publication), seed, so_far, left, past).expect("a past year")
}

/// A year of days, few of them void.
fn year() -> impl Strategy<Value = Vec<Option<i64>>> {
    let level = prop::collection::vec(100_i64..1_500, DAYS);
    let voids = prop::collection::vec(0_u8..40, DAYS);
    (level, voids).prop_map(|(level, voids)| {
        let days = level.into_iter().zip(voids);
        days.map(|(level, void)| (void > 0).then_some(level))
            .collect()
    })
}

/// Met, reachable, control value, days short, bad and heavy days left, days left; `-` is nothing.
fn told(found: &Standing) -> String {
    let yes = |answer: Option<bool>| answer.map(|yes| if yes { "yes" } else { "no" }.to_owned());
    let days = |days: Option<i64>| days.map(|days| days.to_string());
    let parts = [
        yes(found.met),
        yes(found.reachable),
        found.remaining_days_control.map(|value| value.to_string()),
        days(found.days_short),
        days(found.bad_days_left),
        days(found.heavy_days_left),
        Some(found.days_left.to_string()),
    ];
    parts.map(|part| part.unwrap_or("-".to_owned())).join(" ")
}

#[test]
fn a_year_on_its_way_is_told_by_what_it_still_takes() {
    let edition = edition();
    for (tenths, count, item, limit, expected) in [
        (350, 265, Item::Pm25Mean, "35", "yes yes 35 - - - 100"),
        (1_500, 265, Item::Pm25Mean, "35", "no no - - - - 100"),
        (353, 364, Item::Pm25Mean, "35", "yes yes - - - - 1"),
        (350, 365, Item::Pm25Mean, "35", "yes - - - - - 0"),
        (10, 355, Item::Pm10Mean, "2", "yes yes 38 - - - 10"),
        (350, 265, Item::GoodDayRatio, "85", "yes yes - 46 54 - 100"),
        (
            2_000,
            265,
            Item::GoodDayRatio,
            "85",
            "no no - 311 -211 - 100",
        ),
        (350, 360, Item::GoodDays, "300", "yes yes - 0 5 - 5"),
        (2_000, 10, Item::HeavyDays, "12", "yes yes - - - 2 355"),
        (2_000, 10, Item::HeavyDays, "9.5", "no no - - - -1 355"),
        (350, 360, Item::HeavyDays, "9", "yes yes - - - 5 5"),
        (350, 30, Item::O3P90, "0.5", "no yes - - - - 335"),
        (350, 360, Item::O3P90, "0.5", "no no - - - - 5"),
        (350, 265, Item::CompositeIndex, "1.2", "no yes - - - - 100"),
        (350, 265, Item::CompositeIndex, "1", "no no - - - - 100"),
    ] {
        let so_far = days(&edition, 2021, &vec![Some(tenths); count]);
        let found = stand(&edition, &so_far, item, limit);
        assert_eq!(told(&found), expected, "{tenths} {count} {item:?} {limit}");
    }
}

#[test]
fn what_cannot_be_said_has_its_reason() {
    let edition = edition();
    let check = |days: &[AreaDay], item, limit: &str, figure: Figure, expected: Gap| {
        let found = stand(&edition, days, item, limit);
        let gap = found.gaps.iter().find(|(known, _)| *known == figure);
        assert_eq!(gap.map(|(_, gap)| gap), Some(&expected), "{item:?}");
    };
    let some = |tenths, count| days(&edition, 2021, &vec![tenths; count]);
    let (control, chance) = (Figure::RemainingDaysControl, Figure::Chance);
    let no_day = Gap::Data("no valid day".to_owned());
    check(
        &some(None, 30),
        Item::Pm25Mean,
        "35",
        control,
        no_day.clone(),
    );
    check(
        &some(None, 30),
        Item::GoodDays,
        "300",
        Figure::DaysShort,
        no_day,
    );
    let heavy = some(Some(1_500), 265);
    check(&heavy, Item::Pm25Mean, "35", control, Gap::OutOfReach);
    check(
        &heavy,
        Item::Pm25Mean,
        "35",
        chance,
        Gap::NoPastYear { need: 324 },
    );
    let late = some(Some(353), 364);
    check(&late, Item::Pm25Mean, "35", control, Gap::RoundingOnly);
    let over = some(Some(353), 365);
    check(&over, Item::Pm25Mean, "35", control, Gap::YearOver);
    check(&over, Item::HeavyDays, "5", chance, Gap::YearOver);
    let mut few = some(Some(353), 300);
    few.extend(days(&edition, 2021, &vec![None; 365]).split_off(300));
    let short = Gap::Data("300 of 324 days".to_owned());
    check(&few, Item::Pm25Mean, "35", Figure::Met, short);
}

#[test]
fn what_past_years_lack_is_not_projected() {
    let edition = edition();
    let only_pm25 = |mut day: AreaDay| {
        day.values.values[1..].fill(None);
        day.index = day_index(&edition, IndexOptions::of(&edition), &day.values);
        day
    };
    let past = days(&edition, 2019, &[Some(350); DAYS]);
    let past = past.into_iter().map(only_pm25).collect::<Vec<_>>();
    let past = [PastYear::of(&edition, &past).expect("enough days of PM2.5")];
    let found = project(&edition, &days(&edition, 2021, &[Some(350); 200]), &past);
    for item in Item::ALL {
        let projected = found.spread(item).is_some();
        assert_eq!(projected, item == Item::Pm25Mean, "{item:?}");
        assert_eq!(found.chance(item, &Exact::whole(35)).is_some(), projected);
    }
}

#[test]
fn a_past_year_counts_by_what_was_measured_whatever_is_left_of_it() {
    let edition = edition();
    let year = |valid: usize| {
        let tenths: Vec<_> = (0..DAYS).map(|at| (at < valid).then_some(350)).collect();
        days(&edition, 2019, &tenths)
    };
    let left_of = |measured, left| {
        let past = PastYear::left_of(&edition, &year(measured), &year(left));
        past.map(|past| past.year())
    };
    assert_eq!((left_of(324, 300), left_of(323, 323)), (Some(2019), None));
    let whole = PastYear::of(&edition, &year(365)).expect("a whole year");
    let left = PastYear::left_of(&edition, &year(365), &year(365));
    assert_eq!(left, Some(whole), "nothing left out changes nothing");
}

#[test]
fn a_past_year_of_too_few_days_is_not_drawn_from() {
    let edition = edition();
    let year = |valid: usize| {
        let tenths: Vec<_> = (0..DAYS).map(|at| (at < valid).then_some(350)).collect();
        PastYear::of(&edition, &days(&edition, 2019, &tenths)).map(|past| past.year())
    };
    assert_eq!((year(323), year(324)), (None, Some(2019)));
    let so_far = days(&edition, 2021, &[Some(350)]);
    let left = Span {
        from: date("2021-01-02"),
        to: date("2021-12-31"),
    };
    let publication = standards::publication().expect("a sound profile");
    let rules = rules(&edition, &publication);
    assert_eq!(Projection::of(&rules, 1, &so_far, left, &[]), None);
}

#[test]
fn leap_days_and_the_ends_of_years_can_be_drawn() {
    let edition = edition();
    let of = |year: i32| {
        let tenths = vec![Some(400); year_of(year).length() as usize];
        days(&edition, year, &tenths)
    };
    let past = [2019, 2020].map(|year| PastYear::of(&edition, &of(year)).expect("a whole year"));
    for on in [
        "2024-02-28",
        "2024-02-27",
        "2024-12-30",
        "2024-01-01",
        "2023-02-22",
    ] {
        let on = date(on);
        let period = PeriodKind::YearToDate.containing(on);
        let so_far: Vec<AreaDay> = period
            .span
            .days()
            .map(|own| day(&edition, own, Some(400)))
            .collect();
        let found = project(&edition, &so_far, &past);
        let spread = found.spread(Item::Pm25Mean).expect("a spread");
        assert_eq!(
            (spread.p10.to_string(), spread.p90.to_string()),
            ("40.0".to_owned(), "40.0".to_owned())
        );
        let good = found.spread(Item::GoodDays).expect("a spread");
        let whole = year_of(on.format("%Y").to_string().parse().expect("a year")).length();
        assert_eq!(good.p50.trimmed(), whole.to_string(), "{on}");
    }
}

#[test]
fn the_same_question_has_the_same_answer() {
    let edition = edition();
    let wavy: Vec<_> = (0..365_i64).map(|at| Some(200 + (at * 37) % 900)).collect();
    let past = [PastYear::of(&edition, &days(&edition, 2019, &wavy)).expect("a whole year")];
    let this = days(&edition, 2021, &wavy);
    let one = project(&edition, &this[..200], &past);
    assert_eq!(one, project(&edition, &this[..200], &past));
    assert_ne!(one.seed, project(&edition, &this[..201], &past).seed);
    assert_eq!(seed("group:city", date("2021-07-19")), one.seed);
    assert_eq!(
        one.seed, 0x0811_4e42_18ce_93cf,
        "FNV-1a of \"group:city 2021-07-19\""
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_control_value_brings_the_year_to_the_target_exactly(
        year in year(), so_far in 1_usize..DAYS, limit in 1_i64..120,
    ) {
        let known: Vec<Exact> = year[..so_far].iter().flatten().map(|own| Exact::ratio(*own, 10)).collect();
        let sum = known.iter().fold(Exact::zero(), |sum, own| sum.plus(own));
        let (valid, left) = (known.len() as u32, (DAYS - so_far) as u32);
        let control = control_value(&Exact::whole(limit), &sum, valid, left).expect("days left");
        let all = sum.plus(&control.times(&Exact::whole(i64::from(left))));
        prop_assert_eq!(all.over(&Exact::whole(i64::from(valid + left))), Some(Exact::whole(limit)));
    }

    #[test]
    fn days_short_are_just_enough(year in year(), so_far in 1_usize..DAYS, limit in 1_i64..100) {
        let edition = edition();
        let before = days(&edition, 2021, &year[..so_far]);
        prop_assume!(before.iter().any(|day| day.index.aqi.is_some()));
        let left = i64::try_from(DAYS - so_far).expect("days of a year");
        let good = before.iter().filter(|day| day.index.aqi.is_some() && day.index.is_good()).count() as i64;
        for (item, limit) in [(Item::GoodDayRatio, limit), (Item::GoodDays, good + limit - 20)] {
            let limit = limit.max(0).to_string();
            let found = stand(&edition, &before, item, &limit);
            let short = found.days_short.expect("a count");
            prop_assert_eq!(found.bad_days_left, Some(left - short));
            prop_assert_eq!(found.reachable, Some(short <= left));
            // The rest of the year with so many good days, all others bad.
            let end = |good: i64| {
                let rest = (0..left).map(|at| Some(if at < good { 100 } else { 2_000 }));
                let tenths: Vec<_> = year[..so_far].iter().copied().chain(rest).collect();
                let whole = days(&edition, 2021, &tenths);
                let valid = whole.iter().filter(|day| day.index.aqi.is_some()).count() as i64;
                let good = whole.iter().filter(|day| day.index.aqi.is_some() && day.index.is_good()).count() as i64;
                let figure = match item {
                    Item::GoodDayRatio => Exact::ratio(good * 100, valid).round(1).exact(),
                    _ => Exact::whole(good),
                };
                item.meets(&figure, &Exact::amount(Amount::parse(&limit).expect("a number")))
            };
            if short <= left {
                prop_assert!(end(short), "{short} of {left} suffice");
            }
            if (1..=left).contains(&short) {
                prop_assert!(!end(short - 1), "{} of {left} do not", short - 1);
            }
        }
    }

    #[test]
    fn more_slack_never_lowers_the_chance(this in year(), past in year(), so_far in 1_usize..DAYS) {
        let edition = edition();
        let Some(past) = PastYear::of(&edition, &days(&edition, 2019, &past)) else {
            return Err(TestCaseError::reject("too many void days"));
        };
        let found = project(&edition, &days(&edition, 2021, &this[..so_far]), &[past]);
        for item in Item::ALL {
            let spread = found.spread(item).expect("a spread");
            let (low, middle, high) = (spread.p10.exact(), spread.p50.exact(), spread.p90.exact());
            prop_assert!(low <= middle && middle <= high);
            let limits = (0..=380).step_by(20).map(Exact::whole);
            let chances: Vec<u32> = limits.map(|limit| found.chance(item, &limit).expect("a chance")).collect();
            prop_assert!(chances.iter().all(|chance| *chance <= 100));
            let rises = chances.is_sorted();
            let falls = chances.is_sorted_by(|a, b| a >= b);
            prop_assert!(if item.at_most() { rises } else { falls }, "{item:?} {chances:?}");
            let ends = (chances[0], chances[chances.len() - 1]);
            prop_assert_eq!(if item.at_most() { ends.1 } else { ends.0 }, 100);
        }
    }

    #[test]
    fn years_like_this_one_end_as_it_does(noise in year(), so_far in 30_usize..335, level in 50_i64..300) {
        let edition = edition();
        // Dirty in winter, clean in summer, and the noise of the weather.
        let season = |at: usize| (i64::try_from(at).expect("a day") - 182).abs();
        let tenths: Vec<_> = noise.iter().enumerate().map(|(at, own)| own.map(|own| level + season(at) + own / 3)).collect();
        let Some(past) = PastYear::of(&edition, &days(&edition, 2019, &tenths)) else {
            return Err(TestCaseError::reject("too many void days"));
        };
        let past = [past.clone(), past];
        let found = project(&edition, &days(&edition, 2021, &tenths[..so_far]), &past);
        let known: Vec<Exact> = tenths.iter().flatten().map(|own| Exact::ratio(*own, 10)).collect();
        let truth = Exact::mean(&known).expect("days");
        let middle = found.spread(Item::Pm25Mean).expect("a spread").p50.exact();
        let share = middle.minus(&truth).over(&truth).expect("not zero");
        let bound = Exact::ratio(3, 100);
        prop_assert!(share <= bound && !share.plus(&bound).is_negative(), "{middle:?} {truth:?}");
    }
}
