//! The ledger of a unit's credit: entries in, spans of days out.
//!
//! An entry counts once it is captured; a question "as known at" leaves later ones out, so its answer stands
//! for ever. The order of entries never matters, and an entry delivered twice word for word is one entry.
//!
//! Spans are half-open: the first day counts, the day of the end does not. A deduction starts some days after
//! its document (the rulebook's offset) and ends by term, by revocation or, where the rulebook grants it, by an
//! approved repair; whichever is first. A revocation *ab initio* leaves no span at all. Tiers forced by a
//! grave record begin with the document itself.
//!
//! What this module refuses: adding up points (see [`tier`](crate::domain::credit::tier)) and deleting anything.

pub mod act;

mod clean;

pub mod fault;

mod idle;

pub mod shards;

use crate::domain::credit::Bonus;
use crate::domain::credit::Code;
use crate::domain::credit::Confidence;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::OfficialTier;
use crate::domain::credit::Override;
use crate::domain::credit::Record;
use crate::domain::credit::Repair;
use crate::domain::credit::Revocation;
use crate::domain::credit::Tier;
use crate::domain::credit::ledger::fault::LedgerError;
use crate::domain::credit::ledger::fault::LedgerFault;
use crate::domain::credit::ledger::shards::Shards;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::DeductionRow;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Entries that agree with each other and with the rulebooks they are read under, by unit. A copy is cheap: copies share
/// the entries of units that differ in nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    by_subject: Shards<Uscc, Arc<Vec<CreditEvent>>>,
    /// Whose each identifier is.
    owners: Shards<Box<str>, Uscc>,
}

impl Ledger {
    /// Checks entries against each other and against the rulebooks, and sorts them by unit.
    ///
    /// # Errors
    ///
    /// Every fault, each with the position of the entry it stands in.
    pub fn from_events(
        events: Vec<CreditEvent>,
        rulebooks: &[&Rulebook],
    ) -> Result<Ledger, Vec<LedgerFault>> {
        Ledger::default().extended(events, rulebooks)
    }

    /// The ledger with further entries. Only the units they name are checked again: entries of different units have
    /// nothing in common but their identifiers.
    ///
    /// # Errors
    ///
    /// Every fault, each with the position of the entry among those given.
    pub fn extended(
        &self,
        events: Vec<CreditEvent>,
        rulebooks: &[&Rulebook],
    ) -> Result<Ledger, Vec<LedgerFault>> {
        let mut grown = self.clone();
        let mut faults = Vec::new();
        for (index, event) in events.iter().enumerate() {
            if let (Some(id), Some(subject)) = (event.own_id(), event.subject()) {
                let owner = grown.owners.get(id);
                if owner.is_none() {
                    grown.owners.insert(id.into(), *subject);
                } else if owner != Some(subject) {
                    let id = id.to_owned();
                    let cause = LedgerError::DuplicateId { id };
                    faults.push(LedgerFault { index, cause });
                }
            }
        }
        let mut fresh: BTreeMap<Uscc, Vec<(usize, CreditEvent)>> = BTreeMap::new();
        for (index, event) in events.into_iter().enumerate() {
            match grown.subject_of(&event).cloned() {
                Some(subject) => fresh.entry(subject).or_default().push((index, event)),
                None => faults.push(LedgerFault {
                    index,
                    cause: LedgerError::UnknownId {
                        op: event.op(),
                        id: event.refers_to().unwrap_or_default().to_owned(),
                    },
                }),
            }
        }
        for (subject, entries) in fresh {
            let (places, entries): (Vec<usize>, Vec<CreditEvent>) = entries.into_iter().unzip();
            let mut all = Vec::with_capacity(self.events_of(&subject).len() + entries.len());
            all.extend_from_slice(self.events_of(&subject));
            let old = all.len();
            all.extend(entries);
            for fault in fault::find(&all, rulebooks) {
                // An old entry was right by itself, so what is wrong with it now is the fault of the first new one.
                let index = places[fault.index.saturating_sub(old)];
                faults.push(LedgerFault { index, ..fault });
            }
            grown.by_subject.insert(subject, Arc::new(all));
        }
        faults.sort_by_key(|fault| fault.index);
        if faults.is_empty() {
            Ok(grown)
        } else {
            Err(faults)
        }
    }

