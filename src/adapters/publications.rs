//! Published figures as lines of JSON: one issue a line, in the store and on every interface.
//!
//! The line has a version of its own. A field that a later version adds has a default, so that older lines stay
//! readable; a field nobody knows is refused rather than dropped.

pub mod print;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::Serialize;

use crate::adapters::report;
use crate::domain::aqi::IndexOptions;
use crate::domain::area::AreaOptions;
use crate::domain::area::MinStations;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::assessment::composite::Singles;
use crate::domain::assessment::composite::Weights;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::exclusion::Exclusion;
use crate::domain::exclusion::Place;
use crate::domain::exclusion::Statistic;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::publication::Figure;
use crate::domain::publication::Issue;
use crate::domain::publication::IssueKind;
use crate::domain::publication::IssueSettings;
use crate::domain::publication::Stretch;
use crate::domain::publication::item;
use crate::domain::reading::Review;
use crate::domain::standards::AreaClass;
use crate::domain::units::Amount;
use crate::flow::beside::ExclusionView;

/// Version of the line.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    v: u32,
    kind: String,
    issued_at: i64,
    known_at: i64,
    area: String,
    by: String,
    period: String,
    from: NaiveDate,
    to: NaiveDate,
    edition: String,
    review: String,
    settings: SettingsShape,
    stations: Vec<StationShape>,
    #[serde(default)]
    exclusions: Vec<ExclusionShape>,
    figures: Vec<(String, Option<String>)>,
    text_sha256: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsShape {
    round_first: bool,
    o3_exception: bool,
    o3_1h_item: bool,
    lift_zero: bool,
    area_class: String,
    min_stations: String,
    composite: String,
    composite_weights: String,
    decimals: [Option<u32>; 6],
    #[serde(default = "measured")]
    exclusions: String,
    #[serde(default = "beijing")]
    zone: String,
}

/// What lines without exclusions were made under.
fn measured() -> String {
    ExclusionView::Without.key().to_owned()
}

/// The zone of lines that name none.
fn beijing() -> String {
    Zone::beijing().to_string()
}

/// A decision by which days were left out, as it stood.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExclusionShape {
    id: String,
    place: String,
    from: NaiveDate,
    to: NaiveDate,
    pollutants: Vec<String>,
    statistics: Vec<String>,
    reason: String,
    document: String,
    decided_on: NaiveDate,
    revoked_on: Option<NaiveDate>,
}

impl ExclusionShape {
    fn of(own: &Exclusion) -> Self {
        let pollutants = own.pollutants.iter().map(|one| one.key().to_owned());
        let statistics = own.statistics.iter().map(|one| one.key().to_owned());
        Self {
            id: own.id.clone(),
            place: own.place.to_string(),
            from: own.span.from,
            to: own.span.to,
            pollutants: pollutants.collect(),
            statistics: statistics.collect(),
            reason: own.reason.clone(),
            document: own.document.clone(),
            decided_on: own.decided_on,
            revoked_on: own.revoked_on,
        }
    }

