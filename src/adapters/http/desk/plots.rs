//! Fills one chart by itself: what a page would place, computed alone.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::adapters::chart::Size;
use crate::adapters::chart::calendar;
use crate::adapters::chart::heat;
use crate::adapters::chart::map;
use crate::adapters::chart::palette::CreditTier;
use crate::adapters::chart::progress;
use crate::adapters::chart::rose;
use crate::adapters::chart::tiers;
use crate::adapters::chart::trend;
use crate::adapters::chart::years;
use crate::adapters::http::credit_view;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::heat::heat as heat_of;
use crate::adapters::http::desk::rose::rose as rose_of;
use crate::adapters::http::desk::targets;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::calendar::years_picture;
use crate::adapters::http::page::pictures;
use crate::adapters::http::page::targets::good_day_fan;
use crate::adapters::http::page::targets::pm25_fan;
use crate::adapters::http::page::view::DashboardView;
use crate::adapters::http::page::view::Progress;
use crate::adapters::http::page::view::Ratio;
use crate::adapters::http::page::view::TierSpread;
use crate::adapters::http::state::WebState;

/// A kind of chart, by its name in addresses and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mean PM2.5 so far against limit and target.
    Pm25,
    /// Good-day ratio so far against its targets.
    Ratio,
    /// A year of AQI days.
    Calendar,
    /// All years of AQI days.
    Years,
    /// PM2.5 by month.
    Months,
    /// PM2.5 by day.
    Days,
    /// PM2.5 by hour of the day and month.
    Hours,
    /// PM2.5 by direction and speed of the wind.
    Rose,
    /// PM2.5 and ozone by month.
    Both,
    /// Stations against one another by month.
    Compared,
    /// The area's stations where they lie.
    Map,
    /// The mean so far and where the year may end.
    Outlook,
    /// The good-day ratio so far and where the year may end.
    OutlookRatio,
    /// How enterprises spread over the tiers.
    Tiers,
}

impl Kind {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Pm25, "pm25"),
        (Self::Ratio, "ratio"),
        (Self::Calendar, "calendar"),
        (Self::Years, "years"),
        (Self::Months, "months"),
        (Self::Days, "days"),
        (Self::Hours, "hours"),
        (Self::Rose, "rose"),
        (Self::Both, "both"),
        (Self::Compared, "compared"),
        (Self::Map, "map"),
        (Self::Outlook, "outlook"),
        (Self::OutlookRatio, "outlook-ratio"),
        (Self::Tiers, "tiers"),
    ];

    /// The kind of that name.
    ///
    /// # Errors
    /// In words, with the names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(_, own)| *own == name);
        found.map(|(kind, _)| kind).ok_or_else(|| {
            let name: String = name.chars().take(40).collect();
            let names: Vec<&str> = Self::ALL.iter().map(|(_, own)| *own).collect();
            format!("{name:?}: no such chart; there are {}", names.join(", "))
        })
    }
}

/// One chart as SVG text.
///
/// # Errors
/// An area that does not exist, a year without it, or those of the store.
pub async fn plot(state: &WebState, kind: Kind, wish: Wish, size: Size) -> Result<String, Problem> {
    match kind {
        Kind::Hours => Ok(heat::render(&heat_of(state, wish).await?, size)),
        Kind::Rose => Ok(rose::render(&rose_of(state, wish).await?, size)),
        Kind::Outlook | Kind::OutlookRatio => {
            let on = wish
                .year
                .and_then(|year| NaiveDate::from_ymd_opt(year, 12, 31));
            let newest = Desk::open(state, &wish).await?.newest;
            let on = on.map(|on| newest.map_or(on, |newest| on.min(newest)));
            let view = targets(state, wish, on).await?;
            let chart = match kind {
                Kind::Outlook => pm25_fan(&view),
                _ => good_day_fan(&view),
            };
            Ok(trend::render(&chart, size))
        }
        other => {
            let desk = Desk::open(state, &wish).await?;
            state.compute(|| desk.plot(other, &wish, size)).await
        }
    }
}

