//! Fills the pages of what was written down: bulletins and restatements, messages that could not be used, decisions of
//! reviewers, and how a source is coming in.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::Value;

use crate::adapters::bulletin::Form as Printing;
use crate::adapters::deletions;
use crate::adapters::http::bulletins;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::station_tables;
use crate::adapters::http::desk::station_tables::columns;
use crate::adapters::http::desk::station_tables::moment;
use crate::adapters::http::desk::station_tables::shown;
use crate::adapters::http::desk::stations_page::DAYS_BACK;
use crate::adapters::http::desk::stations_page::latest_corrections;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::sheet::Block;
use crate::adapters::http::page::sheet::Cell;
use crate::adapters::http::page::sheet::Form;
use crate::adapters::http::page::sheet::Part;
use crate::adapters::http::page::sheet::Sheet;
use crate::adapters::http::page::sheet::Table;
use crate::adapters::http::params::Params;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::publications;
use crate::adapters::http::state::WebState;
use crate::adapters::imports;
use crate::adapters::imports::Import;
use crate::adapters::publications::issue_json;
use crate::adapters::publications::print;
use crate::adapters::report::letters;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::publication::Issue;
use crate::flow::bulletin::KINDS;
use crate::flow::corrections::Correction;
use crate::ports::Kept;
use crate::ports::LetterQuery;
use crate::ports::LetterState;

/// Rows of a table here; the interface has all.
const ROWS_MAX: usize = 50;

/// Builds the page of bulletins: the one asked for, and those issued.
///
/// # Errors
/// An area or period that does not exist, or those of the store.
pub async fn bulletins(
    state: &WebState,
    wish: Wish,
    period: Option<&str>,
) -> Result<Sheet, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let newest = desk
        .newest
        .unwrap_or_else(|| crate::adapters::http::targets::yesterday(state));
    let period = period.map_or_else(|| PeriodKind::Day.containing(newest).label, str::to_owned);
    let mut given: BTreeMap<String, String> = desk
        .own_pairs()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    given.insert("lang".to_owned(), desk.lang.key().to_owned());
    let params = Params::from(given);
    let printed = bulletins::print(state, &period, &params, Printing::Text).await?;
    let area = desk.area.text();
    let mut issues = state.publications.issues().await?;
    issues.retain(|(_, issue)| issue.area == area);
    let words_of = phrases(desk.lang);
    let own = format!("/v1/bulletins/{period}?{}", desk.carried());
    let mut pairs = desk.own_pairs();
    pairs.push(("period", period.clone()));
    Ok(Sheet {
        lang: desk.lang,
        place: Place::Bulletins,
        path: "/bulletins".to_owned(),
        own: pairs,
        heading: desk.choice(&desk.area).name,
        subject: words_of.place_bulletins.to_owned(),
        choose: Some((desk.choice(&desk.area), desk.areas())),
        basis: Some(desk.basis(state.editions.on(newest))),
        simulated: desk.assessor.simulated(&desk.area, desk.span),
        blocks: vec![
            choose_block(&desk, newest),
            Block {
                anchor: "bulletin",
                title: period,
                notes: Vec::new(),
                parts: vec![
                    Part::Links(vec![
                        (own.clone(), words_of.bulletin_print.to_owned()),
                        (
                            format!("{own}&format=text"),
                            words_of.bulletin_text.to_owned(),
                        ),
                    ]),
                    Part::Verbatim(printed.text),
                ],
            },
            issued_block(&desk, &issues),
        ],
    })
}

/// The page of a bulletin.
fn link(desk: &Desk<'_>, label: &str) -> String {
    let pairs = [("period", label)];
    format!("/bulletins?{}&{}", query(&pairs), desk.carried())
}

/// Periods to choose from.
fn choose_block(desk: &Desk<'_>, newest: chrono::NaiveDate) -> Block {
    let words_of = phrases(desk.lang);
    let kinds = KINDS.into_iter().zip(words_of.bulletin_kinds);
    let kinds = kinds.map(|(kind, name)| {
        let label = kind.containing(newest).label;
        (link(desk, &label), format!("{name} {label}"))
    });
    let mut hidden = desk.own_pairs();
    hidden.push(("lang", desk.lang.key().to_owned()));
    Block {
        anchor: "choose",
        title: words_of.bulletin_choose.to_owned(),
        notes: vec![words_of.bulletin_how.to_owned()],
        parts: vec![
            Part::Links(kinds.collect()),
            Part::Form(Form {
                action: "/bulletins".to_owned(),
                hidden,
                fields: vec![("period", words_of.col_period.to_owned(), Vec::new())],
            }),
        ],
    }
}

