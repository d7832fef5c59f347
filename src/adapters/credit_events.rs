//! The ledger's wire shape: one JSON object a line in, one a line out.
//!
//! Reading is strict. An unknown operation or field, a key given twice, a date that does not exist or a credit
//! code whose check character is wrong is refused with the field and the remedy; nothing is guessed. Whether
//! entries fit each other and a rulebook is the ledger's judgement, not this module's.
//!
//! [`to_line`] writes the one canonical form: keys in a fixed order, absent values left out. What it writes,
//! [`from_line`] reads back to the same event, so a digest over the line stands for the event.

pub mod object;

pub mod rating;

pub mod views;

pub mod money;

pub mod official_list;

pub mod lookups;

pub mod stamps;

use crate::adapters::credit_events::object::Object;
use crate::adapters::credit_events::object::Writer;
use crate::domain::credit::Application;
use crate::domain::credit::Bonus;
use crate::domain::credit::Code;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Notification;
use crate::domain::credit::Objection;
use crate::domain::credit::OfficialTier;
use crate::domain::credit::Override;
use crate::domain::credit::Record;
use crate::domain::credit::Repair;
use crate::domain::credit::Revocation;
use crate::domain::credit::Settlement;
use crate::domain::credit::SubjectDay;
use crate::domain::credit::Tier;
use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::SecondsFormat;

/// Longest line read, in bytes.
pub const LINE_BYTES_MAX: usize = 65_536;
/// Longest fields of one act that are taken: with what else its line says, and who else may sign, it stays far below the
/// longest line.
pub const FIELDS_BYTES_MAX: usize = 32_768;
/// Longest identifier or case, in bytes.
pub const ID_BYTES_MAX: usize = 128;
/// Most persons an override names.
pub const APPROVERS_MAX: usize = 16;

const OPS: &str = "list, record, bonus, revoke, repair, override, halt, resume, delist, objection, settle, notify, apply, official";
/// Operations that name an earlier entry, which says whose they are.
const REFERRING: [&str; 6] = ["revoke", "repair", "objection", "settle", "notify", "apply"];
/// Fields that whoever takes an act fills in.
const GIVEN: [&str; 3] = ["op", "subject", "captured_at"];

/// What is wrong with a line, as a fragment that names the field and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("the line is too long; at most {LINE_BYTES_MAX} bytes are read")]
    TooLong,
    /// Longer than [`FIELDS_BYTES_MAX`].
    #[error("the fields are too long; at most {FIELDS_BYTES_MAX} bytes are taken")]
    FieldsTooLong,
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
    /// A field that is not the sender's to give.
    #[error("field {field:?} is not given with {op:?}; the path and the clock say it")]
    Given {
        /// The operation.
        op: String,
        /// The key.
        field: String,
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
    event(Object::parse(line)?)
}

/// Whether an event can be read back as it is written: it may come from elsewhere than a line.
///
/// # Errors
///
/// The first fault of the line it is written as.
pub fn check(event: &CreditEvent) -> Result<(), LineFault> {
    let read = from_line(&to_line(event))?;
    match read == *event {
        true => Ok(()),
        false => Err(LineFault::Value {
            field: "op",
            what: "it would be read back as another entry".to_owned(),
        }),
    }
}

/// Reads an act out of its own fields: what kind it is, whom it concerns and when it was taken come from elsewhere, and
/// fields that say so are refused.
///
/// # Errors
///
/// The first fault of the fields.
pub fn from_fields(
    op: &str,
    fields: &str,
    subject: &Uscc,
    captured_at: DateTime<FixedOffset>,
) -> Result<CreditEvent, LineFault> {
    if fields.len() > FIELDS_BYTES_MAX {
        return Err(LineFault::FieldsTooLong);
    }
    let mut object = Object::parse(fields)?;
    object.refuse(op, &GIVEN)?;
    object.give("op", op);
    if !REFERRING.contains(&op) {
        object.give("subject", subject.as_str());
    }
    object.give("captured_at", &instant_text(captured_at));
    event(object)
}

fn event(mut object: Object) -> Result<CreditEvent, LineFault> {
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
        "delist" => EventBody::Delist(subject_day(&mut object)?),
        "objection" => EventBody::Objection(Objection {
            id: id(&mut object)?,
            date: object.date("date")?,
            reason: object.text("reason")?,
        }),
        "settle" => EventBody::Settle(Settlement {
            id: id(&mut object)?,
            date: object.date("date")?,
            upheld: object.flag("upheld")?,
        }),
        "notify" => EventBody::Notify(Notification {
            id: id(&mut object)?,
            date: object.date("date")?,
            how: object.text("how")?,
        }),
        "apply" => EventBody::Apply(Application {
            id: id(&mut object)?,
            date: object.date("date")?,
            dossier: object.text("dossier")?,
        }),
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
    let entered_by = object.optional_text("entered_by")?;
    let entered_by = entered_by
        .map(|name| short("entered_by", name))
        .transpose()?;
    object.finish()?;
    Ok(CreditEvent {
        captured_at,
        body,
        entered_by,
    })
}

/// Writes an event in its canonical form, without a line end.
#[must_use]
pub fn to_line(event: &CreditEvent) -> String {
    let mut line = Writer::begin(event.op());
    match &event.body {
        EventBody::List(at)
        | EventBody::Delist(at)
        | EventBody::Halt(at)
        | EventBody::Resume(at) => {
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
            line.optional_text("legal_basis", manual.legal_basis.as_deref());
            line.texts("approved_by", &manual.approved_by);
        }
        EventBody::Objection(objection) => {
            line.text("id", &objection.id);
            line.date("date", objection.date);
            line.text("reason", &objection.reason);
        }
        EventBody::Settle(settlement) => {
            line.text("id", &settlement.id);
            line.date("date", settlement.date);
            line.flag("upheld", settlement.upheld);
        }
        EventBody::Notify(notification) => {
            line.text("id", &notification.id);
            line.date("date", notification.date);
            line.text("how", &notification.how);
        }
        EventBody::Apply(application) => {
            line.text("id", &application.id);
            line.date("date", application.date);
            line.text("dossier", &application.dossier);
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
    line.optional_text("entered_by", event.entered_by.as_deref());
    line.finish()
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
        legal_basis: object.optional_text("legal_basis")?,
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

#[cfg(test)]
mod tests;
