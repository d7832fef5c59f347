//! Fills the pollution rose of a year, its block on pages, and its table.

use crate::adapters::chart::rose::RoseChart;
use crate::adapters::chart::rose::RoseField;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::station_tables::columns;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::frame::query;
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
use crate::adapters::report::rose::share;
use crate::domain::pollutant::Pollutant;
use crate::domain::rose::CLASS_NAMES;
use crate::domain::rose::Cell as Hours;
use crate::domain::rose::Rose;
use crate::domain::rose::SECTOR_NAMES;
use crate::flow::rose::RoseOf;

/// Mean PM2.5 of the year by wind.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub(super) async fn rose(state: &WebState, wish: Wish) -> Result<RoseChart, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let rose = desk.rose().await?;
    Ok(desk.rose_chart(rose.as_ref().map_err(|reason| *reason)))
}

/// A mean to whole micrograms, as the shades can be told apart.
fn mean(hours: &Hours) -> Option<String> {
    hours.mean().map(|mean| mean.round(0).to_string())
}

fn field(hours: &Hours, of: u32) -> RoseField {
    RoseField {
        mean: mean(hours).and_then(|text| Some((position(&text)?, text))),
        share: share(hours, of),
    }
}

impl Desk<'_> {
    /// The year's rose; why there is none as the error within.
    pub(super) async fn rose(&self) -> Result<Result<Rose, &'static str>, Problem> {
        let keys = self.recipe.series.keys().await?;
        let of = RoseOf {
            recipe: &self.recipe,
            assessor: &self.assessor,
            keys: &keys,
            pollutant: Pollutant::Pm25,
            known_at: None,
        };
        Ok(of.rose(&self.area, self.span).await?)
    }

    fn rose_words(&self) -> String {
        let (area, year) = (self.choice(&self.area).name, self.year.to_string());
        let words = phrases(self.lang).rose_summary;
        fill(words, &[("area", &area), ("year", &year)])
    }

    /// How many hours it rests on.
    fn rose_coverage(&self, rose: &Rose) -> String {
        let counts = [
            ("hours", rose.both.hours.to_string()),
            ("possible", rose.possible.to_string()),
            ("share", share(&rose.both, rose.possible)),
            ("calm", share(&rose.calm, rose.both.hours)),
        ];
        let counts: Vec<(&str, &str)> = counts.iter().map(|(k, v)| (*k, v.as_str())).collect();
        fill(phrases(self.lang).rose_coverage, &counts)
    }

    fn rose_chart(&self, rose: Result<&Rose, &str>) -> RoseChart {
        let words_of = phrases(self.lang);
        let none = Rose::default();
        let (found, note) = match rose {
            Ok(rose) => (
                rose,
                format!("{} {}", self.rose_words(), self.rose_coverage(rose)),
            ),
            Err(_) => (&none, words_of.rose_none.to_owned()),
        };
        let of = found.both.hours;
        RoseChart {
            title: words_of.rose_title.to_owned(),
            summary: note,
            unit: PM25_UNIT.to_owned(),
            names: SECTOR_NAMES,
            rings: CLASS_NAMES,
            calm: field(&found.calm, of),
            sectors: found.sectors.iter().map(|own| field(own, of)).collect(),
            fields: found
                .classes
                .iter()
                .map(|classes| std::array::from_fn(|class| field(&classes[class], of)))
                .collect(),
            empty_note: words_of.rose_none.to_owned(),
            watermark: watermark(self.assessor.simulated(&self.area, self.span), self.lang),
            lang: self.lang,
        }
    }

    fn rose_csv(&self) -> String {
        let (area, from, to) = (
            self.area.text(),
            self.span.from.to_string(),
            self.span.to.to_string(),
        );
        let mut pairs = vec![
            ("area", area.as_str()),
            ("from", &from),
            ("to", &to),
            ("format", "csv"),
        ];
        pairs.push(("review", self.review.key()));
        format!("/v1/air/rose?{}", query(&pairs))
    }

    /// The rose where it is looked at, its figures a page further on.
    pub(super) fn rose_block(&self) -> Block {
        let words_of = phrases(self.lang);
        let carried = format!("{}&year={}", self.carried(), self.year);
        Block {
            anchor: "rose",
            title: words_of.rose_title.to_owned(),
            notes: vec![words_of.rose_note.to_owned()],
            parts: vec![
                Part::Later {
                    address: format!("/v1/charts/rose.svg?{carried}"),
                    words: self.rose_words(),
                },
                Part::Links(vec![
                    (
                        format!("/trends/rose?{carried}"),
                        words_of.as_table.to_owned(),
                    ),
                    (self.rose_csv(), words_of.as_csv.to_owned()),
                ]),
            ],
        }
    }

    /// The rose's figures by direction.
    pub(super) fn rose_table(&self, rose: Result<&Rose, &str>) -> Block {
        let words_of = phrases(self.lang);
        let void = |hours: &Hours| mean(hours).unwrap_or_else(|| "–".to_owned());
        let line = |name: &str, own: &Hours, classes: Option<&[Hours]>, of: u32| {
            let mut cells = vec![
                Cell::text(name),
                Cell::text(void(own)),
                Cell::text(own.hours.to_string()),
                Cell::text(format!("{}%", share(own, of))),
            ];
            cells.extend((0..CLASS_NAMES.len()).map(|class| {
                let own = classes.map(|classes| &classes[class]);
                Cell::text(own.map_or_else(
                    || "–".to_owned(),
                    |own| format!("{} ({})", void(own), own.hours),
                ))
            }));
            cells
        };
        let (mut rows, mut notes) = (Vec::new(), vec![words_of.rose_note.to_owned()]);
        if let Ok(rose) = rose {
            notes.push(self.rose_coverage(rose));
            let of = rose.both.hours;
            let names = SECTOR_NAMES
                .iter()
                .zip(rose.sectors.iter().zip(&rose.classes));
            rows.extend(names.map(|(name, (own, classes))| line(name, own, Some(classes), of)));
            rows.push(line(words_of.rose_calm, &rose.calm, None, of));
            rows.push(line(words_of.rose_all, &rose.both, None, of));
        }
        let speeds = CLASS_NAMES.map(|name| format!("{name} m/s"));
        let mut heads = vec![
            (words_of.rose_direction, false),
            (words_of.col_pm25_mean, true),
            (words_of.rose_hours, true),
            (words_of.rose_share, true),
        ];
        heads.extend(speeds.iter().map(|name| (name.as_str(), true)));
        Block {
            anchor: "table",
            title: words_of.rose_title.to_owned(),
            notes,
            parts: vec![Part::Table(Table {
                columns: columns(&heads),
                rows,
                empty: words_of.rose_none.to_owned(),
                csv: Some(self.rose_csv()),
                folded: false,
            })],
        }
    }
}
