//! The tables of a station's page: completeness, gaps, findings, decisions.

use serde_json::Value;

use crate::adapters::http::desk::Desk;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::sheet::Cell;
use crate::adapters::http::page::sheet::Table;
use crate::adapters::http::phrases::phrases;
use crate::adapters::reviews;
use crate::adapters::words;
use crate::domain::gaps::Gap;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Reading;
use crate::flow::corrections::Correction;

/// Most rows of a table of a station's page; the CSV beside it has all.
pub(super) const ROWS_MAX: usize = 100;

/// A value of the interface as a cell.
pub(super) fn shown(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::text("–"),
        Value::String(text) => Cell::text(text.clone()),
        other => Cell::text(other.to_string()),
    }
}

/// A time of the interface as a cell.
pub(super) fn moment(value: &Value) -> Cell {
    Cell::text(value.as_str().map_or_else(|| "–".to_owned(), spaced))
}

/// Columns by name, and whether they hold numbers.
pub(super) fn columns(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    let own = names.iter();
    own.map(|(name, number)| ((*name).to_owned(), *number))
        .collect()
}

/// A unit as pages write it.
pub(super) fn printed(unit: &str) -> String {
    unit.replace("ug/", "µg/").replace("/m3", "/m³")
}

/// The name of a column with the unit of its values.
pub(super) fn in_unit(name: &str, unit: &str) -> String {
    format!("{name} ({})", printed(unit))
}

/// A value with the unit of its pollutant, as far as it is one of the six.
pub(super) fn with_unit(value: &str, factor: &str) -> String {
    let mut all = Pollutant::ALL.into_iter();
    let own = all.find(|own| own.factor().as_str() == factor || own.key() == factor);
    own.map_or_else(
        || value.to_owned(),
        |own| format!("{value} {}", printed(own.unit())),
    )
}

/// The value of an entry about a factor, with its unit.
fn measured(own: &Value) -> Cell {
    let factor = own["factor"].as_str().unwrap_or_default();
    match &own["value"] {
        Value::Null => Cell::text("–"),
        value => Cell::text(with_unit(&shown(value).text, factor)),
    }
}

