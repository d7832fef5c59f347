//! The shipped seeds load, and every kind of fault is named with its place.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::*;
use crate::app::standards;
use crate::domain::area::AreaOptions;
use crate::domain::area::area_day;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::Rules;
use crate::domain::assessment::assess;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::assessment::change::year_on_year;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Zone;
use crate::domain::means::HourMean;
use crate::domain::means::Hours;
use crate::domain::means::StationDay;
use crate::domain::registry::Item;
use crate::domain::scenario;
use crate::domain::units::Decimal;
use crate::flow::area::Area;

fn members(registry: &Registry, group: &str, day: &str) -> Vec<String> {
    let day: NaiveDate = day.parse().unwrap();
    let members = Area::Group(group.to_owned()).members(registry, &[], day);
    members.iter().map(ToString::to_string).collect()
}

#[test]
fn every_seed_loads_and_a_second_merge_changes_nothing() {
    for name in NAMES {
        let seed = registry(name).unwrap();
        assert!(!seed.stations.is_empty());
        let mut registry = Registry::default();
        registry.merge(seed.clone());
        let once = registry.clone();
        registry.merge(seed);
        assert_eq!(registry, once);
    }
    let message = registry("nanjing").unwrap_err().to_string();
    assert_eq!(message, "no seed \"nanjing\"; there are: beijing, jiangyin");
}

#[test]
fn beijing_has_six_stations_from_march_2013() {
    let registry = registry("beijing").unwrap();
    assert_eq!(members(&registry, "beijing6", "2013-02-28").len(), 0);
    assert_eq!(members(&registry, "beijing6", "2013-03-01").len(), 6);
    assert!(registry.stations.iter().all(|station| !station.simulated));
}

#[test]
fn simulated_stations_stand_for_the_city_only_while_they_have_readings() {
    let registry = registry("jiangyin").unwrap();
    let real = ["1999A", "2000A", "2001A"];
    assert_eq!(members(&registry, "city", "2018-12-31"), real);
    assert_eq!(members(&registry, "city", "2019-01-01"), scenario::STATIONS);
    assert_eq!(members(&registry, "city", "2020-06-30"), scenario::STATIONS);
    assert_eq!(members(&registry, "city", "2020-07-01"), real);
    for id in scenario::STATIONS {
        let station = registry
            .stations
            .iter()
            .find(|station| station.id.as_str() == id);
        assert!(
            station.is_some_and(|station| station.simulated && station.names.zh.contains("模拟"))
        );
    }
}

#[test]
fn published_figures_say_what_is_derived() {
    let registry = registry("jiangyin").unwrap();
    for figure in &registry.published {
        let derived = figure.source.contains("derived, not published");
        assert_eq!(derived, figure.source.contains("并非公布值"), "{figure:?}");
        assert_eq!(derived, figure.period == "2019-H1", "{figure:?}");
    }
    let pm25 = registry
        .published
        .iter()
        .find(|f| f.item == Item::Pm25Mean && f.period == "2020-H1");
    let pm25 = pm25.map(|f| (f.value.to_string(), f.change.unwrap().to_string()));
    assert_eq!(pm25, Some(("40.7".to_owned(), "-16.3".to_owned())));
    assert_eq!(registry.targets.len(), 2);
    assert_eq!(registry.grid.len(), 14);
}

/// The scenario's hours by day and station.
fn scenario_days() -> BTreeMap<(NaiveDate, String), StationDay> {
    let zone = Zone::beijing();
    let mut hours: BTreeMap<(NaiveDate, String), [Hours; 6]> = BTreeMap::new();
    for hour in scenario::readings() {
        let key = (zone.day_of_ending(hour.time), hour.station.to_string());
        let at = zone.hour_of_ending(hour.time);
        let day = hours.entry(key).or_default();
        for (item, value) in day.iter_mut().zip(hour.values) {
            item[at] = Some(HourMean::reported(value));
        }
    }
    let day = |hours: &[Hours; 6]| StationDay::of_hours(hours, 6);
    hours
        .iter()
        .map(|(key, hours)| (key.clone(), day(hours)))
        .collect()
}

/// The city's first half of the year by the registered group and the edition of 2012.
fn first_half(
    registry: &Registry,
    stations: &BTreeMap<(NaiveDate, String), StationDay>,
    year: i32,
    choices: [bool; 2],
) -> Assessment {
    let editions = standards::editions().unwrap();
    let edition = editions.by_id("2012").unwrap();
    let mut options = AreaOptions::of(edition);
    [options.index.round_first, options.index.o3_1h_item] = choices;
    let start = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
    let period = PeriodKind::Half.containing(start);
    let city = Area::Group("city".to_owned());
    let day = |day: NaiveDate| {
        let members = city.members(registry, &[], day);
        let members: Vec<_> = members
            .iter()
            .map(|station| stations.get(&(day, station.to_string())))
            .collect();
        area_day(edition, &options, day, &members, [0; 6])
    };
    let days: Vec<_> = period.span.days().map(day).collect();
    let publication = standards::publication().unwrap();
    let rules = Rules {
        edition,
        publication: &publication,
        composite: CompositeOptions::default(),
    };
    assess(&rules, PeriodKind::Half, period, &days)
}

