//! The ledger's wire shape: one JSON object a line in, one a line out.
//!
//! Reading is strict. An unknown operation or field, a key given twice, a date that does not exist or a credit
//! code whose check character is wrong is refused with the field and the remedy; nothing is guessed. Whether
//! entries fit each other and a rulebook is the ledger's judgement, not this module's.
//!
//! [`to_line`] writes the one canonical form: keys in a fixed order, absent values left out. What it writes,
//! [`from_line`] reads back to the same event, so a digest over the line stands for the event.

pub mod object;

use crate::adapters::credit_events::object::Object;
use crate::adapters::credit_events::object::Writer;
use crate::domain::credit::Bonus;
use crate::domain::credit::Code;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::OfficialTier;
use crate::domain::credit::Override;
use crate::domain::credit::Record;
use crate::domain::credit::Repair;
use crate::domain::credit::Revocation;
use crate::domain::credit::SubjectDay;
use crate::domain::credit::Tier;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::SecondsFormat;
use serde::Serialize;

/// Longest line read, in bytes.
pub const LINE_BYTES_MAX: usize = 65_536;
/// Longest identifier or case, in bytes.
pub const ID_BYTES_MAX: usize = 128;
/// Most persons an override names.
pub const APPROVERS_MAX: usize = 16;

const OPS: &str = "list, record, bonus, revoke, repair, override, halt, resume, official";

/// What is wrong with a line, as a fragment that names the field and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("the line is too long; at most {LINE_BYTES_MAX} bytes are read")]
    TooLong,
    /// Not one JSON object.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// A key given twice.
    #[error("field {0:?} is given twice; give it once")]
    Twice(String),
    /// A key missing.
    #[error("field {field:?} is missing; {op:?} needs it")]
    Missing {
        /// The operation.
        op: String,
        /// The key.
        field: &'static str,
    },
    /// A key the operation does not have.
    #[error("field {field:?} is unknown; {op:?} has {known}")]
    UnknownField {
        /// The operation.
        op: String,
        /// The key.
        field: String,
        /// What it has.
        known: String,
    },
    /// A value that cannot be.
    #[error("field {field:?}: {what}")]
    Value {
        /// The key.
        field: &'static str,
        /// What is wrong and what would be right.
        what: String,
    },
}

/// Reads one event.
///
/// # Errors
///
/// The first fault of the line.
///
/// ```
/// use skytier::adapters::credit_events::from_line;
/// use skytier::adapters::credit_events::to_line;
/// let line = r#"{"op":"list","subject":"91999999MA1ABCDE8G","date":"2026-01-05","captured_at":"2026-01-05T09:00:00+08:00"}"#;
/// assert_eq!(from_line(line).map(|event| to_line(&event)), Ok(line.to_owned()));
/// ```
pub fn from_line(line: &str) -> Result<CreditEvent, LineFault> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LineFault::TooLong);
    }
    let mut object = Object::parse(line)?;
    let op = object.begin()?;
    let body = match op.as_str() {
        "list" => EventBody::List(subject_day(&mut object)?),
        "record" => EventBody::Record(record(&mut object)?),
        "bonus" => EventBody::Bonus(Bonus {
            id: id(&mut object)?,
            subject: subject(&mut object)?,
            code: code(&mut object)?,
            date: object.date("date")?,
        }),
        "revoke" => EventBody::Revoke(Revocation {
            id: id(&mut object)?,
            date: object.date("date")?,
            void_ab_initio: object.optional_flag("void_ab_initio")?.unwrap_or(false),
        }),
        "repair" => EventBody::Repair(Repair {
            id: id(&mut object)?,
            approved: object.date("approved")?,
        }),
        "override" => EventBody::Override(manual(&mut object)?),
        "halt" => EventBody::Halt(subject_day(&mut object)?),
        "resume" => EventBody::Resume(subject_day(&mut object)?),
        "official" => EventBody::Official(OfficialTier {
            subject: subject(&mut object)?,
            site: object.optional_text("site")?,
            tier: tier(&mut object)?,
            as_of: object.date("as_of")?,
            source: object.text("source")?,
        }),
        _ => {
            let what = format!("{op:?} is unknown; use one of {OPS}");
            return Err(LineFault::Value { field: "op", what });
        }
    };
    let captured_at = object.instant("captured_at")?;
    object.finish()?;
    Ok(CreditEvent { captured_at, body })
}