    fn read(self) -> Result<Exclusion, String> {
        let unknown = |field: &str, text: &str| format!("exclusions.{field}: {text:?} is unknown");
        let pollutant = |key: &String| {
            let found = Pollutant::from_key(key);
            found.ok_or_else(|| unknown("pollutants", key))
        };
        let statistic = |key: &String| {
            let found = Statistic::from_key(key);
            found.ok_or_else(|| unknown("statistics", key))
        };
        let pollutants: Result<_, _> = self.pollutants.iter().map(pollutant).collect();
        let statistics: Result<_, _> = self.statistics.iter().map(statistic).collect();
        Ok(Exclusion {
            id: self.id,
            place: Place::parse(&self.place).ok_or_else(|| unknown("place", &self.place))?,
            span: Span::checked(self.from, self.to)
                .map_err(|fault| format!("exclusions.from: {fault}"))?,
            pollutants: pollutants?,
            statistics: statistics?,
            reason: self.reason,
            document: self.document,
            decided_on: self.decided_on,
            revoked_on: self.revoked_on,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StationShape {
    station: String,
    from: NaiveDate,
    to: NaiveDate,
}

impl SettingsShape {
    fn of(settings: &IssueSettings) -> Self {
        let options = &settings.options;
        Self {
            round_first: options.index.round_first,
            o3_exception: options.o3_exception,
            o3_1h_item: options.index.o3_1h_item,
            lift_zero: options.index.lift_zero,
            area_class: options.area_class.key().to_owned(),
            min_stations: options.min_stations.to_string(),
            composite: settings.composite.singles.key().to_owned(),
            composite_weights: settings.composite.weights.key().to_owned(),
            decimals: settings.decimals,
            exclusions: match settings.deducted {
                true => ExclusionView::With.key().to_owned(),
                false => ExclusionView::Without.key().to_owned(),
            },
            zone: settings.zone.to_string(),
        }
    }

    fn read(&self) -> Result<IssueSettings, String> {
        let class = &self.area_class;
        let index = IndexOptions {
            round_first: self.round_first,
            o3_1h_item: self.o3_1h_item,
            lift_zero: self.lift_zero,
        };
        let options = AreaOptions {
            index,
            o3_exception: self.o3_exception,
            area_class: AreaClass::from_key(class)
                .ok_or_else(|| format!("settings.area_class: {class:?} is unknown"))?,
            min_stations: MinStations::parse(&self.min_stations)?,
        };
        Ok(IssueSettings {
            options,
            composite: CompositeOptions {
                singles: Singles::parse(&self.composite)?,
                weights: Weights::parse(&self.composite_weights)?,
            },
            decimals: self.decimals,
            deducted: match ExclusionView::parse(&self.exclusions)? {
                ExclusionView::With => true,
                ExclusionView::Without => false,
                ExclusionView::Both => return Err("settings.exclusions: both is no side".into()),
            },
            zone: Zone::parse(&self.zone)
                .ok_or_else(|| format!("settings.zone: {:?} is no offset", self.zone))?,
        })
    }
}

/// Writes an issue as one line, without a line end.
///
/// # Panics
/// Never: plain structs serialise.
pub fn to_line(issue: &Issue) -> String {
    let station = |own: &Stretch| StationShape {
        station: own.station.to_string(),
        from: own.days.from,
        to: own.days.to,
    };
    let figure = |figure: &Figure| (figure.item.to_owned(), figure.value.clone());
    let shape = Shape {
        v: VERSION,
        kind: issue.kind.key().to_owned(),
        issued_at: issue.issued_at.unix(),
        known_at: issue.known_at.unix(),
        area: issue.area.clone(),
        by: issue.by.key().to_owned(),
        period: issue.period.label.clone(),
        from: issue.period.span.from,
        to: issue.period.span.to,
        edition: issue.edition.clone(),
        review: issue.review.key().to_owned(),
        settings: SettingsShape::of(&issue.settings),
        stations: issue.stations.iter().map(station).collect(),
        exclusions: issue.exclusions.iter().map(ExclusionShape::of).collect(),
        figures: issue.figures.iter().map(figure).collect(),
        text_sha256: issue.text_sha256.clone(),
    };
    serde_json::to_string(&shape).expect("plain structs serialise")
}

/// Reads a line that [`to_line`] wrote.
///
/// # Errors
/// In words, naming the field.
pub fn from_line(line: &str) -> Result<Issue, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    if shape.v != VERSION {
        let found = shape.v;
        return Err(format!("v: {found} is not {VERSION}; use a newer skytier"));
    }
    let unknown = |field: &str, value: &str| format!("{field}: {value:?} is unknown");
    let review = [Review::Raw, Review::Reviewed]
        .into_iter()
        .find(|own| own.key() == shape.review);
    let station = |own: StationShape| {
        let station = SourceId::new(&own.station).map_err(|fault| format!("stations: {fault}"))?;
        let days = Span::checked(own.from, own.to).map_err(|fault| format!("stations: {fault}"))?;
        Ok::<_, String>(Stretch { station, days })
    };
    let figure = |(name, value): (String, Option<String>)| {
        let item = item(&name).ok_or_else(|| unknown("figures", &name))?;
        Ok::<_, String>(Figure { item, value })
    };
    Ok(Issue {
        kind: IssueKind::from_key(&shape.kind).ok_or_else(|| unknown("kind", &shape.kind))?,
        issued_at: Instant::from_unix(shape.issued_at),
        known_at: Instant::from_unix(shape.known_at),
        area: shape.area,
        by: PeriodKind::from_key(&shape.by).ok_or_else(|| unknown("by", &shape.by))?,
        period: Period {
            label: shape.period,
            span: Span::checked(shape.from, shape.to).map_err(|fault| format!("from: {fault}"))?,
        },
        edition: shape.edition,
        review: review.ok_or_else(|| unknown("review", &shape.review))?,
        settings: shape.settings.read()?,
        stations: shape
            .stations
            .into_iter()
            .map(station)
            .collect::<Result<_, _>>()?,
        exclusions: shape
            .exclusions
            .into_iter()
            .map(ExclusionShape::read)
            .collect::<Result<_, _>>()?,
        figures: shape
            .figures
            .into_iter()
            .map(figure)
            .collect::<Result<_, _>>()?,
        text_sha256: shape.text_sha256,
    })
}

/// An issue as an object of the interface.
pub fn issue_json(zone: Zone, number: u64, issue: &Issue) -> serde_json::Value {
    let figures: serde_json::Map<_, _> = issue
        .figures
        .iter()
        .map(|figure| (figure.item.to_owned(), value(figure.value.as_deref())))
        .collect();
    serde_json::json!({
        "id": number,
        "kind": issue.kind.key(),
        "issued_at": zone.text(issue.issued_at),
        "known_at": zone.text(issue.known_at),
        "area": issue.area,
        "by": issue.by.key(),
        "period": issue.period.label,
        "from": issue.period.span.from.to_string(),
        "to": issue.period.span.to.to_string(),
        "edition": issue.edition,
        "review": issue.review.key(),
        "figures": figures,
        "text_sha256": issue.text_sha256,
        "settings": SettingsShape::of(&issue.settings),
        "exclusions": issue.exclusions.iter().map(ExclusionShape::of).collect::<Vec<_>>(),
    })
}

/// A published text as JSON: a number of the same digits, or a string when it is none.
fn value(text: Option<&str>) -> serde_json::Value {
    let read = |text: &str| match Amount::parse(text) {
        Ok(number) => report::amount(number),
        Err(_) => text.into(),
    };
    text.map_or(serde_json::Value::Null, read)
}
