//! `skytier credit`: acts on the ledger of a data directory, files of entries, and what stands behind a tier.

mod official;

mod tariff;

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::TimeDelta;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::from_fields;
use crate::adapters::credit_events::to_line;
use crate::adapters::credit_events::views::Place;
use crate::adapters::credit_events::views::Seals;
use crate::adapters::credit_events::views::entry_json;
use crate::adapters::credit_events::views::hex;
use crate::adapters::credit_events::views::notice_json;
use crate::adapters::credit_events::views::promptness_json;
use crate::adapters::credit_events::views::run_json;
use crate::adapters::credit_events::views::standing_json;
use crate::app::fault::bad_input;
use crate::app::holidays;
use crate::app::open;
use crate::app::rate;
use crate::app::rate::parse_day;
use crate::app::rate::parse_known_at;
use crate::app::rulebooks;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::disclosure::repair_acts;
use crate::domain::credit::dossier;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::timeline::runs;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::Tiering;
use crate::flow::tiering::TieringError;
use crate::flow::tiering::book::Book;

/// Fields that are lists of names.
const LISTS: [&str; 1] = ["approved_by"];
/// Fields that are true or false.
const FLAGS: [&str; 2] = ["void_ab_initio", "upheld"];

/// The ledger of a data directory: enter acts, load entries, see what stands behind a tier.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
An act has the fields that `skytier rate` reads, without op, subject and captured_at, which the command fills in:
  record      id code doc_date [case doc_no site served authority evidence_sha256]
  bonus       id code date
  revoke      id date [void_ab_initio=true]
  repair      id approved
  notify      id date how
  objection   id date reason
  settle      id date upheld=true|false
  apply       id date dossier
  override    id tier from to reason legal_basis approved_by=NAME,NAME
  list, delist, halt, resume   date
  official    tier as_of source [site]
Nothing is ever changed or removed: a wrong entry is revoked. The directory must not be in use by a daemon; a running one
takes the same fields at POST /v1/enterprises/CODE/records, bonuses, revocations, repairs, objections, settlements, notifications, applications,
overrides, listings, delistings, halts, resumptions, officials. records, history and head work beside it.

Examples:
  skytier credit act record --data var/city --subject 91999999MA1ABCDE8G --by 'Li Na' id=r1 code=D03 case=c1 doc_date=2026-05-06
  skytier credit act repair --data var/city --subject 91999999MA1ABCDE8G --by 'Li Na' id=r1 approved=2026-08-22
  skytier credit load --data var/city ledger.jsonl
  skytier credit records --data var/city --subject 91999999MA1ABCDE8G
  skytier credit history --data var/city --subject 91999999MA1ABCDE8G --from 2026-01-01
  skytier credit tariff --events ledger.jsonl --on 2026-07-15 --kwh 140000 --m3 600
  skytier credit official --data var/city list.csv --as-of 2026-06-30 --source 'list 2026/1' --by 'Li Na' --preview
  skytier credit disagreements --data var/city
  skytier credit head --data var/city")]
