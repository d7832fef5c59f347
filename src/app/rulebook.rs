//! `skytier rulebook`: the editions shipped, one of them in full, a check of a file, and what a change would do.

mod dry_run;

use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde_json::json;

use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::rate::parse_day;
use crate::app::rulebooks;
use crate::app::rulebooks::Edition;
use crate::app::rulebooks::RulebookError;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::BonusRow;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::RulebookParts;
use crate::domain::credit::rulebook::yearly::YearlyBook;

/// Rulebooks of credit tiers: list, show, check a file, try a change over a ledger.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A rulebook is a TOML file: codes, points, terms, bands, offsets, stacking, each figure with its mark of confidence and
source. Start from one that is shipped:
  skytier rulebook show JS2020 --format toml > /tmp/mine.toml
  skytier rulebook check /tmp/mine.toml

Examples:
  skytier rulebook list
  skytier rulebook list --on 2019-06-30 --format json
  skytier rulebook show JS2020+N2026
  skytier rulebook show JS2013 --score 79
  skytier rulebook dry-run /tmp/mine.toml --events ledger.jsonl --on 2026-06-30
  skytier rulebook dry-run /tmp/mine.toml --data var/demo --on 2026-06-30 --format json")]
pub struct RulebookArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// The editions compiled in, with the days they are in force and their digests.
    List {
        /// Only the edition in force on this day.
        #[arg(long, value_name = "DATE", value_parser = parse_day)]
        on: Option<NaiveDate>,
        /// Shape of the answer.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// One edition: its rows with points, terms and marks, or its file as it stands.
    Show {
        /// Identifier, or a file that ends in .toml.
        #[arg(value_name = "ID|FILE")]
        name: String,
        /// Only the tier of this score.
        #[arg(long, value_name = "N", allow_hyphen_values = true)]
        score: Option<i32>,
        /// Shape of the answer.
        #[arg(long, value_enum, default_value_t = ShowFormat::Table)]
        format: ShowFormat,
    },
    /// Check a file: every fault with its line and what would be right; exit code 1 when there is one.
    Check {
        /// The rulebook.
        file: PathBuf,
    },
    /// Who would change colour if a rulebook held instead of the one in force.
    DryRun(dry_run::DryRunArgs),
}

/// Shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line.
    Json,
    /// Aligned columns for reading.
    Table,
}

/// Shape of an edition shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ShowFormat {
    /// Aligned columns for reading.
    Table,
    /// The file, byte for byte: what its digest is over.
    Toml,
}

/// Runs the command.
///
/// # Errors
/// A rulebook that is unknown or wrong, a ledger that cannot be read, or an output that cannot be written.
pub async fn run(args: RulebookArgs, today: NaiveDate, out: &mut impl Write) -> anyhow::Result<()> {
    match args.what {
        What::List { on, format } => list(on, format, out),
        What::Show {
            name,
            score,
            format,
        } => {
            let text = rulebooks::text_named(&name)?;
            let edition = rulebooks::parse_edition(&text)?;
            match (score, format) {
                (Some(score), _) => tier_of(&edition, score, out),
                (None, ShowFormat::Toml) => Ok(out.write_all(text.as_bytes())?),
                (None, ShowFormat::Table) => show(&edition, out),
            }
        }
        What::Check { file } => check(&file, out),
        What::DryRun(args) => dry_run::run(args, today, out).await,
    }
}

/// Digest of an edition's file.
fn sha256(edition: &Edition) -> &str {
    match edition {
        Edition::Points(book) => book.sha256(),
        Edition::Yearly(book) => &book.parts().sha256,
    }
}

fn titles(edition: &Edition) -> (&str, &str) {
    match edition {
        Edition::Points(book) => (&book.parts().title_zh, &book.parts().title_en),
        Edition::Yearly(book) => (&book.parts().title_zh, &book.parts().title_en),
    }
}

fn list(on: Option<NaiveDate>, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    let mut editions = Vec::new();
    for id in rulebooks::ids() {
        editions.push(rulebooks::parse_edition(rulebooks::text_of(id)?)?);
    }
    let next = editions.iter().skip(1).map(Edition::in_force_from);
    let until: Vec<Option<NaiveDate>> = next
        .map(|from| from.pred_opt())
        .chain(std::iter::once(None))
        .collect();
    for (edition, until) in editions.iter().zip(until) {
        let from = edition.in_force_from();
        if on.is_some_and(|on| on < from || until.is_some_and(|until| on > until)) {
            continue;
        }
        let model = match edition {
            Edition::Points(_) => "points",
            Edition::Yearly(_) => "yearly",
        };
        let (zh, en) = titles(edition);
        let shown = until.map_or("..".to_owned(), |until| until.to_string());
        match format {
            Format::Json => {
                let line = json!({
                    "id": edition.id(), "title_zh": zh, "title_en": en, "model": model,
                    "in_force_from": from.to_string(),
                    "in_force_until": until.map(|until| until.to_string()),
                    "sha256": sha256(edition),
                });
                writeln!(out, "{line}")?;
            }
            Format::Table => writeln!(
                out,
                "{:12}  {from}  {shown:10}  {model:6}  {}  {zh} / {en}",
                edition.id(),
                &sha256(edition)[..12],
            )?,
        }
    }
    Ok(())
}

