//! `skytier rate`: credit tiers from a file of ledger entries, without a daemon.
//!
//! The file is read whole before anything is answered: a line that is wrong anywhere may be the one that
//! revokes a fine. Output is one line a unit and day, units in the order of their codes, days as asked.

use crate::adapters::credit_events;
use crate::adapters::credit_events::LINE_BYTES_MAX;
use crate::adapters::credit_events::LineFault;
use crate::app::rulebooks;
use crate::app::rulebooks::RulebookError;
use crate::domain::calendar::YEARS;
use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;
use anyhow::Context;
use chrono::DateTime;
use chrono::Datelike;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Most entries one file may hold.
pub const EVENTS_MAX: usize = 5_000_000;
/// Further faulty lines named behind the first.
const LINES_NAMED_MAX: usize = 8;

const EXAMPLES: &str = "\
Examples:
  skytier rate --events ledger.jsonl
  skytier rate --events ledger.jsonl --on 2026-06-30 --on 2026-12-31
  skytier rate --events ledger.jsonl --on 2026-06-30,2026-12-31 --format table
  skytier rate --events ledger.jsonl --on 2026-02-20 --known-at 2026-02-20T18:00:00+08:00
  skytier rate --events ledger.jsonl --rulebook JS2020+N2026 --on 2026-07-22

An entry is one JSON object a line: list, record, bonus, revoke, repair, override, halt, resume, official.";

/// What `skytier rate` is asked.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RateArgs {
    /// Ledger entries, one JSON object a line, in any order
    #[arg(long, value_name = "FILE")]
    pub events: PathBuf,

    /// Rulebook by its id or as a .toml file; auto takes the one in force on each day
    #[arg(long, value_name = "ID|FILE|auto", default_value = "auto")]
    pub rulebook: String,

    /// Days to rate, to their end; repeat it or separate with commas [default: today]
    #[arg(long, value_name = "DATE", value_delimiter = ',', num_args = 1.., value_parser = parse_on)]
    pub on: Vec<NaiveDate>,

    /// Leave out entries captured after this time; a date alone means its end in UTC+8
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    pub known_at: Option<DateTime<FixedOffset>>,

    /// Shape of the answer
    #[arg(long, value_enum, default_value_t = RateFormat::Json)]
    pub format: RateFormat,
}

/// Shape of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RateFormat {
    /// One JSON object a line
    Json,
    /// Aligned columns for reading
    Table,
}

/// Bad input to `rate`; all of it is the asker's to mend (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {cause}; name a readable file of JSON lines")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// Lines that are wrong: the first in full, the others by number.
    #[error("{path}:{line}: {what}{}", also(.others))]
    Lines {
        /// The file.
        path: String,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it and what would be right.
        what: String,
        /// Further faulty lines.
        others: Vec<usize>,
    },
    /// More entries than fit.
    #[error("{path}: more than {EVENTS_MAX} entries; split the file by unit")]
    TooMany {
        /// The file.
        path: String,
    },
    /// The rulebook.
    #[error(transparent)]
    Rulebook(#[from] RulebookError),
}

fn also(others: &[usize]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let named: Vec<String> = others
        .iter()
        .take(LINES_NAMED_MAX)
        .map(ToString::to_string)
        .collect();
    let more = others.len().saturating_sub(LINES_NAMED_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(" (also wrong: line {}{more})", named.join(", "))
}

/// Answers `skytier rate` onto `out`. `today` stands in when no day is asked.
///
/// # Errors
///
/// [`RateError`] for bad input; otherwise `out` could not be written.
pub fn rate(args: RateArgs, today: NaiveDate, out: &mut dyn Write) -> anyhow::Result<()> {
    let rulebooks = rulebooks::named(&args.rulebook).map_err(RateError::from)?;
    let days = if args.on.is_empty() {
        vec![today]
    } else {
        args.on
    };
    let ratings = run_rate(&args.events, &rulebooks, &days, args.known_at)?;
    if args.format == RateFormat::Table {
        write_heading(out).context("failed to write the answer")?;
    }
    for (subject, rating) in &ratings {
        let line = match args.format {
            RateFormat::Json => credit_events::rating::rating_line(subject, rating),
            RateFormat::Table => table_line(subject, rating),
        };
        writeln!(out, "{line}").context("failed to write the answer")?;
    }
    out.flush().context("failed to write the answer")
}

/// Rates every unit of a file on every day, by unit and then in the order of the days.
///
/// # Errors
///
/// [`RateError`]: the file, or the first wrong line with the numbers of the others.
pub fn run_rate(
    events: &Path,
    rulebooks: &[Rulebook],
    days: &[NaiveDate],
    known_at: Option<DateTime<FixedOffset>>,
) -> Result<Vec<(Uscc, Rating)>, RateError> {
    let path = || events.display().to_string();
    let (lines, entries) = read_events(events)?;
    let books: Vec<&Rulebook> = rulebooks.iter().collect();
    let wrong = |faults: Vec<(usize, String)>| lines_error(path(), faults);
    // Without a time asked for, as of when the file ends.
    let latest = entries.iter().map(|entry| entry.captured_at).max();
    let ledger = Ledger::from_events(entries, &books).map_err(|faults| {
        wrong(
            faults
                .iter()
                .map(|fault| (lines[fault.index], fault.to_string()))
                .collect(),
        )
    })?;
    let Some(schedule) = Schedule::by_date(&books) else {
        return Ok(Vec::new());
    };
    let mut ratings = Vec::new();
    for (subject, events) in ledger.subjects() {
        for &day in days {
            let mut rating = tier::rate(events, &schedule, day, known_at)
                .map_err(|error| wrong(vec![(1, error.to_string())]))?;
            rating.known_at = rating.known_at.or(latest);
            ratings.push((*subject, rating));
        }
    }
    Ok(ratings)
}

/// The entries of a file, in its order.
///
/// # Errors
///
/// [`RateError`]: the file, or the first wrong line with the numbers of the others.
pub fn entries(path: &Path) -> Result<Vec<CreditEvent>, RateError> {
    read_events(path).map(|(_, events)| events)
}

/// The entries of a file with the number of each one's line.
fn read_events(path: &Path) -> Result<(Vec<usize>, Vec<CreditEvent>), RateError> {
    let name = || path.display().to_string();
    let unreadable = |cause| RateError::Read {
        path: name(),
        cause,
    };
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let (mut lines, mut events, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let limit = LINE_BYTES_MAX as u64 + 2;
        if file
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut bytes)
            .map_err(unreadable)?
            == 0
        {
            break;
        }
        if bytes.len() > LINE_BYTES_MAX && bytes.last() != Some(&b'\n') {
            file.skip_until(b'\n').map_err(unreadable)?;
        }
        match read_line(&bytes, number == 1) {
            Ok(None) => {}
            Ok(Some(event)) => {
                lines.push(number);
                events.push(event);
            }
            Err(fault) => faults.push((number, fault.to_string())),
        }
        if events.len() + faults.len() > EVENTS_MAX {
            return Err(RateError::TooMany { path: name() });
        }
    }
    if faults.is_empty() {
        Ok((lines, events))
    } else {
        Err(lines_error(name(), faults))
    }
}

