//! `skytier audit`: who did what, and whether the log is whole.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::ValueEnum;

use crate::adapters::access::Access;
use crate::adapters::access::search::Search;
use crate::adapters::access::search::act_json;
use crate::adapters::cells::Cells;
use crate::adapters::report::table::table;
use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::tokens::day;
use crate::domain::access::Act;
use crate::domain::access::Role;
use crate::domain::calendar::Zone;

/// Search the audit log: acts, logins, refused tokens and passwords, look-ups.
///
/// Every act over HTTP and every change of access has its row, whoever made it; refusals and look-ups are counted, a row a
/// minute. Rows are chained: each hash covers the row before. Works beside a running daemon.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
In CSV a cell that a spreadsheet would take for a formula, as it begins with = + - @, has an apostrophe before it.

Examples:
  skytier audit --data var/city
  skytier audit --data var/city --from 2026-11-01 --to 2026-11-30 --who 'Li Na' --format csv
  skytier audit --data var/city --what token.
  skytier audit verify --data var/city")]
pub struct AuditArgs {
    #[command(subcommand)]
    verify: Option<What>,
    /// The data directory.
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,
    /// The first day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<NaiveDate>,
    /// Acts by this name.
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Acts whose kind or object holds this text.
    #[arg(long, value_name = "TEXT")]
    what: Option<String>,
    /// How to print them.
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Walk the chain; exit code 1 at the first row that does not fit.
    Verify {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Aligned columns.
    Table,
    /// Comma-separated, with a heading.
    Csv,
    /// A line of JSON each.
    Json,
}

/// Runs the command.
///
/// # Errors
/// A log that is not whole, or a file that cannot be read.
pub fn run(args: &AuditArgs, out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(What::Verify { data }) = &args.verify {
        return match checked(data)? {
            Some((count, None)) => Ok(writeln!(out, "audit: {count} rows checked, all is well")?),
            Some((_, Some(fault))) => Err(anyhow::Error::new(AnswerIsNo(fault))),
            None => Ok(writeln!(out, "audit: there is no log yet")?),
        };
    }
    let data = args.data.as_ref().context("--data is needed")?;
    let zone = Zone::beijing();
    let search = Search {
        from: args.from.map(|day| zone.day_start(day)),
        before: args.to.map(|day| zone.day_end(day)),
        who: args.who.clone(),
        what: args.what.clone(),
        ..Search::default()
    };
    let Some(access) = Access::existing(data)? else {
        let place = data.display();
        return Err(bad_input(format!(
            "--data {place}: has no audit log; a daemon or `skytier tokens add` begins one"
        )));
    };
    let mut acts = Vec::new();
    access.search(&search, |seq, act| acts.push((seq, act)))?;
    match args.format {
        Form::Table => {
            let rows = acts.iter().map(|(seq, act)| cells(*seq, act)).collect();
            write!(out, "{}", table(&HEADER, rows))?;
        }
        Form::Csv => {
            let mut csv = Cells::new(out);
            csv.write_record(HEADER)?;
            for (seq, act) in &acts {
                csv.write_record(cells(*seq, act))?;
            }
            csv.flush()?;
        }
        Form::Json => {
            for (seq, act) in &acts {
                writeln!(out, "{}", act_json(*seq, act))?;
            }
        }
    }
    Ok(())
}

/// Walks the log of a directory: its rows and the first fault; `None` when it has none.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn checked(data: &Path) -> anyhow::Result<Option<(u64, Option<String>)>> {
    let access = Access::existing(data)?;
    Ok(access.map(|access| access.verify()).transpose()?)
}

const HEADER: [&str; 9] = [
    "seq", "at", "who", "role", "via", "what", "about", "detail", "count",
];

fn cells(seq: u64, act: &Act) -> Vec<String> {
    let who = act.who.as_ref().or(act.address.as_ref());
    vec![
        seq.to_string(),
        Zone::beijing().text(act.at),
        who.cloned().unwrap_or_default(),
        act.role.map_or("", Role::key).to_owned(),
        act.via.clone(),
        act.what.clone(),
        act.about.clone(),
        act.detail.clone(),
        act.count.to_string(),
    ]
}
