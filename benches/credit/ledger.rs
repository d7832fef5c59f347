//! A large ledger: most enterprises in good standing, some with fines, few in the red or black.

use std::path::Path;

use chrono::DateTime;
use chrono::Days;
use chrono::FixedOffset;
use chrono::NaiveDate;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::calendar::Zone;
use skytier::domain::credit::Bonus;
use skytier::domain::credit::Code;
use skytier::domain::credit::CreditEvent;
use skytier::domain::credit::EventBody;
use skytier::domain::credit::OfficialTier;
use skytier::domain::credit::Record;
use skytier::domain::credit::SubjectDay;
use skytier::domain::credit::Tier;
use skytier::domain::credit::uscc::Uscc;
use skytier::domain::credit::uscc::UsccError;
use skytier::ports::Ledger;

/// Rows of each enterprise.
pub(crate) const ENTRIES_OF_UNIT: usize = 10;
/// Rows of one commit.
const COMMIT: usize = 50_000;
/// First day, and days over which entries are spread.
const FIRST: &str = "2023-07-01";
const DAYS: u64 = 1_080;

/// A code that passes both checks, by number.
fn uscc(number: usize) -> anyhow::Result<Uscc> {
    let mut text = format!("91999999{number:08}00");
    for _ in 0..2 {
        match Uscc::new(&text) {
            Ok(code) => return Ok(code),
            Err(UsccError::OrganisationCheck { right, .. }) => {
                text.replace_range(16..17, &right.to_string());
            }
            Err(UsccError::Check { right, .. }) => {
                text.replace_range(17..18, &right.to_string());
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(Uscc::new(&text)?)
}

fn captured(day: NaiveDate) -> DateTime<FixedOffset> {
    let zone = Zone::beijing();
    zone.local(zone.day_end(day))
}

/// The entries of one enterprise, by number.
fn entries(number: usize, subject: Uscc) -> Vec<(NaiveDate, EventBody)> {
    let first: NaiveDate = FIRST.parse().expect("a day");
    let day = |at: usize| first + Days::new((number * 31 + at * 107) as u64 % DAYS);
    let code = |text: &str| Code::new(text).expect("a code");
    let body = |at: usize| {
        let (id, date) = (format!("u{number}-{at}"), day(at));
        let body = match at {
            0 => EventBody::List(SubjectDay { subject, date }),
            1 => EventBody::Bonus(Bonus {
                id,
                subject,
                code: code("B01"),
                date,
            }),
            2 | 3 => EventBody::Official(OfficialTier {
                subject,
                site: None,
                tier: if number.is_multiple_of(50) {
                    Tier::Yellow
                } else {
                    Tier::Blue
                },
                as_of: date,
                source: "example list".to_owned(),
            }),
            _ => EventBody::Record(Record {
                id,
                subject,
                site: None,
                code: code(["D01", "D03", "D02", "D23", "D06", "D26"][(number + at) % 6]),
                case: Some(format!("c{number}-{}", at / 2)),
                doc_no: Some(format!("example {number}-{at}")),
                doc_date: date,
                served: None,
                authority: Some("example bureau".to_owned()),
                evidence_sha256: None,
            }),
        };
        (date, body)
    };
    (0..ENTRIES_OF_UNIT).map(body).collect()
}

/// Writes the ledger of so many enterprises into a directory; their codes.
pub(crate) fn store(folder: &Path, units: usize) -> anyhow::Result<Vec<Uscc>> {
    let subjects = (0..units)
        .map(uscc)
        .collect::<anyhow::Result<Vec<Uscc>>>()?;
    let mut all: Vec<(NaiveDate, EventBody)> = Vec::new();
    for (number, subject) in subjects.iter().enumerate() {
        all.extend(entries(number, *subject));
    }
    // As they came in: by day.
    all.sort_by_key(|(date, _)| *date);
    let store = Embedded::open(folder, Access::Write)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let event = |(date, body): (NaiveDate, EventBody)| CreditEvent {
        captured_at: captured(date + Days::new(2)),
        body,
        entered_by: Some("Li Na".to_owned()),
    };
    let mut events = all.into_iter().map(event).peekable();
    while events.peek().is_some() {
        let commit: Vec<CreditEvent> = events.by_ref().take(COMMIT).collect();
        runtime.block_on(store.append_events(commit))?;
    }
    Ok(subjects)
}