    /// The unit an entry is about; `None` for one that names an identifier nobody brought in.
    #[must_use]
    pub fn subject_of<'a>(&'a self, event: &'a CreditEvent) -> Option<&'a Uscc> {
        let named = || self.owners.get(event.refers_to()?);
        event.subject().or_else(named)
    }

    /// The unit an identifier belongs to.
    #[must_use]
    pub fn owner_of(&self, id: &str) -> Option<&Uscc> {
        self.owners.get(id)
    }

    /// The units in the order of their codes, each with its entries.
    pub fn subjects(&self) -> impl Iterator<Item = (&Uscc, &[CreditEvent])> {
        let sorted = self.by_subject.sorted().into_iter();
        sorted.map(|(subject, events)| (subject, events.as_slice()))
    }

    /// The entries of one unit in the order they were entered; none for a unit the ledger does not hold.
    #[must_use]
    pub fn events_of(&self, subject: &Uscc) -> &[CreditEvent] {
        self.by_subject
            .get(subject)
            .map_or(&[], |events| events.as_slice())
    }
}

/// Days on which an entry acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The entry.
    pub id: String,
    /// The row of the rulebook.
    pub code: Code,
    /// Points given (positive) or taken (negative); for a leader the floor.
    pub points: i32,
    /// First day.
    pub start: NaiveDate,
    /// The day after the last; `None` while no end is known.
    pub end: Option<NaiveDate>,
    /// Weakest mark among the figures behind it.
    pub mark: Confidence,
}

impl Span {
    /// Whether the entry acts on a day.
    #[must_use]
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.start <= day && self.end.is_none_or(|end| day < end)
    }

    fn is_empty(&self) -> bool {
        self.end.is_some_and(|end| end <= self.start)
    }
}

/// The case a deduction belongs to. A record that names none is its own case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaseKey {
    /// Named by the record, without blanks and in plain letters: two spellings of a case are one case.
    Named(String),
    /// The record alone.
    Alone(String),
}

impl CaseKey {
    /// The name, or the identifier of the lone record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let (CaseKey::Named(text) | CaseKey::Alone(text)) = self;
        text
    }
}

/// All that is known of one unit at one instant, as spans under one rulebook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Deductions with their cases.
    pub deductions: Vec<(CaseKey, Span)>,
    /// Bonuses.
    pub bonuses: Vec<Span>,
    /// Commitments that give nothing by themselves; clean months are counted under them.
    pub commitments: Vec<Span>,
    /// Leader awards, already cut at the first deduction.
    pub leaders: Vec<Span>,
    /// Tiers forced by a grave record, a national list or by hand.
    pub forced: Vec<(Tier, Span)>,
    /// Days without rating.
    pub unrated: Vec<Span>,
    /// Official tiers with the instant they were captured.
    pub officials: Vec<(DateTime<FixedOffset>, OfficialTier)>,
}