impl Desk<'_> {
    fn plot(&self, kind: Kind, wish: &Wish, size: Size) -> Result<String, Problem> {
        let figures = matches!(kind, Kind::Pm25 | Kind::Ratio | Kind::Months | Kind::Days);
        let mut view = self.bare(figures);
        Ok(match kind {
            Kind::Pm25 => progress::render(&pictures::pm25(&view), size),
            Kind::Ratio => progress::render(&pictures::ratio(&view), size),
            Kind::Calendar => {
                if self.newest_of_year.is_some() {
                    view.calendar = self.kept_year(self.span).days;
                }
                calendar::render(&pictures::calendar(&view), size)
            }
            Kind::Years => years::render(&years_picture(&self.calendar_view()), size),
            Kind::Months => {
                view.months = self.months();
                trend::render(&pictures::months(&view), size)
            }
            Kind::Days => {
                view.days = self.year_values();
                trend::render(&pictures::days(&view), size)
            }
            Kind::Both => trend::render(&self.both_chart(&self.year_months()), size),
            Kind::Compared => {
                let (_, chart) = self.compared().ok_or_else(|| {
                    Problem::bad(
                        "area",
                        "a group is expected: one station has nothing to be compared with",
                    )
                })?;
                trend::render(&chart, size)
            }
            Kind::Map => map::render(&self.map(&self.station_rows()), size),
            Kind::Tiers => {
                view.tiers = credit_view::spread(self.state, self.tiers_on(wish.year)?)?;
                tiers::render(&pictures::tiers(&view), size)
            }
            Kind::Hours | Kind::Rose | Kind::Outlook | Kind::OutlookRatio => {
                unreachable!("these load more, and were drawn before")
            }
        })
    }

    /// The day on which tiers are counted: the last of the year asked for that is not ahead.
    fn tiers_on(&self, year: Option<i32>) -> Result<NaiveDate, Problem> {
        let today = self.state.zone.local(self.state.now()).date_naive();
        let Some(year) = year else { return Ok(today) };
        if year > today.year() {
            return Err(Problem::bad(
                "year",
                format!("{year} is ahead; tiers are known up to {today}"),
            ));
        }
        let last = NaiveDate::from_ymd_opt(year, 12, 31);
        Ok(last.unwrap_or(today).min(today))
    }

    /// The dashboard with its two figures, if they are needed, and nothing else.
    fn bare(&self, figures: bool) -> DashboardView {
        let nothing = Progress {
            value: None,
            void_reason: None,
            against: Vec::new(),
            valid_days: 0,
            calendar_days: 0,
            yoy: None,
            excluded: Vec::new(),
        };
        let mut pm25 = nothing.clone();
        let mut ratio = Ratio {
            progress: nothing,
            bounds: None,
            good_days: 0,
            heavy_days: 0,
            void_days: 0,
        };
        if figures {
            let report = self.report();
            let other = self.other_paces();
            let edition = self.edition(&report.assessment.edition);
            pm25 = self.pm25(&report, edition, other.as_ref());
            ratio = self.ratio(&report, other.as_ref());
        }
        let edition = self.assessor.editions.on(self.span.to);
        DashboardView {
            lang: self.lang,
            area: self.choice(&self.area),
            areas: Vec::new(),
            year: self.year,
            years: Vec::new(),
            basis: self.basis(edition),
            simulated: self.assessor.simulated(&self.area, self.span),
            default_note: false,
            pm25,
            ratio,
            day: None,
            calendar: Vec::new(),
            months: Vec::new(),
            days: Vec::new(),
            silent: Vec::new(),
            stations: Vec::new(),
            published: Vec::new(),
            tiers: TierSpread {
                counts: Vec::<(CreditTier, u32)>::new(),
                on: self.span.to,
                rulebook: String::new(),
                examples: false,
            },
            enterprises: Vec::new(),
            enterprises_next: None,
            enterprises_later: false,
            publish: self.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn every_kind_has_one_name_that_leads_back() {
        for (kind, name) in Kind::ALL {
            assert_eq!(Kind::parse(name), Ok(kind));
        }
        let fault = Kind::parse("pie").expect_err("there is none");
        assert!(
            fault.contains("\"pie\"") && fault.contains("outlook-ratio"),
            "{fault}"
        );
    }
}