/// What was issued, the newest first.
fn issued_block(desk: &Desk<'_>, issues: &[(u64, Issue)]) -> Block {
    let words_of = phrases(desk.lang);
    let mut rows: Vec<Vec<Cell>> = issues
        .iter()
        .map(|(number, issue)| {
            let shape = issue_json(desk.state.zone, *number, issue);
            vec![
                shown(&shape["id"]),
                Cell::link(issue.period.label.clone(), link(desk, &issue.period.label)),
                shown(&shape["kind"]),
                shown(&shape["edition"]),
                moment(&shape["issued_at"]),
                moment(&shape["known_at"]),
            ]
        })
        .collect();
    rows.reverse();
    rows.truncate(ROWS_MAX);
    Block {
        anchor: "issued",
        title: words_of.issued_title.to_owned(),
        notes: vec![words_of.issued_note.to_owned()],
        parts: vec![
            Part::Table(Table {
                columns: columns(&[
                    (words_of.col_number, false),
                    (words_of.col_period, false),
                    (words_of.col_kind, false),
                    (words_of.edition, false),
                    (words_of.col_issued, false),
                    (words_of.known_at, false),
                ]),
                rows,
                empty: words_of.issued_none.to_owned(),
                csv: None,
                folded: false,
            }),
            Part::Links(vec![(
                format!("/restatements?{}", desk.carried()),
                words_of.restatements_title.to_owned(),
            )]),
        ],
    }
}

/// Builds the page of restatements: published figures that would be said otherwise now.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn restatements(state: &WebState, wish: Wish) -> Result<Sheet, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let area = desk.area.text();
    let mut issues = state.publications.issues().await?;
    issues.retain(|(_, issue)| issue.area == area);
    let (found, more) = publications::restated(state, &issues, 0, ROWS_MAX).await?;
    let words_of = phrases(desk.lang);
    let mut rows = Vec::new();
    for own in &found {
        let shape = print::restatement_json(state.zone, own);
        for item in shape["items"].as_array().into_iter().flatten() {
            let causes = item["causes"].as_array().into_iter().flatten();
            let causes: Vec<String> = causes.map(cause).collect();
            rows.push(vec![
                shown(&shape["issue"]),
                shown(&shape["period"]),
                moment(&shape["issued_at"]),
                shown(&item["item"]),
                shown(&item["old"]),
                shown(&item["new"]),
                shown(&item["difference"]),
                Cell::text(causes.join(desk.lang.pick("；", "; "))),
            ]);
        }
    }
    let mut notes = vec![words_of.restatements_note.to_owned()];
    if more {
        let most = ROWS_MAX.to_string();
        notes.push(fill(words_of.issues_more, &[("most", &most)]));
    }
    let pairs = [("area", area.as_str()), ("format", "csv")];
    Ok(Sheet {
        lang: desk.lang,
        place: Place::Bulletins,
        path: "/restatements".to_owned(),
        own: desk.own_pairs(),
        heading: desk.choice(&desk.area).name,
        subject: words_of.restatements_title.to_owned(),
        choose: Some((desk.choice(&desk.area), desk.areas())),
        basis: Some(desk.basis(state.editions.on(desk.span.to))),
        simulated: desk.assessor.simulated(&desk.area, desk.span),
        blocks: vec![Block {
            anchor: "restatements",
            title: words_of.restatements_title.to_owned(),
            notes,
            parts: vec![Part::Table(Table {
                columns: columns(&[
                    (words_of.col_number, false),
                    (words_of.col_period, false),
                    (words_of.col_issued, false),
                    (words_of.col_item, false),
                    (words_of.col_old, true),
                    (words_of.col_new, true),
                    (words_of.col_difference, true),
                    (words_of.col_cause, false),
                ]),
                rows,
                empty: words_of.restatements_none.to_owned(),
                csv: Some(format!("/v1/restatements?{}", query(&pairs))),
                folded: false,
            })],
        }],
    })
}

