//! The table of days left out of statistics.

use crate::adapters::tables::kinds::or_empty;
use crate::adapters::tables::sheet::Line;
use crate::adapters::tables::sheet::date;
use crate::adapters::tables::sheet::if_filled;
use crate::domain::calendar::Span;
use crate::domain::exclusion::Exclusion;
use crate::domain::exclusion::Place;
use crate::domain::exclusion::Reason;
use crate::domain::exclusion::Reasons;
use crate::domain::exclusion::Statistic;
use crate::domain::pollutant::Pollutant;

/// Its columns; the last may be left out.
pub(super) const COLUMNS: [&str; 10] = [
    "id",
    "place",
    "from",
    "to",
    "pollutants",
    "statistics",
    "reason",
    "document",
    "decided_on",
    "revoked_on",
];

/// Reads a row. What it does not name is taken from the reason, once: the entry holds it from then on.
pub(super) fn exclusion(line: &mut Line<'_>, reasons: &Reasons) -> Option<Exclusion> {
    let id = line.text("id");
    let place = line.field("place", "group:ID, station:ID or all", Place::parse);
    let from = line.field("from", "a date such as 2020-01-31", date);
    let to = line.field("to", "a date such as 2020-01-31", date);
    let span = from.zip(to).and_then(|(from, to)| {
        let expected = "on or after from, within a century";
        line.field("to", expected, |_| Span::checked(from, to).ok())
    });
    let reason = line.field("reason", &reasons.keys(), |text| reasons.named(text));
    let pollutants = list(
        line,
        "pollutants",
        &Pollutant::ALL,
        Pollutant::key,
        reason.map(|reason: &Reason| reason.pollutants.as_slice()),
    );
    let statistics = list(
        line,
        "statistics",
        &Statistic::ALL,
        Statistic::key,
        reason.map(|reason: &Reason| reason.statistics.as_slice()),
    );
    let document = line.text("document");
    let decided_on = line.field("decided_on", "a date such as 2020-01-31", date);
    let revoked_on = line.field(
        "revoked_on",
        "a date such as 2020-01-31, or empty",
        |text| if_filled(text, date),
    );
    Some(Exclusion {
        id: id?,
        place: place?,
        span: span?,
        pollutants: pollutants?,
        statistics: statistics?,
        reason: reason?.key.clone(),
        document: document?,
        decided_on: decided_on?,
        revoked_on: revoked_on?,
    })
}

/// Keys joined by `|`, in the order of `all`; an empty field takes the reason's.
fn list<T: Copy + PartialEq>(
    line: &mut Line<'_>,
    column: &str,
    all: &[T],
    key: impl Fn(T) -> &'static str,
    usual: Option<&[T]>,
) -> Option<Vec<T>> {
    let keys: Vec<&str> = all.iter().map(|one| key(*one)).collect();
    let named = |text: &str| {
        let known = text.split('|').all(|part| keys.contains(&part));
        let chosen = all.iter().copied();
        known.then(|| {
            chosen
                .filter(|one| text.split('|').any(|part| part == key(*one)))
                .collect::<Vec<_>>()
        })
    };
    let expected = match usual {
        Some([]) => format!("some of {}, joined by |", keys.join("|")),
        _ => format!("some of {}, joined by |, or empty", keys.join("|")),
    };
    line.field(column, &expected, |text| match (text, usual) {
        ("", Some([])) => None,
        // Without a reason there is a fault already.
        ("", usual) => Some(usual.unwrap_or_default().to_vec()),
        (text, _) => named(text),
    })
}

/// Writes a row.
pub(super) fn row(exclusion: &Exclusion) -> Vec<String> {
    let pollutants: Vec<&str> = exclusion.pollutants.iter().map(|one| one.key()).collect();
    let statistics: Vec<&str> = exclusion.statistics.iter().map(|one| one.key()).collect();
    vec![
        exclusion.id.clone(),
        exclusion.place.to_string(),
        exclusion.span.from.to_string(),
        exclusion.span.to.to_string(),
        pollutants.join("|"),
        statistics.join("|"),
        exclusion.reason.clone(),
        exclusion.document.clone(),
        exclusion.decided_on.to_string(),
        or_empty(exclusion.revoked_on.as_ref()),
    ]
}
