//! Fills the pages of stations: where they lie and how they rank, and one station with its gaps, findings and decisions.

use serde_json::Value;

use crate::adapters::chart::Size;
use crate::adapters::chart::map;
use crate::adapters::chart::map::MapChart;
use crate::adapters::chart::map::MapPoint;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::aqi_of;
use crate::adapters::http::desk::name;
use crate::adapters::http::desk::station_tables::ROWS_MAX;
use crate::adapters::http::desk::station_tables::columns;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::frame::watermark;
use crate::adapters::http::page::pictures::position;
use crate::adapters::http::page::sheet::Block;
use crate::adapters::http::page::sheet::Cell;
use crate::adapters::http::page::sheet::Part;
use crate::adapters::http::page::sheet::Sheet;
use crate::adapters::http::page::sheet::Table;
use crate::adapters::http::page::tables::class_name;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::state::WebState;
use crate::adapters::report::gaps as gap_shapes;
use crate::adapters::report::qc as qc_shapes;
use crate::adapters::words;
use crate::domain::area::AreaDay;
use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Span;
use crate::domain::gaps::Gap;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::ranking::Contender;
use crate::domain::ranking::ranks;
use crate::domain::reading::Pick;
use crate::domain::reading::Review;
use crate::domain::registry::Station;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::area::Area;
use crate::flow::assess::EditionChoice;
use crate::flow::corrections::Correction;
use crate::flow::corrections::corrections;
use crate::flow::gaps::GapFault;
use crate::flow::gaps::REPORTS_MAX;
use crate::flow::gaps::Reporting;
use crate::flow::gaps::Reports;
use crate::flow::qc::Judge;
use crate::ports::Range;
use crate::ports::ReplacedQuery;
use crate::ports::StoreError;

/// Days a station's page looks back from its newest one.
pub(super) const DAYS_BACK: i64 = 30;

/// What is known of a station of the area.
pub(super) struct Row<'a> {
    id: SourceId,
    station: Option<&'a Station>,
    mean: Option<Decimal>,
    valid_days: usize,
    newest: Option<AreaDay>,
}

/// Builds the page of an area's stations.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn stations(state: &WebState, wish: Wish) -> Result<Sheet, Problem> {
    let desk = Desk::open(state, &wish).await?;
    Ok(state.compute(|| desk.stations_sheet()).await)
}

/// Builds the page of one station.
///
/// # Errors
/// A station nobody registered, or those of the store.
pub async fn station(state: &WebState, mut wish: Wish, id: &str) -> Result<Sheet, Problem> {
    let id = SourceId::new(id).map_err(|fault| Problem::bad("id", fault))?;
    let registry = state.directory.now();
    if registry.station(&id).is_none() {
        let missing = format!("no station {id}; /stations lists them");
        return Err(Problem::NotFound(missing));
    }
    wish.area = Some(Area::Station(id.clone()));
    let desk = Desk::open(state, &wish).await?;
    let today = state.zone.local(state.now()).date_naive();
    let last = desk.newest.unwrap_or(today);
    let mut span = Span {
        from: last - chrono::TimeDelta::days(DAYS_BACK),
        to: last,
    };
    let reporting = Reporting {
        series: &*state.series,
        attendance: &*state.attendance,
        registry: &registry,
        zone: state.zone,
        now: state.now(),
    };
    let keys = state.series.keys().await?;
    let reported = match reporting.of(&keys, &id, span).await {
        // Of a station that reports every second, the days that are looked at in one go.
        Err(GapFault::TooMany { interval_s, .. }) => {
            let days = REPORTS_MAX * i64::from(interval_s) / DAY_S;
            span.from = last - chrono::TimeDelta::days((days - 2).max(0));
            reporting.of(&keys, &id, span).await?
        }
        reported => reported?,
    };
    let answered = (id.clone(), reported);
    let judge = Judge {
        series: state.series.clone(),
        registry: registry.clone(),
        rules: state.rules,
    };
    let (after, upto) = (state.zone.day_start(span.from), state.zone.day_end(span.to));
    let found = judge.station(&id, after, upto).await?;
    let findings: Vec<Value> = found
        .iter()
        .map(|found| qc_shapes::finding(state.zone, found))
        .collect();
    let corrections = latest_corrections(state, &id, span).await?;
    let gaps = answered.1.as_ref().map(Reports::gaps).unwrap_or_default();
    let days = gap_shapes::days_json(state.zone, &answered);
    let void = answered.1.as_ref().err();
    let void = void.map(|void| words::no_reports(*void, desk.lang).to_owned());
    Ok(desk.station_sheet(
        &id,
        span,
        &Looked {
            gaps,
            days,
            findings,
            corrections,
            void,
        },
    ))
}