#[test]
fn the_shipped_rules_arrive_at_the_published_figures() {
    let registry = registry("jiangyin").unwrap();
    let stations = scenario_days();
    for choices in [[false, false], [false, true], [true, false], [true, true]] {
        let halves = [2019, 2020].map(|year| first_half(&registry, &stations, year, choices));
        let text = |figure: Option<Decimal>| figure.unwrap().to_string();
        for half in &halves {
            assert_eq!(
                (half.days.void(), half.pm25.complete),
                (0, true),
                "{}",
                half.period.label
            );
            for figure in registry
                .published
                .iter()
                .filter(|f| f.period == half.period.label)
            {
                let value = match figure.item {
                    Item::Pm25Mean => text(half.pm25.published),
                    Item::GoodDayRatio => text(half.days.ratio()),
                    Item::GoodDays => half.days.good.to_string(),
                    Item::HeavyDays => half.days.heavy.to_string(),
                    other => panic!("no figure of {} was published", other.key()),
                };
                assert_eq!(value, figure.value.to_string(), "{figure:?} {choices:?}");
            }
        }
        let [before, now] = &halves;
        let change = year_on_year(now, before);
        let changes = (
            text(change.pm25_pct.map(Percent::number)),
            text(change.good_day_ratio_pp.map(Points::number)),
        );
        assert_eq!(changes, ("-16.3".to_owned(), "9.5".to_owned()));
    }
}

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120,31,false,x\nsim-b,乙,B,national,120,31,true,x\nm,丙,M,micro,120,31,false,x\n";
const GROUPS: &str = "id,name_zh,name_en,document,station,from,to\n";
const GRID: &str = "id,parent,level,name_zh,name_en\n";
const TARGETS: &str = "id,group,item,year,limit,issuer,document\n";
const PUBLISHED: &str = "group,period,item,value,change,source\n";

/// The faults of a seed with these further lines, one a table.
fn check(tables: [&str; 5], expected: &[&str]) {
    let heads = [STATIONS, GROUPS, GRID, TARGETS, PUBLISHED];
    let files = ["stations", "groups", "grid", "targets", "published"];
    let texts: Vec<String> = heads
        .into_iter()
        .zip(tables)
        .map(|(head, lines)| format!("{head}{lines}"))
        .collect();
    let seed: Vec<_> = files
        .into_iter()
        .zip(&texts)
        .map(|(file, text)| (file, file, text.as_str()))
        .collect();
    let faults = load(&seed).map_or_else(|error| error.to_string(), |_| String::new());
    assert_eq!(faults.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn all_faults_are_listed_with_line_and_field() {
    check(["", "", "", "", ""], &[]);
    check(
        ["a b,, B,county,181,x,yes,\n", "", "", "", ""],
        &[
            "stations:5: id: \"a b\" is not a station's code",
            "stations:5: name_zh: \"\" is not a text without blanks around it",
            "stations:5: name_en: \" B\" is not a text without blanks around it",
            "stations:5: class: \"county\" is not national, provincial, town or micro",
            "stations:5: longitude: \"181\" is not a number of degrees within 180",
            "stations:5: latitude: \"x\" is not a number of degrees within 90",
            "stations:5: simulated: \"yes\" is not true or false",
            "stations:5: source: \"\" is not a text without blanks around it",
        ],
    );
    check(
        [
            "a,,\n",
            "g,G,G,d,a,2020-1-1,never\n",
            ",top,6,x,x\n",
            "t,g,aqi,1999,x,i,d\n",
            "g,p,x,y,z,s\n",
        ],
        &[
            "stations:5: 3 fields where 8 are due",
            "groups:2: from: \"2020-1-1\" is not a date such as 2020-01-31",
            "groups:2: to: \"never\" is not a date such as 2020-01-31, or empty",
            "grid:2: id: \"\" is not a text without blanks around it",
            "grid:2: level: \"6\" is not 1 to 5",
            "targets:2: item: \"aqi\" is not one of pm25_mean, good_day_ratio, good_days, heavy_days, \
             pm10_mean, o3_p90, composite_index",
            "targets:2: year: \"1999\" is not a year from 2000 to 2100",
            "targets:2: limit: \"x\" is not a number of at least 0",
            "published:2: item: \"x\" is not one of pm25_mean, good_day_ratio, good_days, heavy_days, \
             pm10_mean, o3_p90, composite_index",
            "published:2: value: \"y\" is not a number",
            "published:2: change: \"z\" is not a number, or empty",
        ],
    );
}

#[test]
fn entries_must_agree_with_each_other() {
    check(
        [
            "a,甲,A,town,1,1,true,x\n",
            "",
            "x,,2,x,x\ny,z,3,x,x\nv,,1,x,x\nw,v,3,x,x\nv,,1,x,x\n",
            "",
            "",
        ],
        &[
            "stations:5: id: stands already at stations:2",
            "stations:5: simulated: must be true for codes that begin with sim-, and only for them",
            "grid:6: id: stands already at grid:4",
            "grid:2: parent: only level 1 has none",
            "grid:3: parent: is not in this table",
            "grid:5: level: the parent has level 1",
        ],
    );
    check(
        [
            "",
            "g,G,G,d,a,2020-01-02,2020-01-01\ng,G,H,d,c,2020-01-01,\ng,G,G,d,m,2020-01-01,\n\
             h,G,G,d,a,2020-01-01,2020-01-31\nh,G,G,d,a,2020-01-31,\nh,G,G,d,sim-b,2020-01-31,\n",
            "",
            "t,k,good_days,2025,1,i,d\n",
            "g,p,good_days,1,,s\ng,p,good_days,2,,s\n",
        ],
        &[
            "groups:2: to: lies before from",
            "groups:3: id: names, document and division code differ from the group's first line",
            "groups:3: station: is not in the stations' table",
            "groups:4: station: a micro-station never counts in a group",
            "groups:6: station: counts twice on a day",
            "groups:7: station: simulated and real ones on one day",
            "targets:2: group: is not in the groups' table",
            "published:3: item: stands already at published:2",
        ],
    );
}

#[test]
fn wrong_columns_end_the_table() {
    check_columns("id,name\na,b\n", "stations:1: columns must be");
    check_columns("", "stations:1: columns must be");
}

fn check_columns(text: &'static str, expected: &str) {
    let seed = [("stations", "stations", text), ("groups", "groups", GROUPS)];
    let message = load(&seed).unwrap_err().to_string();
    let columns = "id,name_zh,name_en,class,longitude,latitude,simulated,source,zone,interval_s";
    assert_eq!(message, format!("{expected} {columns}"));
}

#[test]
fn the_measured_files_are_found_or_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = beijing_files(&root.join("seeds")).unwrap();
    assert_eq!(files.len(), 6);
    let message = beijing_files(Path::new("nowhere")).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 6);
    assert!(message.starts_with(
        "nowhere/beijing/PRSA_Data_Aotizhongxin_20130301-20170228.csv.gz: no such file"
    ));
}

