//! Fills the heat map of hours by month, its block and its figures.

use crate::adapters::chart::calendar::month_name;
use crate::adapters::chart::heat::HeatChart;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::frame::watermark;
use crate::adapters::http::page::pictures::PM25_UNIT;
use crate::adapters::http::page::pictures::position;
use crate::adapters::http::page::sheet::Block;
use crate::adapters::http::page::sheet::Cell;
use crate::adapters::http::page::sheet::Part;
use crate::adapters::http::page::sheet::Table;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::state::WebState;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::PeriodKind;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Exact;

/// Hours a cell of the heat map needs: half of a month's days.
const CELL_HOURS_MIN: i64 = 14;
/// Mean PM2.5 of every hour of the day by month of the year.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub(super) async fn heat(state: &WebState, wish: Wish) -> Result<HeatChart, Problem> {
    heat_of(&Desk::open(state, &wish).await?).await
}

pub(super) async fn heat_of(desk: &Desk<'_>) -> Result<HeatChart, Problem> {
    let state = desk.state;
    let mut keys = desk.recipe.series.keys().await?;
    // Nothing else is drawn, so nothing else is read.
    keys.retain(|key| key.factor.as_str() == Pollutant::Pm25.key());
    let of = desk.hours_of(&keys);
    let mut cells = Vec::new();
    // A month at a time: a year of all stations of a nation takes some hundred megabytes.
    for month in PeriodKind::Month.cut(desk.span) {
        let loaded = of
            .loaded_of(&desk.area, month.span, Pollutant::Pm25)
            .await?;
        let of_month = || {
            let hours = of.values_of(&desk.area, month.span, &loaded);
            let cell = |hour: usize| {
                let own = hours.iter().skip(hour).step_by(HOURS_PER_DAY);
                let values: Vec<&Exact> = own.filter_map(|(_, own)| own.as_ref()).collect();
                let enough = i64::try_from(values.len()).is_ok_and(|count| count >= CELL_HOURS_MIN);
                let mean = Exact::mean(values).filter(|_| enough)?;
                let text = mean.round(0).to_string();
                Some((position(&text)?, text))
            };
            std::array::from_fn::<_, HOURS_PER_DAY, _>(cell)
        };
        cells.push(state.compute(of_month).await);
    }
    let words_of = phrases(desk.lang);
    let simulated = desk.assessor.simulated(&desk.area, desk.span);
    Ok(HeatChart {
        title: words_of.heat_title.to_owned(),
        summary: desk.heat_words(),
        unit: format!("PM2.5 {PM25_UNIT}"),
        cells,
        empty_note: words_of.no_data_yet.to_owned(),
        watermark: watermark(simulated, desk.lang),
        lang: desk.lang,
    })
}

impl Desk<'_> {
    fn heat_words(&self) -> String {
        let area = self.choice(&self.area).name;
        let year = self.year.to_string();
        fill(
            phrases(self.lang).heat_summary,
            &[("area", &area), ("year", &year)],
        )
    }

    /// The figures of the heat map.
    pub(super) fn heat_table(&self, chart: &HeatChart) -> Block {
        let words_of = phrases(self.lang);
        let mut heads = vec![(words_of.col_month.to_owned(), false)];
        heads.extend((1..=HOURS_PER_DAY).map(|hour| (format!("{hour:02}"), true)));
        let row = |(at, hours): (u32, &[Option<(f64, String)>; HOURS_PER_DAY])| {
            let mut row = vec![Cell::text(month_name(at, self.lang))];
            let text = |own: &Option<(f64, String)>| own.as_ref().map(|(_, text)| text.clone());
            row.extend(
                hours
                    .iter()
                    .map(|own| Cell::text(text(own).unwrap_or_else(|| "–".to_owned()))),
            );
            row
        };
        Block {
            anchor: "table",
            title: format!("{} ({PM25_UNIT})", words_of.heat_title),
            notes: vec![self.heat_words(), words_of.heat_note.to_owned()],
            parts: vec![Part::Table(Table {
                columns: heads,
                rows: (1..).zip(&chart.cells).map(row).collect(),
                empty: words_of.no_data_yet.to_owned(),
                csv: None,
                folded: false,
            })],
        }
    }

    pub(super) fn heat_block(&self) -> Block {
        let words_of = phrases(self.lang);
        let carried = format!("{}&year={}", self.carried(), self.year);
        let address = format!("/v1/charts/hours.svg?{carried}");
        let table = format!("/trends/hours?{carried}");
        Block {
            anchor: "hours",
            title: words_of.heat_title.to_owned(),
            notes: vec![words_of.heat_note.to_owned()],
            parts: vec![
                Part::Later {
                    address,
                    words: self.heat_words(),
                },
                Part::Links(vec![(table, words_of.as_table.to_owned())]),
            ],
        }
    }
}