impl Desk<'_> {
    pub(super) fn completeness_table(&self, days: &Value, csv: Option<String>) -> Table {
        let words_of = phrases(self.lang);
        let rows = days["days"].as_array().into_iter().flatten().rev();
        let row = |own: &Value| {
            let date = own["date"].as_str().unwrap_or_default();
            let area = self.carried();
            let mut cells = vec![Cell::link(date, format!("/days/{date}?{area}"))];
            cells.extend(["expected", "reported", "completeness"].map(|key| shown(&own[key])));
            cells.extend(Pollutant::ALL.map(|own_of| shown(&own["usable"][own_of.key()])));
            cells
        };
        let mut columns = columns(&[
            (words_of.col_day, false),
            (words_of.col_expected, true),
            (words_of.col_reported, true),
            (words_of.col_completeness, true),
        ]);
        columns.extend(Pollutant::ALL.map(|own| (own.label().to_owned(), true)));
        Table {
            columns,
            rows: rows.map(row).collect(),
            empty: words_of.no_data_yet.to_owned(),
            csv,
            folded: false,
        }
    }

    pub(super) fn gaps_table(&self, gaps: &[Gap], csv: Option<String>) -> Table {
        let words_of = phrases(self.lang);
        let time = |at| Cell::text(spaced(&self.state.zone.text(at)));
        let row = |gap: &Gap| {
            vec![
                time(gap.from),
                time(gap.to),
                Cell::text(gap.missing.to_string()),
                Cell::text(words::cause(gap.cause, self.lang)),
            ]
        };
        Table {
            columns: columns(&[
                (words_of.col_from, false),
                (words_of.col_to, false),
                (words_of.col_missing, true),
                (words_of.col_cause, false),
            ]),
            rows: gaps.iter().map(row).collect(),
            empty: words_of.gaps_none.to_owned(),
            csv,
            folded: false,
        }
    }

    pub(super) fn findings_table(&self, findings: &[Value], csv: Option<String>) -> Table {
        let words_of = phrases(self.lang);
        let reason = self.lang.pick("reason_zh", "reason_en");
        let row = |own: &Value| {
            let excluded = own["effect"] == "excluded";
            vec![
                moment(&own["time"]),
                shown(&own["factor"]),
                measured(own),
                shown(&own["flag"]),
                Cell::text(match excluded {
                    true => words_of.effect_excluded,
                    false => words_of.effect_warning,
                }),
                shown(&own[reason]),
            ]
        };
        Table {
            columns: columns(&[
                (words_of.col_when, false),
                (words_of.col_pollutant, false),
                (words_of.col_value, true),
                (words_of.col_flag, false),
                (words_of.col_effect, false),
                (words_of.col_why, false),
            ]),
            rows: findings.iter().take(ROWS_MAX).map(row).collect(),
            empty: words_of.qc_none.to_owned(),
            csv,
            folded: true,
        }
    }

    /// Replaced values, the latest replaced first: the source too where they are of several.
    pub(super) fn corrections_table(
        &self,
        found: &[Correction],
        several: bool,
        csv: Option<String>,
    ) -> Table {
        let words_of = phrases(self.lang);
        let time = |at| Cell::text(spaced(&self.state.zone.text(at)));
        let row = |own: &&Correction| {
            let key = &own.old.key;
            let told = |reading: &Reading| {
                let value = reading.value.map(|value| value.to_string());
                let value = value.map_or_else(
                    || "–".to_owned(),
                    |value| with_unit(&value, key.factor.as_str()),
                );
                match reading.flag.is_normal() {
                    true => value,
                    false => format!("{value} [{}]", reading.flag),
                }
            };
            let new = own.new.as_ref().map(told);
            let mut cells = vec![time(own.old.replaced_at)];
            if several {
                let page = format!("/stations/{}?lang={}", key.source, self.lang.key());
                cells.push(Cell::link(key.source.to_string(), page));
            }
            cells.extend([
                Cell::text(key.factor.to_string()),
                time(own.old.reading.time),
                Cell::text(told(&own.old.reading)),
                Cell::text(new.unwrap_or_else(|| words_of.taken_out.to_owned())),
                time(own.old.received_at),
            ]);
            cells
        };
        let mut heads = vec![(words_of.col_replaced, false)];
        heads.extend(several.then_some((words_of.col_station, false)));
        heads.extend([
            (words_of.col_pollutant, false),
            (words_of.col_when, false),
            (words_of.col_old, true),
            (words_of.col_new, true),
            (words_of.col_received, false),
        ]);
        let mut latest: Vec<&Correction> = found.iter().collect();
        latest.sort_by_key(|own| std::cmp::Reverse(own.old.replaced_at));
        Table {
            columns: columns(&heads),
            rows: latest.iter().take(ROWS_MAX).map(row).collect(),
            empty: words_of.corrections_none.to_owned(),
            csv,
            folded: false,
        }
    }

    /// What reviewers decided, the newest first; of one station or of all.
    pub(super) fn decisions_table(&self, of: Option<&SourceId>) -> Table {
        let words_of = phrases(self.lang);
        let decisions = self.state.reviewing.now();
        let own = (1_u64..).zip(decisions.all());
        let own = own.filter(|(_, decision)| of.is_none_or(|id| decision.key.source == *id));
        let mut shapes: Vec<Value> = own
            .map(|(id, decision)| reviews::decision_json(self.state.zone, id, decision))
            .collect();
        shapes.reverse();
        let row = |own: &Value| {
            let from = if own["time"].is_null() {
                &own["from"]
            } else {
                &own["time"]
            };
            vec![
                shown(&own["id"]),
                shown(&own["source"]),
                shown(&own["factor"]),
                moment(from),
                moment(&own["to"]),
                shown(&own["decision"]),
                measured(own),
                shown(&own["reason"]),
                shown(&own["reviewer"]),
                moment(&own["decided_at"]),
            ]
        };
        Table {
            columns: columns(&[
                (words_of.col_number, false),
                (words_of.col_station, false),
                (words_of.col_pollutant, false),
                (words_of.col_from, false),
                (words_of.col_to, false),
                (words_of.col_decision, false),
                (words_of.col_value, true),
                (words_of.col_why, false),
                (words_of.col_reviewer, false),
                (words_of.col_decided, false),
            ]),
            rows: shapes.iter().take(ROWS_MAX).map(row).collect(),
            empty: words_of.decisions_none.to_owned(),
            csv: None,
            folded: false,
        }
    }
}