#[test]
fn the_seeds_directory_is_the_named_one_or_the_nearest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let nowhere = Path::new("nowhere");
    let exe = root.join("target/release/skytier");
    let found = |named: Option<&Path>, here: &Path, exe: Option<&Path>| {
        find_dir(named.map(PathBuf::from), here, exe).ok()
    };
    let seeds = Some(root.join("seeds"));
    assert_eq!(found(Some(&root.join("seeds")), nowhere, None), seeds);
    assert_eq!(
        found(Some(nowhere), root, None),
        None,
        "a wrong name is not passed over"
    );
    assert_eq!(found(None, root, None), seeds);
    assert_eq!(found(None, nowhere, Some(&exe)), seeds);
    assert_eq!(found(None, nowhere, None), None);
}

#[test]
fn a_target_may_name_its_edition_and_old_tables_have_no_such_column() {
    let groups = format!("{GROUPS}city,C,C,d,a,2020-01-01,\n");
    let read = |text: &str| {
        let seed = [
            ("stations", "stations", STATIONS),
            ("groups", "groups", groups.as_str()),
            ("targets", "targets", text),
        ];
        load(&seed).map(|registry| registry.targets[0].edition.clone())
    };
    let check = |text: &'static str, expected: Result<Option<&str>, &str>| {
        let found = read(text).map_err(|fault| fault.to_string());
        assert_eq!(
            found.as_ref().map(Option::as_deref).map_err(String::as_str),
            expected,
            "{text}"
        );
    };
    check(
        "id,group,item,year,limit,issuer,document\nt,city,o3_p90,2026,160,i,d\n",
        Ok(None),
    );
    check(
        "id,group,item,year,limit,issuer,document,edition\nt,city,o3_p90,2026,160,i,d,\n",
        Ok(None),
    );
    check(
        "id,group,item,year,limit,issuer,document,edition\nt,city,pm10_mean,2026,60,i,d,2012\n",
        Ok(Some("2012")),
    );
    let unknown = read(
        "id,group,item,year,limit,issuer,document,edition\nt,city,pm10_mean,2026,60,i,d,1996\n",
    );
    let fault = unknown.expect_err("no such edition").to_string();
    assert!(
        fault.starts_with("targets:2: edition: \"1996\" is not one of 2012, "),
        "{fault}"
    );
    check(
        "id,group,item,year,limit,issuer,document,issued\nt,city,pm10_mean,2026,60,i,d,2012\n",
        Err("targets:1: columns must be id,group,item,year,limit,issuer,document,edition"),
    );
}