pub struct CreditArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Enter one act, signed by a person and captured now.
    Act {
        /// What kind of act.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new([
            "record", "bonus", "revoke", "repair", "objection", "settle", "override", "list", "delist",
            "halt", "resume", "official", "notify", "apply",
        ]))]
        act: String,
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The unit.
        #[arg(long, value_name = "CODE")]
        subject: String,
        /// Who enters it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// The act's fields.
        #[arg(value_name = "FIELD=VALUE")]
        fields: Vec<String>,
    },
    /// Enter a file of entries as `skytier rate` reads it, all or none. The first entries of a ledger keep their own times of
    /// capture; into one that holds some already, new ones come as captured now, for nobody knew of them here before.
    Load {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Ledger entries, one JSON object a line.
        file: PathBuf,
    },
    /// Every entry behind a unit's tier: state, days, points, how promptly it was entered, objections.
    Records(Behind),
    /// The stretches of days with one tier.
    History {
        #[command(flatten)]
        behind: Behind,
        /// First day [default: the first entry's].
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        from: Option<NaiveDate>,
    },
    /// The tier of the tariffs that apply on a day, and the surcharges, from a file of entries or a directory.
    Tariff(tariff::TariffArgs),
    /// Enter the province's list of tiers from a CSV with Chinese headings; all rows or none.
    Official(official::OfficialArgs),
    /// Every unit whose official tier is another than the computed one.
    Disagreements(official::DisagreementsArgs),
    /// Number and hash of the ledger's last row.
    Head {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

#[derive(clap::Args, Debug)]
struct Behind {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The unit.
    #[arg(long, value_name = "CODE")]
    subject: String,
    /// The day, to its end [default: today].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<NaiveDate>,
    /// Leave out entries captured after this time; a date alone means its end in UTC+8.
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<FixedOffset>>,
}

/// Runs the command.
///
/// # Errors
/// Input that is wrong or contradicts the ledger, or those of the store.
pub async fn run(
    args: CreditArgs,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match args.what {
        What::Act {
            act,
            data,
            subject,
            by,
            fields,
        } => {
            let subject = Uscc::new(&subject).map_err(bad_input)?;
            let fields = object(&fields, &by)?;
            enter(&act, &data, &subject, &fields, now, out).await
        }
        What::Load { data, file } => load(&data, &file, now, out).await,
        What::Records(behind) => records(&behind, now, out).await,
        What::History { behind, from } => history(&behind, from, now, out).await,
        What::Tariff(args) => tariff::run(&args, now, out).await,
        What::Official(args) => official::list(&args, now, out).await,
        What::Disagreements(args) => official::disagreements(&args, now, out).await,
        What::Head { data } => {
            let book = tiering(&data, false).await?.now();
            let (rows, hash) = book.head();
            Ok(writeln!(
                out,
                "{}",
                json!({"rows": rows, "hash": hex(&hash)})
            )?)
        }
    }
}

async fn tiering(data: &Path, write: bool) -> anyhow::Result<Tiering> {
    let stores = if write {
        open::for_writing(data)?
    } else {
        open::for_reading(data)?
    };
    Ok(Tiering::open(Arc::clone(&stores.ledger), rulebooks::named("auto")?).await?)
}

/// What a ledger will hold at a later time is not known yet.
fn not_ahead(
    known_at: Option<DateTime<FixedOffset>>,
    now: DateTime<FixedOffset>,
) -> anyhow::Result<()> {
    match known_at {
        Some(known_at) if known_at > now => {
            let said =
                format!("--known-at {known_at} lies ahead of now, {now}; give a time that is over");
            Err(bad_input(said))
        }
        _ => Ok(()),
    }
}

fn refused(error: TieringError) -> anyhow::Error {
    match error {
        TieringError::Refused(said) => bad_input(said),
        other => other.into(),
    }
}

/// The fields as one JSON object.
fn object(fields: &[String], by: &str) -> anyhow::Result<String> {
    let mut object = Map::new();
    for field in fields {
        let Some((name, text)) = field.split_once('=') else {
            let said = format!("{field:?} is no field; write FIELD=VALUE");
            return Err(bad_input(said));
        };
        let value = match (name, text) {
            (name, text) if LISTS.contains(&name) => text.split(',').map(str::trim).collect(),
            (name, "true" | "false") if FLAGS.contains(&name) => Value::from(text == "true"),
            _ => Value::from(text),
        };
        if object.insert(name.to_owned(), value).is_some() {
            return Err(bad_input(format!(
                "field {name:?} is given twice; give it once"
            )));
        }
    }
    if object.insert("entered_by".to_owned(), by.into()).is_some() {
        return Err(bad_input("entered_by is given by --by"));
    }
    Ok(Value::Object(object).to_string())
}

async fn enter(
    act: &str,
    data: &Path,
    subject: &Uscc,
    fields: &str,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let event = from_fields(act, fields, subject, now).map_err(bad_input)?;
    let tiering = tiering(data, true).await?;
    let done = tiering.act(subject, event).await.map_err(refused)?;
    let book = &done.book;
    let today = now.date_naive();
    let rating = tiering.rate(book.ledger(), subject, today, None)?;
    let rulebook = tiering.rulebook(today);
    let workdays = holidays::workdays()?;
    let entered = book
        .row(done.seq)
        .context("failed to read the entry back")?;
    let prompt = |rulebook| dossier::promptness(entered.event, rulebook, &workdays);
    let promptness = rulebook.and_then(prompt);
    let line = json!({
        "seq": entered.seq,
        "hash": hex(&entered.hash),
        "entered": entry_json(entered.event),
        "stood_already": done.stood_already,
        "promptness": promptness.map(|promptness| promptness_json(&promptness)),
        "after": {"on": today.to_string(), "score": rating.score, "tier": rating.tier.as_str()},
    });
    Ok(writeln!(out, "{line}")?)
}

async fn load(
    data: &Path,
    file: &Path,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let events = rate::entries(file)?;
    if let Some(at) = events.iter().position(|event| event.captured_at > now) {
        let said = format!(
            "{}: entry {}: captured_at lies ahead of now, {now}",
            file.display(),
            at + 1
        );
        return Err(bad_input(said));
    }
    let tiering = tiering(data, true).await?;
    let book = tiering.now();
    let first = book.head().0 == 0;
    let (given, mut new) = (events.len(), unentered(events, &book));
    let entered = new.len();
    if first {
        tiering.enter(new).await.map_err(refused)?;
    } else if entered > 0 {
        new.sort_by_key(|event| event.captured_at);
        for (event, place) in new.iter_mut().zip(0..) {
            event.captured_at = now + TimeDelta::microseconds(place);
        }
        tiering.enter_now(new).await.map_err(refused)?;
    }
    let how = if first || entered == 0 {
        "entered"
    } else {
        "entered as captured now"
    };
    let old = given - entered;
    writeln!(out, "{entered} entries {how}, {old} stood already")?;
    early_repairs(&tiering, book.head().0, out)
}

/// Tells of repairs behind a row that were approved before the shortest time of their class: they end nothing until then.
fn early_repairs(tiering: &Tiering, behind: u64, out: &mut impl Write) -> anyhow::Result<()> {
    let (book, schedule) = (tiering.now(), tiering.schedule()?);
    for row in book.after(behind) {
        let EventBody::Repair(repair) = &row.event.body else {
            continue;
        };
        let acts = repair_acts(repair, book.ledger().events_of(row.subject), &schedule);
        if acts > repair.approved {
            let (id, approved, rulebook) = (&repair.id, repair.approved, schedule.on(acts).id());
            writeln!(
                out,
                "repair of {id:?} was approved on {approved}, too early under {rulebook}: it acts from {acts}, and seals nothing before"
            )?;
        }
    }
    Ok(())
}

/// Those entries that the ledger does not hold, whenever it captured what it holds. What a file says twice, the ledger must
/// hold twice.
fn unentered(events: Vec<CreditEvent>, book: &Book) -> Vec<CreditEvent> {
    let timeless = |event: &CreditEvent| {
        let captured_at = DateTime::UNIX_EPOCH.fixed_offset();
        to_line(&CreditEvent {
            captured_at,
            ..event.clone()
        })
    };
    let mut held: HashMap<String, usize> =
        events.iter().map(|event| (timeless(event), 0)).collect();
    for row in book.after(0) {
        if let Some(held) = held.get_mut(&timeless(row.event)) {
            *held += 1;
        }
    }
    let is_new = |event: &CreditEvent| match held.get_mut(&timeless(event)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    };
    events.into_iter().filter(is_new).collect()
}

async fn records(
    behind: &Behind,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    not_ahead(behind.known_at, now)?;
    let subject = Uscc::new(&behind.subject).map_err(bad_input)?;
    let tiering = tiering(&behind.data, false).await?;
    let workdays = holidays::workdays()?;
    let on = behind.on.unwrap_or(now.date_naive());
    let book = tiering.now();
    let events = book.ledger().events_of(&subject);
    let schedule = tiering.schedule()?;
    let outlook = Outlook::new(events, &schedule, behind.known_at)?;
    let rulebook = schedule.on(on);
    for entry in dossier::entries(events, &outlook, on, behind.known_at) {
        let Some(row) = book.rows_of(&subject).find(|row| row.event == entry.event) else {
            continue;
        };
        let (seq, hash) = (row.seq, row.hash);
        let promptness = dossier::promptness(entry.event, rulebook, &workdays);
        let clock = dossier::objection_clock(&entry, rulebook, &workdays);
        let notice = notice_json(&entry, &outlook, on);
        let line = standing_json(Place { seq, hash }, &entry, promptness, clock, notice);
        writeln!(out, "{line}")?;
    }
    Ok(())
}

async fn history(
    behind: &Behind,
    from: Option<NaiveDate>,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    not_ahead(behind.known_at, now)?;
    let subject = Uscc::new(&behind.subject).map_err(bad_input)?;
    let tiering = tiering(&behind.data, false).await?;
    let to = behind.on.unwrap_or(now.date_naive());
    let book = tiering.now();
    let schedule = tiering.schedule()?;
    let outlook = Outlook::new(
        book.ledger().events_of(&subject),
        &schedule,
        behind.known_at,
    )?;
    let first = outlook.on(to).1.first_day();
    let from = from.unwrap_or_else(|| first.map_or(to, |first| first.min(to)));
    if from > to {
        return Err(bad_input(format!("--from {from} is after {to}")));
    }
    for run in runs(&outlook, from, to) {
        writeln!(out, "{}", run_json(&run, &Seals::new()))?;
    }
    Ok(())
}
