//! `skytier assess --by hour`.

use std::collections::BTreeSet;
use std::io::Write;

use crate::adapters::report::Context;
use crate::adapters::report::CsvForm;
use crate::adapters::report::RowSettings;
use crate::adapters::report::hours::hour_json;
use crate::adapters::report::hours::hour_settings;
use crate::adapters::report::hours::hours_csv;
use crate::adapters::report::hours::hours_table;
use crate::app::assess::Format;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::hours::AreaHour;
use crate::flow::hours::HoursOf;
use crate::flow::rollup::Recipe;

/// What hours are made from.
pub(super) struct Hours<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) assessor: &'a Assessor,
    pub(super) edition: &'a EditionChoice,
    pub(super) choices: Choices,
    pub(super) known_at: Option<Instant>,
}

impl Hours<'_> {
    /// Every station on its own.
    pub(super) fn each(&self) -> Vec<Area> {
        let sources: BTreeSet<&SourceId> = self.assessor.days.keys().collect();
        sources.into_iter().cloned().map(Area::Station).collect()
    }

    /// Prints the hours of the areas.
    pub(super) async fn print(
        &self,
        context: Context<'_>,
        areas: &[Area],
        span: Span,
        (format, bom, settings): (Format, bool, bool),
        mut out: impl Write,
    ) -> anyhow::Result<()> {
        let keys = self.recipe.series.keys().await?;
        let of = HoursOf {
            recipe: self.recipe,
            assessor: self.assessor,
            keys: &keys,
            edition: self.edition,
            choices: self.choices,
            any_station: false,
            known_at: self.known_at,
        };
        let mut printed = Vec::new();
        for area in areas {
            printed.push((area, of.hours(area, span).await?));
        }
        let rows = printed
            .iter()
            .map(|(area, hours)| (*area, hours.as_slice()));
        match format {
            Format::Csv => {
                let own = |hour: &AreaHour| hour_settings(context, hour);
                let form = CsvForm {
                    known_at: context.zone.text(context.known_at),
                    bom,
                    settings: settings.then(|| Box::new(own) as RowSettings<'_, _>),
                };
                hours_csv(context.zone, rows, form, &mut out)?;
            }
            Format::Table => write!(out, "{}", hours_table(context.zone, rows))?,
            Format::Json => {
                for (area, hours) in rows {
                    let context = Context { area, ..context };
                    for hour in hours {
                        writeln!(out, "{}", hour_json(context, hour))?;
                    }
                }
            }
        }
        Ok(())
    }
}