/// As many corrections of a station's readings in a span as a table has rows: those that were replaced last.
///
/// # Errors
/// Those of the store.
pub(super) async fn latest_corrections(
    state: &WebState,
    id: &SourceId,
    span: Span,
) -> Result<Vec<Correction>, StoreError> {
    let query = ReplacedQuery {
        source: id.clone(),
        range: Range {
            after: state.zone.day_start(span.from),
            upto: state.zone.day_end(span.to),
            limit: ROWS_MAX,
            ..Range::ALL
        },
        pick: Pick::Latest,
    };
    corrections(&*state.series, query).await
}

/// What was asked of the stores about a station, in the shapes of the interface.
struct Looked {
    gaps: Vec<Gap>,
    days: Value,
    findings: Vec<Value>,
    corrections: Vec<Correction>,
    void: Option<String>,
}

/// Where rows stand by their means: position, whether tied, rank.
fn places(rows: &[Row<'_>]) -> Vec<(usize, bool, usize)> {
    let mut places: Vec<(usize, bool, usize)> = Vec::new();
    let contenders = rows.iter().enumerate().filter_map(|(at, row)| {
        let mean = row.mean?;
        Some(Contender {
            division_code: Some(format!("{at:06}")),
            names: row.station?.names.clone(),
            value: mean.exact(),
            source: None,
        })
    });
    for ranked in ranks(contenders.collect(), true) {
        let at = ranked.area.division_code.and_then(|code| code.parse().ok());
        places.extend(at.map(|at: usize| (at, ranked.tied, ranked.rank)));
    }
    places
}

impl Desk<'_> {
    fn stations_sheet(&self) -> Sheet {
        let words_of = phrases(self.lang);
        let rows = self.station_rows();
        let places = places(&rows);
        let carry = self.carried();
        let cells = rows.iter().enumerate().map(|(at, row)| {
            let place = places.iter().find(|(own, ..)| *own == at);
            self.station_cells(at, row, place.map(|(_, tied, rank)| (*tied, *rank)), &carry)
        });
        let cells: Vec<Vec<Cell>> = cells.collect();
        let chart = self.map(&rows);
        let year = self.year.to_string();
        let mean = fill(words_of.col_year_mean, &[("year", &year)]);
        let heads = [
            (words_of.col_number, false),
            (words_of.col_station, false),
            (words_of.col_class, false),
            (words_of.col_rank, true),
            (mean.as_str(), true),
            (words_of.col_valid_days, true),
            (words_of.col_day_aqi, false),
            (words_of.col_last_time, false),
            (words_of.col_standing, false),
        ];
        Sheet {
            lang: self.lang,
            place: Place::Stations,
            path: "/stations".to_owned(),
            own: self.own_pairs(),
            heading: self.choice(&self.area).name,
            subject: words_of.place_stations.to_owned(),
            choose: Some((self.choice(&self.area), self.areas())),
            basis: Some(self.basis(self.assessor.editions.on(self.span.to))),
            simulated: self.assessor.simulated(&self.area, self.span),
            blocks: vec![
                Block {
                    anchor: "map",
                    title: words_of.map_title.to_owned(),
                    notes: vec![words_of.map_note.to_owned()],
                    parts: vec![Part::Picture {
                        wide: map::render(&chart, Size::Wide),
                        narrow: map::render(&chart, Size::Narrow),
                    }],
                },
                Block {
                    anchor: "ranking",
                    title: words_of.stations_ranked.to_owned(),
                    notes: vec![words_of.stations_ranked_note.to_owned()],
                    parts: vec![Part::Table(Table {
                        columns: columns(&heads),
                        rows: cells,
                        empty: words_of.empty_stations.to_owned(),
                        csv: Some("/v1/registry/stations".to_owned()),
                        folded: false,
                    })],
                },
            ],
        }
    }

    /// What an address carries on beside the language.
    pub(super) fn own_pairs(&self) -> Vec<(&'static str, String)> {
        let mut own = vec![("area", self.area.text())];
        if self.review == Review::Reviewed {
            own.push(("review", self.review.key().to_owned()));
        }
        own
    }

    /// The same with the language, as the end of an address.
    pub(super) fn carried(&self) -> String {
        let mut own = self.own_pairs();
        own.push(("lang", self.lang.key().to_owned()));
        let pairs: Vec<(&str, &str)> = own.iter().map(|(k, v)| (*k, v.as_str())).collect();
        query(&pairs)
    }

    pub(super) fn station_rows(&self) -> Vec<Row<'_>> {
        let members = self.assessor.members(&self.area, self.span.to);
        let at = Pollutant::Pm25.index();
        let edition = self.assessor.editions.on(self.span.to);
        let decimals = self.assessor.publication.decimals[at].unwrap_or(edition.decimals[at]);
        let rows = members.into_iter().map(|id| {
            let own = Area::Station(id.clone());
            let mut days = self
                .assessor
                .days(&own, self.span, &EditionChoice::Auto, self.choices);
            let values = days.iter().filter_map(|day| day.values.values[at].as_ref());
            let mean = Exact::mean(values).map(|mean| mean.round(decimals));
            let valid = days.iter().filter(|day| day.index.aqi.is_some()).count();
            Row {
                station: self.assessor.registry.station(&id),
                id,
                mean,
                valid_days: valid,
                newest: days.pop(),
            }
        });
        rows.collect()
    }

    fn station_cells(
        &self,
        at: usize,
        row: &Row<'_>,
        place: Option<(bool, usize)>,
        carry: &str,
    ) -> Vec<Cell> {
        let words_of = phrases(self.lang);
        let named = row.station.map(|station| name(&station.names, self.lang));
        let named = named.unwrap_or_else(|| row.id.to_string());
        let rank = match place {
            None => "–".to_owned(),
            Some((true, rank)) => fill(words_of.tied, &[("rank", &rank.to_string())]),
            Some((false, rank)) => rank.to_string(),
        };
        let standing = self.state.watch.standing(&row.id);
        let seen = standing.last_seen.map(|at| self.state.zone.text(at));
        let index = row.newest.as_ref().and_then(aqi_of);
        vec![
            Cell::text((at + 1).to_string()),
            Cell::link(
                match named == row.id.as_str() {
                    true => named,
                    false => format!("{named} {}", row.id),
                },
                format!("/stations/{}?{carry}", row.id),
            ),
            Cell::text(
                row.station
                    .map_or("", |station| class_name(station.class, self.lang)),
            ),
            Cell::text(rank),
            Cell::text(
                row.mean
                    .map_or_else(|| words_of.void.to_owned(), |mean| mean.to_string()),
            ),
            Cell::text(row.valid_days.to_string()),
            Cell::text(index.map_or_else(
                || words_of.void.to_owned(),
                |(aqi, level)| format!("{aqi} {}", level.name(self.lang)),
            )),
            Cell::text(seen.as_deref().map_or_else(|| "–".to_owned(), spaced)),
            match standing.silent {
                None => Cell::text(words_of.never_live),
                Some(true) => Cell::verdict(false, words_of.is_silent),
                Some(false) => Cell::verdict(true, words_of.is_heard),
            },
        ]
    }

    pub(super) fn map(&self, rows: &[Row<'_>]) -> MapChart {
        let words_of = phrases(self.lang);
        let points = rows.iter().enumerate().filter_map(|(at, row)| {
            let station = row.station?;
            let aqi = row.newest.as_ref().and_then(aqi_of);
            let said = aqi.map_or_else(
                || words_of.void.to_owned(),
                |(aqi, level)| format!("AQI {aqi} {}", level.name(self.lang)),
            );
            Some(MapPoint {
                longitude: position(&station.longitude.to_string())?,
                latitude: position(&station.latitude.to_string())?,
                number: at + 1,
                aqi,
                text: format!("{} {}: {said}", at + 1, name(&station.names, self.lang)),
            })
        });
        let simulated = self.assessor.simulated(&self.area, self.span);
        MapChart {
            title: words_of.map_title.to_owned(),
            summary: fill(
                words_of.map_summary,
                &[
                    ("area", &self.choice(&self.area).name),
                    ("count", &rows.len().to_string()),
                ],
            ),
            points: points.collect(),
            empty_note: words_of.empty_stations.to_owned(),
            watermark: watermark(simulated, self.lang),
            lang: self.lang,
        }
    }

    fn station_sheet(&self, id: &SourceId, span: Span, looked: &Looked) -> Sheet {
        let station = self.assessor.registry.station(id);
        let named = station.map(|station| name(&station.names, self.lang));
        Sheet {
            lang: self.lang,
            place: Place::Stations,
            path: format!("/stations/{id}"),
            own: self.own_pairs(),
            subject: match named.as_deref() {
                Some(name) if name != id.as_str() => id.to_string(),
                _ => String::new(),
            },
            heading: named.unwrap_or_else(|| id.to_string()),
            choose: None,
            basis: Some(self.basis(self.assessor.editions.on(span.to))),
            simulated: station.is_some_and(|station| station.simulated),
            blocks: self.station_blocks(id, span, looked),
        }
    }

    fn station_blocks(&self, id: &SourceId, span: Span, looked: &Looked) -> Vec<Block> {
        let words_of = phrases(self.lang);
        let (from, to) = (span.from.to_string(), span.to.to_string());
        let over = fill(words_of.month_span, &[("from", &from), ("to", &to)]);
        let csv = |what: &str| {
            let pairs = [("from", from.as_str()), ("to", &to), ("format", "csv")];
            Some(format!("/v1/stations/{id}/{what}?{}", query(&pairs)))
        };
        let mut facts = self.station_facts(id, self.assessor.registry.station(id));
        facts.extend(
            looked
                .void
                .iter()
                .map(|why| (words_of.col_standing.to_owned(), Cell::text(why.clone()))),
        );
        let most = ("most", ROWS_MAX.to_string());
        let latest = [("from", from.as_str()), ("to", &to), (most.0, &most.1)];
        let latest = fill(words_of.corrections_latest, &latest);
        let block = |anchor, title: &str, note: &str, table: Table| Block {
            anchor,
            title: title.to_owned(),
            notes: vec![format!("{over} · {note}")],
            parts: vec![Part::Table(table)],
        };
        let first = fill(words_of.first_rows, &[("most", &ROWS_MAX.to_string())]);
        vec![
            Block {
                anchor: "facts",
                title: words_of.station_facts.to_owned(),
                notes: Vec::new(),
                parts: vec![Part::Facts(facts), Part::Links(self.station_links(id))],
            },
            block(
                "completeness",
                words_of.completeness_title,
                words_of.completeness_note,
                self.completeness_table(&looked.days, csv("completeness")),
            ),
            block(
                "gaps",
                words_of.gaps_title,
                words_of.gaps_note,
                self.gaps_table(&looked.gaps, csv("gaps")),
            ),
            block(
                "qc",
                words_of.qc_title,
                &first,
                self.findings_table(&looked.findings, csv("qc")),
            ),
            Block {
                anchor: "corrections",
                title: words_of.corrections_title.to_owned(),
                notes: vec![words_of.corrections_note.to_owned(), latest],
                parts: vec![Part::Table(self.corrections_table(
                    &looked.corrections,
                    false,
                    Some(format!("/v1/stations/{id}/corrections?format=csv")),
                ))],
            },
            self.rose_block(),
            Block {
                anchor: "decisions",
                title: words_of.decisions_title.to_owned(),
                notes: Vec::new(),
                parts: vec![Part::Table(self.decisions_table(Some(id)))],
            },
        ]
    }

    fn station_facts(&self, id: &SourceId, station: Option<&Station>) -> Vec<(String, Cell)> {
        let words_of = phrases(self.lang);
        let standing = self.state.watch.standing(id);
        let seen = standing.last_seen.map(|at| self.state.zone.text(at));
        let none = || "–".to_owned();
        let mut facts = vec![("ID".to_owned(), Cell::text(id.to_string()))];
        if let Some(own) = station {
            let place = format!("{} E, {} N", own.longitude, own.latitude);
            let interval = own.interval_s.map(|seconds| format!("{seconds} s"));
            facts.extend([
                (
                    words_of.col_class.to_owned(),
                    Cell::text(class_name(own.class, self.lang)),
                ),
                (words_of.coordinates.to_owned(), Cell::text(place)),
                (
                    words_of.interval.to_owned(),
                    Cell::text(interval.unwrap_or_else(none)),
                ),
                (
                    words_of.col_source.to_owned(),
                    Cell::text(words::side(&own.source, self.lang)),
                ),
            ]);
        }
        let chief = self.chief(id);
        let chief = chief.unwrap_or_else(|| words_of.chief_none.to_owned());
        facts.push((words_of.chief.to_owned(), Cell::text(chief)));
        let seen = seen.as_deref().map_or_else(none, spaced);
        facts.push((words_of.col_last_time.to_owned(), Cell::text(seen)));
        facts.push((
            words_of.col_standing.to_owned(),
            match standing.silent {
                None => Cell::text(words_of.never_live),
                Some(true) => Cell::verdict(false, words_of.is_silent),
                Some(false) => Cell::verdict(true, words_of.is_heard),
            },
        ));
        facts
    }

    fn station_links(&self, id: &SourceId) -> Vec<(String, String)> {
        let words_of = phrases(self.lang);
        let area = format!("station:{id}");
        let pairs = [("area", area.as_str()), ("lang", self.lang.key())];
        let carried = query(&pairs);
        vec![
            (
                format!("/calendar?{carried}"),
                words_of.place_calendar.to_owned(),
            ),
            (format!("/year?{carried}"), words_of.place_year.to_owned()),
            (
                format!("/commissioning/{id}?lang={}", self.lang.key()),
                words_of.commissioning_title.to_owned(),
            ),
        ]
    }
}
