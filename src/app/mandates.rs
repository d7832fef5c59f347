//! `skytier mandates`: whose details a bank may see.

use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde_json::json;

use crate::adapters::access::mandates::Mandate;
use crate::adapters::access::mandates::NewMandate;
use crate::adapters::report::table::table;
use crate::app::identity::open;
use crate::app::identity::told;
use crate::app::tokens::Format;
use crate::app::tokens::day;
use crate::app::tokens::named;
use crate::domain::access::Act;
use crate::domain::access::Term;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::uscc::Uscc;

/// Say whose details a bank may see: enter, list and end mandates.
///
/// Without a mandate a bank sees the tiers of a unit and nothing behind them. A mandate names the document by which the
/// unit agreed, and holds from a day until a day, both included. Works beside a running daemon, which takes changes up
/// within a second.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier mandates add --data var/city --bank icbc --document 'Letter 2026-17' --from 2026-01-05 91999999MA1ABCDE8G
  skytier mandates list --data var/city --bank icbc
  skytier mandates end --data var/city 1 --on 2026-06-30")]
pub struct MandatesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Enter a mandate for each code, all or none; prints their numbers.
    Add(AddArgs),
    /// List mandates in the order they were entered.
    List {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Those of one bank.
        #[arg(long, value_name = "NAME")]
        bank: Option<String>,
        /// How to print them.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// End a mandate with a day.
    End {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Its number.
        id: u64,
        /// The last day on which it holds.
        #[arg(long, value_name = "DATE", value_parser = day)]
        on: NaiveDate,
        /// Who ends it, for the audit log.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

#[derive(clap::Args, Debug)]
struct AddArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The bank, by the name of its tokens.
    #[arg(long, value_name = "NAME")]
    bank: String,
    /// The document that says so.
    #[arg(long)]
    document: String,
    /// The first day on which it holds.
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: NaiveDate,
    /// The last one; without, until it is ended.
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<NaiveDate>,
    /// Who enters it, for the audit log.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Codes of the units.
    #[arg(value_name = "USCC", required = true, value_parser = Uscc::new)]
    subjects: Vec<Uscc>,
}

/// Runs the command.
///
/// # Errors
/// What cannot be entered, or those of the file.
pub fn run(args: MandatesArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    match args.what {
        What::Add(args) => add(args, now, out),
        What::List { data, bank, format } => {
            let mut mandates = open(&data)?.mandates()?;
            let wanted = |mandate: &Mandate| bank.as_ref().is_none_or(|bank| *bank == mandate.bank);
            mandates.retain(wanted);
            match format {
                Format::Table => write!(out, "{}", table(&HEADER, rows(&mandates)))?,
                Format::Json => {
                    for mandate in &mandates {
                        writeln!(out, "{}", mandate_json(mandate))?;
                    }
                }
            }
            Ok(())
        }
        What::End { data, id, on, by } => {
            named(by.as_deref())?;
            let act = Act::at_machine(by.as_deref(), now, "mandate.end", &id.to_string());
            let act = act.with(on.to_string());
            open(&data)?.end_mandate(id, on, act).map_err(told)?;
            writeln!(out, "mandate {id} ends on {on}")?;
            Ok(())
        }
    }
}

fn add(args: AddArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    let by = args.by.as_deref();
    named(by)?;
    let new = |subject: &Uscc| NewMandate {
        bank: args.bank.clone(),
        subject: *subject,
        document: args.document.clone(),
        term: Term {
            from: args.from,
            until: args.until,
        },
    };
    let new: Vec<NewMandate> = args.subjects.iter().map(new).collect();
    let act = |mandate: &NewMandate, id: u64| {
        let detail = format!("{id}, {}, {}", mandate.subject, mandate.document);
        Act::at_machine(by, now, "mandate.add", &mandate.bank).with(detail)
    };
    let numbers = open(&args.data)?
        .add_mandates(&new, now, act)
        .map_err(told)?;
    for number in numbers {
        writeln!(out, "{number}")?;
    }
    Ok(())
}

const HEADER: [&str; 7] = [
    "id", "bank", "subject", "document", "from", "until", "entered",
];

fn until(mandate: &Mandate) -> Option<String> {
    mandate.term.until.map(|until| until.to_string())
}

fn rows(mandates: &[Mandate]) -> Vec<Vec<String>> {
    let row = |mandate: &Mandate| {
        vec![
            mandate.id.to_string(),
            mandate.bank.clone(),
            mandate.subject.to_string(),
            mandate.document.clone(),
            mandate.term.from.to_string(),
            until(mandate).unwrap_or_default(),
            Zone::beijing().text(mandate.entered_at),
        ]
    };
    mandates.iter().map(row).collect()
}

fn mandate_json(mandate: &Mandate) -> serde_json::Value {
    json!({
        "id": mandate.id,
        "bank": mandate.bank,
        "subject": mandate.subject.as_str(),
        "document": mandate.document,
        "from": mandate.term.from.to_string(),
        "until": until(mandate),
        "entered_at": Zone::beijing().text(mandate.entered_at),
        "entered_by": mandate.entered_by,
    })
}
