//! Figures of other areas, as published elsewhere, to be ranked with.

use crate::domain::registry::Names;
use crate::domain::units::Amount;

/// What areas are ranked by: the level of a figure, or its change against the year before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RankItem {
    /// Composite index.
    CompositeIndex,
    /// Its change, percent.
    CompositeChangePct,
    /// Mean PM2.5, ug/m3.
    Pm25Mean,
    /// Its change, percent.
    Pm25ChangePct,
    /// Mean PM10, ug/m3.
    Pm10Mean,
    /// Mean SO2, ug/m3.
    So2Mean,
    /// Mean NO2, ug/m3.
    No2Mean,
    /// Percentile of CO, mg/m3.
    CoP95,
    /// Percentile of the daily ozone 8 h maxima, ug/m3.
    O3P90,
    /// Good-day ratio, percent.
    GoodDayRatio,
    /// Its change, percentage points.
    GoodDayRatioChangePp,
    /// Good days.
    GoodDays,
    /// Heavily polluted days.
    HeavyDays,
}

impl RankItem {
    /// Every item.
    pub const ALL: [Self; 13] = [
        Self::CompositeIndex,
        Self::CompositeChangePct,
        Self::Pm25Mean,
        Self::Pm25ChangePct,
        Self::Pm10Mean,
        Self::So2Mean,
        Self::No2Mean,
        Self::CoP95,
        Self::O3P90,
        Self::GoodDayRatio,
        Self::GoodDayRatioChangePp,
        Self::GoodDays,
        Self::HeavyDays,
    ];

    /// The word used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::CompositeIndex => "composite_index",
            Self::CompositeChangePct => "composite_change_pct",
            Self::Pm25Mean => "pm25_mean",
            Self::Pm25ChangePct => "pm25_change_pct",
            Self::Pm10Mean => "pm10_mean",
            Self::So2Mean => "so2_mean",
            Self::No2Mean => "no2_mean",
            Self::CoP95 => "co_p95",
            Self::O3P90 => "o3_p90",
            Self::GoodDayRatio => "good_day_ratio",
            Self::GoodDayRatioChangePp => "good_day_ratio_change_pp",
            Self::GoodDays => "good_days",
            Self::HeavyDays => "heavy_days",
        }
    }

    /// From the interface word.
    ///
    /// # Errors
    /// Naming the words there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|item| item.key() == text);
        found.ok_or_else(|| {
            let text: String = text.chars().take(40).collect();
            let known = Self::ALL.map(Self::key).join(", ");
            format!("{text:?} is not one of {known}")
        })
    }

    /// Whether the lower figure has the better rank.
    pub const fn lower_is_better(self) -> bool {
        !matches!(
            self,
            Self::GoodDayRatio | Self::GoodDayRatioChangePp | Self::GoodDays
        )
    }

    /// The item that is the change of this one, where areas are ranked by it.
    pub const fn change(self) -> Option<Self> {
        match self {
            Self::CompositeIndex => Some(Self::CompositeChangePct),
            Self::Pm25Mean => Some(Self::Pm25ChangePct),
            Self::GoodDayRatio => Some(Self::GoodDayRatioChangePp),
            _ => None,
        }
    }
}

/// One figure of another area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Division code of the area, six digits or more; the order within a tie.
    pub division_code: String,
    /// Display names.
    pub names: Names,
    /// Period label, such as `2020-H1`.
    pub period: String,
    /// What about.
    pub item: RankItem,
    /// The printed value.
    pub value: Amount,
    /// The edition it stands under.
    pub edition: String,
    /// Where it was printed.
    pub source: String,
}

impl Peer {
    /// What tells it from every other figure.
    pub fn identity(&self) -> (&str, &str, &str, &str) {
        let item = self.item.key();
        (&self.period, &self.division_code, item, &self.edition)
    }
}

/// Whether a text is a division code: six to twelve digits.
pub fn is_division_code(text: &str) -> bool {
    (6..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
