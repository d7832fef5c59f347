//! Fills the page of trends: years, months and quarters against the year before, stations against one another, ozone
//! beside PM2.5, hours of the day by month.

use chrono::Datelike;

use crate::adapters::chart::Size;
use crate::adapters::chart::calendar::month_name;
use crate::adapters::chart::trend;
use crate::adapters::chart::trend::LINES_MAX;
use crate::adapters::chart::trend::TrendChart;
use crate::adapters::chart::trend::TrendLine;
use crate::adapters::chart::trend::TrendPoint;
use crate::adapters::chart::trend::TrendStyle;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::heat::heat_of;
use crate::adapters::http::desk::name;
use crate::adapters::http::desk::signed;
use crate::adapters::http::desk::station_tables::columns;
use crate::adapters::http::desk::station_tables::in_unit;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::watermark;
use crate::adapters::http::page::pictures::PM25_UNIT;
use crate::adapters::http::page::pictures::position;
use crate::adapters::http::page::sheet::Block;
use crate::adapters::http::page::sheet::Cell;
use crate::adapters::http::page::sheet::Part;
use crate::adapters::http::page::sheet::Sheet;
use crate::adapters::http::page::sheet::Table;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::state::WebState;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::pollutant::Pollutant;
use crate::flow::area::Area;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::PeriodReport;
use crate::flow::beside::FixedSet;

/// Most stations compared by table.
const STATIONS_MAX: usize = 60;

/// A station's name and its mean PM2.5 by month, as published.
type StationMonths = (String, Vec<Option<String>>);

/// Stations against one another.
pub(super) struct Compared {
    stations: Vec<StationMonths>,
    /// How many there are; not all of them may be listed.
    all: usize,
}

/// The figure of a month, January being 1.
fn of(months: &[Option<String>], month: u32) -> Option<String> {
    let at = usize::try_from(month).unwrap_or(1) - 1;
    months.get(at).cloned().flatten()
}

/// Builds the page of trends.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn trends(state: &WebState, wish: Wish) -> Result<Sheet, Problem> {
    let desk = Desk::open(state, &wish).await?;
    Ok(state.compute(|| desk.trends_sheet()).await)
}

/// Builds the page of a picture's figures: `hours` or `rose`.
///
/// # Errors
/// A picture or an area that does not exist, or those of the store.
pub async fn trend_table(state: &WebState, wish: Wish, which: &str) -> Result<Sheet, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let (path, block) = match which {
        "hours" => ("/trends/hours", desk.heat_table(&heat_of(&desk).await?)),
        "rose" => {
            let rose = desk.rose().await?;
            (
                "/trends/rose",
                desk.rose_table(rose.as_ref().map_err(|reason| *reason)),
            )
        }
        _ => return Err(Problem::NotFound("there are hours and rose".to_owned())),
    };
    Ok(Sheet {
        path: path.to_owned(),
        ..desk.trends_of(vec![block])
    })
}

/// The mean PM2.5 of a report as published.
fn pm25(report: &PeriodReport) -> Option<String> {
    let published = report.assessment.pm25.published;
    published.map(|value| value.to_string())
}

/// The ozone percentile of a report as published.
fn ozone(report: &PeriodReport) -> Option<String> {
    let figure = &report.assessment.pollutants[Pollutant::O3.index()];
    let percentile = figure.percentile.as_ref();
    percentile.map(|own| own.published.to_string())
}

/// The name of a column in micrograms.
fn micrograms(name: &str) -> String {
    in_unit(name, PM25_UNIT)
}

fn percent(change: Option<Percent>) -> Cell {
    let text = change.map(|change| format!("{} %", signed(change.number())));
    Cell::text(text.unwrap_or_else(|| "–".to_owned()))
}

