//! Days on which a unit is not rated: it has stood still for the rulebook's term, or it is not on the list.

use crate::domain::calendar::YEARS;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::ledger::Span;
use crate::domain::credit::ledger::keep;
use crate::domain::credit::rulebook::Rulebook;
use chrono::NaiveDate;

/// What is before all entries.
pub(super) const LONG_AGO: NaiveDate =
    NaiveDate::from_ymd_opt(*YEARS.start(), 1, 1).expect("a day");

fn days(known: &[&CreditEvent], pick: fn(&EventBody) -> Option<NaiveDate>) -> Vec<NaiveDate> {
    let mut days: Vec<NaiveDate> = known.iter().filter_map(|event| pick(&event.body)).collect();
    days.sort_unstable();
    days
}

/// The spans without rating.
pub(super) fn spans(known: &[&CreditEvent], rulebook: &Rulebook) -> Vec<Span> {
    let mut spans = halted(known, rulebook);
    spans.extend(delisted(known, rulebook));
    spans
}

/// A unit that stands still for the rulebook's term is unrated from then until it resumes.
fn halted(known: &[&CreditEvent], rulebook: &Rulebook) -> Vec<Span> {
    let halts = days(known, |body| match body {
        EventBody::Halt(at) => Some(at.date),
        _ => None,
    });
    let resumes = days(known, |body| match body {
        EventBody::Resume(at) => Some(at.date),
        _ => None,
    });
    let row = &rulebook.parts().halted;
    let mut spans: Vec<Span> = Vec::new();
    let mut idle_until = Some(NaiveDate::MIN);
    for halt in halts {
        if idle_until.is_none_or(|until| halt < until) {
            continue;
        }
        idle_until = resumes.iter().copied().find(|&resume| resume > halt);
        let (start, mark) = rulebook.end_of(halt, &row.term);
        let span = Span {
            id: format!("halt-{halt}"),
            code: row.code.clone(),
            points: 0,
            start,
            end: idle_until,
            mark,
        };
        keep(&mut spans, span, |span| span);
    }
    spans
}

/// A unit taken off the list is unrated from that day until it is listed again; one that the ledger lists first is unrated
/// before. Of a listing and a removal on one day the one captured later stands.
fn delisted(known: &[&CreditEvent], rulebook: &Rulebook) -> Vec<Span> {
    let turn = |event: &&CreditEvent| match &event.body {
        EventBody::List(at) => Some((at.date, event.captured_at, false)),
        EventBody::Delist(at) => Some((at.date, event.captured_at, true)),
        _ => None,
    };
    let mut turns: Vec<_> = known.iter().filter_map(turn).collect();
    turns.sort_unstable();
    let row = &rulebook.parts().halted;
    let span = |(id, start): (String, NaiveDate), end: Option<NaiveDate>| Span {
        id,
        code: row.code.clone(),
        points: 0,
        start,
        end,
        mark: row.term.mark,
    };
    let mut spans: Vec<Span> = Vec::new();
    // Left before it was ever listed here: it had been listed without an entry.
    let mut away = match turns.first() {
        Some((first, _, false)) => Some((format!("list-{first}"), LONG_AGO)),
        _ => None,
    };
    for (date, _, leaves) in turns {
        if leaves {
            away.get_or_insert_with(|| (format!("delist-{date}"), date));
        } else if let Some(since) = away.take() {
            keep(&mut spans, span(since, Some(date)), |span| span);
        }
    }
    spans.extend(away.map(|since| span(since, None)));
    spans
}