impl History {
    /// Folds the entries of one unit that were captured by `known_at` (all, when `None`).
    ///
    /// # Errors
    ///
    /// A code the rulebook does not have or has switched off.
    pub fn fold(
        events: &[CreditEvent],
        rulebook: &Rulebook,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<History, LedgerError> {
        let mut seen = BTreeSet::new();
        let known: Vec<&CreditEvent> = events
            .iter()
            .filter(|event| known_at.is_none_or(|known_at| event.captured_at <= known_at))
            .filter(|event| event.own_id().is_none_or(|id| seen.insert(id)))
            .collect();
        let endings = Endings::collect(&known);
        let mut history = History::default();
        for event in &known {
            match &event.body {
                EventBody::Record(record) => history.add_record(record, rulebook, &endings)?,
                EventBody::Bonus(bonus) => history.add_bonus(bonus, rulebook, &endings)?,
                EventBody::Override(manual) => history.add_override(manual, rulebook, &endings),
                EventBody::Official(official) => {
                    history
                        .officials
                        .push((event.captured_at, official.clone()));
                }
                EventBody::List(_) | EventBody::Delist(_) => {}
                EventBody::Revoke(_) | EventBody::Repair(_) => {}
                EventBody::Objection(_) | EventBody::Settle(_) => {}
                EventBody::Notify(_) | EventBody::Apply(_) => {}
                EventBody::Halt(_) | EventBody::Resume(_) => {}
            }
        }
        history.unrated = idle::spans(&known, rulebook);
        history.cut_leaders();
        let clean = clean::spans(&history, rulebook);
        history.bonuses.extend(clean);
        assert!(
            history.spans().all(|span| !span.is_empty()),
            "a span without days was kept"
        );
        Ok(history)
    }

    /// Every span, for those who look for days on which something may change.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        let deductions = self.deductions.iter().map(|(_, span)| span);
        let forced = self.forced.iter().map(|(_, span)| span);
        deductions
            .chain(&self.commitments)
            .chain(&self.bonuses)
            .chain(&self.leaders)
            .chain(forced)
            .chain(&self.unrated)
    }

    /// The first day on which an entry acts; that a unit was not listed before is none.
    #[must_use]
    pub fn first_day(&self) -> Option<NaiveDate> {
        let acting = self.spans().map(|span| span.start);
        acting.filter(|start| *start > idle::LONG_AGO).min()
    }

    fn add_record(
        &mut self,
        record: &Record,
        rulebook: &Rulebook,
        endings: &Endings<'_>,
    ) -> Result<(), LedgerError> {
        let Some(cut) = endings.cut(&record.id) else {
            return Ok(());
        };
        if let Some(veto) = fault::listed_veto(&record.code, rulebook) {
            let span = Span {
                id: record.id.clone(),
                code: record.code.clone(),
                points: 0,
                start: record.doc_date,
                end: cut,
                mark: veto.mark,
            };
            keep(&mut self.forced, (veto.tier, span), |(_, span)| span);
            return Ok(());
        }
        let row = fault::deduction_row(&record.code, rulebook)?;
        let span = deduction_span(record, row, rulebook, endings, cut);
        for veto in rulebook
            .parts()
            .vetoes
            .iter()
            .filter(|veto| veto.follows.contains(&row.code))
        {
            let forced = Span {
                code: veto.code.clone(),
                points: 0,
                start: record.doc_date,
                mark: span.mark.weaker(veto.mark),
                ..span.clone()
            };
            keep(&mut self.forced, (veto.tier, forced), |(_, span)| span);
        }
        let alone = || CaseKey::Alone(record.id.clone());
        let named = record.case.as_deref().map(fault::folded);
        let case = named.map_or_else(alone, CaseKey::Named);
        keep(&mut self.deductions, (case, span), |(_, span)| span);
        Ok(())
    }

    fn add_bonus(
        &mut self,
        bonus: &Bonus,
        rulebook: &Rulebook,
        endings: &Endings<'_>,
    ) -> Result<(), LedgerError> {
        let row = fault::bonus_row(&bonus.code, rulebook)?;
        let Some(cut) = endings.cut(&bonus.id) else {
            return Ok(());
        };
        let (end, mark) = rulebook.end_of(bonus.date, &row.term);
        let (spans, points, given) = match &row.effect {
            BonusEffect::Points(figure) => (&mut self.bonuses, figure.value, figure.mark),
            BonusEffect::Floor(figure) => (&mut self.leaders, figure.value, figure.mark),
            BonusEffect::Commitment(mark) => (&mut self.commitments, 0, *mark),
            BonusEffect::Clean { .. } => return Ok(()),
        };
        let span = Span {
            id: bonus.id.clone(),
            code: bonus.code.clone(),
            points,
            start: bonus.date,
            end: earlier(Some(end), cut),
            mark: mark.weaker(given),
        };
        keep(spans, span, |span| span);
        Ok(())
    }