/// Writes an event in its canonical form, without a line end.
#[must_use]
pub fn to_line(event: &CreditEvent) -> String {
    let mut line = Writer::begin(event.op());
    match &event.body {
        EventBody::List(at) | EventBody::Halt(at) | EventBody::Resume(at) => {
            line.text("subject", at.subject.as_str());
            line.date("date", at.date);
        }
        EventBody::Record(record) => write_record(&mut line, record),
        EventBody::Bonus(bonus) => {
            line.text("id", &bonus.id);
            line.text("subject", bonus.subject.as_str());
            line.text("code", bonus.code.as_str());
            line.date("date", bonus.date);
        }
        EventBody::Revoke(revocation) => {
            line.text("id", &revocation.id);
            line.date("date", revocation.date);
            line.flag("void_ab_initio", revocation.void_ab_initio);
        }
        EventBody::Repair(repair) => {
            line.text("id", &repair.id);
            line.date("approved", repair.approved);
        }
        EventBody::Override(manual) => {
            line.text("id", &manual.id);
            line.text("subject", manual.subject.as_str());
            line.text("tier", manual.tier.as_str());
            line.date("from", manual.from);
            line.date("to", manual.to);
            line.text("reason", &manual.reason);
            line.texts("approved_by", &manual.approved_by);
        }
        EventBody::Official(official) => {
            line.text("subject", official.subject.as_str());
            line.optional_text("site", official.site.as_deref());
            line.text("tier", official.tier.as_str());
            line.date("as_of", official.as_of);
            line.text("source", &official.source);
        }
    }
    line.text("captured_at", &instant_text(event.captured_at));
    line.finish()
}

/// A unit's rating as the tier endpoint shows it, keys in the order of the interface.
#[must_use]
pub fn rating_json(subject: &Uscc, rating: &Rating) -> serde_json::Value {
    serde_json::to_value(RatingWire::new(subject, rating)).expect("plain data is always JSON")
}

/// A unit's rating as one line, keys in the order of the interface.
#[must_use]
pub fn rating_line(subject: &Uscc, rating: &Rating) -> String {
    serde_json::to_string(&RatingWire::new(subject, rating)).expect("plain data is always JSON")
}