/// A cause of a restatement: its words, without what is empty.
fn cause(cause: &Value) -> String {
    let parts = cause.as_object().into_iter().flatten();
    let parts = parts.filter(|(_, value)| !value.is_null());
    let texts = parts.map(|(_, value)| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Builds the page of what came in and was not simply used.
///
/// # Errors
/// Those of the store.
pub async fn data(state: &WebState, wish: Wish) -> Result<Sheet, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let words_of = phrases(desk.lang);
    let counts = state.letters.letter_counts().await?;
    let total = |wanted: LetterState| -> u64 {
        let own = counts.iter().filter(|(_, letter, _)| *letter == wanted);
        own.map(|(_, _, count)| count).sum()
    };
    let states = [
        (LetterState::Quarantined, words_of.letters_quarantined),
        (LetterState::Dead, words_of.letters_dead),
        (LetterState::Admitted, words_of.letters_admitted),
    ];
    let facts = states.map(|(letter, name)| {
        let text = total(letter).to_string();
        (name.to_owned(), Cell::text(text))
    });
    let mut sections = vec![Block {
        anchor: "letters",
        title: words_of.letters_title.to_owned(),
        notes: vec![words_of.letters_note.to_owned()],
        parts: vec![
            Part::Facts(facts.to_vec()),
            Part::Table(by_source(&desk, &counts)),
        ],
    }];
    for (letter, anchor, title) in [
        (
            LetterState::Quarantined,
            "quarantine",
            words_of.letters_quarantined,
        ),
        (LetterState::Dead, "dead", words_of.letters_dead),
    ] {
        let all = total(letter);
        let passed = all.saturating_sub(ROWS_MAX as u64);
        let kept = newest_letters(state, letter, passed).await?;
        sections.push(Block {
            anchor,
            title: title.to_owned(),
            notes: vec![fill(
                words_of.newest_rows,
                &[("most", &ROWS_MAX.to_string())],
            )],
            parts: vec![Part::Table(letters_table(&desk, &kept))],
        });
    }
    sections.push(corrected(&desk).await?);
    sections.push(imported(&desk).await?);
    sections.push(Block {
        anchor: "decisions",
        title: words_of.decisions_title.to_owned(),
        notes: vec![words_of.decisions_note.to_owned()],
        parts: vec![Part::Table(desk.decisions_table(None))],
    });
    sections.push(deleted(&desk).await?);
    Ok(Sheet {
        lang: desk.lang,
        place: Place::Data,
        path: "/data".to_owned(),
        own: Vec::new(),
        heading: words_of.data_title.to_owned(),
        subject: String::new(),
        choose: None,
        basis: None,
        simulated: false,
        blocks: sections,
    })
}

/// The latest corrections of all stations, of the last days of each.
async fn corrected(desk: &Desk<'_>) -> Result<Block, Problem> {
    let (state, words_of) = (desk.state, phrases(desk.lang));
    let mut found: Vec<Correction> = Vec::new();
    let mut stations: Vec<_> = desk.assessor.days.iter().collect();
    stations.sort_by_key(|(id, _)| *id);
    for (id, days) in stations {
        let Some(last) = days.keys().next_back() else {
            continue;
        };
        let span = Span {
            from: *last - TimeDelta::days(DAYS_BACK),
            to: *last,
        };
        found.extend(latest_corrections(state, id, span).await?);
        found.sort_by_key(|own| Reverse(own.old.replaced_at));
        found.truncate(station_tables::ROWS_MAX);
    }
    Ok(Block {
        anchor: "corrections",
        title: words_of.corrections_title.to_owned(),
        notes: vec![
            words_of.corrections_note.to_owned(),
            words_of.corrections_recent.to_owned(),
        ],
        parts: vec![Part::Table(desk.corrections_table(&found, true, None))],
    })
}

/// What `skytier import` loaded, the newest first.
async fn imported(desk: &Desk<'_>) -> Result<Block, Problem> {
    let words_of = phrases(desk.lang);
    let note = desk.state.directory.note(imports::NOTE).await?;
    let runs = imports::read(note.as_deref()).map_err(|fault| {
        tracing::error!(%fault, "the note on imports cannot be read");
        Problem::Internal
    })?;
    let row = |own: &Import| {
        vec![
            Cell::text(spaced(&desk.state.zone.text(own.ended()))),
            Cell::text(own.files.join(", ")),
            Cell::text(own.layout.clone()),
            Cell::text(own.rows.to_string()),
            Cell::text(own.new.to_string()),
            Cell::text(own.repeated.to_string()),
            Cell::text(own.corrected.to_string()),
        ]
    };
    Ok(Block {
        anchor: "imports",
        title: words_of.imports_title.to_owned(),
        notes: vec![fill(
            words_of.imports_note,
            &[("most", &imports::KEPT.to_string())],
        )],
        parts: vec![Part::Table(Table {
            columns: columns(&[
                (words_of.col_when, false),
                (words_of.col_files, false),
                (words_of.col_layout, false),
                (words_of.col_rows, true),
                (words_of.col_new_readings, true),
                (words_of.col_repeated, true),
                (words_of.col_corrected, true),
            ]),
            rows: runs.iter().rev().map(row).collect(),
            empty: words_of.imports_none.to_owned(),
            csv: None,
            folded: false,
        })],
    })
}

/// Kept messages, the newest first.
fn letters_table(desk: &Desk<'_>, kept: &[Kept]) -> Table {
    let words_of = phrases(desk.lang);
    let rows = kept.iter().rev().map(|kept| {
        let shape = letters::head(desk.state.zone, kept);
        let id = shape["id"].to_string();
        vec![
            Cell::link(id.clone(), format!("/v1/dead-letters/{id}")),
            moment(&shape["received_at"]),
            shown(&shape["source"]),
            shown(&shape["topic"]),
            shown(&shape["payload_bytes"]),
            shown(&shape["reason"]),
        ]
    });
    Table {
        columns: columns(&[
            (words_of.col_number, false),
            (words_of.col_received, false),
            (words_of.col_sender, false),
            (words_of.col_topic, false),
            (words_of.col_bytes, true),
            (words_of.col_why, false),
        ]),
        rows: rows.collect(),
        empty: words_of.letters_none.to_owned(),
        csv: None,
        folded: false,
    }
}

/// The newest kept messages of a state: those after as many as are passed over.
async fn newest_letters(
    state: &WebState,
    letter: LetterState,
    passed: u64,
) -> Result<Vec<Kept>, Problem> {
    let mut after = 0;
    let mut left = usize::try_from(passed).unwrap_or(usize::MAX);
    loop {
        let query = LetterQuery {
            after,
            limit: left.clamp(ROWS_MAX, 10_000),
            state: Some(letter),
            source: None,
        };
        let found = state.letters.letters(query).await?;
        let last = found.last().map(|kept| kept.id);
        if left == 0 || last.is_none() {
            return Ok(found);
        }
        let over = left.min(found.len());
        if over < found.len() {
            after = found[over - 1].id;
            left = 0;
        } else {
            after = last.unwrap_or(after);
            left -= over;
        }
    }
}

fn by_source(
    desk: &Desk<'_>,
    counts: &[(crate::domain::names::Source, LetterState, u64)],
) -> Table {
    let words_of = phrases(desk.lang);
    let rows = counts.iter().map(|(source, letter, count)| {
        let id = source.id.as_str();
        let pairs = [("lang", desk.lang.key())];
        vec![
            Cell::link(
                source.to_string(),
                format!("/commissioning/{id}?{}", query(&pairs)),
            ),
            Cell::text(letter.key()),
            Cell::text(count.to_string()),
        ]
    });
    Table {
        columns: columns(&[
            (words_of.col_sender, false),
            (words_of.col_standing, false),
            (words_of.col_messages, true),
        ]),
        rows: rows.collect(),
        empty: words_of.letters_none.to_owned(),
        csv: None,
        folded: false,
    }
}

async fn deleted(desk: &Desk<'_>) -> Result<Block, Problem> {
    let words_of = phrases(desk.lang);
    let orders = desk.state.series.deletions().await?;
    let shapes = (1_u64..).zip(&orders);
    let shapes: Vec<Value> = shapes
        .map(|(id, order)| deletions::deletion_json(desk.state.zone, id, order))
        .collect();
    let row = |own: &Value| {
        vec![
            shown(&own["id"]),
            shown(&own["source"]),
            shown(&own["factor"]),
            moment(&own["from"]),
            moment(&own["to"]),
            shown(&own["reason"]),
            shown(&own["by"]),
            moment(&own["ordered_at"]),
        ]
    };
    Ok(Block {
        anchor: "deletions",
        title: words_of.deletions_title.to_owned(),
        notes: Vec::new(),
        parts: vec![Part::Table(Table {
            columns: columns(&[
                (words_of.col_number, false),
                (words_of.col_sender, false),
                (words_of.col_pollutant, false),
                (words_of.col_from, false),
                (words_of.col_to, false),
                (words_of.col_why, false),
                (words_of.col_ordered_by, false),
                (words_of.col_decided, false),
            ]),
            rows: shapes.iter().rev().take(ROWS_MAX).map(row).collect(),
            empty: words_of.deletions_none.to_owned(),
            csv: None,
            folded: false,
        })],
    })
}