fn tier_of(edition: &Edition, score: i32, out: &mut impl Write) -> anyhow::Result<()> {
    let (most, (tier, mark)) = match edition {
        Edition::Points(book) => (book.parts().scale_max.value, book.band(score)),
        Edition::Yearly(book) => (book.parts().scale_max.value, book.band(score)),
    };
    if score > most {
        let id = edition.id();
        return Err(bad_input(format!(
            "--score {score}: {id} goes up to {most}"
        )));
    }
    let line = json!({
        "rulebook": edition.id(), "rulebook_sha256": sha256(edition),
        "score": score, "tier": tier.as_str(), "confidence": mark.as_str(),
    });
    Ok(writeln!(out, "{line}")?)
}

fn show(edition: &Edition, out: &mut impl Write) -> anyhow::Result<()> {
    let (zh, en) = titles(edition);
    let from = edition.in_force_from();
    writeln!(out, "{}  {zh} / {en}", edition.id())?;
    writeln!(out, "生效 / in force from  {from}")?;
    writeln!(out, "sha256  {}", sha256(edition))?;
    match edition {
        Edition::Points(book) => show_points(book, out),
        Edition::Yearly(book) => show_yearly(book, out),
    }
}

fn show_yearly(book: &YearlyBook, out: &mut impl Write) -> anyhow::Result<()> {
    let parts = book.parts();
    writeln!(
        out,
        "按年度评分，细则未公布 / scored by the year up to {}; its table of points is unpublished",
        parts.scale_max.value
    )?;
    for (tier, least) in &parts.bands {
        writeln!(out, "{tier:7} >= {:3}  {}", least.value, least.mark)?;
    }
    Ok(())
}

fn show_points(book: &Rulebook, out: &mut impl Write) -> anyhow::Result<()> {
    let parts = book.parts();
    let bands: Vec<String> = parts
        .bands
        .iter()
        .map(|(tier, least)| format!("{tier} >= {}", least.value))
        .collect();
    writeln!(
        out,
        "初始 / initial {} {}; 上限 / top {} {}; {}; 起算 / starts after {} days {}",
        parts.initial.value,
        parts.initial.mark,
        parts.scale_max.value,
        parts.scale_max.mark,
        bands.join(", "),
        parts.offset_days.value,
        parts.offset_days.mark,
    )?;
    writeln!(out, "code  points  months  mark  名称 / name")?;
    for row in &parts.deductions {
        let mark = row.points.mark.weaker(row.term.mark);
        let off = if row.enabled { "" } else { "  (off)" };
        writeln!(
            out,
            "{:4}  {:>6}  {:>6}  {mark:4}  {} / {}{off}",
            row.code.as_str(),
            -row.points.value,
            row.term.months,
            row.zh,
            row.en
        )?;
    }
    for row in &parts.bonuses {
        show_bonus(row, out)?;
    }
    show_forced(parts, out)
}

fn show_bonus(row: &BonusRow, out: &mut impl Write) -> anyhow::Result<()> {
    let (points, mark) = match &row.effect {
        BonusEffect::Points(figure) => (format!("+{}", figure.value), figure.mark),
        BonusEffect::Floor(figure) => (format!(">={}", figure.value), figure.mark),
        BonusEffect::Commitment(mark) => ("0".to_owned(), *mark),
        BonusEffect::Clean { steps, .. } => {
            let points = steps.iter().map(|step| format!("+{}", step.points.value));
            let marks = steps.iter().map(|step| step.points.mark);
            let weakest = marks.max().unwrap_or(row.term.mark);
            (points.collect::<Vec<_>>().join("/"), weakest)
        }
    };
    let months = match &row.effect {
        BonusEffect::Clean { steps, .. } => {
            let months = steps.iter().map(|step| step.months.to_string());
            months.collect::<Vec<_>>().join("/")
        }
        _ => row.term.months.to_string(),
    };
    let off = if row.enabled { "" } else { "  (off)" };
    writeln!(
        out,
        "{:4}  {points:>6}  {months:>6}  {mark:4}  {} / {}{off}",
        row.code.as_str(),
        row.zh,
        row.en
    )?;
    Ok(())
}

fn show_forced(parts: &RulebookParts, out: &mut impl Write) -> anyhow::Result<()> {
    for row in &parts.vetoes {
        writeln!(
            out,
            "{:4}  {:>6}  {:>6}  {:4}  {} / {}",
            row.code.as_str(),
            row.tier.as_str(),
            "-",
            row.mark.as_str(),
            row.zh,
            row.en
        )?;
    }
    for row in [&parts.manual, &parts.halted] {
        writeln!(
            out,
            "{:4}  {:>6}  {:>6}  {:4}  {} / {}",
            row.code.as_str(),
            "-",
            row.term.months,
            row.term.mark.as_str(),
            row.zh,
            row.en
        )?;
    }
    Ok(())
}

fn check(file: &std::path::Path, out: &mut impl Write) -> anyhow::Result<()> {
    let name = file.display();
    let Some(path) = file.to_str().filter(|path| path.ends_with(".toml")) else {
        return Err(bad_input(format!(
            "{name}: a rulebook's file ends in .toml"
        )));
    };
    let text = rulebooks::text_named(path)?;
    match rulebooks::parse_edition(&text) {
        Ok(edition) => {
            let from = edition.in_force_from();
            let digest = sha256(&edition);
            writeln!(
                out,
                "{name}: {} in force from {from}, sha256 {digest}",
                edition.id()
            )?;
            Ok(())
        }
        Err(RulebookError::Faults(faults)) => {
            for fault in &faults {
                writeln!(out, "{name}:{}: {}: {}", fault.line, fault.key, fault.what)?;
            }
            out.flush()?;
            let said = format!("{name}: {} faults", faults.len());
            Err(anyhow::Error::new(AnswerIsNo(said)))
        }
        Err(error) => {
            let said = format!("{name}: {error}");
            Err(anyhow::Error::new(AnswerIsNo(said)))
        }
    }
}
