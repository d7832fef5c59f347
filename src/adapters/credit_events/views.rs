//! What stands behind a tier as interfaces print it: entries, stretches of days, rows of the ledger.
//!
//! Two readers see different things. The authority and the unit see entries whole. A bank or the public sees no detail of
//! a record once its repair is known: its place in the ledger, its hash and what it does to the score are all that stays.

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::rating::RatingWire;
use crate::adapters::credit_events::rating::ReasonWire;
use crate::adapters::credit_events::to_line;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::dossier;
use crate::domain::credit::dossier::Entry;
use crate::domain::credit::dossier::ObjectionClock;
use crate::domain::credit::dossier::Promptness;
use crate::domain::credit::official::Official;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier::Bare;
use crate::domain::credit::tier::CASE_CAP;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Reason;
use crate::domain::credit::timeline::Run;
use crate::domain::credit::uscc::Uscc;
use crate::domain::registry::Enterprise;
use crate::flow::tiering::Disagreement;
use crate::flow::tiering::told::Change;
use crate::flow::tiering::told::Told;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

pub use crate::adapters::hex::hex;

/// Fields of an entry that name officers or unfold a process: they stay with the authority and the unit.
const INTERNAL: [&str; 2] = ["entered_by", "approved_by"];

/// Records whose details are sealed, each with the hash of its row.
pub type Seals = BTreeMap<String, [u8; 32]>;

/// An entry's fields, as it was entered.
#[must_use]
pub fn entry_json(event: &CreditEvent) -> Value {
    serde_json::from_str(&to_line(event)).expect("a line of the ledger is JSON")
}

/// Whether a reader outside learns no more of a reason than what it does to the score: a sealed record, or the cap of what
/// may be its case.
#[must_use]
pub fn is_sealed(reason: &Reason, all: &[Reason], seals: &Seals) -> bool {
    let any = || all.iter().any(|reason| seals.contains_key(&reason.id));
    seals.contains_key(&reason.id) || (reason.code == CASE_CAP && any())
}

/// Reasons as a reader sees them.
#[must_use]
pub fn reasons_view<'a>(reasons: &'a [Reason], seals: &Seals) -> Vec<ReasonWire<'a>> {
    let view = |reason| {
        if is_sealed(reason, reasons, seals) {
            ReasonWire::sealed(reason, seals.get(&reason.id).map(|hash| hex(hash)))
        } else {
            ReasonWire::open(reason)
        }
    };
    reasons.iter().map(view).collect()
}

/// A rating as a reader sees it.
#[must_use]
pub fn rating_view<'a>(subject: &'a Uscc, rating: &'a Rating, seals: &Seals) -> RatingWire<'a> {
    let reasons = reasons_view(&rating.reasons, seals);
    RatingWire::new(subject, rating, Some(reasons))
}

/// The authority's tier.
#[derive(Serialize)]
pub struct OfficialView<'a> {
    site: Option<&'a str>,
    tier: &'static str,
    as_of: chrono::NaiveDate,
    source: &'a str,
    captured_at: String,
}

/// The authority's tier as a reader sees it.
#[must_use]
pub fn official_view(official: &Official) -> OfficialView<'_> {
    OfficialView {
        site: official.site.as_deref(),
        tier: official.tier.as_str(),
        as_of: official.as_of,
        source: &official.source,
        captured_at: instant_text(official.captured_at),
    }
}

/// The authority's tier, or null.
#[must_use]
pub fn official_json(official: Option<&Official>) -> Value {
    json!(official.map(official_view))
}

/// A unit whose official tier is another than the computed one, as a line of work for somebody.
#[must_use]
pub fn disagreement_json(
    subject: &Uscc,
    enterprise: Option<&Enterprise>,
    on: chrono::NaiveDate,
    differs: &Disagreement,
    rulebook: &Rulebook,
) -> Value {
    let computed = differs.computed;
    json!({
        "subject": subject.as_str(),
        "name_zh": enterprise.map(|enterprise| &enterprise.names.zh),
        "on": on.to_string(),
        "official": official_json(Some(&differs.official)),
        "computed": {
            "tier": computed.tier.as_str(), "score": computed.score, "confidence": computed.confidence.as_str(),
            "rulebook": rulebook.id(), "rulebook_sha256": rulebook.sha256(),
        },
    })
}

/// A stretch of days.
#[must_use]
pub fn run_json(run: &Run, seals: &Seals) -> Value {
    json!({
        "from": run.from.to_string(), "to": run.to.to_string(), "rulebook": run.rulebook,
        "score": run.score, "tier": run.tier.as_str(), "reasons": reasons_view(&run.reasons, seals),
    })
}

/// Where an entry stands in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Number of its row.
    pub seq: u64,
    /// Hash of its row.
    pub hash: [u8; 32],
}

