//! Hours and days derived from a station's readings. One without a valid value is there, as null and why.

use std::sync::Arc;

use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::adapters::http::stations::Asked;
use crate::adapters::http::stations::csv_of;
use crate::adapters::http::stations::field;
use crate::adapters::http::stations::page;
use crate::adapters::report;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Review;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::rollup::Recipe;
use crate::ports::Range;

/// One period of an answer.
struct Row {
    /// Its date, or the time it ends.
    name: String,
    /// Its end, from where the next page goes on.
    ends: Instant,
    /// The value, or why there is none.
    value: Result<Value, String>,
}

/// How the readings asked for become hours and days.
fn recipe(state: &WebState, asked: &Asked) -> Recipe {
    Recipe {
        series: Arc::clone(&asked.series),
        ..state.rollup.recipe().clone()
    }
}

/// The days within `extent` that are asked for, at least in part; an end that was not given is the extent's.
fn days_within(state: &WebState, asked: &Asked, extent: Span) -> Option<Span> {
    let (after, upto) = (asked.range.after, asked.range.upto);
    let mut span = extent;
    if after != Range::ALL.after {
        span.from = span.from.max(state.zone.day_of_ending(after.plus_s(1)));
    }
    if upto != Range::ALL.upto {
        span.to = span.to.min(state.zone.day_of_ending(upto));
    }
    (span.from <= span.to).then_some(span)
}

/// The pollutant a derived answer is of.
fn pollutant(asked: &Asked) -> Result<Pollutant, Problem> {
    let own = Pollutant::from_key(asked.factor.as_str()).filter(|_| asked.stat == Stat::avg());
    own.ok_or_else(|| {
        let said = "hours and days exist for the six pollutants' avg only";
        Problem::bad("by", said)
    })
}

/// The station's days under the edition in force, as asked for.
async fn assessor(state: &WebState, asked: &Asked, area: &Area) -> Result<Assessor, Problem> {
    Ok(match (asked.range.known_at, asked.review) {
        (None, Review::Raw) => state.assessor(),
        (known_at, _) => {
            let (recipe, registry) = (recipe(state, asked), state.directory.now());
            state.assessor_of(area.days(&recipe, &registry, known_at).await?.into())
        }
    })
}

/// Hours of the station; of those to come only what is there already.
///
/// # Errors
/// A problem document.
pub(super) async fn hours(state: &WebState, asked: &Asked) -> Result<Response, Problem> {
    let pollutant = pollutant(asked)?;
    let extent = state
        .assessor()
        .extent(&Area::Station(asked.source.clone()));
    let Some(span) = extent.and_then(|extent| days_within(state, asked, extent)) else {
        return answer(state, asked, ("hour", "time"), Vec::new());
    };
    let keys = state.series.keys().await?;
    let days = recipe(state, asked)
        .hours(&keys, &asked.source, Some(span), asked.range.known_at)
        .await?;
    let now = state.now();
    let mut rows = Vec::new();
    for day in span.days() {
        let hours = days.get(&day).map(|hours| &hours[pollutant.index()]);
        for at in 0..HOURS_PER_DAY {
            let ends = state.zone.day_start(day).plus_s((at as i64 + 1) * 3_600);
            let value = hours.and_then(|hours| hours[at]);
            let within = asked.range.after < ends && ends <= asked.range.upto;
            if !within || (ends > now && value.is_none()) {
                continue;
            }
            let value = value.map(|value| report::unrounded(&value.exact()));
            rows.push(Row {
                name: state.zone.text(ends),
                ends,
                value: value.ok_or_else(|| "no valid reading".to_owned()),
            });
        }
    }
    answer(state, asked, ("hour", "time"), rows)
}

/// Days of the station that end within what is asked for, under the edition in force on each.
///
/// # Errors
/// A problem document.
pub(super) async fn days(state: &WebState, asked: &Asked) -> Result<Response, Problem> {
    let pollutant = pollutant(asked)?;
    let area = Area::Station(asked.source.clone());
    let assessor = assessor(state, asked, &area).await?;
    let extent = assessor.extent(&area);
    let Some(span) = extent.and_then(|extent| days_within(state, asked, extent)) else {
        return answer(state, asked, ("day", "date"), Vec::new());
    };
    let days = || assessor.days(&area, span, &EditionChoice::Auto, Choices::default());
    let days = state.compute(days).await;
    let rows = days.iter().map(|day| {
        let value = day.values.values[pollutant.index()].as_ref();
        let own = |reason: &&str| reason.split(' ').next() == Some(pollutant.key());
        let why = || day.void_reason.split('|').find(own).unwrap_or("no value");
        Row {
            name: day.day.to_string(),
            ends: state.zone.day_end(day.day),
            value: value.map(report::unrounded).ok_or_else(|| why().to_owned()),
        }
    });
    let rows = rows.filter(|row| row.ends <= asked.range.upto).collect();
    answer(state, asked, ("day", "date"), rows)
}

/// The rows up to the limit, and from where the next page goes on.
fn answer(
    state: &WebState,
    asked: &Asked,
    (by, named): (&str, &str),
    mut rows: Vec<Row>,
) -> Result<Response, Problem> {
    let more = rows.len() > asked.range.limit;
    rows.truncate(asked.range.limit);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| state.zone.text(row.ends));
    if asked.csv {
        let fields = rows.into_iter().map(|row| {
            let (value, why) = match row.value {
                Ok(value) => (field(&value), String::new()),
                Err(why) => (String::new(), why),
            };
            let (station, factor) = (asked.source.as_str(), asked.factor.as_str());
            [station.to_owned(), factor.to_owned(), row.name, value, why]
        });
        return csv_of(
            &["station", "factor", named, "value", "void_reason"],
            fields,
        );
    }
    let rows = rows.into_iter().map(|row| match row.value {
        Ok(value) => json!({named: row.name, "value": value}),
        Err(why) => json!({named: row.name, "value": null, "void_reason": why}),
    });
    Ok(page(asked, by, rows.collect(), next))
}
