//! Figures as they were published: what a bulletin or a snapshot said, under which settings, and what of it would
//! be said otherwise now.
//!
//! An issue is never changed. Publishing the same again is another issue, and the latest one is what counts as said.
//! Values are kept as the text that was printed, so that an issue does not change when a rounding rule does.

use crate::domain::area::AreaDay;
use crate::domain::area::AreaOptions;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::Publication;
use crate::domain::assessment::Statistic;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::assessment::change::YearOnYear;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::exclusion::Exclusion;
use crate::domain::exclusion::Statistic as Excluded;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Review;
use crate::domain::standards::Edition;
use crate::domain::units::Amount;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// In which way figures were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueKind {
    /// A bulletin was issued.
    Bulletin,
    /// The figures by themselves, as an answer that somebody relies on.
    Snapshot,
}

impl IssueKind {
    /// The word used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Bulletin => "bulletin",
            Self::Snapshot => "snapshot",
        }
    }

    /// From the interface word.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Bulletin, Self::Snapshot]
            .into_iter()
            .find(|kind| kind.key() == key)
    }
}

/// The choices an issue was made under, all of them spelt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueSettings {
    /// Choices of the assessment.
    pub options: AreaOptions,
    /// How the composite index is computed.
    pub composite: CompositeOptions,
    /// Decimals printed, by pollutant; `None` prints as the edition judges.
    pub decimals: [Option<u32>; 6],
    /// Whether excluded days are left out.
    pub deducted: bool,
    /// The zone whose days counted.
    pub zone: Zone,
}

/// Days on which a station counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// The station.
    pub station: SourceId,
    /// First to last day.
    pub days: Span,
}

/// One published item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name: `pm25`, `good_days`, `aqi` ...
    pub item: &'static str,
    /// As printed; `None` when it was not given.
    pub value: Option<String>,
}

/// What was published, once and for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Bulletin or snapshot.
    pub kind: IssueKind,
    /// When it was issued.
    pub issued_at: Instant,
    /// As of when its readings were known.
    pub known_at: Instant,
    /// The area, as `station:ID`, `group:ID` or `mean`.
    pub area: String,
    /// Kind of period.
    pub by: PeriodKind,
    /// The period.
    pub period: Period,
    /// The edition's id.
    pub edition: String,
    /// Whether the figures rest on raw or reviewed readings.
    pub review: Review,
    /// The choices.
    pub settings: IssueSettings,
    /// Which stations counted on which days, from the year before on.
    pub stations: Vec<Stretch>,
    /// The decisions by which days of the period, or of the year before, were left out of the figures.
    pub exclusions: Vec<Exclusion>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// SHA-256 of the bulletin's text, in hexadecimal.
    pub text_sha256: Option<String>,
}

impl Issue {
    /// Whether this says the same thing as `other`, perhaps with other figures: then the later one counts.
    pub fn replaces(&self, other: &Issue) -> bool {
        self.kind == other.kind
            && self.area == other.area
            && self.by == other.by
            && self.period == other.period
            && self.edition == other.edition
            && self.review == other.review
            && self.settings == other.settings
    }
}

/// The issues that count: of those that say the same thing, the latest. They keep their order.
pub fn latest(issues: &[(u64, Issue)]) -> Vec<&(u64, Issue)> {
    let replaced = |at: usize| {
        issues[at + 1..]
            .iter()
            .any(|(_, later)| later.replaces(&issues[at].1))
    };
    let counts = (0..issues.len()).filter(|at| !replaced(*at));
    counts.map(|at| &issues[at]).collect()
}

/// An item that would be said otherwise now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub item: &'static str,
    /// As published.
    pub old: Option<String>,
    /// As computed now.
    pub new: Option<String>,
    /// New less old, when both are numbers.
    pub change: Option<Decimal>,
}

