//! What a changed rulebook would do to a ledger: every unit rated twice, and those whose colour differs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde_json::Value;
use serde_json::json;

use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate;
use crate::app::rate::parse_day;
use crate::app::rulebook::Format;
use crate::app::rulebooks;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;

/// What `skytier rulebook dry-run` is asked.
#[derive(clap::Args, Debug)]
pub(super) struct DryRunArgs {
    /// The changed rulebook.
    file: String,
    /// A data directory, also beside a running daemon.
    #[arg(long, value_name = "DIR", required_unless_present = "events")]
    data: Option<PathBuf>,
    /// Ledger entries, one JSON object a line.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    events: Option<PathBuf>,
    /// The day to rate, to its end [default: today].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<NaiveDate>,
    /// What to compare with: an identifier, a file, or auto for the edition in force on the day.
    #[arg(long, value_name = "ID|FILE|auto", default_value = "auto")]
    against: String,
    /// Also print the units that would keep their colour.
    #[arg(long)]
    all: bool,
    /// Shape of the answer; JSON ends with a line of totals.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One unit under both rulebooks; the changed one may not know a code the ledger uses.
struct Pair {
    subject: Uscc,
    before: Rating,
    after: Result<Rating, String>,
}

impl Pair {
    fn changes(&self) -> bool {
        self.after
            .as_ref()
            .map_or(true, |after| after.tier != self.before.tier)
    }

    fn to(&self) -> &'static str {
        self.after
            .as_ref()
            .map_or("cannot be rated", |after| after.tier.as_str())
    }
}

pub(super) async fn run(
    args: DryRunArgs,
    today: NaiveDate,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let changed = rulebooks::parse(&rulebooks::text_named(&args.file)?)?;
    let against = rulebooks::named(&args.against)?;
    let events = match (&args.data, &args.events) {
        (Some(data), _) => open::for_reading(data)?.ledger.events().await?,
        (None, Some(file)) => rate::entries(file)?,
        (None, None) => return Err(bad_input("--data or --events is needed")),
    };
    let on = args.on.unwrap_or(today);
    let pairs = pairs(events, &against, &changed, on)?;
    let shown = pairs.iter().filter(|pair| args.all || pair.changes());
    for pair in shown {
        match args.format {
            Format::Json => writeln!(out, "{}", line(pair))?,
            Format::Table => writeln!(out, "{}", row(pair))?,
        }
    }
    totals(&pairs, args.format, out)
}

fn pairs(
    events: Vec<CreditEvent>,
    against: &[Rulebook],
    changed: &Rulebook,
    on: NaiveDate,
) -> anyhow::Result<Vec<Pair>> {
    let books: Vec<&Rulebook> = against.iter().collect();
    let ledger = Ledger::from_events(events, &books).map_err(|faults| {
        let told = faults.iter().take(5);
        let told = told.map(|fault| format!("entry {}: {fault}", fault.index + 1));
        bad_input(told.collect::<Vec<_>>().join("; "))
    })?;
    let schedule =
        Schedule::by_date(&books).ok_or_else(|| bad_input("no rulebook to compare with"))?;
    let single = Schedule::single(changed);
    let mut pairs = Vec::new();
    for (subject, events) in ledger.subjects() {
        pairs.push(Pair {
            subject: *subject,
            before: tier::rate(events, &schedule, on, None).map_err(bad_input)?,
            after: tier::rate(events, &single, on, None).map_err(|error| error.to_string()),
        });
    }
    Ok(pairs)
}

fn side(rating: &Rating) -> Value {
    json!({
        "rulebook": rating.rulebook, "rulebook_sha256": rating.rulebook_sha256,
        "score": rating.score, "tier": rating.tier.as_str(), "confidence": rating.confidence.as_str(),
    })
}

fn line(pair: &Pair) -> Value {
    json!({
        "subject": pair.subject.as_str(), "on": pair.before.on.to_string(),
        "before": side(&pair.before), "after": pair.after.as_ref().map(side).ok(),
        "changes": pair.changes(), "void_reason": pair.after.as_ref().err(),
    })
}

fn row(pair: &Pair) -> String {
    let before = &pair.before;
    let after = match &pair.after {
        Ok(after) => format!("{:>4} {}", after.score, after.tier),
        Err(reason) => format!("   - {reason}"),
    };
    format!(
        "{}  {:>4} {:7} -> {after}",
        pair.subject, before.score, before.tier
    )
}

fn totals(pairs: &[Pair], format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    let mut moves: BTreeMap<String, u64> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.changes()) {
        let step = format!("{} -> {}", pair.before.tier, pair.to());
        *moves.entry(step).or_default() += 1;
    }
    let changed = pairs.iter().filter(|pair| pair.changes()).count();
    match format {
        Format::Json => {
            let line = json!({"units": pairs.len(), "changed": changed, "moves": moves});
            writeln!(out, "{line}")?;
        }
        Format::Table => {
            let moves = moves.iter().map(|(step, count)| format!("{step}: {count}"));
            let moves: Vec<String> = moves.collect();
            writeln!(
                out,
                "{changed} of {} units would change colour / 家单位将变色  {}",
                pairs.len(),
                moves.join(", ")
            )?;
        }
    }
    Ok(())
}