    fn add_override(&mut self, manual: &Override, rulebook: &Rulebook, endings: &Endings<'_>) {
        let Some(cut) = endings.cut(&manual.id) else {
            return;
        };
        let row = &rulebook.parts().manual;
        let span = Span {
            id: manual.id.clone(),
            code: row.code.clone(),
            points: 0,
            start: manual.from,
            end: earlier(Some(manual.to), cut),
            mark: row.term.mark,
        };
        keep(&mut self.forced, (manual.tier, span), |(_, span)| span);
    }

    /// A leader's floor ends on the first day any deduction is in force, for good.
    fn cut_leaders(&mut self) {
        for leader in &mut self.leaders {
            for (_, taken) in &self.deductions {
                if taken.end.is_none_or(|end| end > leader.start) {
                    leader.end = earlier(leader.end, Some(taken.start.max(leader.start)));
                }
            }
        }
        self.leaders.retain(|leader| !leader.is_empty());
    }
}

/// What ends entries before their term.
struct Endings<'a> {
    revocations: BTreeMap<&'a str, &'a Revocation>,
    repairs: BTreeMap<&'a str, &'a Repair>,
}

impl<'a> Endings<'a> {
    fn collect(known: &[&'a CreditEvent]) -> Endings<'a> {
        let mut endings = Endings {
            revocations: BTreeMap::new(),
            repairs: BTreeMap::new(),
        };
        for event in known {
            match &event.body {
                EventBody::Revoke(revocation) => {
                    endings.revocations.insert(&revocation.id, revocation);
                }
                EventBody::Repair(repair) => {
                    endings.repairs.insert(&repair.id, repair);
                }
                _ => {}
            }
        }
        endings
    }

    /// `None` when the entry never counted; otherwise the day a revocation ends it, if one does.
    fn cut(&self, id: &str) -> Option<Option<NaiveDate>> {
        match self.revocations.get(id) {
            None => Some(None),
            Some(revocation) if revocation.void_ab_initio => None,
            Some(revocation) => Some(Some(revocation.date)),
        }
    }
}

fn deduction_span(
    record: &Record,
    row: &DeductionRow,
    rulebook: &Rulebook,
    endings: &Endings<'_>,
    cut: Option<NaiveDate>,
) -> Span {
    let (start, offset_mark) = rulebook.start_of(record.doc_date);
    let (mut end, term_mark) = rulebook.end_of(start, &row.term);
    let mut mark = row.points.mark.weaker(offset_mark).weaker(term_mark);
    let early = &rulebook.parts().repair.early;
    if let Some(repair) = endings
        .repairs
        .get(record.id.as_str())
        .filter(|_| early.value)
    {
        let minimum = rulebook.repair_minimum(row.class);
        let (earliest, minimum_mark) = rulebook.end_of(record.doc_date, minimum);
        let repaired = repair.approved.max(earliest);
        if repaired < end {
            end = repaired;
            mark = mark.weaker(early.mark).weaker(minimum_mark);
        }
    }
    Span {
        id: record.id.clone(),
        code: row.code.clone(),
        points: -row.points.value,
        start,
        end: earlier(Some(end), cut),
        mark,
    }
}

fn earlier(one: Option<NaiveDate>, other: Option<NaiveDate>) -> Option<NaiveDate> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn keep<T>(spans: &mut Vec<T>, entry: T, span: impl Fn(&T) -> &Span) {
    if !span(&entry).is_empty() {
        spans.push(entry);
    }
}