/// Items whose values differ, in the order they were published.
pub fn differences(published: &[Figure], now: &[Figure]) -> Vec<Difference> {
    let value = |figures: &[Figure], item: &str| {
        let own = figures.iter().find(|figure| figure.item == item);
        own.and_then(|figure| figure.value.clone())
    };
    let difference = |figure: &Figure| {
        let (old, new) = (figure.value.clone(), value(now, figure.item));
        (old != new).then(|| Difference {
            item: figure.item,
            change: change(old.as_deref(), new.as_deref()),
            old,
            new,
        })
    };
    published.iter().filter_map(difference).collect()
}

fn change(old: Option<&str>, new: Option<&str>) -> Option<Decimal> {
    let number = |text: &str| Amount::parse(text).ok().map(Exact::amount);
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, part)| part.len());
    let (old, new) = (old?, new?);
    let places = u32::try_from(decimals(old).max(decimals(new))).ok()?;
    Some(number(new)?.minus(&number(old)?).round(places))
}

/// Names of published items, the pollutants' means and percentiles in report order.
const MEANS: [&str; 6] = ["pm25", "pm10", "so2", "no2", "co", "o3_8h"];
const PERCENTILES: [&str; 6] = [
    "pm25_percentile",
    "pm10_percentile",
    "so2_percentile",
    "no2_percentile",
    "co_percentile",
    "o3_percentile",
];
/// Items that no pollutant's name begins.
const OTHERS: [&str; 9] = [
    "aqi",
    "primary",
    "valid_days",
    "good_days",
    "heavy_days",
    "good_day_ratio",
    "composite_index",
    "pm25_yoy_pct",
    "good_day_ratio_yoy_pp",
];

/// The names of all items.
pub fn items() -> impl Iterator<Item = &'static str> {
    let all = MEANS.iter().chain(&PERCENTILES).chain(&OTHERS);
    all.copied()
}

/// The item of a name, or `None` when there is no such item.
pub fn item(name: &str) -> Option<&'static str> {
    items().find(|item| *item == name)
}

/// The pollutant an item is about; `None` when all of them enter.
pub fn pollutant_of(item: &str) -> Option<Pollutant> {
    if item == "pm25_yoy_pct" {
        return Some(Pollutant::Pm25);
    }
    let own = |names: &[&str; 6]| names.iter().position(|name| *name == item);
    let at = own(&MEANS).or_else(|| own(&PERCENTILES))?;
    Some(Pollutant::ALL[at])
}

/// Whether an exclusion takes anything out of an item.
pub fn is_excluded_from(item: &str, exclusion: &Exclusion) -> bool {
    let statistic = match item {
        "composite_index" => Excluded::Composite,
        "pm25_yoy_pct" => Excluded::Mean,
        _ if PERCENTILES.contains(&item) => Excluded::Percentile,
        _ if MEANS.contains(&item) => Excluded::Mean,
        _ => Excluded::GoodDays,
    };
    let of_item = pollutant_of(item).is_none_or(|own| exclusion.pollutants.contains(&own));
    of_item && exclusion.statistics.contains(&statistic)
}

/// Whether the year before enters an item.
pub fn is_year_on_year(item: &str) -> bool {
    item.contains("_yoy_")
}

fn figure(item: &'static str, value: Option<String>) -> Figure {
    Figure { item, value }
}

fn decimals(edition: &Edition, publication: &Publication, pollutant: Pollutant) -> u32 {
    let index = pollutant.index();
    publication.decimals[index].unwrap_or(edition.decimals[index])
}