/// An entry behind the tier, whole, with how it stands and what clocks run.
#[must_use]
pub fn standing_json(
    place: Place,
    entry: &Entry<'_>,
    promptness: Option<Promptness>,
    clock: Option<ObjectionClock>,
    notice: Option<Value>,
) -> Value {
    let span = entry.span.as_ref();
    let day = |day: chrono::NaiveDate| day.to_string();
    json!({
        "seq": place.seq,
        "hash": hex(&place.hash),
        "state": entry.state.as_str(),
        "points": span.map(|span| span.points),
        "start": span.map(|span| day(span.start)),
        "end": span.and_then(|span| span.end).map(day),
        "confidence": span.map(|span| span.mark.as_str()),
        "entered": entry_json(entry.event),
        "promptness": promptness.map(|promptness| promptness_json(&promptness)),
        "objection": clock.map(|clock| json!({
            "file_by": clock.file_by.map(day),
            "filed": entry.objection.map(day),
            "filed_late": clock.filed_late,
            "decide_by": clock.decide_by.map(day),
            "decide_by_if_complex": clock.decide_by_if_complex.map(day),
            "decided": entry.settled.map(|settled| day(settled.date)),
            "upheld": entry.settled.map(|settled| settled.upheld),
            "correct_by": clock.correct_by.map(day),
            "corrected": clock.corrected.map(day),
        })),
        "notice": notice,
        "application": entry.applied.map(|applied| json!({
            "filed": day(applied.date), "dossier": applied.dossier,
        })),
        "repair": entry.repair.map(|repair| json!({
            "approved": day(repair.approved), "acts_from": day(repair.acts_from),
            "early": repair.acts_from > repair.approved,
        })),
    })
}

/// The notice that a unit is to be given of a record: when it was due and given, and what the record will do.
#[must_use]
pub fn notice_json(entry: &Entry<'_>, outlook: &Outlook<'_>, on: NaiveDate) -> Option<Value> {
    let clock = dossier::notice_clock(entry)?;
    let drop = dossier::drop_of(entry, outlook);
    let stood = |bare: Bare| json!({"score": bare.score, "tier": bare.tier.as_str()});
    Some(json!({
        "due": clock.due.to_string(),
        "given": clock.given.map(|given| given.date.to_string()),
        "how": clock.given.map(|given| &given.how),
        "late": clock.is_late(on),
        "counts_from": clock.counts_from.to_string(),
        "acts_from": drop.map(|drop| drop.from.to_string()),
        "before": drop.map(|drop| stood(drop.before)),
        "then": drop.map(|drop| stood(drop.then)),
        "tier_drop": drop.map(|drop| drop.is_tier_drop()),
    }))
}

/// How promptly a document was entered, null with the reason where the calendar does not reach.
#[must_use]
pub fn promptness_json(promptness: &Promptness) -> Value {
    let known = promptness.due.is_some() && promptness.working_days.is_some();
    json!({
        "due": promptness.due.map(|due| due.to_string()),
        "working_days": promptness.working_days,
        "late": promptness.late,
        "void_reason": (!known).then_some("config/holidays.toml has no working days of that year"),
    })
}

/// The records of a unit whose repair acts by a day, each with its place among what readers outside were told; `None` for one
/// they never were told of.
#[must_use]
pub fn sealed_rows<'a>(
    told: &Told<'a>,
    subject: &Uscc,
    today: NaiveDate,
) -> BTreeMap<&'a str, Option<u64>> {
    let book = told.book();
    let events = book.ledger().events_of(subject);
    let sealed = dossier::sealed(events, told.schedule(), today);
    let own = book.rows_of(subject);
    let own = own.filter_map(|row| Some((row.event.own_id()?, row)));
    own.filter(|(id, _)| sealed.contains(id))
        .map(|(id, row)| (id, told.place_of(&row)))
        .collect()
}

/// Leaves of a change only that there was one, for whoever may not see the details of its unit.
pub fn only_that(change: &mut Value) {
    change["op"] = "changed".into();
    for field in ["sealed", "seals", "entry"] {
        change[field] = Value::Null;
    }
}

/// One of the changes told to readers outside. `sealed` are the sealed records of its unit.
#[must_use]
pub fn change_of(change: &Change<'_>, sealed: &BTreeMap<&str, Option<u64>>) -> Value {
    let (row, event) = (&change.row, change.row.event);
    let about = event.own_id().or(event.refers_to());
    let sealed = about.and_then(|id| sealed.get(id)).copied();
    let op = match (&event.body, sealed) {
        (EventBody::Repair(_), _) => "sealed",
        _ => event.op(),
    };
    let process = matches!(
        event.body,
        EventBody::Objection(_) | EventBody::Settle(_) | EventBody::Notify(_) | EventBody::Apply(_)
    );
    let mut entry = entry_json(event);
    if let Some(fields) = entry.as_object_mut() {
        for field in INTERNAL {
            fields.remove(field);
        }
    }
    let hidden = sealed.is_some() || process;
    json!({
        "cursor": change.cursor,
        "hash": hex(&row.hash),
        "subject": row.subject.as_str(),
        "op": op,
        "captured_at": instant_text(event.captured_at),
        "sealed": sealed.is_some(),
        "seals": sealed.flatten().filter(|_| op == "sealed"),
        "entry": (!hidden).then_some(entry),
    })
}