impl Desk<'_> {
    fn reports_of(&self, area: &Area, span: Span, kind: PeriodKind) -> Vec<PeriodReport> {
        let auto = EditionChoice::Auto;
        self.assessor.periods(area, span, kind, &auto, self.choices)
    }

    /// The months of the year.
    pub(super) fn year_months(&self) -> Vec<PeriodReport> {
        self.reports_of(&self.area, self.span, PeriodKind::Month)
    }

    fn trends_sheet(&self) -> Sheet {
        let months = self.year_months();
        let mut blocks = vec![
            self.years_block(),
            self.months_block(&months),
            self.both_block(&months),
            self.quarters_block(),
            self.heat_block(),
            self.rose_block(),
        ];
        blocks.extend(self.compared_block());
        self.trends_of(blocks)
    }

    /// A page of trends of these blocks.
    fn trends_of(&self, blocks: Vec<Block>) -> Sheet {
        let words_of = phrases(self.lang);
        let mut own = self.own_pairs();
        own.push(("year", self.year.to_string()));
        Sheet {
            lang: self.lang,
            place: Place::Trends,
            path: "/trends".to_owned(),
            own,
            heading: self.choice(&self.area).name,
            subject: format!("{} {}", words_of.place_trends, self.year),
            choose: Some((self.choice(&self.area), self.areas())),
            basis: Some(self.basis(self.assessor.editions.on(self.span.to))),
            simulated: self.assessor.simulated(&self.area, self.span),
            blocks,
        }
    }

    /// An address of the same figures as CSV.
    fn figures_csv(&self, span: Span, by: &str) -> Option<String> {
        let (area, from, to) = (self.area.text(), span.from.to_string(), span.to.to_string());
        let pairs = [
            ("area", area.as_str()),
            ("from", &from),
            ("to", &to),
            ("by", by),
            ("format", "csv"),
        ];
        Some(format!("/v1/air/assessment?{}", query(&pairs)))
    }

    fn void(&self, text: Option<String>) -> Cell {
        Cell::text(text.unwrap_or_else(|| phrases(self.lang).void.to_owned()))
    }

    fn years_block(&self) -> Block {
        let words_of = phrases(self.lang);
        let extent = self.assessor.extent(&self.area).unwrap_or(self.span);
        let choices = Choices {
            fixed_set: true,
            ..self.choices
        };
        let auto = EditionChoice::Auto;
        let reports = self
            .assessor
            .periods(&self.area, extent, PeriodKind::Year, &auto, choices);
        let row = |report: &PeriodReport| {
            let own = &report.assessment;
            let yoy = report.yoy.as_ref();
            let points = yoy.and_then(|yoy| yoy.good_day_ratio_pp);
            let points = points.map(Points::number).map(signed);
            let year = own.period.span.from.year().to_string();
            let mut pairs = self.own_pairs();
            pairs.push(("year", year.clone()));
            pairs.push(("lang", self.lang.key().to_owned()));
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let fixed = match &report.beside.fixed_set {
                Some(FixedSet::Figures(_, sides)) => sides.0.pm25.published,
                _ => None,
            };
            let percentile = |pollutant: Pollutant| {
                let figure = own.pollutants[pollutant.index()].percentile.as_ref();
                self.void(figure.map(|figure| figure.published.to_string()))
            };
            vec![
                Cell::link(year, format!("/trends?{}", query(&pairs))),
                self.void(pm25(report)),
                percent(yoy.and_then(|yoy| yoy.pm25_pct)),
                Cell::text(fixed.map_or_else(|| "–".to_owned(), |value| value.to_string())),
                self.void(own.days.ratio().map(|ratio| ratio.to_string())),
                Cell::text(points.unwrap_or_else(|| "–".to_owned())),
                percentile(Pollutant::O3),
                percentile(Pollutant::Pm25),
                percentile(Pollutant::Pm10),
                percentile(Pollutant::No2),
                percentile(Pollutant::Co),
                self.void(own.composite.value.map(|value| value.to_string())),
                Cell::text(self.edition(&own.edition).id.clone()),
            ]
        };
        Block {
            anchor: "years",
            title: words_of.trend_years.to_owned(),
            notes: vec![words_of.trend_years_note.to_owned()],
            parts: vec![Part::Table(Table {
                columns: self.year_heads(),
                rows: reports.iter().rev().map(row).collect(),
                empty: words_of.no_data_yet.to_owned(),
                csv: self.figures_csv(extent, "year"),
                folded: false,
            })],
        }
    }

    fn year_heads(&self) -> Vec<(String, bool)> {
        let words_of = phrases(self.lang);
        columns(&[
            (words_of.year, false),
            (&micrograms(words_of.col_pm25_mean), true),
            (words_of.yoy, true),
            (&micrograms(words_of.col_fixed), true),
            (&in_unit(words_of.ratio_title_plain, "%"), true),
            (words_of.col_points_change, true),
            (&micrograms(words_of.col_o3), true),
            (&micrograms("PM2.5 P95"), true),
            (&micrograms("PM10 P95"), true),
            (&micrograms("NO2 P98"), true),
            (&in_unit("CO P95", Pollutant::Co.unit()), true),
            (words_of.item_composite, true),
            (words_of.edition, false),
        ])
    }

    /// Twelve places of a year, a text each.
    fn twelve(&self, of: impl Fn(u32) -> Option<String>) -> Vec<TrendPoint> {
        let point = |month: u32| {
            let text = of(month);
            TrendPoint {
                name: format!("{}-{month:02}", self.year),
                tick: Some(month_name(month, self.lang)),
                value: text.as_deref().and_then(position),
                text: text.unwrap_or_default(),
            }
        };
        (1..=12).map(point).collect()
    }

    fn chart(&self, title: &str, name: String, points: Vec<TrendPoint>) -> TrendChart {
        let words_of = phrases(self.lang);
        let count = points.iter().filter(|point| point.value.is_some()).count();
        TrendChart {
            title: title.to_owned(),
            summary: fill(
                words_of.trend_summary,
                &[
                    ("area", &self.choice(&self.area).name),
                    ("year", &self.year.to_string()),
                    ("count", &count.to_string()),
                ],
            ),
            name,
            unit: PM25_UNIT.to_owned(),
            style: TrendStyle::Line,
            points,
            more: Vec::new(),
            fan: None,
            rules: Vec::new(),
            empty_note: words_of.no_data_yet.to_owned(),
            watermark: watermark(self.assessor.simulated(&self.area, self.span), self.lang),
            lang: self.lang,
        }
    }

    fn picture(chart: &TrendChart) -> Part {
        Part::Picture {
            wide: trend::render(chart, Size::Wide),
            narrow: trend::render(chart, Size::Narrow),
        }
    }

    /// The months of the years before, newest first, as many as are drawn.
    fn earlier_years(&self) -> Vec<(i32, Vec<PeriodReport>)> {
        let extent = self.assessor.extent(&self.area);
        let first = extent.map_or(self.year, |extent| extent.from.year());
        let earlier: Vec<i32> = (first..self.year).rev().take(LINES_MAX).collect();
        // One answer for all of them, so that no day is worked out twice.
        let whole = |year: i32| {
            chrono::NaiveDate::from_yo_opt(year, 1).map(|day| PeriodKind::Year.containing(day).span)
        };
        let span = earlier.last().zip(earlier.first());
        let span = span.and_then(|(from, to)| {
            Some(Span {
                from: whole(*from)?.from,
                to: whole(*to)?.to,
            })
        });
        let before = span.map(|span| self.reports_of(&self.area, span, PeriodKind::Month));
        let mut years: Vec<(i32, Vec<PeriodReport>)> =
            earlier.into_iter().map(|year| (year, Vec::new())).collect();
        for report in before.into_iter().flatten() {
            let year = report.assessment.period.span.from.year();
            let own = years.iter_mut().find(|(own, _)| *own == year);
            own.expect("a year asked for").1.push(report);
        }
        years
    }

    fn months_block(&self, months: &[PeriodReport]) -> Block {
        let words_of = phrases(self.lang);
        let years = self.earlier_years();
        let of = |reports: &[PeriodReport], month: u32| {
            let own = |report: &&PeriodReport| report.assessment.period.span.from.month() == month;
            reports.iter().find(own).and_then(pm25)
        };
        let line = |(year, reports): &(i32, Vec<PeriodReport>)| TrendLine {
            name: year.to_string(),
            values: (1..=12)
                .map(|month| {
                    let text = of(reports, month)?;
                    Some((position(&text)?, text))
                })
                .collect(),
        };
        let points = self.twelve(|month| of(months, month));
        let mut chart = self.chart(
            words_of.trend_months,
            format!("PM2.5 {}", self.year),
            points,
        );
        chart.more = years.iter().map(line).collect();
        let mut heads = vec![(words_of.col_month.to_owned(), false)];
        heads.push((self.year.to_string(), true));
        heads.extend(years.iter().map(|(year, _)| (year.to_string(), true)));
        heads.push((words_of.yoy.to_owned(), true));
        let row = |month: u32| {
            let mut row = vec![Cell::text(month_name(month, self.lang))];
            row.push(self.void(of(months, month)));
            row.extend(years.iter().map(|(_, own)| self.void(of(own, month))));
            let own = |report: &&PeriodReport| report.assessment.period.span.from.month() == month;
            let yoy = months.iter().find(own).and_then(|own| own.yoy.as_ref());
            row.push(percent(yoy.and_then(|yoy| yoy.pm25_pct)));
            row
        };
        Block {
            anchor: "months",
            title: micrograms(words_of.trend_months),
            notes: vec![words_of.trend_months_note.to_owned()],
            parts: vec![
                Self::picture(&chart),
                Part::Table(Table {
                    columns: heads,
                    rows: (1..=12).map(row).collect(),
                    empty: String::new(),
                    csv: self.figures_csv(self.span, "month"),
                    folded: true,
                }),
            ],
        }
    }

    /// Ozone beside PM2.5, drawn.
    pub(super) fn both_chart(&self, months: &[PeriodReport]) -> TrendChart {
        let words_of = phrases(self.lang);
        let of = |month: u32, figure: fn(&PeriodReport) -> Option<String>| {
            let own = |report: &&PeriodReport| report.assessment.period.span.from.month() == month;
            months.iter().find(own).and_then(figure)
        };
        let points = self.twelve(|month| of(month, pm25));
        let mut chart = self.chart(words_of.both_title, "PM2.5".to_owned(), points);
        chart.more = vec![TrendLine {
            name: words_of.col_o3.to_owned(),
            values: (1..=12)
                .map(|month| {
                    let text = of(month, ozone)?;
                    Some((position(&text)?, text))
                })
                .collect(),
        }];
        chart
    }

    /// Ozone beside PM2.5.
    fn both_block(&self, months: &[PeriodReport]) -> Block {
        let words_of = phrases(self.lang);
        let row = |report: &PeriodReport| {
            let yoy = report.yoy.as_ref();
            let of_ozone = yoy.and_then(|yoy| yoy.pollutants[Pollutant::O3.index()]);
            vec![
                Cell::text(report.assessment.period.label.clone()),
                self.void(pm25(report)),
                percent(yoy.and_then(|yoy| yoy.pm25_pct)),
                self.void(ozone(report)),
                percent(of_ozone),
            ]
        };
        Block {
            anchor: "both",
            title: words_of.both_title.to_owned(),
            notes: vec![words_of.both_note.to_owned()],
            parts: vec![
                Self::picture(&self.both_chart(months)),
                Part::Table(Table {
                    columns: columns(&[
                        (words_of.col_month, false),
                        (&micrograms(words_of.col_pm25_mean), true),
                        (words_of.yoy, true),
                        (&micrograms(words_of.col_o3), true),
                        (words_of.yoy, true),
                    ]),
                    rows: months.iter().map(row).collect(),
                    empty: words_of.no_data_yet.to_owned(),
                    csv: self.figures_csv(self.span, "month"),
                    folded: true,
                }),
            ],
        }
    }

    fn quarters_block(&self) -> Block {
        let words_of = phrases(self.lang);
        let reports = self.reports_of(&self.area, self.span, PeriodKind::Quarter);
        let row = |report: &PeriodReport| {
            let own = &report.assessment;
            let yoy = report.yoy.as_ref();
            vec![
                Cell::text(own.period.label.clone()),
                self.void(pm25(report)),
                percent(yoy.and_then(|yoy| yoy.pm25_pct)),
                self.void(own.days.ratio().map(|ratio| ratio.to_string())),
                self.void(ozone(report)),
                Cell::text(own.days.valid.to_string()),
                Cell::text(own.days.void().to_string()),
            ]
        };
        Block {
            anchor: "quarters",
            title: words_of.trend_quarters.to_owned(),
            notes: Vec::new(),
            parts: vec![Part::Table(Table {
                columns: columns(&[
                    (words_of.col_period, false),
                    (&micrograms(words_of.col_pm25_mean), true),
                    (words_of.yoy, true),
                    (&in_unit(words_of.ratio_title_plain, "%"), true),
                    (&micrograms(words_of.col_o3), true),
                    (words_of.col_valid_days, true),
                    (words_of.col_void_days, true),
                ]),
                rows: reports.iter().map(row).collect(),
                empty: words_of.no_data_yet.to_owned(),
                csv: self.figures_csv(self.span, "quarter"),
                folded: false,
            })],
        }
    }

    /// The area's stations with their months, and the first of them drawn against one another; nothing for a single one.
    pub(super) fn compared(&self) -> Option<(Compared, TrendChart)> {
        let words_of = phrases(self.lang);
        let members = match &self.area {
            Area::Station(_) => return None,
            Area::Group(_) | Area::Mean => self.assessor.members(&self.area, self.span.to),
        };
        let all = members.len();
        let stations: Vec<StationMonths> = members
            .into_iter()
            .take(STATIONS_MAX)
            .map(|id| {
                let station = self.assessor.registry.station(&id);
                let named = station.map(|own| name(&own.names, self.lang));
                let named = named.unwrap_or_else(|| id.to_string());
                (named, self.station_months(&Area::Station(id)))
            })
            .collect();
        let (first, rest) = stations.split_first()?;
        let points = self.twelve(|month| of(&first.1, month));
        let mut chart = self.chart(words_of.compared_title, first.0.clone(), points);
        chart.more = rest
            .iter()
            .take(LINES_MAX)
            .map(|(name, months)| TrendLine {
                name: name.clone(),
                values: (1..=12)
                    .map(|month| {
                        let text = of(months, month)?;
                        Some((position(&text)?, text))
                    })
                    .collect(),
            })
            .collect();
        Some((Compared { stations, all }, chart))
    }

    fn compared_block(&self) -> Option<Block> {
        let words_of = phrases(self.lang);
        let (Compared { stations, all }, chart) = self.compared()?;
        let mut heads = vec![(words_of.col_station.to_owned(), false)];
        heads.extend((1..=12).map(|month| (month_name(month, self.lang), true)));
        let row = |(name, months): &(String, Vec<Option<String>>)| {
            let mut row = vec![Cell::text(name.clone())];
            row.extend((1..=12).map(|month| self.void(of(months, month))));
            row
        };
        let shown = (LINES_MAX + 1).min(all).to_string();
        let (listed, all) = (stations.len().to_string(), all.to_string());
        let counts = [
            ("shown", shown.as_str()),
            ("listed", &listed),
            ("all", &all),
        ];
        Some(Block {
            anchor: "compared",
            title: micrograms(words_of.compared_title),
            notes: vec![fill(words_of.compared_note, &counts)],
            parts: vec![
                Self::picture(&chart),
                Part::Table(Table {
                    columns: heads,
                    rows: stations.iter().map(row).collect(),
                    empty: String::new(),
                    csv: None,
                    folded: true,
                }),
            ],
        })
    }

    /// Mean PM2.5 of a station by month of the year, as published.
    fn station_months(&self, station: &Area) -> Vec<Option<String>> {
        let reports = self.reports_of(station, self.span, PeriodKind::Month);
        reports.iter().map(pm25).collect()
    }
}
