//! Everything a page shows, as plain values in the language asked for. Whoever fills it has done the arithmetic;
//! the page rounds nothing and judges nothing.
//!
//! Figures are texts, printed as published; a picture reads its position from the same text, so the two
//! cannot differ.

use chrono::NaiveDate;

use crate::adapters::chart::calendar::DayCell;
use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::chart::palette::CreditTier;
use crate::adapters::http::page::unit::UnitView;
use crate::adapters::lang::Lang;
use crate::domain::reading::Review;
use crate::domain::registry::Item;
use crate::domain::registry::StationClass;

/// Most enterprises on one page of the list.
pub const ENTERPRISES_PER_PAGE: usize = 20;

/// The dashboard of one area and year.
#[derive(Clone, Debug, PartialEq)]
pub struct DashboardView {
    /// Language of the page.
    pub lang: Lang,
    /// The area shown.
    pub area: Choice,
    /// Every area that can be chosen.
    pub areas: Vec<Choice>,
    /// The year shown.
    pub year: i32,
    /// Every year that can be chosen.
    pub years: Vec<i32>,
    /// What the figures rest on.
    pub basis: Basis,
    /// Whether any reading behind the air figures is simulated.
    pub simulated: bool,
    /// Whether area and year are the default ones, which the page then says.
    pub default_note: bool,
    /// Mean PM2.5 so far.
    pub pm25: Progress,
    /// Good-day ratio so far.
    pub ratio: Ratio,
    /// The newest day with data.
    pub day: Option<DayCard>,
    /// Days of the year for the calendar.
    pub calendar: Vec<DayCell>,
    /// Monthly PM2.5, January to December; months to come may be left out.
    pub months: Vec<MonthValue>,
    /// Daily PM2.5 in order, void days included.
    pub days: Vec<DayValue>,
    /// Stations that are silent, by name, each with when it was last seen.
    pub silent: Vec<(String, String)>,
    /// Stations of the area.
    pub stations: Vec<StationRow>,
    /// Figures published earlier, beside ours.
    pub published: Vec<PublishedRow>,
    /// Spread over the credit tiers.
    pub tiers: TierSpread,
    /// One page of enterprises, at most [`ENTERPRISES_PER_PAGE`].
    pub enterprises: Vec<EnterpriseRow>,
    /// Key after which the next page of enterprises begins; `None` on the last.
    pub enterprises_next: Option<String>,
    /// Whether this is not the first page of enterprises.
    pub enterprises_later: bool,
    /// Where a reading can be sent, for the ready-made command line.
    pub publish: PublishHint,
}

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The key used in addresses, such as `group:jiangyin`.
    pub id: String,
    /// The name shown.
    pub name: String,
}

/// What figures rest on; printed beside every one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Key of the edition, such as `2012`.
    pub edition_id: String,
    /// Its name, such as `GB 3095-2012`.
    pub edition_name: String,
    /// Offset of hours and days, such as `+08:00`.
    pub zone: String,
    /// Whether the readings are as received or as reviewers left them.
    pub review: Review,
    /// Up to when what was known counts, as text with offset.
    pub known_at: String,
    /// Newest day with data.
    pub newest: Option<NaiveDate>,
}

/// A figure so far and what it is measured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The published figure; `None` when void.
    pub value: Option<String>,
    /// Why it is void, in words.
    pub void_reason: Option<String>,
    /// What it is measured against, the most binding first.
    pub against: Vec<Against>,
    /// Days that count.
    pub valid_days: u32,
    /// Days of the calendar so far.
    pub calendar_days: u32,
    /// Change against the year before as published, with sign and unit.
    pub yoy: Option<String>,
    /// The same without or with excluded days, where any concern it: which side the figure is, then the other side.
    pub excluded: Vec<String>,
}

/// One thing a figure is measured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// The value, as its document prints it.
    pub value: String,
    /// Whether the figure so far keeps it; `None` when that cannot be said.
    pub met: Option<bool>,
    /// Limit or target, and whose.
    pub kind: AgainstKind,
}

/// Whose limit or target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgainstKind {
    /// The class II annual limit of the edition in force on the day.
    ClassLimit,
    /// A target of this area.
    Target {
        /// Its id.
        id: String,
        /// The year it was set for.
        year: i32,
        /// Whether that year is over.
        expired: bool,
        /// Who set it.
        issuer: String,
        /// In which document.
        document: String,
        /// What the rest of the year must be and may bring, a sentence each.
        pacing: Vec<String>,
    },
}

/// The good-day ratio with what void days leave open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// The ratio in percent.
    pub progress: Progress,
    /// The ratio were every void day bad, and were every one good.
    pub bounds: Option<(String, String)>,
    /// Good days.
    pub good_days: u32,
    /// Heavily polluted days or worse.
    pub heavy_days: u32,
    /// Void days.
    pub void_days: u32,
}