/// The figures of a period, as the area prints them.
pub fn figures_of_period(
    edition: &Edition,
    publication: &Publication,
    assessment: &Assessment,
    yoy: Option<&YearOnYear>,
) -> Vec<Figure> {
    let text = |value: Option<Decimal>| value.map(|value| value.to_string());
    let mut figures = vec![figure(MEANS[0], text(assessment.pm25.published))];
    for pollutant in Pollutant::ALL {
        let index = pollutant.index();
        let decimals = decimals(edition, publication, pollutant);
        let round = |own: &Statistic| own.value.round(decimals);
        let own = &assessment.pollutants[index];
        // CO and O3 are judged by their percentile alone.
        let by_mean = !matches!(pollutant, Pollutant::Pm25 | Pollutant::Co | Pollutant::O3);
        if by_mean {
            figures.push(figure(MEANS[index], text(own.mean.as_ref().map(round))));
        }
        let percentile = own.percentile.as_ref().map(round);
        figures.push(figure(PERCENTILES[index], text(percentile)));
    }
    let days = assessment.days;
    figures.extend([
        figure("valid_days", Some(days.valid.to_string())),
        figure("good_days", Some(days.good.to_string())),
        figure("heavy_days", Some(days.heavy.to_string())),
        figure("good_day_ratio", text(days.ratio())),
        figure("composite_index", text(assessment.composite.value)),
        figure(
            "pm25_yoy_pct",
            text(yoy.and_then(|yoy| yoy.pm25_pct).map(Percent::number)),
        ),
        figure(
            "good_day_ratio_yoy_pp",
            text(
                yoy.and_then(|yoy| yoy.good_day_ratio_pp)
                    .map(Points::number),
            ),
        ),
    ]);
    figures
}

/// The figures of a day, as the area prints them.
pub fn figures_of_day(edition: &Edition, publication: &Publication, day: &AreaDay) -> Vec<Figure> {
    let index = &day.index;
    let labels: Vec<&str> = index.primary.iter().map(|own| own.label()).collect();
    let mut figures = vec![
        figure("aqi", index.aqi.map(|aqi| aqi.to_string())),
        figure("primary", (!labels.is_empty()).then(|| labels.join("|"))),
    ];
    for pollutant in Pollutant::ALL {
        let value = day.values.values[pollutant.index()].as_ref();
        let printed = value.map(|value| value.round(decimals(edition, publication, pollutant)));
        let text = printed.map(|value| value.to_string());
        figures.push(figure(MEANS[pollutant.index()], text));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(text: &'static str) -> Vec<Figure> {
        let one = |word: &'static str| {
            let (name, value) = word.split_once('=').expect("item=value");
            let value = (value != "-").then(|| value.to_owned());
            figure(item(name).expect("an item"), value)
        };
        text.split_whitespace().map(one).collect()
    }

    fn check(published: &'static str, now: &'static str, expected: &str) {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let found: Vec<String> = differences(&figures(published), &figures(now))
            .iter()
            .map(|own| {
                let change = own.change.map(|change| format!(" ({change})"));
                let (old, new) = (text(&own.old), text(&own.new));
                format!("{} {old}>{new}{}", own.item, change.unwrap_or_default())
            })
            .collect();
        assert_eq!(found.join(", "), expected, "{published} / {now}");
    }

    #[test]
    fn only_items_said_otherwise_are_listed() {
        check("pm25=40.7 good_days=145", "pm25=40.7 good_days=145", "");
        check("pm25=40.7", "pm25=40.8", "pm25 40.7>40.8 (0.1)");
        check("pm25=40.7", "pm25=-", "pm25 40.7>-");
        check("pm25=-", "pm25=0", "pm25 ->0");
        check("good_days=145", "good_days=144", "good_days 145>144 (-1)");
        check("primary=PM2.5", "primary=PM10", "primary PM2.5>PM10");
        check("aqi=90", "pm25=1", "aqi 90>-");
    }

    #[test]
    fn every_item_knows_its_pollutant() {
        for (name, expected) in [
            ("pm25", Some(Pollutant::Pm25)),
            ("o3_percentile", Some(Pollutant::O3)),
            ("pm25_yoy_pct", Some(Pollutant::Pm25)),
            ("good_days", None),
            ("composite_index", None),
        ] {
            assert_eq!(pollutant_of(name), expected, "{name}");
        }
        assert_eq!(item("pm2.5"), None);
    }
}