/// One line; a blank one holds nothing, and a byte order mark before the first is no part of it.
fn read_line(bytes: &[u8], first: bool) -> Result<Option<CreditEvent>, LineFault> {
    let not_utf8 =
        |_| LineFault::NotJson("the line is not UTF-8; save the file as UTF-8".to_owned());
    let line = std::str::from_utf8(bytes).map_err(not_utf8)?;
    let line = if first {
        line.trim_start_matches('\u{feff}')
    } else {
        line
    };
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    credit_events::from_line(line).map(Some)
}

fn lines_error(path: String, faults: Vec<(usize, String)>) -> RateError {
    let mut others: Vec<usize> = faults.iter().map(|(line, _)| *line).collect();
    let (line, what) = faults.into_iter().next().unwrap_or_default();
    others.retain(|other| *other != line);
    others.dedup();
    RateError::Lines {
        path,
        line,
        what,
        others,
    }
}

fn write_heading(out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:18}  {:10}  {:>5}  {:7}  {:4}  {:8}  {:28}  reasons",
        "subject", "on", "score", "tier", "mark", "official", "next change"
    )
}

fn table_line(subject: &Uscc, rating: &Rating) -> String {
    let official = rating
        .official
        .as_ref()
        .map_or("-", |official| official.tier.as_str());
    let next = rating.next_change.map_or("-".to_owned(), |next| {
        format!("{} {} {}", next.date, next.score, next.tier)
    });
    let reasons: Vec<String> = rating
        .reasons
        .iter()
        .map(|reason| {
            let end = reason.end.map_or("..".to_owned(), |end| end.to_string());
            format!(
                "{} {:+} {} until {end}",
                reason.code, reason.points, reason.id
            )
        })
        .collect();
    let reasons = if reasons.is_empty() {
        "-".to_owned()
    } else {
        reasons.join("; ")
    };
    format!(
        "{subject:18}  {:10}  {:>5}  {:7}  {:4}  {official:8}  {next:28}  {reasons}",
        rating.on.to_string(),
        rating.score,
        rating.tier,
        rating.confidence
    )
}

pub(super) fn parse_day(text: &str) -> Result<NaiveDate, String> {
    let shaped = text.len() == "YYYY-MM-DD".len();
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|_| shaped);
    day.ok_or_else(|| "no such date; write YYYY-MM-DD".to_owned())
}

/// A day to its end, or a time for the day it lies in, in Beijing time.
pub(super) fn parse_on(text: &str) -> Result<NaiveDate, String> {
    let day = Zone::beijing().day_asked(text);
    let day = day.filter(|day| YEARS.contains(&day.year()));
    day.ok_or_else(|| {
        "no such date; write YYYY-MM-DD, or a time such as 2026-06-30T18:00:00+08:00".to_owned()
    })
}

/// A time, or a date for the end of that day in Beijing time.
pub(super) fn parse_known_at(text: &str) -> Result<DateTime<FixedOffset>, String> {
    let right = "write a time such as 2026-02-20T18:00:00+08:00, or a date";
    let known_at = Zone::beijing().time_asked(text);
    known_at.ok_or_else(|| right.to_owned())
}