/// One day in large print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCard {
    /// The day.
    pub day: NaiveDate,
    /// Index and level; `None` when void.
    pub aqi: Option<(u16, AqiLevel)>,
    /// What set it.
    pub primary: Vec<String>,
    /// PM2.5 of the day as published.
    pub pm25: Option<String>,
    /// Why it is void, in words.
    pub void_reason: Option<String>,
}

/// PM2.5 of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthValue {
    /// 1 to 12.
    pub month: u32,
    /// As published; `None` when void.
    pub value: Option<String>,
    /// Days that count.
    pub valid_days: u32,
}

/// PM2.5 of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayValue {
    /// The day.
    pub day: NaiveDate,
    /// As published; `None` when void.
    pub value: Option<String>,
}

/// A station of the area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationRow {
    /// Its code.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Kind of point.
    pub class: StationClass,
    /// Time of the last reading, with offset.
    pub last_time: Option<String>,
    /// Last hourly PM2.5.
    pub pm25: Option<String>,
    /// Index and level of the newest day.
    pub day_aqi: Option<(u16, AqiLevel)>,
    /// Valid days this year.
    pub valid_days: u32,
    /// Whether its readings are simulated.
    pub simulated: bool,
}

/// A figure published earlier beside ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedRow {
    /// Such as `2020-H1`.
    pub period: String,
    /// What about.
    pub item: Item,
    /// As printed then, with its unit.
    pub published: String,
    /// Change against the year before as printed then.
    pub published_yoy: Option<String>,
    /// Ours, with its unit; `None` when we lack the data.
    pub ours: Option<String>,
    /// Whether both are equal as printed; `None` when ours is missing.
    pub matches: Option<bool>,
    /// Where it was printed.
    pub source: String,
}

/// Spread of enterprises over the tiers, by our own computation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierSpread {
    /// Enterprises of each computed tier.
    pub counts: Vec<(CreditTier, u32)>,
    /// The day it holds for.
    pub on: NaiveDate,
    /// The rulebook.
    pub rulebook: String,
    /// Whether any of them is an invented example.
    pub examples: bool,
}

/// A tier on the province's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficialTier {
    /// The tier.
    pub tier: CreditTier,
    /// The day the list holds for.
    pub as_of: NaiveDate,
    /// Which list.
    pub source: String,
    /// The site it speaks of, where that decides for the whole unit.
    pub site: Option<String>,
}

/// The next change of a computed tier, should nothing be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextChange {
    /// First day of it.
    pub on: NaiveDate,
    /// The score then.
    pub score: i32,
    /// The tier then.
    pub tier: CreditTier,
}

/// An enterprise in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnterpriseRow {
    /// Unified social credit code.
    pub uscc: String,
    /// Its name.
    pub name: String,
    /// Computed tier.
    pub computed: CreditTier,
    /// Computed score; `None` when unrated.
    pub score: Option<i32>,
    /// Next change of the computed tier.
    pub next_change: Option<NextChange>,
    /// Official tier, from the province's list and nowhere else.
    pub official: Option<OfficialTier>,
    /// Whether it is an invented example.
    pub example: bool,
}

/// One enterprise with the reasons of its tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnterpriseView {
    /// Language of the page.
    pub lang: Lang,
    /// As in the list.
    pub row: EnterpriseRow,
    /// Line of business.
    pub industry: String,
    /// Town or sub-district.
    pub town: String,
    /// The day the computed tier holds for.
    pub on: NaiveDate,
    /// Up to when what was known counts.
    pub known_at: String,
    /// The rulebook.
    pub rulebook: String,
    /// Weakest mark among what the tier rests on.
    pub confidence: String,
    /// What makes up the score.
    pub reasons: Vec<ReasonRow>,
    /// What stands under it.
    pub unit: UnitView,
}

/// One entry that counts towards a score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonRow {
    /// What is told of it; nothing since its repair.
    pub shown: Option<ReasonShown>,
    /// Points, with their sign.
    pub points: i32,
    /// How sure the rulebook is of the number.
    pub confidence: String,
}

/// An entry as the public may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonShown {
    /// Id of the record or bonus.
    pub id: String,
    /// Code of the rulebook.
    pub code: String,
    /// What the code means.
    pub meaning: String,
    /// First day it counts.
    pub start: NaiveDate,
    /// First day it no longer counts; open when `None`.
    pub end: Option<NaiveDate>,
}

/// Where a reading can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishHint {
    /// Host of the MQTT endpoint.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// A whole topic, such as `skytier/v1/stations/Dongsi/readings`.
    pub topic: String,
    /// A whole hour for the example, with offset.
    pub time: String,
}