/// RFC 3339 with the offset it was given in.
#[must_use]
pub fn instant_text(at: DateTime<FixedOffset>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

fn subject_day(object: &mut Object) -> Result<SubjectDay, LineFault> {
    Ok(SubjectDay {
        subject: subject(object)?,
        date: object.date("date")?,
    })
}

fn record(object: &mut Object) -> Result<Record, LineFault> {
    Ok(Record {
        id: id(object)?,
        subject: subject(object)?,
        site: object.optional_text("site")?,
        code: code(object)?,
        case: object
            .optional_text("case")?
            .map(|case| short("case", case))
            .transpose()?,
        doc_no: object.optional_text("doc_no")?,
        doc_date: object.date("doc_date")?,
        served: object.optional_date("served")?,
        authority: object.optional_text("authority")?,
        evidence_sha256: object
            .optional_text("evidence_sha256")?
            .map(digest)
            .transpose()?,
    })
}

fn write_record(line: &mut Writer, record: &Record) {
    line.text("id", &record.id);
    line.text("subject", record.subject.as_str());
    line.optional_text("site", record.site.as_deref());
    line.text("code", record.code.as_str());
    line.optional_text("case", record.case.as_deref());
    line.optional_text("doc_no", record.doc_no.as_deref());
    line.date("doc_date", record.doc_date);
    if let Some(served) = record.served {
        line.date("served", served);
    }
    line.optional_text("authority", record.authority.as_deref());
    line.optional_text("evidence_sha256", record.evidence_sha256.as_deref());
}

fn manual(object: &mut Object) -> Result<Override, LineFault> {
    let manual = Override {
        id: id(object)?,
        subject: subject(object)?,
        tier: tier(object)?,
        from: object.date("from")?,
        to: object.date("to")?,
        reason: object.text("reason")?,
        approved_by: object.texts("approved_by")?,
    };
    if manual.approved_by.len() > APPROVERS_MAX {
        let what = format!(
            "{} names; at most {APPROVERS_MAX}",
            manual.approved_by.len()
        );
        return Err(LineFault::Value {
            field: "approved_by",
            what,
        });
    }
    Ok(manual)
}

fn id(object: &mut Object) -> Result<String, LineFault> {
    short("id", object.text("id")?)
}

fn short(field: &'static str, text: String) -> Result<String, LineFault> {
    if text.len() <= ID_BYTES_MAX {
        return Ok(text);
    }
    let what = format!("{} bytes; at most {ID_BYTES_MAX}", text.len());
    Err(LineFault::Value { field, what })
}

fn digest(text: String) -> Result<String, LineFault> {
    let hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if text.len() == 64 && text.bytes().all(hex) {
        return Ok(text);
    }
    let what = "no SHA-256; write 64 of the digits 0 to 9 and a to f".to_owned();
    Err(LineFault::Value {
        field: "evidence_sha256",
        what,
    })
}

fn subject(object: &mut Object) -> Result<Uscc, LineFault> {
    Uscc::new(&object.text("subject")?).map_err(|error| LineFault::Value {
        field: "subject",
        what: error.to_string(),
    })
}

fn code(object: &mut Object) -> Result<Code, LineFault> {
    let text = object.text("code")?;
    let wrong = || {
        let what = format!("{text:?} is no code; write a capital and two digits, as D03");
        LineFault::Value {
            field: "code",
            what,
        }
    };
    Code::new(&text).ok_or_else(wrong)
}

fn tier(object: &mut Object) -> Result<Tier, LineFault> {
    let text = object.text("tier")?;
    let wrong = || {
        let known = Tier::ALL.map(Tier::as_str).join(", ");
        LineFault::Value {
            field: "tier",
            what: format!("{text:?} is no tier; use one of {known}"),
        }
    };
    Tier::from_word(&text).ok_or_else(wrong)
}

#[derive(Serialize)]
struct RatingWire<'a> {
    subject: &'a str,
    on: String,
    known_at: Option<String>,
    rulebook: &'a str,
    rulebook_sha256: &'a str,
    score: i32,
    tier: &'static str,
    confidence: &'static str,
    official: Option<OfficialWire<'a>>,
    reasons: Vec<ReasonWire<'a>>,
    next_change: Option<NextWire>,
}

#[derive(Serialize)]
struct OfficialWire<'a> {
    tier: &'static str,
    as_of: String,
    source: &'a str,
}

#[derive(Serialize)]
struct ReasonWire<'a> {
    id: &'a str,
    code: &'a str,
    points: i32,
    start: String,
    end: Option<String>,
    confidence: &'static str,
}

#[derive(Serialize)]
struct NextWire {
    date: String,
    score: i32,
    tier: &'static str,
}

impl<'a> RatingWire<'a> {
    fn new(subject: &'a Uscc, rating: &'a Rating) -> RatingWire<'a> {
        RatingWire {
            subject: subject.as_str(),
            on: rating.on.to_string(),
            known_at: rating.known_at.map(instant_text),
            rulebook: &rating.rulebook,
            rulebook_sha256: &rating.rulebook_sha256,
            score: rating.score,
            tier: rating.tier.as_str(),
            confidence: rating.confidence.as_str(),
            official: rating.official.as_ref().map(|official| OfficialWire {
                tier: official.tier.as_str(),
                as_of: official.as_of.to_string(),
                source: &official.source,
            }),
            reasons: rating
                .reasons
                .iter()
                .map(|reason| ReasonWire {
                    id: &reason.id,
                    code: &reason.code,
                    points: reason.points,
                    start: reason.start.to_string(),
                    end: reason.end.map(|end| end.to_string()),
                    confidence: reason.confidence.as_str(),
                })
                .collect(),
            next_change: rating.next_change.map(|next| NextWire {
                date: next.date.to_string(),
                score: next.score,
                tier: next.tier.as_str(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
